/* SPDX-License-Identifier: Apache-2.0 */
/* What control.c and requests.c share. */
#ifndef OPTMIG_HOST_CONTROL_INTERNAL_H
#define OPTMIG_HOST_CONTROL_INTERNAL_H

#include "channel.h"
#include "move/move.h"

struct control_work;

struct control_client {
	struct channel channel;
	struct control_work *work; /* a request that takes long: it is answered later, and the next one is taken then */
	bool watches;           /* wants events */
	uint32_t awaits;        /* ... until the session of this number has ended; the first is 1 */
};

struct control {
	struct host_enclave *enclave;
	struct host_move *move;
	uint64_t started_ns;
};

/* Carries out one request. Return: the answer, never NULL but without memory. Trust: `request` comes from a process of
 * the same user; it is checked strictly all the same. */
struct json_t *control_request(struct control *control, struct control_client *client, const struct json_t *request);
/* Does it ask somebody who may take long? Such a request is carried out by a thread of its own; it leaves the client alone. */
bool control_is_long(const struct json_t *request);

#endif
