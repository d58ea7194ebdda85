/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TESTS_FUZZ_HOSTCALLS_HOST_H
#define OPTMIG_TESTS_FUZZ_HOSTCALLS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the fuzzer gave: both the program and the host live on it. Zeros when it is used up. */
struct input {
	const uint8_t *next;
	size_t left;
	bool racing;      /* the host changes what the enclave has just read */
	bool stopping;    /* the program may be stopped at calls that block */
};
extern struct input input;
uint8_t take(void);
uint64_t take64(void);
void take_bytes(void *to, uint64_t size);
void host_reset(void);

#endif
