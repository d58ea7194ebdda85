/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave without a CPU, for fuzz targets: the runtime's own door, host calls, clocks and descriptors (trusted/rt), with
 * the host's answers in the fuzzer's hand. What stands in for the rest of the runtime is in core.c: memory of the program is
 * whatever the target allocates, so that ASan watches its bounds; the transfer buffer lies between guard pages.
 */
#ifndef OPTMIG_TESTS_FUZZ_HOSTCALLS_CORE_H
#define OPTMIG_TESTS_FUZZ_HOSTCALLS_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include "hostcall.h"

/* Results that are none: the enclave has refused to go on (core_fatal tells why), or the program was stopped. */
#define CORE_FATAL (-100000L)
#define CORE_STOP  (-100001L)

/* A new enclave, as at boot. `clock`: the host's clock page or NULL. `ruled`: its image trusts /tmp/file, CORE_TRUSTED_SIZE zeros, allows
 * /a, b and /proc/1/, and no other file. */
void core_boot(const struct om_clock *clock, bool ruled);
#define CORE_TRUSTED_SIZE 100
/* peek.c: is it a descriptor of the trusted file? */
bool core_trusted(long fd);
/* One system call; one function that is no system call. */
long core_call(long nr, const long arg[6]);
long core_do(long (*fn)(void));
/* The same call again, as after a stop. */
long core_again(void);
extern int core_fatal;           /* OM_E*, after CORE_FATAL */
extern const char *core_words;
/* Numbers of the system calls there are; count. */
unsigned core_calls(const uint16_t **ret_numbers);

/* ---- the target's part ---- */
/* The host carries out what is in the buffer. */
void fuzz_host(struct om_tbuf *tbuf, uint64_t size);
/* Bytes of the buffer have just been read: a host may change them now. */
void fuzz_read(void *untrusted, uint64_t size);
/* Is the program to stop at this blocking call? */
bool fuzz_stop(void);

#endif
