/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of messages across moves, POSIX's and System V's: threads that wait for messages and for room, one that waits for edges, who is told by
 * a signal and by a thread; mutexes with PTHREAD_PRIO_INHERIT whose owners die while somebody waits; two threads that wait for each other with named
 * semaphores, over memory that has a name, too; and a timer that counts the CPU time of one of them.
 *     queues           prints "beat" lines until SIGTERM comes, then "intact" or what was wrong
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 3000, TYPES = 3, ACTORS = 7 };
#define CHECK(condition, ...) do { if (!(condition)) { printf(__VA_ARGS__); printf(" (errno %d)\n", errno); atomic_fetch_add(&wrong, 1); } } while (0)

static atomic_int wrong;
static atomic_bool stop;
static atomic_uint turns[ACTORS];
static mqd_t blocking, edges, telling;
static int numbers;

struct content { unsigned number, last; char fill[SIZE]; };

static mqd_t make(const char *name, int flags, long most)
{
	struct mq_attr attr = { .mq_maxmsg = most, .mq_msgsize = sizeof(struct content) };
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | flags, 0600, &attr);

	CHECK(q >= 0 && mq_unlink(name) == 0, "mq_open");
	return q;
}

/* Sizes differ; all bytes say which message this is. */
static size_t fill(struct content *c, unsigned number, bool last)
{
	size_t size = 8 + number * 37 % SIZE;

	c->number = number;
	c->last = last;
	memset(c->fill, (int)(number & 255), sizeof c->fill);
	return size;
}

static void judge(const struct content *c, ssize_t size, unsigned expected, const char *what)
{
	bool same = size == (ssize_t)(8 + expected * 37 % SIZE) && c->number == expected;

	for (ssize_t i = 8; same && i < size; i++)
		same = c->fill[i - 8] == (char)expected;
	CHECK(same, "%s: message %u of %zd bytes, expected %u", what, c->number, size, expected);
}

/* As fast as there is room; what is urgent has to come before what is not, and in its order. */
static void *send_all(void *unused)
{
	struct content c;
	bool last = false;

	(void)unused;
	for (unsigned n = 0; !last; n++) {
		last = atomic_load(&stop);
		CHECK(mq_send(blocking, (char *)&c, fill(&c, n, last), 5) == 0, "mq_send");
	}
	return NULL;
}

static void *take_all(void *unused)
{
	struct content c = { 0 };

	(void)unused;
	for (unsigned n = 0; !c.last; n++) {
		unsigned priority = 0;
		ssize_t size = mq_receive(blocking, (char *)&c, sizeof c, &priority);

		judge(&c, size, n, "blocking");
		CHECK(priority == 5, "priority %u", priority);
		atomic_fetch_add(&turns[0], 1);
		if (n % 64 == 0)
			nanosleep(&(struct timespec){ 0, 3000000 }, NULL);     /* the sender waits for room meanwhile */
	}
	return NULL;
}

static void *watch(void *unused)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int set = epoll_create1(0);
	struct content c = { 0 };
	unsigned n = 0;

	(void)unused;
	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, edges, &event) == 0, "EPOLL_CTL_ADD");
	while (!c.last) {
		ssize_t size;

		CHECK(epoll_wait(set, &event, 1, 20000) == 1, "no edge at %u", n);
		while ((size = mq_receive(edges, (char *)&c, sizeof c, NULL)) >= 0) {
			judge(&c, size, n++, "edges");
			atomic_fetch_add(&turns[1], 1);
		}
		CHECK(errno == EAGAIN, "mq_receive");
		if (atomic_load(&wrong))
			break;
	}
	close(set);
	return NULL;
}

static void *feed(void *unused)
{
	struct content c;
	bool last = false;

	(void)unused;
	for (unsigned n = 0; !last;) {
		last = atomic_load(&stop);
		if (mq_send(edges, (char *)&c, fill(&c, n, last), 0) == 0)
			n++;
		else
			last = false;
		if (n % 7 == 0)
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		if (atomic_load(&wrong))
			break;
	}
	return NULL;
}

/* ---- System V: one sender, a receiver for each type ------------------------------------------------------------------------------- */

struct typed { long type; struct content content; };

