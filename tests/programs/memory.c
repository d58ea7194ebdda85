/* SPDX-License-Identifier: Apache-2.0 */
/* mmap torture: random mappings, unmappings, moves, protections and discards against a model that knows what every page
 * must contain; then the corners. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s (errno %d)\n", __LINE__, #c, errno); failures++; } } while (0)
#define PAGE 4096u
#define AREAS 24

struct area { unsigned char *at; size_t pages; unsigned char *stamp; int mixed; };
/* stamp[i]: 0 = zero page. mixed: more than one mapping to Linux, which mremap refuses */

static unsigned long seed = 88172645463325252UL;
static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % n);
}

static void verify(const struct area *a)
{
	for (size_t i = 0; i < a->pages; i++) {
		const unsigned char *p = a->at + i * PAGE;
		CHECK(p[0] == a->stamp[i] && p[PAGE - 1] == a->stamp[i] && p[1000] == a->stamp[i]);
	}
}

static void touch(struct area *a)
{
	for (size_t n = rnd((unsigned)a->pages) + 1; n > 0; n--) {
		size_t i = rnd((unsigned)a->pages);
		a->stamp[i] = (unsigned char)(1 + rnd(255));
		memset(a->at + i * PAGE, a->stamp[i], PAGE);
	}
}

static void resize(struct area *a)
{
	size_t pages = 1 + rnd(200), keep = pages < a->pages ? pages : a->pages;
	unsigned char *stamp = calloc(1, pages), *at = mremap(a->at, a->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);

	CHECK(at != MAP_FAILED);
	memcpy(stamp, a->stamp, keep);
	free(a->stamp);
	*a = (struct area){ at, pages, stamp, 0 };
}

static void discard(struct area *a)
{
	size_t from = rnd((unsigned)a->pages), count = 1 + rnd((unsigned)(a->pages - from));

	CHECK(madvise(a->at + from * PAGE, count * PAGE, MADV_DONTNEED) == 0);
	memset(a->stamp + from, 0, count);
}

static void remap_fixed(struct area *a)
{
	size_t from = rnd((unsigned)a->pages), count = 1 + rnd((unsigned)(a->pages - from));

	CHECK(mmap(a->at + from * PAGE, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		a->at + from * PAGE);
	memset(a->stamp + from, 0, count);
	a->mixed = 1;
}

static void step(struct area *a)
{
	if (!a->at) {
		a->pages = 1 + rnd(300);
		a->at = mmap(NULL, a->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(a->at != MAP_FAILED);
		a->stamp = calloc(1, a->pages);
		a->mixed = 0;
		return;
	}
	verify(a);
	switch (rnd(6)) {
	case 0:
	case 1: touch(a); break;
	case 2:
		if (!a->mixed)
			resize(a);
		break;
	case 3: discard(a); break;
	case 4: remap_fixed(a); break;
	default:
		if (rnd(2)) {
			CHECK(mprotect(a->at, a->pages * PAGE, PROT_READ) == 0);
			verify(a);
			CHECK(mprotect(a->at, a->pages * PAGE, PROT_READ | PROT_WRITE) == 0);
		} else {
			CHECK(munmap(a->at, a->pages * PAGE) == 0);
			free(a->stamp);
			*a = (struct area){ 0 };
		}
	}
}

static void *torture(void *arg)
{
	static struct area areas[4][AREAS];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct area *mine = areas[(long)arg];

	for (int i = 0; i < 3000; i++) {
		unsigned n;
		pthread_mutex_lock(&lock); /* the random numbers */
		n = rnd(AREAS);
		pthread_mutex_unlock(&lock);
		step(&mine[n]);
	}
	for (int i = 0; i < AREAS; i++)
		if (mine[i].at)
			verify(&mine[i]);
	return NULL;
}

static void corners(void)
{
	char *p = mmap(NULL, 1UL << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;
	unsigned char there[4];

	CHECK(p != MAP_FAILED && mprotect(p + 65536, 8192, PROT_READ | PROT_WRITE) == 0);
	p[65536] = 1;
	CHECK(mincore(p + 65536, 8192, there) == 0 && (there[0] & 1));
	CHECK(munmap(p, 1UL << 20) == 0 && munmap(p, 1UL << 20) == 0);
	CHECK(mmap(NULL, 1UL << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(munmap((void *)123, 4096) == -1 && errno == EINVAL);
	CHECK(mprotect(p, 4096, PROT_READ) == -1 && errno == ENOMEM);
	CHECK(madvise(p, 4096, MADV_NORMAL) == 0 || errno == ENOMEM);
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	q = mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(q == MAP_FAILED && errno == EEXIST);
	strcpy(p, "moved");
	q = mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && strcmp(q, "moved") == 0);
	CHECK(msync(q, PAGE, MS_SYNC) == 0 && munmap(q, 16 * PAGE) == 0);
	for (size_t size = 1; size < 64u << 20; size = size * 3 + 1) {
		char *big = calloc(1, size);
		CHECK(big && big[size / 2] == 0 && big[size - 1] == 0);
		big[size - 1] = 1;
		big = realloc(big, size * 2);
		CHECK(big && big[size - 1] == 1);
		free(big);
	}
	printf("corners done\n");
}

static sigjmp_buf refused;

static void on_segv(int signo)
{
	siglongjmp(refused, signo);
}

/* Pages that come into being when they are read, and may not be written then either. */
static void read_only_from_the_start(void)
{
	struct sigaction action = { .sa_handler = on_segv }, before;
	unsigned char *fresh = mmap(NULL, 100 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int stored = 0;

	CHECK(fresh != MAP_FAILED);
	sigaction(SIGSEGV, &action, &before);
	for (volatile size_t i = 0; i < 100; i++) {
		CHECK(*(volatile unsigned char *)(fresh + i * PAGE + 9) == 0);
		if (sigsetjmp(refused, 1) == 0) {
			*(volatile unsigned char *)(fresh + i * PAGE) = 1;
			stored++;
		}
	}
	CHECK(stored == 0);
	sigaction(SIGSEGV, &before, NULL);
	CHECK(mprotect(fresh, 100 * PAGE, PROT_READ | PROT_WRITE) == 0);
	memset(fresh, 3, 100 * PAGE);
	CHECK(fresh[99 * PAGE + 5] == 3);
	munmap(fresh, 100 * PAGE);
}

int main(void)
{
	pthread_t t[4];

	setvbuf(stdout, NULL, _IOLBF, 0);
	corners();
	read_only_from_the_start();
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, torture, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf(failures ? "%d failures\n" : "all memory well\n", failures);
	return failures != 0;
}
