/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel lets this process use nf_tables, asked of the kernel. libnftables ends the calling process (exit status
 * 3) where it cannot open its socket. So libnftables is only called when the answer here is yes.
 */
#ifndef OPTMIG_HOST_NET_NETFILTER_H
#define OPTMIG_HOST_NET_NETFILTER_H

#include <stdint.h>

/* Whether libnftables would find its socket; no privilege needed, and nothing is loaded. Return: 0 or -errno. */
int net_netfilter_socket(void);
/* Whether nf_tables answers: the least that a rule needs, CAP_NET_ADMIN included. Return: 0 or -errno; then *ret_why says why not,
 * in words that do not end. */
int net_netfilter_answers(const char **ret_why);
/* How many TCP connections of this process could not be held while they move, though it has CAP_NET_ADMIN; 0: none, or
 * they could. */
uint32_t net_netfilter_stops(const char **ret_why);

#endif
