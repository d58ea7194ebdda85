/* SPDX-License-Identifier: Apache-2.0 */
/* See pair.h. The pump is one thread, so that a test can name "the k-th frame"; the application's threads are real. */
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "errors.h"
#include "tests/unit/engine/pair.h"

#define TBUF_SIZE (OM_TBUF_DATA + 320u * 1024u)

struct pair *pair_current;
static struct om_tbuf *urgent_tbuf[2];

_Noreturn void pair_fail(const char *file, int line, const char *words)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, words);
	for (int s = 0; pair_current && s < 2; s++) {
		struct side *side = &pair_current->side[s];
		struct om_mig_status st = side_status(side);

		fprintf(stderr, "  epoch %lu seen %lu %lu quit %d resumed %lu\n", side->fake->epoch, side->fake->epoch_seen[0],
			side->fake->epoch_seen[1], side->fake->quit, side->fake->resumed);
		fprintf(stderr, "  %s: state %u flags %x error %d (%s) last %ld stop %d running %u owed %lu broken '%s'\n",
			s ? "destination" : "source", st.state, st.flags, st.error, st.reason, side->last_error, side->fake->stop,
			side->fake->running, st.postcopy_owed, side->fake->broken_words);
	}
	if (pair_current)
		fprintf(stderr, "  mode %u channels %u after %lu frames, arg %lu\n", pair_current->params.mode,
			pair_current->params.channels, pair_current->frames, pair_current->arg);
	exit(1);
}

static void *symbol(void *object, const char *name)
{
	void *at = dlsym(object, name);

	if (!at) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return at;
}

#if __has_feature(thread_sanitizer)
/* TSan reads names from the files; and what the engine and the program do to the same pages at the same time is what it is about. */
static char copies[64][64];
static unsigned copy_count;
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:write_pages\nrace:rt_mem_copy_out\nrace:side_runs\nrace:write_run\nrace:place\nrace:fake_touch\nrace:rt_mem_wipe\n";
}
static void remove_copies(void)
{
	while (copy_count)
		unlink(copies[--copy_count]);
}
static void remove_copy(const char *name)
{
	if (copy_count == 0)
		atexit(remove_copies);
	if (copy_count < 64)
		snprintf(copies[copy_count++], sizeof *copies, "%s", name);
}
#else
#define remove_copy(name) unlink(name)
#endif

/* dlopen gives the same object for the same file: each enclave gets a copy of its own. */
static void *load_copy(void)
{
	char name[] = "/tmp/mig-enclave-XXXXXX", buffer[65536];
	int to = mkstemp(name);
	FILE *from = fopen(pair_object, "rb");
	void *object;
	size_t n;

	if (to < 0 || !from) {
		fprintf(stderr, "the engine's shared object is missing: run from the repository root\n");
		exit(1);
	}
	while ((n = fread(buffer, 1, sizeof buffer, from)) > 0)
		if (write(to, buffer, n) != (ssize_t)n)
			exit(1);
	fclose(from);
	close(to);
	object = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		fprintf(stderr, "%s\n", dlerror());
	remove_copy(name);
	if (!object)
		exit(1);
	return object;
}

struct om_tbuf *pair_tbuf(void)
{
	struct om_tbuf *tbuf = aligned_alloc(4096, TBUF_SIZE);

	memset(tbuf, 0, TBUF_SIZE);
	return tbuf;
}

static void side_open(struct side *s, bool receive)
{
	struct fake *(*get)(void);

	s->object = load_copy();
	get = symbol(s->object, "fake_get");
	s->boot = symbol(s->object, "fake_boot");
	s->thread = symbol(s->object, "fake_thread");
	s->touch = symbol(s->object, "fake_touch");
	s->safepoint = symbol(s->object, "fake_safepoint");
	s->quit = symbol(s->object, "fake_quit");
	s->map = symbol(s->object, "fake_map");
	s->unmap = symbol(s->object, "fake_unmap");
	s->call = symbol(s->object, "engine_call");
	s->fake = get();
	s->tbuf = pair_tbuf();
	s->boot(receive);
}

static uint64_t get_fs(void)
{
	uint64_t value;

	__asm__ volatile("movq %%fs:32, %0" : "=r"(value));
	return value;
}
static void set_fs(uint64_t value) { __asm__ volatile("movq %0, %%fs:32" : : "r"(value)); }