static void *send_types(void *unused)
{
	static unsigned next[TYPES];
	struct typed m;
	bool last = false;

	(void)unused;
	for (unsigned n = 0; !last; n++) {
		last = atomic_load(&stop);
		for (int type = 0; type < TYPES; type++)
			if (last || (n * 2654435761u >> 16) % TYPES == (unsigned)type) {
				m.type = type + 1;
				CHECK(msgsnd(numbers, &m, fill(&m.content, next[type]++, last), 0) == 0, "msgsnd");
			}
	}
	return NULL;
}

static void *take_type(void *argument)
{
	long type = (long)(intptr_t)argument;
	struct typed m = { 0 };

	for (unsigned n = 0; !m.content.last; n++) {
		ssize_t size = msgrcv(numbers, &m, sizeof m.content, type, 0);

		judge(&m.content, size, n, "typed");
		CHECK(m.type == type, "type %ld instead of %ld", m.type, type);
		atomic_fetch_add(&turns[2], 1);
	}
	return NULL;
}

/* ---- who is told ------------------------------------------------------------------------------------------------------------------- */

static atomic_uint told;

static void on_thread(union sigval value)
{
	atomic_store(&told, (unsigned)value.sival_int);
}

static void *be_told(void *unused)
{
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3 };
	struct sigevent by_thread = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread };
	struct timespec patience = { 20, 0 };
	struct content c;
	siginfo_t info;
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	for (unsigned n = 1; !atomic_load(&stop) && !atomic_load(&wrong); n++) {
		by_signal.sigev_value.sival_int = by_thread.sigev_value.sival_int = (int)n;
		CHECK(mq_notify(telling, n % 2 ? &by_signal : &by_thread) == 0, "mq_notify");
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		CHECK(mq_send(telling, (char *)&c, fill(&c, n, false), 0) == 0, "mq_send");
		if (n % 2)
			CHECK(sigtimedwait(&set, &info, &patience) == SIGRTMIN + 3 && info.si_code == SI_MESGQ && info.si_value.sival_int == (int)n, "signal");
		for (int i = 0; n % 2 == 0 && i < 20000 && atomic_load(&told) != n; i++)
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		CHECK(n % 2 || atomic_load(&told) == n, "told %u of %u", atomic_load(&told), n);
		CHECK(mq_receive(telling, (char *)&c, sizeof c, NULL) >= 0, "mq_receive");
		atomic_fetch_add(&turns[3], 1);
	}
	return NULL;
}

/* ---- owners that die ---------------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex;
static atomic_bool taken;

static void *die_with_it(void *unused)
{
	int r = pthread_mutex_lock(&mutex);

	(void)unused;
	CHECK(r == 0, "lock: %d", r);
	atomic_store(&taken, true);
	nanosleep(&(struct timespec){ 0, 3000000 }, NULL);      /* somebody waits by now */
	return NULL;
}

static void *inherit(void *unused)
{
	pthread_mutexattr_t attr;

	(void)unused;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attr);
	while (!atomic_load(&stop) && !atomic_load(&wrong)) {
		pthread_t owner;
		int r;

		atomic_store(&taken, false);
		pthread_create(&owner, NULL, die_with_it, NULL);
		while (!atomic_load(&taken))
			sched_yield();
		r = pthread_mutex_lock(&mutex);
		CHECK(r == EOWNERDEAD, "its owner died: %d", r);
		CHECK(pthread_mutex_consistent(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0, "consistent");
		pthread_join(owner, NULL);
		atomic_fetch_add(&turns[4], 1);
	}
	return NULL;
}

/* ---- what has a name ---------------------------------------------------------------------------------------------------------------- */

static sem_t *sems[2];
static unsigned *shared[2];             /* the same pages, by another mapping each */

/* Each adds one to every page when it is its turn, and finds what the other has left. */
static void *take_turns(void *argument)
{
	int self = (int)(intptr_t)argument;
	unsigned n = (unsigned)self;
	bool last = false;

	while (!last && !atomic_load(&wrong)) {
		last = self == 0 && atomic_load(&stop);
		CHECK(sem_wait(sems[self]) == 0, "sem_wait");
		last = last || shared[self][1];
		for (unsigned page = 0; page < 20; page++) {
			CHECK(shared[self][page * 1024] == n, "page %u has %u instead of %u", page, shared[self][page * 1024], n);
			shared[self][page * 1024] = n + 1;
		}
		n += 2;
		shared[self][1] = last;
		atomic_fetch_add(&turns[5], 1);
		CHECK(sem_post(sems[1 - self]) == 0, "sem_post");
	}
	return NULL;
}

