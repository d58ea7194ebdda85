/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a socket, as the kernel has them: those that a program set, and those that a connection has from its
 * listener. Read on one host, set on another.
 *
 * Only what differs from a new socket of the same kind is written down: a list is mostly empty. One item is
 *
 *   u8 level index   u8 size of the value   u16 name   value
 *
 * and items come in the order of the table in options.c, in which they are set. Group memberships cannot be read from the
 * kernel: the enclave keeps those.
 */
#ifndef OPTMIG_HOST_NET_OPTIONS_H
#define OPTMIG_HOST_NET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_OPTIONS_MAX 2048u

/* When an option is set. */
enum net_options_when {
	NET_OPTIONS_NAMED,       /* a socket that is to be bound, to listen or to connect: all of them, at once */
	NET_OPTIONS_CONNECTION,  /* a connection in repair mode, before it is bound: what does not disturb that */
	NET_OPTIONS_LATER,       /* the same, when it has left repair mode: the rest */
};

/* Reads the options of `fd` into `list`, of NET_OPTIONS_MAX bytes. Return: its size, or -errno. */
int net_options_read(int fd, uint8_t *list);
/* Is this a list as net_options_read writes it? Trust: `list` is hostile. */
bool net_options_valid(const uint8_t *list, size_t size);
/* Sets them. An option that this kernel does not have, or does not permit, is left out: it could have been set by nobody here.
 * `list` is a valid one. */
void net_options_apply(int fd, const uint8_t *list, size_t size, enum net_options_when when);

#endif
