/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No nonce is used twice with a key. Everything that either enclave encrypts in a session is noted as (key, nonce), over
 * connections that are lost at every kind of moment, once and again while they are being resumed, noticed by one side
 * first, with a host that asks for frames while there is no link, and a network that plays old frames to the new
 * connections. It is the first use of each pair, whatever became of the frame.
 *
 * MIG_NONCE_STRIDE=1 loses the link at every frame; the default at every seventeenth, another offset for each way and mode.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "errors.h"
#include "engine/state.h"
#include "tests/unit/engine/pair.h"

enum { SLOTS = 1 << 17, KEPT = 64, LAST_FRAME = 220, IDLE_MS = 40 };
enum way { ONCE, AGAIN, SOURCE_FIRST, DESTINATION_FIRST, REPLAYED, WAYS };
static const char *const way_names[WAYS] = { "once", "again while it is resumed", "by the source first",
	"by the destination first", "with old frames played again" };

struct use { uint8_t key[32], nonce[12]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct use uses[SLOTS];
static bool used[SLOTS];
static unsigned use_count, key_count, repeated;
static unsigned lost_in[MIG_SOURCE_STATE_COUNT];
static enum way way;
static unsigned losses, unsettled;
static uint64_t next_loss;

/* Frames of the control connection as they were, for each side that sent them. */
static struct { uint8_t bytes[512]; size_t size; } kept[2][KEPT];
static unsigned kept_count[2];

static uint64_t slot_of(const void *bytes, size_t size)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		h = (h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return (h ^ h >> 29) % SLOTS;
}

/* Is it new? Then it is noted. */
static bool take(const struct use *u)
{
	uint64_t at = slot_of(u, sizeof *u);

	while (used[at]) {
		if (memcmp(&uses[at], u, sizeof *u) == 0)
			return false;
		at = (at + 1) % SLOTS;
	}
	used[at] = true;
	uses[at] = *u;
	return true;
}

/* Called by any thread of either enclave. */
static void sealing(const uint8_t key[32], const uint8_t nonce[12])
{
	static const uint8_t first[12];
	struct use u;

	memcpy(u.key, key, sizeof u.key);
	memcpy(u.nonce, nonce, sizeof u.nonce);
	pthread_mutex_lock(&lock);
	if (take(&u))
		use_count++;
	else
		repeated++;
	key_count += memcmp(nonce, first, sizeof first) == 0;
	pthread_mutex_unlock(&lock);
	if (use_count > SLOTS / 2)
		pair_fail(__FILE__, __LINE__, "the table is too small");
}

static void forget(void)
{
	memset(used, 0, sizeof used);
	use_count = key_count = repeated = 0;
	kept_count[0] = kept_count[1] = 0;
}

static const struct engine *engine_of(const struct pair *p, int s)
{
	const struct engine *m = dlsym(p->side[s].object, "engine");

	if (!m)
		pair_fail(__FILE__, __LINE__, "the engine's state is not to be seen");
	return m;
}

static void replay(struct pair *p)
{
	for (int from = 0; from < 2; from++)
		for (unsigned i = 0; i < kept_count[from]; i++)
			(void)side_call(&p->side[!from], OM_ENGINE_IN, OM_CONNECTION_CONTROL, kept[from][i].size,
				kept[from][i].bytes, kept[from][i].size);
}

/* A host that does not keep to its part: it asks for frames, and to resume, when it should not. */
static void pester(struct pair *p, int s)
{
	for (unsigned c = 0; c < OM_CONNECTION_PAGES + p->params.channels; c++)
		if (c != OM_CONNECTION_URGENT)
			(void)side_call(&p->side[s], OM_ENGINE_OUT, c, OM_FRAME_MAX, NULL, 0);
}

static void lose(struct pair *p)
{
	int first = way == DESTINATION_FIRST ? DESTINATION : SOURCE;

	lost_in[engine_of(p, SOURCE)->source]++;
	if (way == SOURCE_FIRST || way == DESTINATION_FIRST) {
		/* One side resumes, and has its RESUME taken away, twice, before the other hears of the loss. */
		for (int i = 0; i < 2; i++) {
			(void)side_call(&p->side[first], OM_ENGINE_LOST, UINT64_MAX, 0, NULL, 0);
			pester(p, first);
			(void)side_call(&p->side[first], OM_ENGINE_RESUME, 0, 0, NULL, 0);
			pester(p, first);
			(void)side_call(&p->side[first], OM_ENGINE_RESUME, 0, 0, NULL, 0);
			pester(p, first);
		}
	}
	pair_lose_link(p);
	pester(p, SOURCE);
	pester(p, DESTINATION);
	losses++;
}

static int watch(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	if (connection == OM_CONNECTION_URGENT)
		return 1;
	if (connection == OM_CONNECTION_CONTROL && *size <= sizeof kept[0][0].bytes && kept_count[from] < KEPT) {
		memcpy(kept[from][kept_count[from]].bytes, frame, *size);
		kept[from][kept_count[from]++].size = *size;
	}
	if (p->frames < next_loss)
		return 1;
	/* The next one soon after the recovery: while RESUMEs are on their way, or shortly after. */
	next_loss = way == AGAIN && losses < 4 ? p->frames + 1 + (p->arg + losses) % 4 : UINT64_MAX;
	lose(p);
	if (way == REPLAYED)
		replay(p);
	return 0;
}

static void session(enum om_mig_mode mode, uint64_t at)
{
	struct pair p;
	bool over;

	forget();
	losses = 0;
	pair_open(&p, mode, 2);
	p.params.downtime_limit_ns = 2000000;
	p.params.rounds_max = 3;
	p.side[SOURCE].fake->sealing = p.side[DESTINATION].fake->sealing = sealing;
	p.hook = watch;
	p.arg = next_loss = at;
	pair_run(&p, 2, 200);
	pair_begin(&p);
	over = pair_pump(&p, IDLE_MS);
	for (int i = 0; i < 2 && !over && pair_recover(&p); i++) {
		/* Nobody noticed: as the hosts' timeouts would. */
		if (way == REPLAYED && i == 0)
			replay(&p);
		over = pair_pump(&p, IDLE_MS);
	}
	unsettled += !over;
	pester(&p, SOURCE);
	pester(&p, DESTINATION);
	if (repeated)
		fprintf(stderr, "lost %s at frame %lu: %u of %u uses\n", way_names[way], at, repeated, use_count + repeated);
	CHECK(repeated == 0);
	CHECK(pair_runnable(&p) <= 1);
	if (over && !p.side[DESTINATION].fake->stop)
		pair_check_memory(&p, DESTINATION);
	else if (over)
		CHECK(side_runs(&p, SOURCE));
	else
		p.give_up = true;
	pair_close(&p);
}

/* The notes would find it. */
static void finds(void)
{
	const uint8_t key[32] = { 1 }, nonce[12] = { 2 }, other[12] = { 3 };

	forget();
	sealing(key, nonce);
	sealing(key, other);
	CHECK(repeated == 0);
	sealing(key, nonce);
	CHECK(repeated == 1 && use_count == 2);
}

int main(void)
{
	static const enum om_mig_mode modes[] = { OM_MODE_PRECOPY, OM_MODE_HYBRID, OM_MODE_POSTCOPY };
	static const enum mig_source_state phases[] = { MIG_SOURCE_HANDSHAKE, MIG_SOURCE_ATTEST, MIG_SOURCE_ROUNDS,
		MIG_SOURCE_FINAL, MIG_SOURCE_COMMITTED, MIG_SOURCE_POSTCOPY };
	const char *every = getenv("MIG_NONCE_STRIDE");
	uint64_t stride = every ? strtoul(every, NULL, 10) : 17;

	setvbuf(stdout, NULL, _IOLBF, 0);
	finds();
	for (way = 0; way < WAYS; way++) {
		unsigned sessions = 0, uses_in = 0, keys_in = 0;

		unsettled = 0;
		for (unsigned m = 0; m < 3; m++)
			for (uint64_t at = 1 + (m * 6 + way * 3) % stride; at < LAST_FRAME; at += stride) {
				session(modes[m], at);
				sessions++;
				uses_in += use_count;
				keys_in += key_count;
				if (losses == 0)
					break;         /* the session has no more frames */
			}
		printf("lost %s: %u sessions, %u keys, %u uses, none twice; %u not settled\n", way_names[way], sessions, keys_in, uses_in,
			unsettled);
		CHECK(keys_in > sessions && uses_in > keys_in);
	}
	for (unsigned i = 0; i < MIG_SOURCE_STATE_COUNT; i++)
		if (lost_in[i])
			printf("lost in source state %u: %u times\n", i, lost_in[i]);
	for (unsigned i = 0; i < sizeof phases / sizeof phases[0]; i++)
		CHECK(lost_in[phases[i]] > 0);
	return 0;
}