long side_call_with(struct side *s, struct om_tbuf *tbuf, uint64_t op, uint64_t a, uint64_t b, const void *data, size_t size)
{
	uint64_t before = get_fs();
	long ret;

	if (size)
		memcpy((uint8_t *)tbuf + OM_TBUF_DATA, data, size);
	tbuf->arg[0] = a;
	tbuf->arg[1] = b;
	s->thread(tbuf, TBUF_SIZE, false);
	ret = s->call(op);
	set_fs(before);
	return ret;
}

long side_call(struct side *s, uint64_t op, uint64_t a, uint64_t b, const void *data, size_t size)
{
	long ret = side_call_with(s, s->tbuf, op, a, b, data, size);

	/* As the host's pumps do: somebody else may have the connection for a moment. */
	for (int tries = 0; ret == OM_ESTATE && pair_current && tries < pair_current->hammered; tries++) {
		usleep(100);
		ret = side_call_with(s, s->tbuf, op, a, b, data, size);
	}
	if (op == OM_ENGINE_OUT || op == OM_ENGINE_IN || op == OM_ENGINE_COMMAND || op == OM_ENGINE_LOST ||
	    op == OM_ENGINE_RESUME) {
		s->state = s->tbuf->arg[2];
		s->flags = s->tbuf->arg[3];
	}
	if (ret < 0)
		s->last_error = ret;
	return ret;
}

struct om_mig_status side_status(struct side *s)
{
	struct om_mig_status status;

	side_call(s, OM_ENGINE_STATUS, 0, 0, NULL, 0);
	memcpy(&status, (uint8_t *)s->tbuf + OM_TBUF_DATA, sizeof status);
	return status;
}

struct om_mig_identity side_identity(struct side *s)
{
	struct om_mig_identity identity;

	CHECK(side_call(s, OM_ENGINE_IDENTITY, 0, 0, NULL, 0) == 0);
	memcpy(&identity, (uint8_t *)s->tbuf + OM_TBUF_DATA, sizeof identity);
	return identity;
}

uint64_t side_next_move(struct side *s)
{
	return side_identity(s).next_move;
}

/* ---- the urgent connection: carried by the faulting threads ---- */

static long urgent(uint8_t *data, uint64_t size)
{
	struct pair *p = pair_current;
	size_t frame_size = size;
	long ret = -11;

	pthread_mutex_lock(&p->urgent);
	if (p->give_up) {                      /* this thread's page will never come */
		pthread_mutex_unlock(&p->urgent);
		pthread_exit(NULL);
	}
	if (!p->link_down && (!p->hook || p->hook(p, DESTINATION, OM_CONNECTION_URGENT, data, &frame_size) > 0)) {
		ret = side_call_with(&p->side[SOURCE], urgent_tbuf[SOURCE], OM_ENGINE_URGENT, frame_size, 0, data, frame_size);
		if (ret > 0) {
			memcpy(data, (uint8_t *)urgent_tbuf[SOURCE] + OM_TBUF_DATA, (size_t)ret);
			frame_size = (size_t)ret;
			if (p->hook && p->hook(p, SOURCE, OM_CONNECTION_URGENT, data, &frame_size) == 0)
				ret = -11;
		}
	}
	pthread_mutex_unlock(&p->urgent);
	return ret;
}

/* ---- the application: every thread increments its pages in order; its place is in tracked memory ---- */

/* The buffer is the thread's, but outlives it: a thread whose page never comes ends where it stands. */
struct writer { struct pair *pair; struct side *side; struct om_tbuf *tbuf; int index, count; uint64_t pages; };
static struct writer writers[2][FAKE_THREADS_MAX];
static int writer_threads;
static uint64_t writer_pages;

/* A thread's own page: place, and value of the round of increments. */
struct place { uint64_t next, turns; };

static void *write_pages(void *arg)
{
	struct writer *w = arg;
	uint64_t per = w->pages / (uint64_t)w->count, home = FAKE_DATA + (uint64_t)w->index;

	w->side->thread(w->tbuf, TBUF_SIZE, true);
	do {
		for (int i = 0; i < 32; i++) {
			volatile struct place *place = (volatile struct place *)w->side->touch(home, false);
			uint64_t next = place->next % per;      /* a lying source may have sent anything */
			volatile uint8_t *byte = w->side->touch(FAKE_HEAP + next * (uint64_t)w->count + (uint64_t)w->index, true);

			(*byte)++;
			place = (volatile struct place *)w->side->touch(home, true);
			place->next = next + 1 == per ? 0 : next + 1;
			if (place->next == 0)
				place->turns++;
		}
	} while (w->side->safepoint(w->index));
	return NULL;
}

