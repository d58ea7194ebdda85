/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The named steps of a migration, for tests: faults strike there (host/testing/steps.c; tests/integration/mig_faults makes one of every
 * step and fault). The installed host has no faults.
 *
 * What a step means for the hand-over stands in docs/reliability.md with the ends that are expected of it.
 */
#ifndef OPTMIG_HOST_MIG_FAULT_H
#define OPTMIG_HOST_MIG_FAULT_H

#include <stdint.h>
#include "testhooks.h"

/* X(identifier, name): in the order in which a session comes to them. */
#define MIG_STEPS(X) \
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
	X(TARGET_HELLO, "target.hello")           /* somebody wants to migrate here */ \
	X(TARGET_BUILT, "target.built")           /* the enclave is there, the hello not answered */ \
	X(TARGET_COLLECTED, "target.collected")   /* all connections are there, the engine has not begun */ \
	X(TARGET_BEGUN, "target.begun")           /* before the first frame */ \
	X(TARGET_ACTIVE, "target.active")         /* pages come */ \
	X(TARGET_DEVICE, "target.device")         /* all is here: descriptors are rebuilt */ \
	X(TARGET_PREPARED, "target.prepared")     /* complete, and the source does not know yet */ \
	X(TARGET_POSTCOPY, "target.postcopy")     /* the program runs here, pages are owed */ \
	X(TARGET_COMPLETED, "target.completed")   /* ... none any more */ \
	X(TARGET_LOST, "target.lost")             /* waits for the source to connect anew */ \
	X(TARGET_ANSWER, "target.answer")         /* asked for its state after that: the answer is about to leave */ \
	X(TARGET_ABORTED, "target.aborted")       /* gave up when it was complete: the abort is about to leave */ \
	X(TARGET_ENDING, "target.ending")

enum mig_step {
#define X(id, name) MIG_STEP_##id,
	MIG_STEPS(X)
#undef X
	MIG_STEP_COUNT
};

/* This process has come to a step. Context: any thread, with or without mig->lock; does not wait. */
static inline void mig_fault(struct host_mig *mig, enum mig_step step)
{
	if (host_test_hooks.mig_step)
		host_test_hooks.mig_step(mig, step);
}

/* Waits while a stall lasts or until the pumps shall stop. Context: without mig->lock. */
static inline void mig_fault_wait(struct host_mig *mig)
{
	if (host_test_hooks.mig_wait)
		host_test_hooks.mig_wait(mig);
}

/* A frame of the control connection is about to leave: some are steps. */
static inline void mig_fault_frame(struct host_mig *mig, const uint8_t *frame)
{
	if (host_test_hooks.mig_frame)
		host_test_hooks.mig_frame(mig, frame);
}

/* It has left; what has struck and needs the engine is done, before another frame is taken. Context: without mig->lock. */
static inline void mig_fault_sent(struct host_mig *mig)
{
	if (host_test_hooks.mig_sent)
		host_test_hooks.mig_sent(mig);
}

/* A step, and waits while a stall lasts: for steps at which no pump runs. Context: without mig->lock. */
static inline void mig_fault_step(struct host_mig *mig, enum mig_step step)
{
	mig_fault(mig, step);
	mig_fault_sent(mig);
	mig_fault_wait(NULL);
}

#endif
