/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer with the right keys that says nonsense: what one engine is about to encrypt is changed at random, content and
 * header, so that the other's decoders and its import of pages see what no network could make them see. Built with ASan
 * and UBSan. Whatever comes: nothing crashes or is touched outside the enclave's memory, the runtime's rules are kept, and the
 * honest side ends or waits with a reason. (That one instance runs is not asked here: it rests on both sides' being the
 * measured program, and a liar can say START or ABORT when it likes.)
 *
 * SPOILT_SEED and SPOILT_COUNT: where to begin, and how many sessions (default 1 and 100).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "tests/unit/engine/pair.h"

static _Thread_local uint64_t state;
static uint64_t session_seed;
static _Atomic uint64_t frame_count, spoilt_count;
static uint64_t spoil_from, spoil_every;
static bool pages_only;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

static void put_number(uint8_t *at, size_t room)
{
	static const uint64_t numbers[] = { 0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, FAKE_PAGES,
		FAKE_PAGES - 1, FAKE_SLOTS, FAKE_HEAP, FAKE_RESIDENT };
	uint64_t number = numbers[draw(sizeof numbers / sizeof numbers[0])];
	size_t size = (size_t)1 << draw(4);

	memcpy(at, &number, size < room ? size : room);
}

static void spoil(uint8_t *header, size_t header_size, uint8_t *plain, size_t size)
{
	uint64_t number = frame_count++;

	const bool has_runs = header[1] == OM_FRAME_PAGES || header[1] == OM_FRAME_REPLY;
	const size_t runs = has_runs ? (header[20] | (size_t)header[21] << 8) / OM_RUN_SIZE : 0;

	if (number < spoil_from || number % spoil_every || (pages_only && runs == 0))
		return;
	state = (session_seed * UINT64_C(0x9e3779b97f4a7c15) ^ number * UINT64_C(0xbf58476d1ce4e5b9)) | 1;
	(void)draw(2);
	spoilt_count++;
	if (runs && draw(2)) {         /* a run's first page, type, state or count */
		static const uint8_t fields[] = { 0, 0, 5, 6, 8, 8 };
		size_t at = draw(runs) * OM_RUN_SIZE + fields[draw(sizeof fields)];

		if (draw(2))
			plain[at] ^= (uint8_t)(1u << draw(8));
		else
			put_number(plain + at, 4);
		return;
	}
	if (draw(8) == 0) {
		header[draw(header_size)] ^= (uint8_t)(1u << draw(8));
		return;
	}
	for (uint64_t i = 0, times = 1 + draw(3); i < times && size; i++) {
		/* Most of a large frame is content, which may be anything: the interesting part is in front. */
		size_t at = draw(draw(4) && size > 256 ? 256 : size);

		if (draw(2))
			plain[at] ^= (uint8_t)(1u << draw(8));
		else
			put_number(plain + at - at % 4, size - (at - at % 4));
	}
}

/* Return: did the program get over? */
static bool session(uint64_t seed)
{
	static const enum om_mig_mode modes[] = { OM_MODE_PRECOPY, OM_MODE_HYBRID, OM_MODE_POSTCOPY, OM_MODE_STOP };
	struct om_mig_status status[2];
	struct pair p;
	int evil;
	bool over;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	session_seed = seed;
	evil = draw(4) == 0 ? DESTINATION : SOURCE;
	frame_count = 0;
	spoil_from = 1 + draw(draw(2) ? 12 : 80);
	spoil_every = 1 + draw(4);
	pages_only = evil == SOURCE && draw(4);
	pair_open(&p, modes[draw(4)], 2);
	p.params.downtime_limit_ns = 2000000;
	p.params.rounds_max = 2;
	p.arg = seed;
	p.no_recovery = draw(2);
	p.side[evil].fake->spoil = spoil;
	pair_run(&p, 2, 100);
	pair_begin(&p);
	over = pair_pump(&p, 20);
	for (int s = 0; s < 2; s++)
		status[s] = side_status(&p.side[s]);
	/* What pages the program has is the source's to say: a lie about that is the program's to bear, nobody else's. */
	CHECK(!p.side[!evil].fake->broken || strstr(p.side[!evil].fake->broken_words, "the application touched") != NULL);
	CHECK(!over || status[!evil].error == 0 || status[!evil].reason[0]);
	/* A source that was lied to runs on, unless it is committed. */
	CHECK(evil == SOURCE || !(status[SOURCE].state == OM_MIG_FAILED) || !p.side[SOURCE].fake->stop);
	over = !p.side[DESTINATION].fake->stop;
	p.give_up = true;
	pair_close(&p);
	return over;
}

int main(void)
{
	const char *first = getenv("SPOILT_SEED"), *many = getenv("SPOILT_COUNT");
	uint64_t seed = first ? strtoul(first, NULL, 10) : 1, count = many ? strtoul(many, NULL, 10) : 100;
	unsigned over = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t i = 0; i < count; i++)
		over += session(seed + i);
	printf("%lu sessions, %lu frames spoilt, %u programs got over\n", count, (unsigned long)spoilt_count, over);
	CHECK(spoilt_count > count / 2);
	return 0;
}
