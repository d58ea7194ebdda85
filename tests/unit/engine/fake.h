/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pretended runtime for the migration engine: pages in a plain array, threads that mark cards, host calls that reach
 * the test. The engine is built with it into a shared object, which the test loads once per enclave, so that the real
 * code runs twice in one process.
 *
 *   page     0..15    image (identical)      heap     64..64+HEAP-1    tracked
 *           16..31    tracked data           local    the rest
 *           32..39    resident
 *           40..63    local
 */
#ifndef OPTMIG_TESTS_UNIT_ENGINE_FAKE_H
#define OPTMIG_TESTS_UNIT_ENGINE_FAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine.h"
#include "hostcall.h"

#define FAKE_PAGES       (1u << 15)
#define FAKE_DATA        16u
#define FAKE_RESIDENT    32u
#define FAKE_HEAP        64u
#define FAKE_SLOTS       (1u << 14)     /* page index of the thread slots: end of what can be tracked */
#define FAKE_THREADS_MAX 4

struct fake {
	uint8_t *memory;                    /* FAKE_PAGES pages */
	_Atomic uint8_t *pagemap, *cards;
	_Atomic bool stop, quit;
	_Atomic bool abandoned;             /* the test is over: a thread whose page does not come ends */
	_Atomic uint8_t track;              /* the application marks only while somebody wants it */
	_Atomic uint64_t epoch;
	_Atomic uint64_t epoch_seen[FAKE_THREADS_MAX];
	_Atomic uint32_t running;           /* application threads not parked */
	_Atomic uint64_t resumed;           /* calls of rt_resume_all */
	_Atomic uint64_t frozen, thawed, rebuilt, trims;
	_Atomic uint64_t discarded, claims, forgotten, yields;
	bool claimed;
	uint64_t (*claim)(void);            /* the test's answer to rt_io_claim. NULL: all is claimed at once */
	_Atomic uint64_t placed_twice;      /* accept_copy onto a page that was there */
	_Atomic uint32_t copies_refused;    /* so many calls of accept_copy fail from now on */
	bool trim_fails;                    /* the host does not trim */
	int freeze_error, thaw_error, rebuild_error;
	long (*urgent)(uint8_t *data, uint64_t size);   /* the test's transport */
	const char *evidence_error;         /* refuse the other side's quote, with these words */
	/* Answers the other host calls: evidence. NULL: there are none. */
	long (*host)(enum om_hostcall op, uint8_t *data, uint64_t size);
	/* May change what is about to be encrypted, and the frame's header: a peer that is not what its quote says. */
	void (*spoil)(uint8_t *header, size_t header_size, uint8_t *plain, size_t size);
	/* Hears of everything that this enclave encrypts, before it does. */
	void (*sealing)(const uint8_t key[32], const uint8_t nonce[12]);
	/* Called by a thread that is about to take a lock of the engine's. */
	void (*locking)(void);
	bool broken;                        /* an invariant of the runtime was violated */
	char broken_words[128];
};

struct fake *fake_get(void);
void fake_boot(bool receive);
/* This thread works for this enclave from now on; tbuf as the host would give it. */
void fake_thread(void *tbuf, uint64_t size, bool exception);
/* An application's access to a byte: faults in owed pages, marks the card. */
volatile uint8_t *fake_touch(uint64_t page, bool write);
/* A safepoint of application thread i; blocks while the program is stopped. Return: false if it shall end. */
bool fake_safepoint(int i);
/* All application threads end at their next safepoint. */
void fake_quit(void);
void fake_map(uint64_t page, uint64_t count);
void fake_unmap(uint64_t page);

/* What the shared object exports besides. */
long engine_call(uint64_t op);

#endif
