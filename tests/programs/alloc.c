/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocator torture: threads that come and go allocate, resize, align, exchange and free blocks. Every block carries a
 * pattern derived from its address, so two owners of one byte show; sizes and alignments are what C promises.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 512
#define THREADS 4
#define GENERATIONS 4
#define STEPS 2000

struct held { unsigned char *at; size_t size; unsigned char tag; };
static _Atomic(struct held *) exchange[64];

#define FAIL(...) do { fprintf(stderr, "alloc: " __VA_ARGS__); fputc('\n', stderr); _Exit(1); } while (0)

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static void fill(struct held *h, unsigned char tag)
{
	h->tag = tag;
	memset(h->at, tag, h->size);
}

/* The two ends: there neighbours and the allocator's own words are. (Loops over bytes are slow in verify images.) */
static void expect(const unsigned char *at, size_t size, unsigned char value)
{
	size_t edge = size < 40 ? size : 40;

	for (size_t i = 0; i < edge; i++)
		if (at[i] != value || at[size - 1 - i] != value)
			FAIL("byte %zu from an end of a block of %zu at %p is not %#x", i, size, (const void *)at, value);
}

static void check(const struct held *h)
{
	expect(h->at, h->size, h->tag);
}

static size_t any_size(uint64_t *state)
{
	switch (next(state) % 64) {
	case 0: return next(state) % 300000;        /* beyond the threshold of mappings */
	case 1: case 2: case 3: return next(state) % 9000;
	case 4: case 5: case 6: return 1000 + next(state) % 40;     /* around the largest cached block */
	case 7: return 0;
	default: return next(state) % 400;
	}
}

static void get(struct held *h, uint64_t *state)
{
	size_t size = any_size(state), align = 16;

	switch (next(state) % 8) {
	case 0:
		h->at = calloc(1, size);
		if (h->at)
			expect(h->at, size, 0);
		break;
	case 1:
		align = 16u << next(state) % 9;
		if (posix_memalign((void **)&h->at, align, size))
			h->at = NULL;
		break;
	default:
		h->at = malloc(size);
	}
	if (!h->at || (uintptr_t)h->at % align || malloc_usable_size(h->at) < size)
		FAIL("a block of %zu: %p, usable %zu, alignment %zu", size, (void *)h->at, malloc_usable_size(h->at), align);
	h->size = size;
	fill(h, (unsigned char)next(state));
}

static void put(struct held *h)
{
	check(h);
	free(h->at);
	h->at = NULL;
}

static void resize(struct held *h, uint64_t *state)
{
	size_t size = any_size(state);
	unsigned char *at = realloc(h->at, size);

	if (!at)
		FAIL("realloc");
	h->at = at;
	expect(at, size < h->size ? size : h->size, h->tag);
	h->size = size;
	fill(h, (unsigned char)next(state));
}

/* Leaves a block for another thread, and takes what lies there. */
static void swap(struct held *h, uint64_t *state)
{
	struct held *mine = malloc(sizeof *mine), *other;

	*mine = *h;
	other = atomic_exchange(&exchange[next(state) % 64], mine);
	h->at = NULL;
	if (!other)
		return;
	put(other);
	free(other);
}

static void *work(void *argument)
{
	uint64_t state = (uintptr_t)argument;
	struct held held[SLOTS] = { 0 };

	for (int i = 0; i < STEPS; i++) {
		struct held *h = &held[next(&state) % SLOTS];

		if (!h->at)
			get(h, &state);
		else if (next(&state) % 4 == 0)
			resize(h, &state);
		else if (next(&state) % 4 == 0)
			swap(h, &state);
		else
			put(h);
	}
	for (int i = 0; i < SLOTS; i++)
		if (held[i].at)
			put(&held[i]);
	return NULL;
}

/* What ended threads had cached must come back: blocks for a thousand threads fit into little memory. */
static void *brief(void *argument)
{
	void *block[64];

	for (int i = 0; i < 64; i++)
		block[i] = malloc(1000);
	for (int i = 0; i < 64; i++)
		free(block[i]);
	*(uintptr_t *)argument |= (uintptr_t)block[0] | (uintptr_t)block[63];
	return NULL;
}

static void returned_at_exit(void)
{
	uintptr_t first = 0, all = 0;
	pthread_t thread;

	for (int i = 0; i < 300; i++) {
		if (pthread_create(&thread, NULL, brief, i ? (void *)&all : (void *)&first) || pthread_join(thread, NULL))
			FAIL("thread %d", i);
	}
	/* 300 threads that kept 8 KiB each would have moved the heap on by more than 2 MiB. */
	if ((all ^ first) >> 21)
		FAIL("ended threads keep memory: %#lx after %#lx", (long)all, (long)first);
}

/* Blocks of a little more than a page, between small ones, as a store of such values has them. */
static void little_is_wasted(void)
{
	static void *blocks[2000][2];
	size_t asked = 0, grown;
	char *before = sbrk(0);

	for (size_t i = 0; i < 2000; i++) {
		void *temporary = malloc(24);

		blocks[i][0] = malloc(4110);
		blocks[i][1] = malloc(40);
		free(temporary);
		asked += 4110 + 40;
	}
	grown = (size_t)((char *)sbrk(0) - before);
	if (grown > asked + asked / 8)
		FAIL("the heap grew by %zu bytes for blocks of %zu", grown, asked);
	for (size_t i = 0; i < 2000; i++) {
		free(blocks[i][0]);
		free(blocks[i][1]);
	}
}

int main(void)
{
	void *volatile p;

	little_is_wasted();
	returned_at_exit();
	for (int generation = 0; generation < GENERATIONS; generation++) {
		pthread_t thread[THREADS];

		for (uintptr_t i = 0; i < THREADS; i++)
			if (pthread_create(&thread[i], NULL, work, (void *)(i + 1 + (uintptr_t)generation * THREADS)))
				FAIL("pthread_create");
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
	}
	p = malloc((size_t)-64);
	if (p)
		FAIL("an impossible size");
	p = realloc(malloc(10), (size_t)-1);
	if (p)
		FAIL("an impossible new size");
	p = calloc((size_t)1 << 33, (size_t)1 << 33);
	if (p)
		FAIL("an impossible product");
	free(NULL);
	puts("alloc: ok");
	return 0;
}
