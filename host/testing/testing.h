/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as tests want it: what the hooks of testhooks.h do. Off unless asked for, by environment variables and options of `optmig run`:
 *
 *     OPTMIG_FAULT              lies.c, seeded.c   host calls that fail or lie
 *     OPTMIG_MIG_FAULT          steps.c            faults at named steps of a migration
 *     OPTMIG_SLOW=WHAT:MS,...   slow.c             what takes so many milliseconds more (testhooks.h)
 *     OPTMIG_ORACLE             oracle.c           a spectator that looks into an emulated enclave's memory
 *     OPTMIG_STOP_TEST=N        stop_test.c        what a migration does to the threads, N times a second; also --stop-test N
 *     OPTMIG_ROUND_TEST=N       round_test.c       what its rounds do; also --round-test N; OPTMIG_ROUND_TEST_JSON=FILE
 *     OPTMIG_EMU_XFRM           hooks.c            an emulated CPU without the registers that this one has
 *     OPTMIG_TEST_GUEST         guest.c            a confidential guest, with evidence under the demonstration root
 */
#ifndef OPTMIG_HOST_TESTING_TESTING_H
#define OPTMIG_HOST_TESTING_TESTING_H

#include "testhooks.h"

/*
 * lies.c. OPTMIG_FAULT=RULE[,RULE...], each
 *
 *     NAME:NTH:WHAT      NAME  system call, or "any"; or sgx-modify, sgx-remove, sgx-restrict, with an error name
 *                        NTH   1, 2, ...: that call; "N+": that one and all later ones; "%N": each Nth
 *                        WHAT  error name (EIO, ENOMEM, EINTR, ...): the call is not made
 *                              long      more than the buffer holds
 *                              huge      result = INT64_MAX        low   result = -4096 (no such errno)
 *                              fd        result = 0x7fffffff       short half of the result
 *                              garble    the call is made, then all of the buffer's data is overwritten
 *                              map       the call is made, then other memory is mapped over a page of the enclave
 *     seed:SEED:RATE     of all host calls (abi/hostcall.h, not only system calls), one in RATE goes wrong in one of the
 *                        ways of seeded.c, as SEED will have it
 *
 * One loud line on stderr says that faults are on.
 */
int testing_lies_setup(void);
/* Is this call not to be made? *ret_result: -errno then. Counts calls of each rule. Context: any thread. */
bool testing_lies_before(uint32_t nr, int64_t *ret_result);
/* What the enclave is told in place of `result`, and the buffer's data. Context: the thread that made the call. */
int64_t testing_lies_after(uint32_t nr, struct om_tbuf *tbuf, uint64_t tbuf_size, int64_t result);

/* seeded.c. @rate 0: off. */
void testing_seed(uint64_t seed, uint64_t rate);
/* Makes the call, or what a lying host would make of it. OM_HC_EXIT and OM_HC_LOG are always made. Return: what the enclave is told. */
int64_t testing_seeded_call(host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);
/* Maps a page of zeros over each of a few pages of the enclave; says what came of it. */
void testing_map_over(void);

/* guest.c. *ret_source stays if there is none. Return: OM_EINVAL, OM_ENOMEM. */
int testing_guest(struct guest_source **ret_source);

/* steps.c. The value of OPTMIG_MIG_FAULT is a list of rules STEP:FAULT, separated by commas; see move/fault.h. Return: OM_EINVAL. */
int testing_steps_setup(void);
/* This process has come to that step (enum mig_step): faults that wait for it strike, each once. It may not return. Context: any thread. */
void testing_step(struct host_move *move, unsigned step);
/* The faults of clocks, from the next publication on. */
uint64_t testing_clock(void);
/* Waits as long as a stall lasts; ends early where the migration is stopping. @mig: or NULL. */
void testing_step_wait(struct host_move *move);
/* A frame's header, before it is sent: RESUME is a step, and may be cut once more. */
void testing_step_frame(struct host_move *move, const uint8_t *frame);
/* After a frame has been sent: a source whose user gives up cancels now. @mig: or NULL. */
void testing_step_sent(struct host_move *move);

/* slow.c */
int testing_slow_setup(void);
/* Waits as long as OPTMIG_SLOW has for `what`; nothing for other names. */
void testing_slow(const char *what);

/*
 * oracle.c: tells the watcher (tests/soundness/oracle.c) whose socket OPTMIG_ORACLE names, and waits until it has looked; mostly while the
 * program cannot run. The watcher reads the emulated enclave's memory through /proc and compares what changed with the cards, or the
 * source's memory with the destination's. Does nothing on hardware. Ends the process if the watcher is not there: a test that watches
 * nothing must not pass.
 */
void testing_oracle(struct host_enclave *enclave, const char *point, const uint8_t *session);

#endif
