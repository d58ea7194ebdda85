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

#endif