static void prepare_turns(void)
{
	const char *const names[] = { "/optmig-sem-0", "/optmig-sem-1" };
	int fd = shm_open("/optmig-shared", O_RDWR | O_CREAT | O_EXCL, 0600);

	CHECK(fd >= 0 && ftruncate(fd, 20 * 4096) == 0, "shm_open");
	for (int i = 0; i < 2; i++) {
		sems[i] = sem_open(names[i], O_CREAT | O_EXCL, 0600, i == 0);
		shared[i] = mmap(NULL, 20 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(sems[i] != SEM_FAILED && sem_unlink(names[i]) == 0 && shared[i] != MAP_FAILED, "sem_open, mmap");
	}
	CHECK(shm_unlink("/optmig-shared") == 0 && close(fd) == 0, "shm_unlink");
}

/* Expires after every two milliseconds that this thread works: never before, and always at last. */
static void *count_work(void *unused)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4 };
	struct itimerspec once = { .it_value.tv_nsec = 2000000 };
	struct timespec begun, now, soon = { 0, 0 };
	timer_t timer;
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	CHECK(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0, "timer_create");
	while (!atomic_load(&stop) && !atomic_load(&wrong)) {
		int64_t worked = 0;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
		CHECK(timer_settime(timer, 0, &once, NULL) == 0, "timer_settime");
		while (sigtimedwait(&set, NULL, &soon) < 0 && worked < 2000000000) {
			for (volatile int i = 0; i < 20000; i++)
				;
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
			worked = (now.tv_sec - begun.tv_sec) * 1000000000LL + now.tv_nsec - begun.tv_nsec;
		}
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
		worked = (now.tv_sec - begun.tv_sec) * 1000000000LL + now.tv_nsec - begun.tv_nsec;
		CHECK(worked >= 2000000 && worked < 2000000000, "a timer of 2 ms expires after %lld ns of work", (long long)worked);
		atomic_fetch_add(&turns[6], 1);
		nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	}
	timer_delete(timer);
	return NULL;
}

static volatile sig_atomic_t asked;

static void on_term(int signo)
{
	asked = signo;
}

int main(void)
{
	void *(*const actors[])(void *) = { send_all, take_all, watch, feed, send_types, be_told, inherit, count_work };
	pthread_t threads[sizeof actors / sizeof *actors + TYPES + 2];
	unsigned last[ACTORS] = { 0 }, count = 0;
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGRTMIN + 3);
	sigaddset(&set, SIGRTMIN + 4);
	pthread_sigmask(SIG_BLOCK, &set, NULL);         /* in all threads */
	signal(SIGTERM, on_term);
	blocking = make("/optmig-blocking", 0, 8);
	edges = make("/optmig-edges", O_NONBLOCK, 10);
	telling = make("/optmig-telling", 0, 2);
	numbers = msgget(IPC_PRIVATE, 0600);
	CHECK(numbers >= 0, "msgget");
	prepare_turns();
	for (size_t i = 0; i < sizeof actors / sizeof *actors; i++)
		pthread_create(&threads[count++], NULL, actors[i], NULL);
	for (long type = 1; type <= TYPES; type++)
		pthread_create(&threads[count++], NULL, take_type, (void *)(intptr_t)type);
	for (int self = 0; self < 2; self++)
		pthread_create(&threads[count++], NULL, take_turns, (void *)(intptr_t)self);
	sigdelset(&set, SIGRTMIN + 3);
	sigdelset(&set, SIGRTMIN + 4);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (unsigned beat = 0; !asked && !atomic_load(&wrong); beat++) {
		nanosleep(&(struct timespec){ 0, 500000000 }, NULL);
		for (int i = 0; i < ACTORS; i++) {
			for (int tries = 0; tries < 2000 && atomic_load(&turns[i]) == last[i]; tries++)
				nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
			CHECK(atomic_load(&turns[i]) != last[i], "actor %d stands still", i);
			last[i] = atomic_load(&turns[i]);
		}
		printf("beat %u\n", beat);
	}
	atomic_store(&stop, true);
	if (!atomic_load(&wrong))
		for (unsigned i = 0; i < count; i++)
			pthread_join(threads[i], NULL);
	printf("%s\n", atomic_load(&wrong) ? "wrong" : "intact");
	return atomic_load(&wrong) != 0;
}
