/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that are sent more than once, with their values, order and information; timers' overruns; ignoring and forgetting. Prints the
 * same inside and outside. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MANY 300

static sigset_t all;
static int values[4 * MANY], numbers[4 * MANY];
static atomic_int taken;

static void handler(int signo, siginfo_t *info, void *context)
{
	int at = atomic_fetch_add(&taken, 1);

	(void)context;
	numbers[at] = signo;
	values[at] = info->si_value.sival_int;
}

static int queue(int signo, int value)
{
	return sigqueue(getpid(), signo, (union sigval){ .sival_int = value });
}

static void say(const char *what, const siginfo_t *info)
{
	/* glibc shows SI_TKILL as SI_USER. */
	printf("%s: %d code %d pid %d uid %d value %d\n", what, info->si_signo, info->si_code == SI_TKILL ? SI_USER : info->si_code, info->si_pid == getpid(),
		info->si_uid == getuid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}

static int wait_one(int signo, siginfo_t *info)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	memset(info, 0, sizeof *info);
	return sigtimedwait(&set, info, &none);
}

static void order(void)
{
	siginfo_t info;
	int n = 0, wrong = 0;

	for (int i = 0; i < MANY; i++)
		for (int k = 3; k >= 1; k--)
			if (queue(SIGRTMIN + k, i * 10 + k))
				printf("queue: %d\n", errno);
	for (int k = 1; k <= 3; k++)
		for (int i = 0; i < MANY; i++, n++)
			if (wait_one(SIGRTMIN + k, &info) != SIGRTMIN + k || info.si_value.sival_int != i * 10 + k || info.si_code != SI_QUEUE)
				wrong++;
	printf("in order: %d of %d wrong, then %d\n", wrong, n, wait_one(SIGRTMIN + 1, &info));
}

static void first_counts(void)
{
	siginfo_t info;

	queue(SIGUSR1, 1);
	queue(SIGUSR1, 2);
	kill(getpid(), SIGUSR1);
	printf("%d\n", wait_one(SIGUSR1, &info));
	say("the first", &info);
	printf("and no second: %d\n", wait_one(SIGUSR1, &info));
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR2);
	queue(SIGUSR2, 7);
	wait_one(SIGUSR2, &info);
	say("the thread's before the process'", &info);
	wait_one(SIGUSR2, &info);
	say("the process'", &info);
	printf("nothing to send: %d, wrong number: %d", queue(0, 0), queue(65, 0));
	printf(" %d, nobody: %d", errno == EINVAL, sigqueue(0x3ffffff, 0, (union sigval){ 0 }));
	printf(" %d, kill nobody: %d", errno == ESRCH, kill(0x3ffffff, 0));
	printf(" %d\n", errno == ESRCH);
}

static void handlers(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigset_t one;
	int wrong = 0;

	sigaction(SIGRTMIN + 5, &action, NULL);
	for (int i = 0; i < MANY; i++)
		queue(SIGRTMIN + 5, i);
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 5);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	for (int i = 0; i < taken; i++)
		wrong += values[i] != i || numbers[i] != SIGRTMIN + 5;
	printf("handled: %d, wrong %d\n", (int)taken, wrong);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static atomic_int other_tid;
static void *other(void *out)
{
	siginfo_t info;

	other_tid = (int)syscall(SYS_gettid);
	for (int i = 0; i < 3; i++) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + 6);
		sigwaitinfo(&set, &info);
		((int *)out)[i] = info.si_value.sival_int;
	}
	return NULL;
}

static void threads(void)
{
	int got[3] = { 0 };
	siginfo_t info;
	pthread_t thread;

	pthread_create(&thread, NULL, other, got);
	while (!other_tid)
		usleep(1000);
	for (int i = 0; i < 3; i++) {
		info = (siginfo_t){ .si_code = SI_QUEUE };
		info.si_value.sival_int = 100 + i;
		syscall(SYS_rt_tgsigqueueinfo, getpid(), other_tid, SIGRTMIN + 6, &info);
	}
	pthread_join(thread, NULL);
	printf("a thread's own: %d %d %d, left for others %d\n", got[0], got[1], got[2], wait_one(SIGRTMIN + 6, &info));
}

static void ignoring(void)
{
	siginfo_t info;

	queue(SIGRTMIN + 7, 1);
	queue(SIGRTMIN + 7, 2);
	signal(SIGRTMIN + 7, SIG_IGN);
	signal(SIGRTMIN + 7, SIG_DFL);
	printf("forgotten when ignored: %d\n", wait_one(SIGRTMIN + 7, &info));
	kill(getpid(), SIGCHLD);
	printf("blocked, though ignored by default: %d\n", wait_one(SIGCHLD, &info));
}

