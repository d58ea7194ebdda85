/* SPDX-License-Identifier: Apache-2.0 */
/* Newer calls: openat2, membarrier, flags of preadv2 and pwritev2, splice, tee, vmsplice, and mutexes that know who has them (PI). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *name(long n)
{
	static const struct { int number; const char *name; } names[] = { { EINVAL, "EINVAL" }, { ENOENT, "ENOENT" }, { EAGAIN, "EAGAIN" }, { EBADF, "EBADF" },
		{ ESPIPE, "ESPIPE" }, { E2BIG, "E2BIG" }, { EOPNOTSUPP, "EOPNOTSUPP" }, { EFAULT, "EFAULT" }, { EPIPE, "EPIPE" }, { EDEADLK, "EDEADLK" }, { EPERM, "EPERM" } };

	for (size_t i = 0; n < 0 && i < sizeof names / sizeof *names; i++)
		if (errno == names[i].number)
			return names[i].name;
	return n < 0 ? "another error" : "ok";
}

struct how { uint64_t flags, mode, resolve, more; };

static long openat2_(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, uint64_t more, size_t size)
{
	struct how how = { flags, mode, resolve, more };

	return syscall(SYS_openat2, AT_FDCWD, path, &how, size);
}

static void opening(const char *path)
{
	int fd = (int)openat2_(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600, 0, 0, 24);

	printf("openat2 %s %d", name(fd), fcntl(fd, F_GETFD));
	close(fd);
	printf(" larger %s", name(fd = (int)openat2_(path, O_RDONLY, 0, 0, 0, 32)));
	close(fd);
	printf(" unknown %s", name(openat2_(path, O_RDONLY, 0, 0, 1, 32)));
	printf(" small %s", name(openat2_(path, O_RDONLY, 0, 0, 0, 16)));
	printf(" mode %s", name(openat2_(path, O_RDONLY, 0600, 0, 0, 24)));
	printf(" flags %s", name(openat2_(path, 1ULL << 40, 0, 0, 0, 24)));
	printf(" resolve %s", name(openat2_(path, O_RDONLY, 0, 1 << 20, 0, 24)));
	printf(" none %s\n", name(openat2_("/nothing/there", O_RDONLY, 0, 0, 0, 24)));
}

/* musl 1.2.3 has no functions for these. */
static long preadv2_(int fd, const struct iovec *iov, int count, long offset, int flags)
{
	return syscall(SYS_preadv2, fd, iov, count, offset, 0, flags);
}

static long pwritev2_(int fd, const struct iovec *iov, int count, long offset, int flags)
{
	return syscall(SYS_pwritev2, fd, iov, count, offset, 0, flags);
}

enum { HIPRI = 1, DSYNC = 2, SYNC = 4 };

static void vectors(const char *path)
{
	char a[4] = "", b[4] = "";
	struct iovec out[2] = { { "abc", 3 }, { "def", 3 } }, in[2] = { { a, 3 }, { b, 3 } };
	int fd = open(path, O_RDWR | O_TRUNC), p[2];

	printf("pwritev2 %ld", pwritev2_(fd, out, 2, 0, DSYNC));
	printf(" %ld", pwritev2_(fd, out, 1, -1, SYNC | HIPRI));
	printf(" preadv2 %ld", preadv2_(fd, in, 2, 0, HIPRI));
	printf(" %s%s", a, b);
	printf(" %ld %s", preadv2_(fd, in, 1, -1, 0), a);
	printf(" unknown %s %s\n", name(preadv2_(fd, in, 1, 0, 1 << 20)), name(pwritev2_(fd, out, 1, 0, 1 << 20)));
	pipe(p);
	printf("of a pipe: %s\n", name(preadv2_(p[0], in, 1, 0, 0)));
	close(p[0]);
	close(p[1]);
	close(fd);
}

