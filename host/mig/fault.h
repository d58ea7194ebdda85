/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults at named steps of a migration, for tests (tests/integration/mig_faults makes one of every step and fault). Off
 * unless OPTMIG_MIG_FAULT is set; then every process says so. Its value is a list of rules STEP:FAULT, separated by
 * commas; each strikes once, when this process comes to that step for the first time.
 *
 * What a step means for the hand-over stands in docs/reliability.md with the ends that are expected of it.
 */
#ifndef OPTMIG_HOST_MIG_FAULT_H
#define OPTMIG_HOST_MIG_FAULT_H

#include <stdint.h>

struct host_mig;

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

#define MIG_FAULTS(X) \
	X(KILL, "kill")             /* the process dies */ \
	X(CUT, "cut")               /* its connections are reset */ \
	X(CUT_TWICE, "cut-twice")   /* ... and once more as soon as they have been made anew and say the first word */ \
	X(GIVE_UP, "give-up")       /* its user does not want it any more, and cancels */ \
	X(STALL, "stall")           /* nothing moves for 4 s */ \
	X(DISK, "disk")             /* from now on writing to a file fails */ \
	X(MEMORY, "memory")         /* ... no address space is to be had */ \
	X(DESCRIPTORS, "descriptors") /* ... no descriptor */ \
	X(SIGNALS, "signals")       /* a signal every 100 us for a second */ \
	X(CLOCK_FORTH, "clock-forth") /* the enclave's clock jumps by an hour, and back after a second */ \
	X(CLOCK_BACK, "clock-back") \
	X(FORK, "fork")             /* the process forks, and the copy tries to run the program */

enum mig_step {
#define X(id, name) MIG_STEP_##id,
	MIG_STEPS(X)
#undef X
	MIG_STEP_COUNT
};

/* Reads OPTMIG_MIG_FAULT. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int mig_fault_setup(void);
/* This process has come to a step. Context: any thread, with or without mig->lock; does not wait. */
void mig_fault(struct host_mig *mig, enum mig_step step);
/* The same, and waits while a stall lasts: for steps at which no pump runs. Context: without mig->lock. */
void mig_fault_step(struct host_mig *mig, enum mig_step step);
/* Waits while a stall lasts or until the pumps shall stop. Context: without mig->lock. */
void mig_fault_wait(struct host_mig *mig);
/* A frame of the control connection is about to leave: some are steps. */
void mig_fault_frame(struct host_mig *mig, const uint8_t *frame);
/* It has left; what has struck and needs the engine is done, before another frame is taken. Context: without mig->lock. */
void mig_fault_sent(struct host_mig *mig);

#endif
