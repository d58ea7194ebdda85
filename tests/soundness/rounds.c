/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle of rounds: while a program runs and a migration copies it round by round, the kernel's write protection (WP_ASYNC,
 * PAGEMAP_SCAN) says which pages were written, and the engine's page sets and cards say which it knows of.
 *
 *          take n          handshake n     copy n                                  take n+1 ...  copy n+1
 *            |-- early: written here --------|---------- late: written here ----------|
 *         cards cleared                 pages copied
 *
 * A store of `late` comes after the copy, so page and card must be known of in the round that follows: taken there, or
 * carded by the time its handshake is done (the store's mark may come after it, but not after its interval). A store of
 * `early` may also be in the round's own copy, if its mark came before the cards were taken:
 *
 *     late  ⊆ taken n+1 ∪ cards at copy n+1          early ⊆ taken n ∪ taken n+1 ∪ cards at copy n+1
 *
 * At the stop the last set takes the place of round n+1. What is owed (since an owing round) is read after the stop and needs no
 * card; at a copy those are the pages that rounds before it made owed.
 *
 * Not looked at with tracker cards: stacks, whose pushes and spills have no marks; their live part is always sent. With tracker
 * faults nothing is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "engine.h"
#include "oracle.h"

/* <linux/fs.h>, for headers older than the kernel. */
struct scan_region { uint64_t start, end, categories; };
struct scan_arg { uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, return_mask; };
#define SCAN            _IOWR('f', 16, struct scan_arg)
#define SCAN_WRITTEN    2u
#define SCAN_PROTECT    1u
#define SCAN_CHECK      2u

enum { ROUNDS_MAX = 64, REGIONS = 4096, STACK_PAGES_MAX = 2048 };

struct rounds {
	struct view *v;
	int pagemap;
	bool begun, copied;                    /* a round was taken; and copied */
	uint8_t *early, *late, *taken, *stack; /* a byte per page */
	uint8_t *now_taken, *now_early, *owed;
};

static struct rounds *all[ROUNDS_MAX];
static uint64_t rounds_seen, rounds_checked, pages_written, by_tracker[3];

/* Of a process that has ended. */
static void drop(struct rounds *r)
{
	close(r->pagemap);
	free(r->early), free(r->late), free(r->taken), free(r->stack), free(r->now_taken), free(r->now_early), free(r->owed);
	view_free(r->v);
	free(r);
}

static struct rounds *rounds_of(int pid, const char *path)
{
	char name[64];
	struct rounds *r;
	int at = ROUNDS_MAX;

	for (int i = 0; i < ROUNDS_MAX; i++)
		if (all[i] && all[i]->v->pid == pid)
			return all[i];
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (all[i] && kill(all[i]->v->pid, 0) && errno == ESRCH) {
			drop(all[i]);
			all[i] = NULL;
		}
		if (!all[i] && at == ROUNDS_MAX)
			at = i;
	}
	if (at == ROUNDS_MAX) {
		fprintf(stderr, "oracle: too many processes\n");
		exit(2);
	}
	r = need(calloc(1, sizeof *r));
	r->v = view_new(pid, "-", path);
	snprintf(name, sizeof name, "/proc/%d/pagemap", pid);
	r->pagemap = open(name, O_RDONLY | O_CLOEXEC);
	if (r->pagemap < 0) {
		fprintf(stderr, "oracle: %s: %s\n", name, strerror(errno));
		exit(2);
	}
	uint8_t **arrays[] = { &r->early, &r->late, &r->taken, &r->stack, &r->now_taken, &r->now_early, &r->owed };
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		*arrays[i] = need(calloc(r->v->pages, 1));
	return all[at] = r;
}

/* Adds the pages written since the last time, and begins again. */
static void scan(struct rounds *r, uint8_t *to)
{
	static struct scan_region regions[REGIONS];
	uint64_t at = OM_ELRANGE_BASE, end = OM_ELRANGE_BASE + r->v->pages * PAGE;

	while (at < end) {
		struct scan_arg arg = { .size = sizeof arg, .flags = SCAN_PROTECT | SCAN_CHECK, .start = at, .end = end,
			.vec = (uintptr_t)regions, .vec_len = REGIONS, .mask = SCAN_WRITTEN, .return_mask = SCAN_WRITTEN };
		int count = ioctl(r->pagemap, SCAN, &arg);

		if (count < 0) {
			fprintf(stderr, "oracle: PAGEMAP_SCAN of process %d: %s\n", r->v->pid, strerror(errno));
			exit(2);
		}
		for (int i = 0; i < count; i++)
			for (uint64_t page = regions[i].start; page < regions[i].end; page += PAGE)
				to[(page - OM_ELRANGE_BASE) / PAGE] = 1;
		at = arg.walk_end;
	}
}

static void read_set(const struct view *v, uint64_t address, uint8_t *to)
{
	uint64_t words[PAGE / 8];

	for (uint64_t page = 0; page < v->pages; page += PAGE * 8) {
		uint64_t count = v->pages - page < PAGE * 8 ? v->pages - page : PAGE * 8;

		read_memory(v, address + page / 8, words, sizeof words);
		for (uint64_t i = 0; i < count; i++)
			to[page + i] = words[i / 64] >> i % 64 & 1;
	}
}

