/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program shares with itself, across moves: threads that wait for signals on a descriptor and for System V semaphores, and segments of
 * shared memory that are written, attached and detached all the time.
 *     ipc              prints "beat" lines until SIGTERM comes, then "intact" or what was wrong
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
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define WORDS 100000u
#define CHECK(condition, ...) do { if (!(condition)) { printf(__VA_ARGS__); printf(" (errno %d)\n", errno); atomic_fetch_add(&wrong, 1); } } while (0)

static atomic_int wrong;
static atomic_bool stop;
static atomic_uint turns[3], signals_read[3];
static int sem, fds[3], sets[2];

static long operate(int number, int op)
{
	struct sembuf b = { (unsigned short)number, (short)op, 0 };

	return semop(sem, &b, 1);
}

/* Two threads that hand a turn to each other: each waits until it has it. */
static void *ping_pong(void *arg)
{
	int self = (int)(intptr_t)arg;

	while (!atomic_load(&stop)) {
		CHECK(operate(self, -1) == 0, "semop");
		atomic_fetch_add(&turns[self], 1);
		CHECK(operate(1 - self, 1) == 0, "semop");
	}
	operate(1 - self, 1);
	return NULL;
}

/* A number that goes up in each page of a segment, which is detached in between. */
static void *share(void *unused)
{
	int id = shmget(IPC_PRIVATE, WORDS * 8, 0600);
	uint64_t round = 0;

	(void)unused;
	CHECK(id >= 0, "shmget");
	while (!atomic_load(&stop)) {
		uint64_t *at = shmat(id, NULL, 0);
		struct shmid_ds ds;

		CHECK(at != (void *)-1, "shmat");
		for (unsigned i = 0; i < WORDS; i += 64) {
			CHECK(at[i] == round + (round ? i : 0), "word %u is %llu in round %llu", i, (unsigned long long)at[i], (unsigned long long)round);
			at[i] = round + 1 + i;
		}
		CHECK(shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 1 && ds.shm_cpid == getpid(), "IPC_STAT: %lu", (unsigned long)ds.shm_nattch);
		CHECK(shmdt(at) == 0, "shmdt");
		round++;
		atomic_fetch_add(&turns[2], 1);
	}
	shmctl(id, IPC_RMID, NULL);
	return NULL;
}

/* 0: in read; 1: in poll; 2: in epoll, by edges. Each has a real-time signal of its own, and all values come in order. */
static void *listen_to(void *arg)
{
	int self = (int)(intptr_t)arg;
	struct signalfd_siginfo info;

	while (!atomic_load(&stop)) {
		struct pollfd p = { .fd = fds[self], .events = POLLIN };
		struct epoll_event event;

		if (self == 1)
			CHECK(poll(&p, 1, -1) == 1 || errno == EINTR, "poll");
		if (self == 2)
			CHECK(epoll_wait(sets[0], &event, 1, -1) == 1 || errno == EINTR, "epoll_wait");
		while (read(fds[self], &info, sizeof info) == sizeof info) {
			unsigned expected = atomic_fetch_add(&signals_read[self], 1);

			CHECK(info.ssi_signo == (uint32_t)(SIGRTMIN + 1 + self) && info.ssi_int == (int)expected && info.ssi_pid == (uint32_t)getpid(),
			      "signal %u with %d, expected %u", info.ssi_signo, info.ssi_int, expected);
			if (self == 0)
				break;
		}
	}
	return NULL;
}

static void send(int to, unsigned value)
{
	CHECK(sigqueue(getpid(), SIGRTMIN + 1 + to, (union sigval){ .sival_int = (int)value }) == 0, "sigqueue");
}

static void wait_read(unsigned value)
{
	for (int to = 0; to < 3; to++)
		for (int i = 0; i < 20000 && atomic_load(&signals_read[to]) <= value; i++)
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	for (int to = 0; to < 3; to++)
		CHECK(atomic_load(&signals_read[to]) > value, "reader %d waits for signal %u", to, value);
}

static volatile sig_atomic_t asked;

static void on_term(int signo)
{
	asked = signo;
}

int main(void)
{
	pthread_t threads[6];
	unsigned value = 0, last[3] = { 0 };
	time_t beat = 0;
	sigset_t set, term;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);        /* of the others */
	signal(SIGTERM, on_term);
	sem = semget(IPC_PRIVATE, 3, 0600);
	CHECK(sem >= 0 && operate(0, 1) == 0, "semget");
	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, SIGRTMIN + 1 + i);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 3; i++) {
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + 1 + i);
		fds[i] = signalfd(-1, &set, i ? SFD_NONBLOCK : 0);
		CHECK(fds[i] >= 0, "signalfd");
	}
	sets[0] = epoll_create1(0);
	epoll_ctl(sets[0], EPOLL_CTL_ADD, fds[2], &(struct epoll_event){ .events = EPOLLIN | EPOLLET });
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, ping_pong, (void *)(intptr_t)i);
	pthread_create(&threads[2], NULL, share, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[3 + i], NULL, listen_to, (void *)(intptr_t)i);
	pthread_sigmask(SIG_UNBLOCK, &term, NULL);
	for (; !asked && !atomic_load(&wrong); value++) {
		for (int to = 0; to < 3; to++)
			send(to, value);
		wait_read(value);
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		if (time(NULL) != beat) {
			beat = time(NULL);
			for (int i = 0; i < 3; i++) {
				CHECK(value == 0 || atomic_load(&turns[i]) != last[i], "thread %d stands still", i);
				last[i] = atomic_load(&turns[i]);
			}
			printf("beat %u\n", value);
		}
	}
	atomic_store(&stop, true);
	for (int to = 0; to < 3; to++)
		send(to, value);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	printf("%s\n", atomic_load(&wrong) ? "wrong" : "intact");
	return atomic_load(&wrong) != 0;
}