static void limits(void)
{
	struct rlimit limit, less;
	siginfo_t info;
	int put = 0, got = 0;

	getrlimit(RLIMIT_SIGPENDING, &limit);
	less = limit;
	less.rlim_cur = 20;
	setrlimit(RLIMIT_SIGPENDING, &less);
	while (put < 100 && queue(SIGRTMIN + 8, put) == 0)
		put++;
	printf("full: %d, %d", put > 0 && put <= 20, errno == EAGAIN);
	printf(", kill still gets through: %d", kill(getpid(), SIGUSR1));
	while (wait_one(SIGRTMIN + 8, &info) > 0)
		got++;
	printf(", all taken %d", got == put);
	wait_one(SIGUSR1, &info);
	printf(", with its sender: %d %d\n", info.si_code, info.si_pid == getpid());
	setrlimit(RLIMIT_SIGPENDING, &limit);
}

static void overruns(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 9, .sigev_value.sival_int = 77 };
	struct itimerspec spec = { { 0, 1000000 }, { 0, 1000000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct timespec nap = { 0, 60000000 };
	siginfo_t info;
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &event, &timer);
	printf("no overrun yet: %d\n", timer_getoverrun(timer));
	timer_settime(timer, 0, &spec, NULL);
	nanosleep(&nap, NULL);
	wait_one(SIGRTMIN + 9, &info);
	printf("timer: code %d value %d, overrun at least 40: %d, told: %d\n", info.si_code, info.si_value.sival_int, info.si_overrun >= 40,
		timer_getoverrun(timer) == info.si_overrun);
	timer_settime(timer, 0, &off, NULL);
	wait_one(SIGRTMIN + 9, &info);
	printf("once only: %d\n", wait_one(SIGRTMIN + 9, &info));
	/* A time long ago: everything since. */
	clock_gettime(CLOCK_MONOTONIC, &spec.it_value);
	spec.it_value.tv_sec -= 5;
	spec.it_interval = (struct timespec){ 1, 0 };
	timer_settime(timer, TIMER_ABSTIME, &spec, NULL);
	nanosleep(&nap, NULL);
	wait_one(SIGRTMIN + 9, &info);
	printf("five periods ago: %d\n", info.si_overrun);
	timer_delete(timer);
	printf("gone: %d", timer_getoverrun(timer));
	printf(" %d\n", errno == EINVAL);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Signal and overruns tell of every expiration up to the moment of the delivery, of one that has just happened too. */
static void counts_until_delivery(void)
{
	enum { PERIOD = 500000 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 11 };
	struct itimerspec spec = { { 0, PERIOD }, { 0, 0 } };
	int64_t start, told = 0;
	int early = 0;
	siginfo_t info;
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &event, &timer);
	start = now_ns() + PERIOD;
	spec.it_value = (struct timespec){ start / 1000000000, start % 1000000000 };
	timer_settime(timer, TIMER_ABSTIME, &spec, NULL);
	for (int i = 1; i <= 200; i++) {
		int64_t until = start + 2 * i * PERIOD, now;
		while (wait_one(SIGRTMIN + 11, &info) < 0);    /* one is pending from here on, sooner or later */
		told += 1 + info.si_overrun;
		while (now_ns() < until);
		now = now_ns();
		if (wait_one(SIGRTMIN + 11, &info) < 0)
			continue;
		told += 1 + info.si_overrun;
		early += told < (now - start) / PERIOD + 1;
	}
	printf("deliveries that told less than had expired: %d\n", early);
	timer_delete(timer);
}

/* A pending signal of a timer that has been set anew or deleted: nobody gets it (Linux since 6.13; inside always). */
static void stale(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 10, .sigev_value.sival_int = 78 };
	struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct timespec nap = { 0, 60000000 };
	siginfo_t info;
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &soon, NULL);
	nanosleep(&nap, NULL);
	timer_settime(timer, 0, &off, NULL);
	if (wait_one(SIGRTMIN + 10, &info) != -1)
		puts("WRONG: the signal of a timer that has been set anew");
	timer_settime(timer, 0, &soon, NULL);
	nanosleep(&nap, NULL);
	timer_settime(timer, 0, &soon, NULL);
	nanosleep(&nap, NULL);
	if (wait_one(SIGRTMIN + 10, &info) != SIGRTMIN + 10 || info.si_overrun != 0 || wait_one(SIGRTMIN + 10, &info) != -1)
		puts("WRONG: it is to come once");
	timer_settime(timer, 0, &soon, NULL);
	nanosleep(&nap, NULL);
	timer_delete(timer);
	if (wait_one(SIGRTMIN + 10, &info) != -1)
		puts("WRONG: the signal of a timer that is gone");
}

#ifdef __GLIBC__
static int before_6_13(void)
{
	struct utsname kernel;
	unsigned major = 0, minor = 0;

	uname(&kernel);
	(void)sscanf(kernel.release, "%u.%u", &major, &minor);
	return major < 6 || (major == 6 && minor < 13);
}
#else
static int before_6_13(void) { return 0; }      /* inside */
#endif

int main(void)
{
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigprocmask(SIG_BLOCK, &all, NULL);
	order();
	first_counts();
	handlers();
	threads();
	ignoring();
	limits();
	overruns();
	counts_until_delivery();
	if (!before_6_13())
		stale();
	return 0;
}
