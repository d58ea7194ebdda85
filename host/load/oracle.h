/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test tool: at moments of interest, mostly while the program cannot run, tells a watcher and waits until it has looked. The watcher
 * (tests/soundness/oracle.c) reads the emulated enclave's memory through /proc and compares what changed with the cards,
 * or the source's memory with the destination's.
 */
#ifndef OPTMIG_HOST_LOAD_ORACLE_H
#define OPTMIG_HOST_LOAD_ORACLE_H

#include "enclave.h"

/*
 * Does nothing unless OPTMIG_ORACLE names the watcher's socket and the enclave is emulated.
 * @point: "stopped" (all threads parked, cards may be cleared), "prepared" (destination: everything is here), "committed"
 * (source: the program will not run here again); "take:N:T", "copy:N:T", "stop:N:T" (source: enum om_round_point in round N with
 * enum om_tracker T, the program runs). @session: 16 bytes, or NULL.
 * Ends the process if the watcher is not there: a test that watches nothing must not pass.
 */
void host_oracle(struct host_enclave *enclave, const char *point, const uint8_t *session);

#endif
