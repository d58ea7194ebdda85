/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks that exist and that do not, timers and sleep on CPU time, timer descriptors set to the past, scheduling. Prints the same inside
 * and outside. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const char *name(long result)
{
	static const struct { int number; const char *name; } names[] = { { EINVAL, "EINVAL" }, { EPERM, "EPERM" }, { EFAULT, "EFAULT" },
		{ ESRCH, "ESRCH" }, { EOPNOTSUPP, "EOPNOTSUPP" } };

	if (result >= 0)
		return "ok";
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].number == errno)
			return names[i].name;
	return "?";
}

static int64_t now(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	return clock_gettime(clock, &ts) ? -1 : ts.tv_sec * SECOND + ts.tv_nsec;
}

static struct timespec spec(int64_t ns)
{
	return (struct timespec){ ns / SECOND, ns % SECOND };
}

static void burn(int64_t ns)
{
	int64_t until = now(CLOCK_THREAD_CPUTIME_ID) + ns;

	/* Most of it between the calls: ITIMER_VIRTUAL counts that alone. */
	while (now(CLOCK_THREAD_CPUTIME_ID) < until)
		for (volatile int i = 0; i < 10000; i++)
			;
}

/* ITIMER_REAL has a period and stands still until its signal is taken. */
static void standing(void)
{
	struct itimerval set = { { 1000, 0 }, { 0, 5000 } }, got;
	sigset_t alarm_only;
	int signo = 0;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm_only, NULL);
	setitimer(ITIMER_REAL, &set, NULL);
	usleep(100000);
	getitimer(ITIMER_REAL, &got);
	printf("alarm pending: left %ld.%06ld every %ld\n", (long)got.it_value.tv_sec, (long)got.it_value.tv_usec, (long)got.it_interval.tv_sec);
	sigwait(&alarm_only, &signo);
	getitimer(ITIMER_REAL, &got);
	printf("alarm taken: %d left %d every %ld\n", signo, got.it_value.tv_sec >= 990, (long)got.it_interval.tv_sec);
	set.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &set, NULL);
	getitimer(ITIMER_REAL, &got);
	printf("alarm off: left %ld every %ld\n", (long)got.it_value.tv_sec, (long)got.it_interval.tv_sec);
	raise(SIGALRM);
	sigwait(&alarm_only, &signo);
	getitimer(ITIMER_REAL, &got);
	printf("alarm of another: left %ld every %ld\n", (long)got.it_value.tv_sec, (long)got.it_interval.tv_sec);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
}

/* The kernel's own answers: libc has some of its own. */
static void clocks(void)
{
	static const int ids[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 63, 1000, -2, -6, -1, 0x7fffffff };
	struct timespec ts, tick = { 0, 1 }, wrong = { 0, SECOND };
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int timer;

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		int id = ids[i];

		printf("clock %d: gettime %s", id, name(syscall(SYS_clock_gettime, id, &ts)));
		printf(" getres %s", name(syscall(SYS_clock_getres, id, &ts)));
		printf(" nanosleep %s", id == 2 || id == -6 ? "-" : name(syscall(SYS_clock_nanosleep, id, 0, &tick, NULL)));
		printf(" timer %s", name(syscall(SYS_timer_create, id, &none, &timer)));
		printf(" settime %s\n", name(syscall(SYS_clock_settime, id, &wrong)));
	}
	printf("resolution %ld\n", (clock_getres(CLOCK_MONOTONIC, &ts), ts.tv_nsec));
	printf("wrong interval: %s", name(timer_create(CLOCK_MONOTONIC, &none, (timer_t *)&ts)));
	printf(" %s\n", name(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) ? (errno = EINVAL, -1) : 0));
}

static void *spin(void *clock)
{
	clockid_t own;

	burn(80000000);
	pthread_getcpuclockid(pthread_self(), &own);
	*(int64_t *)clock = now(own);
	pause();
	return NULL;
}

static void cpu_clocks(void)
{
	int64_t begin = now(CLOCK_THREAD_CPUTIME_ID), process = now(CLOCK_PROCESS_CPUTIME_ID);
	volatile int64_t told = 0;
	clockid_t of_thread, of_process;
	pthread_t thread;
	struct rusage usage;
	struct tms tms;

	pthread_create(&thread, NULL, spin, (void *)&told);
	while (!told)
		usleep(1000);
	printf("another thread's: %d", pthread_getcpuclockid(thread, &of_thread));
	printf(", as it says itself: %d", now(of_thread) - told < 20000000 && now(of_thread) >= told && told >= 80000000);
	printf(", not mine: %d", now(CLOCK_THREAD_CPUTIME_ID) - begin < 60000000);
	printf(", the process' has both: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) - process >= 80000000);
	printf("process by number: %d %d\n", clock_getcpuclockid(0, &of_process),
		now(of_process) - now(CLOCK_PROCESS_CPUTIME_ID) < 20000000 && now(of_process) > 0);
	burn(20000000);
	getrusage(RUSAGE_SELF, &usage);
	printf("usage: %d, times: %d\n", usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 +
		usage.ru_stime.tv_usec >= 80000, (times(&tms), tms.tms_utime + tms.tms_stime >= 8));
}

static atomic_int fired;
static void count(int signo)
{
	(void)signo;
	atomic_fetch_add(&fired, 1);
}

/* Idle time does not count; used time does. */
static void cpu_timers(void)
{
	struct sigaction action = { .sa_handler = count };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec set = { { 0, 0 }, spec(50000000) }, left;
	struct itimerval prof = { { 0, 0 }, { 0, 50000 } };
	clockid_t clocks[2] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGPROF, &action, NULL);
	sigaction(SIGVTALRM, &action, NULL);
	for (int i = 0; i < 2; i++) {
		fired = 0;
		printf("create %d", timer_create(clocks[i], &event, &timer));
		printf(" set %d", timer_settime(timer, 0, &set, NULL));
		usleep(120000);
		timer_gettime(timer, &left);
		printf(", asleep %d left %d", (int)fired, left.it_value.tv_nsec > 20000000);
		burn(90000000);
		usleep(1000);
		printf(", at work %d", (int)fired);
		timer_gettime(timer, &left);
		printf(" left %ld\n", (long)left.it_value.tv_nsec);
		timer_delete(timer);
	}
	for (int i = 0; i < 2; i++) {
		fired = 0;
		setitimer(i ? ITIMER_VIRTUAL : ITIMER_PROF, &prof, NULL);
		usleep(120000);
		printf("interval timer asleep %d", (int)fired);
		burn(i ? 150000000 : 90000000);
		for (int k = 0; !fired && k < 50; k++)
			burn(10000000);                /* user time is not all of it */
		printf(", at work %d\n", (int)fired);
	}
	set.it_value.tv_nsec = 20000000;
	printf("sleep on CPU time of nobody: %s\n", name(syscall(SYS_clock_nanosleep, -100003, 0, &set.it_value, NULL)));
	fired = 0;
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	set.it_value = spec(30000000);
	timer_settime(timer, 0, &set, NULL);
	set.it_value = spec(5 * SECOND);
	printf("sleep on CPU time, interrupted: %s", name(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &set.it_value, &left.it_value)) ? "yes" : "");
	printf(" %d\n", (int)left.it_value.tv_sec);
	timer_delete(timer);
}

