/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP under a migration: addresses, connecting and listening, whole frames.
 *
 * `stop_fd` is an eventfd: when it becomes readable the call ends with OM_ECANCELLED. -1: none.
 * All functions return 0 or OM_E* with words in host_reason().
 */
#ifndef OPTMIG_HOST_MOVE_SOCKETS_H
#define OPTMIG_HOST_MOVE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "hello.h"

#define MOVE_PORT_DEFAULT "7777"
#define MOVE_ENDPOINT_TEXT 320

struct move_endpoint {
	char host[256];
	char port[32];
};

/* "host:port", "host", "1.2.3.4:5", "[::1]:5", "::1"; the default port where none is given. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int move_endpoint_parse(const char *text, struct move_endpoint *ret_address);
/* As move_endpoint_parse() takes it, with the port; what is too long is cut off. */
void move_endpoint_format(const struct move_endpoint *address, char text[MOVE_ENDPOINT_TEXT]);

/* @ret_text: the address bound, numeric, with the port chosen if 0 was asked for. Return: OM_EEXISTS (port in use),
 * OM_EINVAL (no such address here), OM_EIO. */
__attribute__((warn_unused_result))
int move_listen(const struct move_endpoint *address, int *ret_fd, char ret_text[MOVE_ENDPOINT_TEXT]);
/* Return: OM_ECONNECTION, OM_ETIMEDOUT, OM_ECANCELLED. */
__attribute__((warn_unused_result))
int move_connect(const struct move_endpoint *address, int stop_fd, uint64_t timeout_ms, int *ret_fd);

/* Buffers and delays fitting the use of a connection, and keepalives that find a dead host within about 15 s. */
void move_tune(int fd, uint16_t connection);

/* The same of a socket's address, in numbers, without asking a name service; "unknown address" for other families. */
void move_format_sockaddr(const struct sockaddr *address, socklen_t size, char text[MOVE_ENDPOINT_TEXT]);
/* Return: 0 when `fd` is ready for `events` of poll; OM_ETIMEDOUT, OM_ECANCELLED, OM_EIO. */
__attribute__((warn_unused_result))
int move_wait_fd(int fd, short events, int stop_fd, uint64_t timeout_ms);

/* Sends everything. Return: OM_ECONNECTION. */
__attribute__((warn_unused_result))
int move_send(int fd, const uint8_t *data, size_t size);
/* Waits for all of it. Return: OM_ECONNECTION, OM_ETRUNCATED. */
__attribute__((warn_unused_result))
int move_receive_rest(int fd, uint8_t *to, size_t size);
/* One whole frame into buffer[OM_FRAME_MAX]; waits for its rest once it has begun. @ret_size: 0 at the end of the
 * stream. With `wait` false and nothing there: OM_ETIMEDOUT. Return: OM_ECONNECTION, OM_ETRUNCATED, OM_ETYPE. */
__attribute__((warn_unused_result))
int move_receive_frame(int fd, uint8_t *buffer, bool wait, uint32_t *ret_size);

#endif
