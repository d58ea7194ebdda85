/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of pages: what walks by stripes see is what was added and not removed; and a page that one thread adds while another tidies
 * the set is found in any case.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/state.h"
#include "tests/unit/engine/fake.h"

enum { PAGES = FAKE_PAGES, STRIPES = PAGES / 512, ROUNDS = 3000 };

struct engine engine;
static struct engine_set set;
static bool want[PAGES];
static _Atomic unsigned round_begun, added;

#define EXPECT(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		exit(1); \
	} \
} while (0)

static void compare(void)
{
	uint64_t stripe = 0, at = 0;

	for (; (stripe = engine_set_next(&set, stripe, engine_stripes_end())) < engine_stripes_end(); stripe++, at = stripe * 512)
		for (; at < stripe * 512; at++)
			EXPECT(!want[at]);
	for (; at < PAGES; at++)
		EXPECT(!want[at]);
	for (uint64_t page = 0; page < PAGES; page++)
		EXPECT(engine_set_has(&set, page) == want[page]);
}

static void one_thread(void)
{
	srand(1);
	for (int i = 0; i < 3000; i++) {
		uint64_t page = (uint64_t)rand() % PAGES;

		switch (rand() % 8) {
		case 0:
			engine_set_tidy(&set);
			for (uint64_t s = 0; s < STRIPES; s++) {
				bool any = false;

				for (uint64_t p = s * 512; p < (s + 1) * 512; p++)
					any |= want[p];
				EXPECT((engine_set_next(&set, s, s + 1) == s) == any);
			}
			break;
		case 1:
			if (rand() % 50 == 0) {
				engine_set_clear(&set);
				memset(want, 0, sizeof want);
			}
			break;
		case 2: case 3: case 4:
			EXPECT(engine_set_remove(&set, page) == want[page]);
			want[page] = false;
			break;
		case 5:
			engine_set_add_bits(&set, page / 64, 0x8001);
			want[page / 64 * 64] = want[page / 64 * 64 + 15] = true;
			break;
		default:
			engine_set_add(&set, page);
			want[page] = true;
		}
		if (i % 100 == 0)
			compare();
	}
	engine_set_clear(&set);
	memset(want, 0, sizeof want);
	compare();
}

static void *adder(void *none)
{
	(void)none;
	for (unsigned i = 1; i <= ROUNDS; i++) {
		while (atomic_load(&round_begun) < i)
			sched_yield();
		for (unsigned j = 0; j < i % 7; j++)
			__builtin_ia32_pause();
		engine_set_add(&set, i % PAGES);
		atomic_store(&added, i);
	}
	return NULL;
}

static void two_threads(void)
{
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, adder, NULL) == 0);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t page = i % PAGES, stripe = page / 512;

		/* The stripe's bit is there, of a page that has gone: there is something to forget. */
		engine_set_add(&set, page ^ 1);
		EXPECT(engine_set_remove(&set, page ^ 1));
		atomic_store(&round_begun, i);
		engine_set_tidy(&set);
		while (atomic_load(&added) < i)
			sched_yield();
		EXPECT(engine_set_next(&set, stripe, stripe + 1) == stripe);
		EXPECT(engine_set_remove(&set, page));
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	engine.facts.tracked_limit = PAGES;
	one_thread();
	two_threads();
	return 0;
}
