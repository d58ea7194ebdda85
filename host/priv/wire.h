/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver may ask its server, and nothing else: one message of a SOCK_SEQPACKET pair, one answer.
 *
 *     struct priv_request   the operation and its numbers; what follows depends on the operation:
 *       REPAIR    count items, as many descriptors
 *       HOLD      count flows
 *       DATAGRAM  a struct om_datagram, size bytes
 *       others    nothing
 *     struct priv_answer    the result; REPAIR: count times a result
 *
 * Trust: everything in a request is hostile. Sizes are exact, reserved fields are zero, descriptors are as many as the operation takes.
 */
#ifndef OPTMIG_HOST_PRIV_WIRE_H
#define OPTMIG_HOST_PRIV_WIRE_H

#include <stdint.h>
#include "priv.h"

#define PRIV_VERSION      1u
#define PRIV_FLOWS_MAX    128u
#define PRIV_DATAGRAM_MAX 65535u

enum priv_op {
	PRIV_OP_REPAIR = 1,   /* TCP_REPAIR, with what goes with it */
	PRIV_OP_BIND,         /* value 0; an item has the address: a privileged port, or IP_TRANSPARENT's */
	PRIV_OP_BUFFER,       /* value: SO_RCVBUFFORCE or SO_SNDBUFFORCE; size: bytes */
	PRIV_OP_CHOWN,        /* first, second: user and group, UINT32_MAX: as it is; the descriptor is a socket's file (O_PATH) */
	PRIV_OP_FIN,          /* first, second: sequence numbers; value: window. The descriptor is a connection in repair mode */
	PRIV_OP_DATAGRAM,
	PRIV_OP_PREPARE,      /* the table of the hold */
	PRIV_OP_HOLD,
	PRIV_OP_LIFT,         /* value: 1, what was caught is sent on */
	PRIV_OP_MOVE,         /* value: enum priv_move; first: which of the limits' addresses */
	PRIV_OP_COUNT
};

struct priv_request {
	uint32_t version, op;
	uint32_t count, size;
	uint32_t first, second;
	uint32_t value, reserved;
};

struct priv_answer { int32_t result; uint32_t count; int32_t results[PRIV_BATCH]; };

union priv_message {
	struct {
		struct priv_request head;
		union {
			struct priv_item items[PRIV_BATCH];
			struct om_net_flow flows[PRIV_FLOWS_MAX];
			struct { struct om_datagram head; uint8_t bytes[PRIV_DATAGRAM_MAX]; } datagram;
		};
	};
	uint8_t bytes[1];
};

/* decode.c. All but what the descriptors are, and the items of REPAIR, which are judged one by one. Return: 0, -EINVAL, -EAFNOSUPPORT,
 * -EACCES (the limits). */
__attribute__((warn_unused_result))
int priv_decode(const struct priv_limits *limits, const union priv_message *m, uint32_t size, uint32_t fd_count);
/* One item of REPAIR. Return: 0; -EINVAL, -EAFNOSUPPORT; -EACCES: the limits do not allow the port, or an address that is not
 * here. Trust: hostile. */
__attribute__((warn_unused_result))
int priv_decode_item(const struct priv_limits *limits, const struct priv_item *item);
/* Is it one of those that come along? */
bool priv_address_moves(const struct priv_limits *limits, uint16_t family, const uint8_t *address);

/* server.c. Decodes one request and carries it out. @fds: those that came with it; they stay the caller's.
 * Return: the size of the answer. */
uint32_t priv_serve(const struct priv_limits *limits, const union priv_message *m, uint32_t size, const int *fds, uint32_t fd_count,
	struct priv_answer *ret_answer);
/* Until the other end is closed. */
void priv_serve_all(const struct priv_limits *limits, int fd);

/* client.c: in the receiver, before it has threads. */
void priv_client_begin(const struct priv_limits *limits, int fd);
/* The server has gone: every later request is answered -EPERM here. Says so, once. Context: any thread. */
void priv_client_end(void);

#endif
