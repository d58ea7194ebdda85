/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The named steps of a migration, for tests: faults strike there (host/testing/steps.c; tests/integration/mig_faults makes one of every
 * step and fault). The installed host has no faults.
 *
 * What a step means for the hand-over stands in docs/reliability.md with the ends that are expected of it.
 */
#ifndef OPTMIG_HOST_MOVE_FAULT_H
#define OPTMIG_HOST_MOVE_FAULT_H

#include <stdint.h>
#include "testhooks.h"

/* X(identifier, name): in the order in which a session comes to them. */
#define MOVE_STEPS(X) \
	X(SOURCE_CONNECT, "source.connect")       /* before the first connection */ \
	X(SOURCE_CONNECTED, "source.connected")   /* all connections are there, the engine has not begun */ \
	X(SOURCE_BEGUN, "source.begun")           /* before the first frame */ \
	X(SOURCE_ACTIVE, "source.active")         /* rounds */ \
	X(SOURCE_DEVICE, "source.device")         /* the program stops */ \
	X(SOURCE_COMMITTED, "source.committed")   /* the token is about to leave */ \
	X(SOURCE_POSTCOPY, "source.postcopy")     /* the destination is known to run */ \
	X(SOURCE_COMPLETED, "source.completed")   /* ... and to be whole */ \
	X(SOURCE_LOST, "source.lost")             /* about to connect anew */ \
	X(SOURCE_RESUMED, "source.resumed")       /* connected anew */ \
	X(SOURCE_RESUME, "source.resume")         /* about to say its state, and to ask for the other's */ \
	X(SOURCE_ABORTED, "source.aborted")       /* has heard after the token that the destination gave up; about to say so */ \
	X(SOURCE_ENDING, "source.ending")         /* connections closed, result not yet told */ \
	X(DESTINATION_HELLO, "destination.hello")           /* somebody wants to migrate here */ \
	X(DESTINATION_BUILT, "destination.built")           /* the enclave is there, the hello not answered */ \
	X(DESTINATION_COLLECTED, "destination.collected")   /* all connections are there, the engine has not begun */ \
	X(DESTINATION_BEGUN, "destination.begun")           /* before the first frame */ \
	X(DESTINATION_ACTIVE, "destination.active")         /* pages come */ \
	X(DESTINATION_DEVICE, "destination.device")         /* all is here: descriptors are rebuilt */ \
	X(DESTINATION_PREPARED, "destination.prepared")     /* complete, and the source does not know yet */ \
	X(DESTINATION_POSTCOPY, "destination.postcopy")     /* the program runs here, pages are owed */ \
	X(DESTINATION_COMPLETED, "destination.completed")   /* ... none any more */ \
	X(DESTINATION_LOST, "destination.lost")             /* waits for the source to connect anew */ \
	X(DESTINATION_ANSWER, "destination.answer")         /* asked for its state after that: the answer is about to leave */ \
	X(DESTINATION_ABORTED, "destination.aborted")       /* gave up when it was complete: the abort is about to leave */ \
	X(DESTINATION_ENDING, "destination.ending")

enum move_step {
#define X(id, name) MOVE_STEP_##id,
	MOVE_STEPS(X)
#undef X
	MOVE_STEP_COUNT
};

/* This process has come to a step. Context: any thread, with or without move->lock; does not wait. */
static inline void move_fault(struct host_move *move, enum move_step step)
{
	if (host_test_hooks.move_step)
		host_test_hooks.move_step(move, step);
}

/* Waits while a stall lasts or until the pumps shall stop. Context: without move->lock. */
static inline void move_fault_wait(struct host_move *move)
{
	if (host_test_hooks.move_wait)
		host_test_hooks.move_wait(move);
}

/* A frame of the control connection is about to leave: some are steps. */
static inline void move_fault_frame(struct host_move *move, const uint8_t *frame)
{
	if (host_test_hooks.move_frame)
		host_test_hooks.move_frame(move, frame);
}

/* It has left; what has struck and needs the engine is done, before another frame is taken. Context: without move->lock. */
static inline void move_fault_sent(struct host_move *move)
{
	if (host_test_hooks.move_sent)
		host_test_hooks.move_sent(move);
}

/* A step, and waits while a stall lasts: for steps at which no pump runs. Context: without move->lock. */
static inline void move_fault_step(struct host_move *move, enum move_step step)
{
	move_fault(move, step);
	move_fault_sent(move);
	move_fault_wait(NULL);
}

#endif