static void start_writers(struct pair *p, int s)
{
	struct side *side = &p->side[s];

	side->writer_count = writer_threads;
	atomic_store(&side->fake->running, (uint32_t)writer_threads);
	for (int i = 0; i < writer_threads; i++) {
		writers[s][i] = (struct writer) {
			p, side, aligned_alloc(4096, TBUF_SIZE), i, writer_threads, writer_pages
		};
		pthread_create(&side->writers[i], NULL, write_pages, &writers[s][i]);
	}
}

static void join_writers(struct side *side)
{
	struct writer *own = writers[side - pair_current->side];

	side->quit();
	for (int i = 0; i < side->writer_count; i++) {
		pthread_join(side->writers[i], NULL);
		free(own[i].tbuf);
	}
	side->writer_count = 0;
}

void pair_run(struct pair *p, int threads, uint64_t pages)
{
	struct side *s = &p->side[SOURCE];

	writer_threads = threads;
	writer_pages = pages - pages % (uint64_t)threads;
	s->map(FAKE_HEAP, pages + 64);
	for (uint64_t i = 0; i < pages; i++) {
		volatile uint8_t *page = s->touch(FAKE_HEAP + i, true);

		if (i % 3)                     /* a third has nothing but the counter: often a zero page */
			((volatile uint64_t *)page)[100] = i * 0x9e3779b97f4a7c15u;
	}
	((volatile uint64_t *)(s->fake->memory + ((FAKE_RESIDENT + 1ull) << 12)))[0] = 0x1234567;
	start_writers(p, SOURCE);
}

bool side_runs(struct pair *p, int s)
{
	struct side *side = &p->side[s];
	volatile struct place *place = (volatile struct place *)(side->fake->memory + ((uint64_t)FAKE_DATA << 12));
	uint64_t before = place->next + place->turns;

	for (int i = 0; i < 2000; i++) {
		if (place->next + place->turns != before)
			return true;
		usleep(500);
	}
	return false;
}

void pair_follow_start(struct pair *p)
{
	struct side *t = &p->side[DESTINATION];

	if (atomic_load(&t->fake->resumed) && t->writer_count == 0 && !t->fake->quit)
		start_writers(p, DESTINATION);
}

void pair_check_memory(struct pair *p, int s)
{
	struct side *side = &p->side[s];
	uint64_t per;

	pair_follow_start(p);
	join_writers(side);
	CHECK(!side->fake->broken);
	CHECK(side->fake->placed_twice == 0);
	per = writer_pages / (uint64_t)writer_threads;
	for (int w = 0; w < writer_threads; w++) {
		const struct place *place = (const struct place *)side->touch(FAKE_DATA + (uint64_t)w, false);

		for (uint64_t i = 0; i < per; i++) {
			uint64_t page = i * (uint64_t)writer_threads + (uint64_t)w;
			const volatile uint8_t *at = side->touch(FAKE_HEAP + page, false);
			uint64_t stamp = ((const volatile uint64_t *)at)[100];

			if (*at != (uint8_t)(place->turns + (i < place->next))) {
				fprintf(stderr, "page %lu of writer %d: %u, want %u\n", i, w, *at,
					(uint8_t)(place->turns + (i < place->next)));
				pair_fail(__FILE__, __LINE__, "a page is not what the program left");
			}
			CHECK(stamp == (page % 3 ? page * 0x9e3779b97f4a7c15u : 0));
		}
	}
	CHECK(((const volatile uint64_t *)(side->fake->memory + ((FAKE_RESIDENT + 1ull) << 12)))[0] == 0x1234567);
}

/* ---- sessions ---- */

