/* SPDX-License-Identifier: Apache-2.0 */
/* Names, arguments and results of system calls, as strace(1) writes them. What pointers lead to is read from the enclave's memory. */
#ifndef OPTMIG_HOST_DEBUG_DECODE_H
#define OPTMIG_HOST_DEBUG_DECODE_H

#include "hostcall.h"
#include "text.h"

/* "read", or "syscall_0x1ff". Numbers of abi/passrt.h have the names of what they are on Linux. */
void decode_name(uint64_t nr, struct text *to);
/* The arguments from number `from` on, up to one that only the result tells; all if `result` is not NULL. Return: the number of the next. */
unsigned decode_arguments(const struct om_trace *call, unsigned from, const int64_t *result, struct text *to);
/* What stands behind the equal sign. */
void decode_result(const struct om_trace *call, int64_t result, struct text *to);
/* Calls that do not return. */
bool decode_is_last(uint64_t nr);

#endif
