/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time across a migration: the monotonic clock never goes back, sleeps are never short, interval timers and timerfds
 * keep their pace, timed waits time out when they should and not earlier, the process id stays.
 *     timers SECONDS      prints "beat" lines, then "intact" or what was wrong
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOVES_MAX 5
#define CHECK(condition, ...) do { if (!(condition)) { printf(__VA_ARGS__); printf("\n"); atomic_fetch_add(&wrong, 1); } } while (0)

static atomic_int wrong, alarms;
static atomic_bool stop;

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void on_alarm(int signo)
{
	(void)signo;
	atomic_fetch_add(&alarms, 1);
}

static void *watch_clock(void *unused)
{
	int64_t last = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		int64_t now = now_ns(CLOCK_MONOTONIC);

		CHECK(now >= last, "monotonic clock went back by %lld ns", (long long)(last - now));
		last = now;
	}
	return NULL;
}

static void *sleep_often(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		int64_t begin = now_ns(CLOCK_MONOTONIC), took;
		struct timespec left, want = { .tv_nsec = 30000000 };

		while (nanosleep(&want, &left) && errno == EINTR)
			want = left;
		took = now_ns(CLOCK_MONOTONIC) - begin;
		CHECK(took >= 30000000, "a sleep of 30 ms took %lld ns", (long long)took);
	}
	return NULL;
}

static void *wait_timed(void *unused)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	(void)unused;
	pthread_mutex_lock(&mutex);
	while (!atomic_load(&stop)) {
		struct timespec until;
		int64_t begin = now_ns(CLOCK_REALTIME);
		int code;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 40000000;
		if (until.tv_nsec >= 1000000000)
			until.tv_sec++, until.tv_nsec -= 1000000000;
		do
			code = pthread_cond_timedwait(&never, &mutex, &until);
		while (code == 0);
		CHECK(code == ETIMEDOUT, "timed wait: %s", strerror(code));
		CHECK(now_ns(CLOCK_REALTIME) - begin >= 40000000, "timed wait ended early");
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval every = { .it_interval.tv_usec = 50000, .it_value.tv_usec = 50000 };
	const struct itimerspec ticking = { .it_interval.tv_nsec = 20000000, .it_value.tv_nsec = 20000000 };
	void *(*const loops[])(void *) = { watch_clock, sleep_often, wait_timed };
	int64_t begin = now_ns(CLOCK_MONOTONIC), end = begin + seconds * 1000000000, took;
	uint64_t ticks = 0, more;
	pthread_t threads[3];
	pid_t pid = getpid();
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, loops[i], NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(fd, 0, &ticking, NULL);
	printf("ready\n");
	for (unsigned beat = 1; now_ns(CLOCK_MONOTONIC) < end; beat++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 1000) == 1 && read(fd, &more, sizeof more) == sizeof more)
			ticks += more;
		if (beat % 5 == 0)
			printf("beat %u\n", beat / 5);
	}
	took = now_ns(CLOCK_MONOTONIC) - begin;
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(getpid() == pid, "the process id changed from %d to %d", pid, getpid());
	/* Late is allowed; early only by the part of a period that a move may take from a timer that had fired unread. */
	CHECK((int64_t)ticks <= took / 20000000 + 1 + MOVES_MAX, "%llu ticks in %lld ns: too many", (unsigned long long)ticks, (long long)took);
	CHECK((int64_t)ticks >= took / 20000000 * 8 / 10, "%llu ticks in %lld ns: too few", (unsigned long long)ticks, (long long)took);
	CHECK(atomic_load(&alarms) > seconds * 20 / 3, "%d alarms in %ld s: too few", atomic_load(&alarms), seconds);
	printf("%s: %llu ticks, %d alarms\n", wrong ? "WRONG" : "intact", (unsigned long long)ticks, atomic_load(&alarms));
	return wrong != 0;
}
