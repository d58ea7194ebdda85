/* SPDX-License-Identifier: Apache-2.0 */
/* Stops and resumes the program `per_second` times a second, from a thread of its own, until the process ends. */
#ifndef OPTMIG_HOST_TESTING_STOP_TEST_H
#define OPTMIG_HOST_TESTING_STOP_TEST_H

#include "load/enclave.h"
#include "hostcall.h"

/* One operation of OM_ECALL_STOP on the service slot `slot`. */
__attribute__((warn_unused_result))
int testing_stop_call(struct host_enclave *enclave, uint32_t slot, enum om_stop_op op, uint64_t argument, uint64_t *ret_value);

/* @per_second: from 1 on. Takes a service slot for good. Return: OM_ENOMEM, and errors of host_slot_acquire(). */
__attribute__((warn_unused_result))
int testing_stops_start(struct host_enclave *enclave, uint32_t per_second);

/*
 * What the rounds of pre-copy do to the program, without a migration: `per_second` times a second all cards are cleared and
 * every thread has to pass a safepoint. Says at the end how long that took; as JSON in the file that OPTMIG_ROUND_TEST_JSON
 * names. Programs take marks all the time, as during a migration.
 */
__attribute__((warn_unused_result))
int testing_rounds_start(struct host_enclave *enclave, uint32_t per_second);

#endif
