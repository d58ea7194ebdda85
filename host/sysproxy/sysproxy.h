/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls on behalf of the enclave. The enclave checks results; this side makes sure that only calls on a list
 * are made and that every pointer the kernel will follow stays inside the transfer buffer, so that a broken or
 * malicious enclave is confined to what its process may do by those calls, and cannot touch the host part's memory.
 */
#ifndef OPTMIG_HOST_SYSPROXY_H
#define OPTMIG_HOST_SYSPROXY_H

#include <stdint.h>
#include "hostcall.h"
#include "load/blocking.h"

/* Return: the kernel's result; -ENOSYS if the number is not on the list; -EFAULT if a pointer leaves the buffer. */
int64_t host_sysproxy(struct host_wait *wait, struct om_tbuf *tbuf, uint64_t tbuf_size);

/* How many descriptors the enclave's program may have. */
void host_sysproxy_files(uint64_t count);

/* Name of a listed number, or NULL. */
const char *host_syscall_name(uint32_t nr);

/*
 * Faults for tests of the enclave's checks (sysproxy/fault.c): OPTMIG_FAULT=RULE[,RULE...], each
 *
 *     NAME:NTH:WHAT      NAME  system call, or "any"; or sgx-modify, sgx-remove, sgx-restrict, with an error name; or
 *                              thread-start, with denied
 *                        NTH   1, 2, ...: that call; "N+": that one and all later ones; "%N": each Nth
 *                        WHAT  error name (EIO, ENOMEM, EINTR, ...): the call is not made
 *                              long      more than the buffer holds
 *                              huge      result = INT64_MAX        low   result = -4096 (no such errno)
 *                              fd        result = 0x7fffffff       short half of the result
 *                              garble    the call is made, then all of the buffer's data is overwritten
 *                              map       the call is made, then other memory is mapped over a page of the enclave
 *                              denied    the call is made, and a while later said to have failed
 *     seed:SEED:RATE     of all host calls (abi/hostcall.h, not only system calls), one in RATE goes wrong in one of the
 *                        ways of seeded.c, as SEED will have it
 *
 * One loud line on stderr says that faults are on.
 */
int host_fault_setup(void);
extern int host_fault_on;
/* True: *ret_result stands in for the call. */
int host_fault_before(uint32_t nr, int64_t *ret_result);
#define HOST_FAULT_SGX 0x1000u      /* + enum om_hostcall: in the place of a system call's number */
int64_t host_fault_after(uint32_t nr, struct om_tbuf *tbuf, uint64_t tbuf_size, int64_t result);

/* sysproxy/seeded.c. A call of `call`, or what a lying host makes of it. */
struct host_slot;
typedef int64_t host_call_fn(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);
extern uint64_t host_fault_rate;     /* 0: off */
void host_fault_seed(uint64_t seed, uint64_t rate);
int64_t host_fault_call(host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);
/* Maps a page of zeros over each of a few pages of the enclave; says what came of it. */
void host_fault_map_over(void);

#endif