static void note_range(struct rounds *r, uint64_t low, uint64_t high)
{
	for (uint64_t at = low & ~(uint64_t)(PAGE - 1); at < high && at >= OM_ELRANGE_BASE; at += PAGE)
		if ((at - OM_ELRANGE_BASE) / PAGE < r->v->pages)
			r->stack[(at - OM_ELRANGE_BASE) / PAGE] = 1;
}

/* Where a thread's stack ends at the bottom only the page that is not usable tells. */
static uint64_t stack_low(const struct view *v, const struct rt_thread *t)
{
	uint64_t page = (t->stack_top - 1 - OM_ELRANGE_BASE) / PAGE, top = page;

	if (t->stack_low)
		return t->stack_low;
	if (t->stack_top <= OM_ELRANGE_BASE || page >= v->pages)
		return t->stack_top;
	while (page > 0 && top - page < STACK_PAGES_MAX && v->map[page - 1] & RT_PAGE_W)
		page--;
	return page * PAGE + OM_ELRANGE_BASE;
}

/* Once a stack, always a stack: a thread may have ended since. */
static void note_stacks(struct rounds *r)
{
	static struct rt_thread threads[OM_SLOTS_MAX];
	uint32_t count = r->v->header.service_slots + r->v->header.app_threads;

	read_memory(r->v, r->v->threads, threads, count * sizeof *threads);
	for (uint32_t i = 0; i < count; i++) {
		note_range(r, stack_low(r->v, &threads[i]), threads[i].stack_top);
		note_range(r, threads[i].altstack_base, threads[i].altstack_base + threads[i].altstack_size);
	}
}

static void report(const struct rounds *r, uint64_t page, const char *when, const char *point)
{
	const struct view *v = r->v;

	if (missed++ >= REPORT_MAX)
		return;
	fprintf(stderr, "oracle: MISSED, no card in a round: process %d, page 0x%llx, written %s, at %s; state %02x\n", v->pid,
		(unsigned long long)(page * PAGE + OM_ELRANGE_BASE), when, point, v->map[page]);
}

static void check(struct rounds *r, bool stacks, const char *point)
{
	const struct view *v = r->v;

	for (uint64_t page = 0; page < v->pages; page++) {
		bool known;

		if (!r->early[page] && !r->late[page])
			continue;
		if (!is_tracked(v, page) || (!stacks && r->stack[page]))
			continue;
		pages_written++;
		known = r->now_taken[page] || v->cards[page] || r->owed[page];
		if (r->late[page] && !known)
			report(r, page, "after the copy", point);
		else if (r->early[page] && !known && !r->taken[page])
			report(r, page, "before the copy", point);
	}
}

static void forget(struct rounds *r)
{
	memset(r->early, 0, r->v->pages);
	memset(r->late, 0, r->v->pages);
	memset(r->now_early, 0, r->v->pages);
	r->copied = false;
}

/* The sets of this round, compared with what was written since the one before. */
static void compare(struct rounds *r, unsigned tracker, const char *point)
{
	read_tables(r->v);
	note_stacks(r);
	read_set(r->v, r->v->todo, r->now_taken);
	if (r->copied) {
		check(r, tracker == OM_TRACKER_FAULTS, point);
		rounds_checked++;
		by_tracker[tracker % 3]++;
	}
}

void rounds_look(int pid, const char *path, const char *point)
{
	struct rounds *r = rounds_of(pid, path);
	unsigned number = 0, tracker = 0;
	uint8_t *old;

	if (sscanf(point + 5, "%u:%u", &number, &tracker) != 2)
		exit(2);
	if (strncmp(point, "take", 4) == 0) {
		scan(r, r->late);
		if (number == 0)
			forget(r);             /* the first round takes everything */
		r->begun = true;
		rounds_seen++;
		read_tables(r->v);
		note_stacks(r);
	} else if (r->begun && tracker) {
		bool stop = strncmp(point, "stop", 4) == 0;

		scan(r, stop ? r->late : r->now_early);
		read_set(r->v, r->v->owed, r->owed);
		compare(r, tracker, point);
		old = r->early, r->early = r->now_early, r->now_early = old;
		memset(r->now_early, 0, r->v->pages);
		memset(r->late, 0, r->v->pages);
		old = r->taken, r->taken = r->now_taken, r->now_taken = old;
		r->copied = !stop;
		r->begun = !stop;
	}
}

void rounds_summary(bool quiet)
{
	if (!quiet && rounds_seen)
		fprintf(stderr, "oracle: %llu rounds seen, %llu compared (%llu with tracker cards, %llu with faults), %llu written pages in them\n",
			(unsigned long long)rounds_seen, (unsigned long long)rounds_checked, (unsigned long long)by_tracker[OM_TRACKER_CARDS],
			(unsigned long long)by_tracker[OM_TRACKER_FAULTS], (unsigned long long)pages_written);
}