void pair_open(struct pair *p, enum om_mig_mode mode, unsigned channels)
{
	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->urgent, NULL);
	p->params = (struct om_mig_params) { .version = OM_ENGINE_VERSION, .mode = mode, .channels = channels };
	side_open(&p->side[SOURCE], false);
	side_open(&p->side[DESTINATION], true);
	p->side[DESTINATION].fake->urgent = urgent;
	pair_current = p;
	for (int i = 0; i < 2; i++)
		if (!urgent_tbuf[i])
			urgent_tbuf[i] = aligned_alloc(4096, TBUF_SIZE);
}

void pair_fresh_destination(struct pair *p)
{
	struct side *t = &p->side[DESTINATION];

	join_writers(t);
	free(t->tbuf);
	memset(t, 0, sizeof *t);
	side_open(t, true);
	t->fake->urgent = urgent;
	p->side[SOURCE].flags = 0;
}

void pair_close(struct pair *p)
{
	for (int s = 0; s < 2; s++) {
		atomic_store(&p->side[s].fake->abandoned, p->give_up);
		join_writers(&p->side[s]);
		free(p->side[s].tbuf);
		munmap(p->side[s].fake->memory, (size_t)FAKE_PAGES << 12);
	}
	/* The objects stay loaded: sanitizers name their symbols at exit. */
	pair_current = NULL;
}

void pair_begin(struct pair *p)
{
	CHECK(side_call(&p->side[DESTINATION], OM_ENGINE_DESTINATION_BEGIN, 0, 0, &p->params, sizeof p->params) == 0);
	CHECK(side_call(&p->side[SOURCE], OM_ENGINE_SOURCE_BEGIN, 0, 0, &p->params, sizeof p->params) == 0);
}

static bool move_frame(struct pair *p, int from, unsigned connection)
{
	struct side *a = &p->side[from], *b = &p->side[!from];
	static uint8_t frame[OM_FRAME_MAX + 64];
	size_t size;
	long ret = side_call(a, OM_ENGINE_OUT, connection, OM_FRAME_MAX, NULL, 0);
	int times = 1;

	if (ret <= 0)
		return false;
	size = (size_t)ret;
	memcpy(frame, (uint8_t *)a->tbuf + OM_TBUF_DATA, size);
	p->frames++;
	if (p->hook)
		times = p->hook(p, from, connection, frame, &size);
	while (times-- > 0 && !p->link_down && !p->target_dead)
		(void)side_call(b, OM_ENGINE_IN, connection, size, frame, size);
	return true;
}

void pair_lose_link(struct pair *p)
{
	p->link_down = true;
	for (int s = 0; s < (p->target_dead ? 1 : 2); s++)
		(void)side_call(&p->side[s], OM_ENGINE_LOST, UINT64_MAX, 0, NULL, 0);
}

bool pair_recover(struct pair *p)
{
	pair_lose_link(p);
	for (int s = 0; s < 2; s++)
		if (side_call(&p->side[s], OM_ENGINE_RESUME, 0, 0, NULL, 0) < 0)
			return false;
	p->recoveries++;
	p->link_down = false;
	return true;
}

bool pair_step(struct pair *p)
{
	bool moved = false;

	for (int s = 0; s < (p->target_dead ? 1 : 2); s++) {
		moved |= move_frame(p, s, OM_CONNECTION_CONTROL);
		for (unsigned c = 0; c < p->params.channels && !p->link_down; c++)
			moved |= move_frame(p, s, OM_CONNECTION_PAGES + c);
	}
	pair_follow_start(p);
	return moved;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool pair_pump(struct pair *p, unsigned idle_ms)
{
	uint64_t started = now_ms();
	unsigned idle = 0;

	/* Idle time is counted in naps, not by the clock: on a loaded machine the application's threads need theirs too. */
	while (idle < idle_ms * 10) {
		bool wants;

		idle = pair_step(p) ? 0 : idle + 1;
		if (idle)
			usleep(100);
		wants = (p->side[SOURCE].flags | p->side[DESTINATION].flags) & OM_MIG_F_RECONNECT;
		if (p->side[SOURCE].flags & p->side[DESTINATION].flags & OM_MIG_F_OVER)
			return true;
		CHECK(now_ms() - started < 60000);
		if (wants && !p->no_recovery && !pair_recover(p)) {
			p->link_down = true;
			p->no_recovery = true;
		}
	}
	return false;
}

int pair_runnable(struct pair *p)
{
	return !p->side[SOURCE].fake->stop + !p->side[DESTINATION].fake->stop;
}