static void splices(const char *path)
{
	char buffer[64] = "";
	int fd = open(path, O_RDWR | O_TRUNC), a[2], b[2], pair[2];
	struct iovec iov = { "from memory", 11 };
	loff_t at = 2;

	pipe(a);
	pipe2(b, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	write(fd, "0123456789", 10);
	printf("splice %ld", (long)splice(fd, &at, a[1], NULL, 5, 0));
	printf(" at %d", (int)at);
	printf(" tee %ld", (long)tee(a[0], b[1], 4, 0));
	printf(" read %ld", (long)read(a[0], buffer, 64));
	printf(" %s", buffer);
	memset(buffer, 0, sizeof buffer);
	printf(" to a socket %ld", (long)splice(b[0], NULL, pair[0], NULL, 10, 0));
	printf(" %ld %s\n", (long)read(pair[1], buffer, 64), buffer);
	lseek(fd, 8, SEEK_SET);
	printf("from its own place %ld, now %d", (long)splice(fd, NULL, a[1], NULL, 100, SPLICE_F_MOVE | SPLICE_F_MORE), (int)lseek(fd, 0, SEEK_CUR));
	at = 1;
	printf(", into a file %ld, now %d", (long)splice(a[0], NULL, fd, &at, 100, 0), (int)at);
	memset(buffer, 0, sizeof buffer);
	pread(fd, buffer, 20, 0);
	printf(" %s\n", buffer);
	printf("vmsplice %ld", (long)vmsplice(a[1], &iov, 1, 0));
	memset(buffer, 0, sizeof buffer);
	iov = (struct iovec){ buffer, 20 };
	printf(" %ld %s", (long)vmsplice(a[0], &iov, 1, 0), buffer);
	printf(" empty %s %s", name(vmsplice(a[0], &iov, 1, SPLICE_F_NONBLOCK)), name(splice(a[0], NULL, pair[0], NULL, 10, SPLICE_F_NONBLOCK)));
	printf(" %s", name(tee(b[0], a[1], 10, 0)));
	printf(" nonblocking %s\n", name(splice(b[0], NULL, pair[0], NULL, 10, 0)));
	printf("errors: no pipe %s", name(splice(fd, NULL, pair[0], NULL, 1, 0)));
	printf(" offset of a pipe %s", name(splice(a[0], &at, pair[0], NULL, 1, 0)));
	printf(" flags %s", name(splice(fd, NULL, a[1], NULL, 1, 64)));
	printf(" ends %s", name(splice(fd, NULL, a[0], NULL, 1, 0)));
	printf(" tee %s", name(tee(fd, a[1], 1, 0)));
	printf(" none %ld", (long)splice(fd, NULL, a[1], NULL, 0, 0));
	close(pair[1]);
	signal(SIGPIPE, SIG_IGN);
	write(a[1], "x", 1);
	printf(" broken %s\n", name(splice(a[0], NULL, pair[0], NULL, 1, 0)));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close(pair[0]);
	close(fd);
}

/* ---- barriers ---------------------------------------------------------------------------------------------------------- */

/* Dekker's: one side has a barrier of the other's. At least one of the two sees the other's store. */
static int x, y, seen_x;
static _Atomic int turn, done, stop;

static void *other_side(void *arg)
{
	(void)arg;
	for (int i = 1; !stop; i++) {
		while (turn != i && !stop)
			;
		*(volatile int *)&y = 1;
		__asm__ volatile ("" : : : "memory");
		seen_x = *(volatile int *)&x;
		done = i;
	}
	return NULL;
}

static void barriers(void)
{
	long known = syscall(SYS_membarrier, 0, 0, 0);
	pthread_t thread;
	int both_missed = 0;

	printf("membarrier knows its own: %d, flags %s, command %s\n", (known & 0x19) == 0x19, name(syscall(SYS_membarrier, 0, 5, 0)), name(syscall(SYS_membarrier, 1 << 25, 0, 0)));
	printf("register %s, all %s\n", name(syscall(SYS_membarrier, 0x10, 0, 0)), name(syscall(SYS_membarrier, 1, 0, 0)));
	pthread_create(&thread, NULL, other_side, NULL);
	for (int i = 1; i <= 300; i++) {
		int seen_y;

		x = y = 0;
		turn = i;
		*(volatile int *)&x = 1;
		syscall(SYS_membarrier, 8, 0, 0);
		seen_y = *(volatile int *)&y;
		while (done != i)
			;
		both_missed += !seen_y && !seen_x;
	}
	stop = 1;
	pthread_join(thread, NULL);
	printf("both missed %d\n", both_missed);
}

/* ---- mutexes ------------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex;
static long counter;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *try_it(void *arg)
{
	struct timespec until;

	(void)arg;
	printf("held: %d", pthread_mutex_trylock(&mutex) == EBUSY);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 30000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	printf(" too long: %d", pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT);
	printf(" another's: %d\n", pthread_mutex_unlock(&mutex) == EPERM);
	return NULL;
}

static void *die_with_it(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	return NULL;
}

static void mutexes(void)
{
	pthread_mutexattr_t attr;
	pthread_t threads[4];
	int r, word = 0;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	printf("protocol %d\n", pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	pthread_mutex_init(&mutex, &attr);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("counted %ld\n", counter);
	pthread_mutex_lock(&mutex);
	printf("again: %d\n", pthread_mutex_lock(&mutex) == EDEADLK);
	pthread_create(&threads[0], NULL, try_it, NULL);
	pthread_join(threads[0], NULL);
	pthread_mutex_unlock(&mutex);
	pthread_mutex_destroy(&mutex);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attr);
	pthread_create(&threads[0], NULL, die_with_it, NULL);
	pthread_join(threads[0], NULL);
	r = pthread_mutex_lock(&mutex);
	printf("its owner died: %d, consistent %d, unlock %d\n", r == EOWNERDEAD, pthread_mutex_consistent(&mutex), pthread_mutex_unlock(&mutex));
	/* The calls themselves: 6 lock, 7 unlock, 8 try. */
	printf("lock %s", name(syscall(SYS_futex, &word, 6, 0, NULL)));
	printf(" mine %d", word == (int)syscall(SYS_gettid));
	printf(" again %s %s", name(syscall(SYS_futex, &word, 6, 0, NULL)), name(syscall(SYS_futex, &word, 8, 0, NULL)));
	printf(" unlock %s %d", name(syscall(SYS_futex, &word, 7, 0, NULL)), word);
	printf(" not mine %s\n", name(syscall(SYS_futex, &word, 7, 0, NULL)));
}

int main(void)
{
	char path[] = "/tmp/newer.XXXXXX";

	setvbuf(stdout, NULL, _IOLBF, 0);
	close(mkstemp(path));
	opening(path);
	vectors(path);
	splices(path);
	unlink(path);
	barriers();
	mutexes();
	printf("done\n");
	return 0;
}
