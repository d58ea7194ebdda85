/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is pending stays over a migration: queued signals with their values and order, a timer's overruns, time on CPU clocks, and what
 * mappings show of their files.
 *     pending SECONDS    prints "beat" lines, then "intact" or what was wrong
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MANY 200
#define PERIOD_NS 5000000
#define CHECK(c) do { if (!(c)) { printf("line %d: %s (errno %d)\n", __LINE__, #c, errno); wrong++; } } while (0)

static int wrong;
static atomic_int worker_tid;
static atomic_bool verify;
static _Atomic int64_t worker_cpu;

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int take(int signo, siginfo_t *info)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	return sigtimedwait(&set, info, &none);
}

/* Has its own signals pending all the time, and uses CPU time. */
static void *worker(void *unused)
{
	siginfo_t info;
	int64_t last = 0;

	(void)unused;
	worker_tid = gettid();
	while (!verify) {
		int64_t used = now(CLOCK_THREAD_CPUTIME_ID);

		CHECK(used >= last);
		worker_cpu = last = used;
	}
	for (int i = 0; i < MANY; i++) {
		CHECK(take(SIGRTMIN + 1, &info) == SIGRTMIN + 1 && info.si_value.sival_int == 1000 + i && info.si_code == SI_QUEUE);
		errno = 0;
	}
	CHECK(take(SIGRTMIN + 1, &info) == -1 && errno == EAGAIN);
	return NULL;
}

static void send_all(void)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	for (int i = 0; i < MANY; i++) {
		CHECK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 2000 + i }) == 0);
		CHECK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 3000 + i }) == 0);
		info.si_value.sival_int = 1000 + i;
		CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), (int)worker_tid, SIGRTMIN + 1, &info) == 0);
	}
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 71 });
	kill(getpid(), SIGUSR1);
}

static void take_all(void)
{
	siginfo_t info;

	for (int signo = SIGRTMIN + 2; signo <= SIGRTMIN + 3; signo++) {
		for (int i = 0; i < MANY; i++)
			CHECK(take(signo, &info) == signo && info.si_value.sival_int == (signo - SIGRTMIN) * 1000 + i && info.si_pid == getpid());
		CHECK(take(signo, &info) == -1);
	}
	CHECK(take(SIGUSR1, &info) == SIGUSR1 && info.si_code == SI_QUEUE && info.si_value.sival_int == 71);
	CHECK(take(SIGUSR1, &info) == -1);
}

struct maps { unsigned char *shared, *private; int fd; char path[64]; };

static void map(struct maps *m)
{
	char page[2 * PAGE];

	snprintf(m->path, sizeof m->path, "/tmp/pending.%d", (int)getpid());
	m->fd = open(m->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(page, 'f', sizeof page);
	CHECK(write(m->fd, page, sizeof page) == (ssize_t)sizeof page);
	m->shared = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, m->fd, 0);
	m->private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, m->fd, 0);
	memset(m->private, 'p', 2 * PAGE);
}

static void look(const struct maps *m, int beat)
{
	char byte = (char)('A' + beat % 26);

	CHECK(pwrite(m->fd, &byte, 1, 100) == 1 && m->shared[100] == (unsigned char)byte);
	CHECK(m->private[0] == 'p' && m->shared[PAGE] == 'f');
}

static void look_at_last(struct maps *m)
{
	CHECK(madvise(m->private, PAGE, MADV_DONTNEED) == 0 && m->private[0] == 'f' && m->private[PAGE] == 'p');
	CHECK(pwrite(m->fd, m->shared + 3 * PAGE, 1, 0) == -1 && errno == EFAULT);
	CHECK(pwrite(m->fd, "end", 3, 3 * PAGE) == 3 && memcmp(m->shared + 3 * PAGE, "end", 3) == 0 && m->shared[2 * PAGE] == 0);
	unlink(m->path);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 3);
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4 },
		cpu_event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5 };
	struct itimerspec periodic = { { 0, PERIOD_NS }, { 0, PERIOD_NS } }, far = { { 0, 0 }, { 3600, 0 } }, left;
	int64_t begin, cpu = 0;
	timer_t timer, cpu_timer;
	struct maps maps;
	pthread_t thread;
	siginfo_t info;
	sigset_t all;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	CHECK(nice(3) == 3);
	pthread_create(&thread, NULL, worker, NULL);
	while (!worker_tid)
		usleep(1000);
	send_all();
	map(&maps);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	begin = now(CLOCK_MONOTONIC);
	timer_settime(timer, 0, &periodic, NULL);
	timer_create(CLOCK_PROCESS_CPUTIME_ID, &cpu_event, &cpu_timer);
	timer_settime(cpu_timer, 0, &far, NULL);
	printf("ready\n");
	for (int beat = 1; time(NULL) < end; beat++) {
		int64_t used = now(CLOCK_PROCESS_CPUTIME_ID);

		CHECK(used >= cpu);
		cpu = used;
		look(&maps, beat);
		printf("beat %d\n", beat);
		usleep(100000);
	}
	verify = 1;
	pthread_join(thread, NULL);
	take_all();
	look_at_last(&maps);
	CHECK(take(SIGRTMIN + 4, &info) == SIGRTMIN + 4);
	/* Some of the time is spent moving, with nobody to count. */
	CHECK(llabs((now(CLOCK_MONOTONIC) - begin) / PERIOD_NS - 1 - info.si_overrun) < 100);
	timer_gettime(cpu_timer, &left);
	CHECK(take(SIGRTMIN + 5, &info) == -1 && left.it_value.tv_sec > 3000);
	CHECK(3600 * 1000000000LL - (left.it_value.tv_sec * 1000000000LL + left.it_value.tv_nsec) >= worker_cpu / 2);
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= worker_cpu && worker_cpu > 20000000);
	errno = 0;
	CHECK(getpriority(PRIO_PROCESS, 0) == 3);
	printf("%s\n", wrong ? "wrong" : "intact");
	return wrong != 0;
}