static void past(clockid_t clock)
{
	struct itimerspec set = { { 1, 0 }, spec(now(clock) - 10 * SECOND) }, got;
	int fd = timerfd_create(clock, TFD_NONBLOCK);
	uint64_t expired = 0;

	if (set.it_value.tv_sec < 1)
		set.it_value = spec(1);            /* just booted: fewer, and as many outside */
	printf("descriptor: %s", name(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL)));
	printf(" %d", read(fd, &expired, 8) == 8 && expired >= 2 && expired <= 12);
	printf(" %d", set.it_value.tv_sec < 2 || expired >= 11);
	timerfd_gettime(fd, &got);
	printf(" next %d every %ld", got.it_value.tv_sec == 0, (long)got.it_interval.tv_sec);
	set.it_interval.tv_sec = 0;
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, &got);
	printf(" once %d", read(fd, &expired, 8) == 8 && expired == 1);
	timerfd_gettime(fd, &got);
	printf(" then off %ld %ld\n", (long)got.it_value.tv_sec, (long)got.it_value.tv_nsec);
	close(fd);
}

static void descriptors(void)
{
	struct itimerspec set = { { 0, 0 }, { now(CLOCK_REALTIME) / SECOND + 1000, 0 } }, got;
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	uint64_t expired;

	past(CLOCK_MONOTONIC);
	past(CLOCK_REALTIME);
	past(CLOCK_BOOTTIME);
	printf("cancel on set: %s", name(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &set, NULL)));
	printf(" read %d %d", (int)read(fd, &expired, 8), errno == EAGAIN);
	timerfd_gettime(fd, &got);
	printf(" left %d\n", got.it_value.tv_sec > 990 && got.it_value.tv_sec <= 1000);
	printf("unknown flag: %s", name(timerfd_settime(fd, 16, &set, NULL)));
	set.it_value.tv_nsec = SECOND;
	printf(" wrong time: %s\n", name(timerfd_settime(fd, 0, &set, NULL)));
}

static void scheduling(void)
{
	static const int policies[] = { 0, 1, 2, 3, 5, 6, 4, 8, -1, 1000 };
	struct sched_param param = { .sched_priority = 0 };
	struct timespec ts;

	for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
		int p = policies[i];

		printf("policy %d: %ld", p, syscall(SYS_sched_get_priority_min, p));
		printf(" %ld", syscall(SYS_sched_get_priority_max, p));
		if (p != 1 && p != 2)
			printf(" %s", name(syscall(SYS_sched_setscheduler, 0, p, &param)));
		printf(" %ld\n", syscall(SYS_sched_getscheduler, 0));
	}
	syscall(SYS_sched_setscheduler, 0, 0, &param);
	param.sched_priority = 1;
	printf("priority of nothing: %s", name(syscall(SYS_sched_setscheduler, 0, 0, &param)));
	param.sched_priority = 100;
	printf(" too high: %s", name(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param)));
	param.sched_priority = 0;
	printf(" too low: %s", name(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &param)));
	printf(" no thread: %s", name(syscall(SYS_sched_setscheduler, 0x3ffffff, 0, &param)));
	printf(" %s", name(syscall(SYS_sched_getparam, -1, &param)));
	printf(" nothing: %s", name(syscall(SYS_sched_setparam, 0, NULL)));
	printf(" interval %s\n", name(syscall(SYS_sched_rr_get_interval, 0, &ts)));
	printf("nice: %d", getpriority(PRIO_PROCESS, 0) == nice(0));
	printf(" %d", nice(2) - getpriority(PRIO_PROCESS, 0));
	printf(" nobody: %s %s\n", name(getpriority(PRIO_PROCESS, 0x3ffffff)), name(setpriority(7, 0, 1)));
}

int main(void)
{
	standing();
	clocks();
	cpu_clocks();
	cpu_timers();
	descriptors();
	scheduling();
	fflush(stdout);
	_exit(0);                                      /* a thread still waits */
}
