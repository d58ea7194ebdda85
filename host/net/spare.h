/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets made ahead. A fifth of what a TCP connection costs at the destination is the kernel's making of the socket, and several threads
 * do that no faster than one. The source says, as a hint, how many sockets will be wanted. Missing ones are made when they are wanted.
 */
#ifndef OPTMIG_HOST_NET_SPARE_H
#define OPTMIG_HOST_NET_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#define NET_SPARE_MAX 0x7fffffu

struct net_spare_hint { uint32_t count; bool v6; };

/* The TCP sockets of this process that do not listen, of the family that most are of. */
struct net_spare_hint net_spare_count(void);
/* As many as this process may have; a second call adds nothing. Context: any thread. */
void net_spare_make(struct net_spare_hint hint);
/* A TCP socket, not blocking, closed on exec. Return: the descriptor or -errno. */
int net_spare_take(int family);
/* Those that nobody took; in the background. */
void net_spare_drop(void);

#endif
