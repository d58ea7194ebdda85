/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds of the operations servers do most: one JSON line. Plain C: built natively and with optmig-cc alike. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static sem_t ping, pong;
static int rounds = 20000;

static void *partner(void *argument)
{
	for (int i = 0; i < rounds; i++) {
		sem_wait(&ping);
		sem_post(&pong);
	}
	return argument;
}

static void *nothing(void *argument) { return argument; }

#define MEASURE(name, count, statement) do { \
	double best_ = 1e18; \
	for (int repeat_ = 0; repeat_ < 5; repeat_++) { \
		double start_ = now_ns(); \
		for (int i = 0; i < (count); i++) { statement; } \
		double each_ = (now_ns() - start_) / (count); \
		best_ = each_ < best_ ? each_ : best_; \
	} \
	printf("%s\"%s\": %.1f", separator, name, best_); \
	separator = ", "; \
} while (0)

int main(void)
{
	const char *separator = "{";
	char name[] = "/tmp/optmig-bench.XXXXXX";
	int zero = open("/dev/zero", O_RDONLY), file = mkstemp(name), fds[2];
	pthread_mutexattr_t attributes;
	pthread_mutex_t mutex;
	static char buffer[65536];
	struct timespec t;
	pthread_t thread;
	if (pipe(fds) != 0 || file < 0 || unlink(name) != 0 || write(file, buffer, 4096) != 4096)
		return 1;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&mutex, &attributes);
	MEASURE("getppid", 200000, (void)getppid());
	MEASURE("clock_gettime", 200000, clock_gettime(CLOCK_MONOTONIC, &t));
	MEASURE("read 1 byte of /dev/zero", 100000, if (read(zero, buffer, 1) != 1) abort());
	MEASURE("seek and read 64 B of a file", 50000, if (lseek(file, i & 1023, SEEK_SET) != (i & 1023) || read(file, buffer, 64) != 64) abort());
	MEASURE("pipe write+read 1 byte", 50000, if (write(fds[1], buffer, 1) != 1 || read(fds[0], buffer, 1) != 1) abort());
	MEASURE("pipe write+read 4 KiB", 50000, if (write(fds[1], buffer, 4096) != 4096 || read(fds[0], buffer, 4096) != 4096) abort());
	MEASURE("mmap+touch+munmap 64 KiB", 2000, {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int k = 0; k < 65536; k += 4096)
			p[k] = 1;
		munmap(p, 65536);
	});
	MEASURE("malloc+free 100 B", 200000, { char *volatile p = malloc(100); free(p); });
	MEASURE("recursive mutex lock+unlock", 200000, { pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex); });
	MEASURE("thread create+join", 500, { pthread_create(&thread, NULL, nothing, NULL); pthread_join(thread, NULL); });
	sem_init(&ping, 0, 0);
	sem_init(&pong, 0, 0);
	pthread_create(&thread, NULL, partner, NULL);
	double start = now_ns();
	for (int i = 0; i < rounds; i++) {
		sem_post(&ping);
		sem_wait(&pong);
	}
	printf(", \"futex ping-pong\": %.1f}\n", (now_ns() - start) / rounds);
	pthread_join(thread, NULL);
	return 0;
}
