/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that was given back and is there again: by mmap it is zero and has the protection that was asked for, guard pages among it;
 * by malloc it is nobody else's, whatever was cut, merged, grown or shrunk before; and what malloc keeps does not stand in the way of a
 * mapping for which there would be room.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096u
#define MB   (1u << 20)
#define MUST(x) do { if (!(x)) { printf("line %d: %s\n", __LINE__, #x); fflush(stdout); _Exit(1); } } while (0)

static _Thread_local sigjmp_buf back;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static int faults(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 1;
	*p = 7;
	return 0;
}

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static int all(const char *p, int value, size_t size)
{
	return p[0] == (char)value && !memcmp(p, p + 1, size - 1);
}

static char *map(size_t size, int protection)
{
	char *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

/* Pages that the runtime will give to whoever comes next. */
static void leave(size_t size)
{
	char *p = map(size, PROT_READ | PROT_WRITE);

	memset(p, 0x5a, size);
	MUST(munmap(p, size) == 0);
}

static void mappings(void)
{
	uint64_t state = 1;
	char *at[16] = { 0 };
	size_t size[16];

	for (int i = 0; i < 400; i++) {
		unsigned k = next(&state) % 16;

		if (at[k])
			MUST(all(at[k], (int)k + 1, size[k]) && munmap(at[k], size[k]) == 0);
		size[k] = (1 + next(&state) % (i % 50 ? 60 : 1500)) * PAGE;
		at[k] = map(size[k], PROT_READ | PROT_WRITE);
		MUST(all(at[k], 0, size[k]));
		memset(at[k], (int)k + 1, size[k]);
	}
	for (unsigned k = 0; k < 16; k++)
		MUST(!at[k] || munmap(at[k], size[k]) == 0);
}

static void protections(void)
{
	for (size_t size = PAGE; size <= 3 * MB; size *= 8) {
		char *p;

		leave(size);
		p = map(size, PROT_NONE);
		MUST(faults(p) && faults(p + size / 2) && faults(p + size - 1));
		MUST(mprotect(p, size, PROT_READ | PROT_WRITE) == 0 && all(p, 0, size) && !faults(p));
		MUST(munmap(p, size) == 0);
		leave(size);
		p = map(size, PROT_READ);
		MUST(all(p, 0, size) && faults(p) && faults(p + size - 1));
		MUST(munmap(p, size) == 0);
		/* Read-only when it is given back. */
		p = map(size, PROT_READ | PROT_WRITE);
		memset(p, 3, size);
		MUST(mprotect(p, size, PROT_READ) == 0 && munmap(p, size) == 0);
		p = map(size, PROT_READ | PROT_WRITE);
		MUST(all(p, 0, size) && !faults(p + size - 1) && munmap(p, size) == 0);
	}
}

static void *guarded(void *unused)
{
	pthread_attr_t attr;
	size_t stack, guard;
	void *at;

	MUST(pthread_getattr_np(pthread_self(), &attr) == 0);
	MUST(pthread_attr_getstack(&attr, &at, &stack) == 0 && pthread_attr_getguardsize(&attr, &guard) == 0 && guard >= PAGE);
	for (size_t i = 1; i <= guard; i += PAGE)
		MUST(faults((char *)at - i));
	MUST(!faults((char *)at));
	return unused;
}

static void guards(void)
{
	for (int i = 0; i < 40; i++) {
		pthread_t thread;

		leave((size_t)(i % 8 ? 300 : 40 * i + 40) * PAGE);
		MUST(pthread_create(&thread, NULL, guarded, NULL) == 0 && pthread_join(thread, NULL) == 0);
	}
}

struct block { char *at; size_t size; };

static void fill(struct block *b, unsigned tag)
{
	memset(b->at, (int)tag, b->size);
}

static size_t large(uint64_t *state)
{
	return 100000 + next(state) % (next(state) % 16 ? 500000 : 5000000);
}

static void resize(struct block *b, unsigned tag, size_t size)
{
	size_t same = size < b->size ? size : b->size;

	MUST((b->at = realloc(b->at, size)) && all(b->at, (int)tag, same));
	b->size = size;
	fill(b, tag);
}

static void get(struct block *b, uint64_t *state)
{
	size_t align = 16;

	b->size = large(state);
	switch (next(state) % 4) {
	case 0:
		MUST((b->at = calloc(1, b->size)) && all(b->at, 0, b->size));
		break;
	case 1:
		align <<= next(state) % 17;
		MUST(posix_memalign((void **)&b->at, align, b->size) == 0 && (uintptr_t)b->at % align == 0);
		break;
	default:
		MUST((b->at = malloc(b->size)));
	}
}

static void *blocks(void *argument)
{
	struct block held[12] = { 0 };
	uint64_t state = (uintptr_t)argument;

	for (int i = 0; i < 120; i++) {
		unsigned k = next(&state) % 12, tag = k * 16 + (unsigned)(uintptr_t)argument;

		if (!held[k].at) {
			get(&held[k], &state);
			fill(&held[k], tag);
		} else if (next(&state) % 3 == 0) {
			resize(&held[k], tag, next(&state) % 8 ? large(&state) : 1 + next(&state) % 2000);
		} else {
			MUST(all(held[k].at, (int)tag, held[k].size));
			free(held[k].at);
			held[k].at = NULL;
		}
	}
	for (unsigned k = 0; k < 12; k++)
		free(held[k].at);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[3];

	for (uintptr_t i = 0; i < 3; i++)
		MUST(pthread_create(&thread[i], NULL, blocks, (void *)(i + 1)) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

/* By steps of a page: copied now and then, not each time. Neighbours keep it from growing where it is. */
static void grow(void)
{
	struct block b = { malloc(200000), 200000 };
	char *in_the_way;
	unsigned moves = 0;

	fill(&b, 9);
	for (int i = 0; i < 300; i++) {
		char *before = b.at;

		in_the_way = mmap(b.at + (b.size + 2 * PAGE) / PAGE * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		MUST((b.at = realloc(b.at, b.size + PAGE)) && (b.at == before || all(b.at, 9, b.size)));
		memset(b.at + b.size, 9, PAGE);
		b.size += PAGE;
		moves += b.at != before;
		munmap(in_the_way, PAGE);
	}
	MUST(moves < 40);
	free(b.at);
}

/* 60 MB in use, 30 kept, 100 allowed: a mapping of 30 finds room. */
static void room(void)
{
	struct rlimit limit = { 100 * MB, 100 * MB };
	char *volatile large, *volatile kept, *volatile p;

	MUST(setrlimit(RLIMIT_DATA, &limit) == 0);
	MUST((large = malloc(60 * MB)) && (kept = malloc(30 * MB)));
	memset(kept, 1, 30 * MB);
	free(kept);
	p = mmap(NULL, 30 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED && all(p, 0, 30 * MB) && munmap(p, 30 * MB) == 0);
	MUST((kept = malloc(30 * MB)) && !(p = malloc(30 * MB)));
	free(kept);
	free(large);
}

/* Last: what has happened to a lock by then is of no interest. */
static void twice(void)
{
	char *volatile p = malloc(300000), *volatile q = malloc(300000);

	if (sigsetjmp(back, 1)) {
		printf("reuse: done\n");
		fflush(stdout);
		_Exit(0);
	}
	free(p);
	free(q);
	free(p);
	MUST(!"a block could be freed twice");
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	mappings();
	protections();
	guards();
	threads();
	grow();
	room();
	twice();
	return 1;
}
