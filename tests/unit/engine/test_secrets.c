/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys are destroyed on every way out. While a session runs, the test notes what must not outlive it (the session's
 * secret and the key schedules of all streams, of each epoch, masked so that the notes are no finding); when it is over
 * on both sides, the whole writable memory of the process is searched: heap, stacks of all threads, both enclaves.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <dlfcn.h>
#include "errors.h"
#include "engine/state.h"
#include "tests/unit/engine/pair.h"

#define MASK      UINT64_C(0x5a3c96e10f7b24d8)
#define NOTES_MAX 400
#define WORDS     2                     /* 16 bytes are enough to be no accident */

static struct note { uint64_t masked[WORDS]; char what[40]; } notes[NOTES_MAX];
static unsigned note_count;
static enum end { WHOLE, CANCEL, ABORT, GARBAGE, RESUMED, FORGOTTEN, ENDS } end;
static const char *const end_names[ENDS] = { "moved", "cancelled", "given up", "bad frame", "link lost and resumed", "last word lost" };

static void note(const void *secret, const char *side, const char *what, unsigned number)
{
	struct note *n = &notes[note_count];

	for (unsigned w = 0; w < WORDS; w++)
		memcpy(&n->masked[w], (const uint8_t *)secret + 8 * w, 8);
	if (n->masked[0] == 0 || note_count == NOTES_MAX)
		return;
	for (unsigned w = 0; w < WORDS; w++)
		n->masked[w] ^= MASK;
	for (unsigned i = 0; i < note_count; i++)
		if (memcmp(notes[i].masked, n->masked, sizeof n->masked) == 0)
			return;
	snprintf(n->what, sizeof n->what, "%s %s %u", side, what, number);
	note_count++;
}

static void note_all(struct pair *p)
{
	for (int s = 0; s < 2; s++) {
		const struct engine *m = dlsym(p->side[s].object, "engine");
		const char *side = s ? "destination's" : "source's";

		CHECK(m != NULL);
		if (m->link != MIG_LINK_GONE && m->link != MIG_LINK_NEW)
			note(&m->secret, side, "secret", 0);
		for (unsigned i = 0; i < OM_CONNECTION_PAGES + 2 && (m->link == MIG_LINK_UP || m->link == MIG_LINK_ANSWERING || m->link == MIG_LINK_CLOSING); i++) {
			note(&m->conn[i].in.key, side, "key in", i);
			note(&m->conn[i].out.key, side, "key out", i);
		}
	}
}

static int watch(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	const struct engine *source = dlsym(p->side[SOURCE].object, "engine");

	(void)size;
	note_all(p);
	if (end == FORGOTTEN && from == SOURCE && connection == 0 && source->source == MIG_SOURCE_DONE)
		return 0;
	if (p->frames != p->arg || connection == OM_CONNECTION_URGENT)
		return 1;
	if (end == CANCEL)
		(void)side_call(&p->side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0);
	if (end == ABORT)
		(void)side_call(&p->side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_ABORT, 0, NULL, 0);
	if (end == GARBAGE)
		frame[OM_FRAME_HEADER] ^= 1;
	if (end == RESUMED)
		pair_lose_link(p);
	return end != RESUMED;
}

/* Return: how many of the notes were found in [from, to). Reads whole words at every offset. */
static unsigned search(const uint8_t *from, const uint8_t *to)
{
	static bool begins[65536];      /* by the first two bytes, in the order of memory */
	unsigned found = 0;

	memset(begins, 0, sizeof begins);
	for (unsigned i = 0; i < note_count; i++)
		begins[(notes[i].masked[0] ^ MASK) & 0xffff] = true;
	for (const uint8_t *at = from; to - at >= 8 * WORDS; at++) {
		uint64_t first;

		memcpy(&first, at, 8);
		if (!begins[first & 0xffff])
			continue;
		for (unsigned i = 0; i < note_count; i++) {
			uint64_t second;

			if ((first ^ MASK) != notes[i].masked[0])
				continue;
			memcpy(&second, at + 8, 8);
			if ((second ^ MASK) != notes[i].masked[1])
				continue;
			fprintf(stderr, "%s: %s is left at %p\n", end_names[end], notes[i].what, (const void *)at);
			found++;
		}
	}
	return found;
}

/* Only pages that were ever touched: the rest cannot hold anything. */
static unsigned search_mapping(int pagemap, uint64_t from, uint64_t to)
{
	unsigned found = 0;
	uint64_t run = 0;

	for (uint64_t at = from; at < to; at += 4096) {
		uint64_t entry = 0;
		bool present = pread(pagemap, &entry, 8, (off_t)(at / 4096 * 8)) != 8 || entry >> 62;

		if (present && !run)
			run = at;
		if (run && (!present || at + 4096 == to)) {
			found += search((const uint8_t *)run, (const uint8_t *)(present ? to : at));
			run = 0;
		}
	}
	return found;
}

static unsigned search_process(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned found = 0;
	char line[512];

	CHECK(maps && pagemap >= 0);
	while (fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		char rights[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[0] == 'r' && rights[1] == 'w' && !strstr(line, "[v"))
			found += search_mapping(pagemap, from, to);
	}
	fclose(maps);
	close(pagemap);
	return found;
}

static void run(enum om_mig_mode mode, uint64_t at)
{
	struct pair p;

	note_count = 0;
	pair_open(&p, mode, 2);
	p.hook = watch;
	p.arg = at;
	pair_run(&p, 2, 200);
	pair_begin(&p);
	if (!pair_pump(&p, 150) && end == FORGOTTEN) {
		pair_lose_link(&p);
		(void)side_call(&p.side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_FORGET, 0, NULL, 0);
	} else if (end == RESUMED) {
		(void)pair_recover(&p);
		(void)pair_pump(&p, 300);
	}
	for (int s = 0; s < 2; s++)
		CHECK(side_status(&p.side[s]).flags & OM_MIG_F_OVER);
	CHECK(note_count >= 9);         /* both sides have the same */
	CHECK(search_process() == 0);
	printf("%s, mode %d: none of %u keys and secrets is left\n", end_names[end], mode, note_count);
	pair_close(&p);
}

int main(void)
{
	struct pair p;

	/* The search finds what is there: in the middle of a session. */
	pair_open(&p, OM_MODE_PRECOPY, 2);
	p.hook = watch;
	end = WHOLE;
	pair_run(&p, 1, 100);
	pair_begin(&p);
	while (p.frames < 12)
		(void)pair_step(&p);
	note_all(&p);
	fprintf(stderr, "expected:\n");
	CHECK(search_process() >= 2);
	p.params.mode = OM_MODE_PRECOPY;
	(void)pair_pump(&p, 300);
	pair_close(&p);
	for (end = WHOLE; end < ENDS; end++) {
		run(OM_MODE_PRECOPY, end == RESUMED ? 9 : 14);   /* in its rounds: whose link is lost in the stop runs on here */
		run(OM_MODE_POSTCOPY, end == CANCEL || end == ABORT || end == GARBAGE ? 9 : 16);
	}
	return 0;
}
