/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two enclaves and the hosts between them, in one process: loads the shared object twice, moves frames, lets a hook spoil
 * them, runs the application (the RAM oracle) on whichever side may run it, and judges the end.
 */
#ifndef OPTMIG_TESTS_UNIT_ENGINE_PAIR_H
#define OPTMIG_TESTS_UNIT_ENGINE_PAIR_H

#include "tests/unit/engine/fake.h"

enum { SOURCE, DESTINATION };

struct side {
	void *object;
	struct fake *fake;
	void (*boot)(bool);
	void (*thread)(void *, uint64_t, bool);
	volatile uint8_t *(*touch)(uint64_t, bool);
	bool (*safepoint)(int);
	void (*quit)(void);
	void (*map)(uint64_t, uint64_t);
	void (*unmap)(uint64_t);
	long (*call)(uint64_t);
	struct om_tbuf *tbuf;            /* the pump's */
	pthread_t writers[FAKE_THREADS_MAX];
	int writer_count;
	uint64_t flags, state;           /* last answer */
	long last_error;
};

struct pair;
/* @from: SOURCE or DESTINATION. May change frame and *size (0: drop). Return: how many times to deliver it. */
typedef int frame_hook(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size);

struct pair {
	struct side side[2];
	struct om_mig_params params;
	frame_hook *hook;
	uint64_t frames;                 /* moved so far, all connections */
	uint64_t arg;                    /* for hooks */
	pthread_mutex_t urgent;
	bool link_down;
	bool no_recovery;                /* a lost link stays lost */
	int hammered;                    /* other threads call the engine, too: how often to try a call again that is refused */
	bool target_dead;                /* killed: hears nothing any more */
	_Atomic bool give_up;            /* urgent requests shall fail for good: the test is over */
	uint64_t recoveries;
};

void pair_open(struct pair *p, enum om_mig_mode mode, unsigned channels);
void pair_close(struct pair *p);
/* Another destination enclave for the next session. */
void pair_fresh_destination(struct pair *p);
/* `threads` writers over `pages` heap pages from now on, on the source. */
void pair_run(struct pair *p, int threads, uint64_t pages);
long side_call(struct side *s, uint64_t op, uint64_t a, uint64_t b, const void *data, size_t size);
/* The same for a thread with a transfer buffer of its own. */
long side_call_with(struct side *s, struct om_tbuf *tbuf, uint64_t op, uint64_t a, uint64_t b, const void *data, size_t size);
struct om_tbuf *pair_tbuf(void);
/* A destination that was started for the first time gets its threads, as the host would give them. */
void pair_follow_start(struct pair *p);
struct om_mig_status side_status(struct side *s);
struct om_mig_identity side_identity(struct side *s);
/* The move that is next: 0 where the program is not. What a destination has of its source is not moved here, so its count begins anew. */
uint64_t side_next_move(struct side *s);
/* Begin on both sides. */
void pair_begin(struct pair *p);
/* Move frames until both are over or nothing moves for about `idle_ms`. Return: true if over. */
bool pair_pump(struct pair *p, unsigned idle_ms);
/* One step; true if a frame moved. */
bool pair_step(struct pair *p);
void pair_lose_link(struct pair *p);
bool pair_recover(struct pair *p);
/* Writers on side s have made progress since the call. */
bool side_runs(struct pair *p, int s);
/* Stop the writers and check the memory of side s: bytes equal but one step. */
void pair_check_memory(struct pair *p, int s);
/* How many sides may run the application, by their own gates. */
int pair_runnable(struct pair *p);

#define CHECK(condition) ((condition) ? (void)0 : pair_fail(__FILE__, __LINE__, #condition))
_Noreturn void pair_fail(const char *file, int line, const char *words);
/* The engine's shared object. Here, so that each test names its own. */
extern const char *const pair_object;
#ifdef ENGINE_OBJECT
const char *const pair_object = ENGINE_OBJECT;
#endif
/* For pair_fail's message. */
extern struct pair *pair_current;

#endif
