/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects, one per line, over a stream socket: the control protocol of both ends.
 *
 *     request   {"command": "migrate", "arguments": {...}}
 *     answer    {"return": {...}}   or   {"error": {"code": -8, "name": "OM_ESTATE", "reason": "...", "cure": "..."}}
 *     event     {"event": "progress" | "end", "report": {...}}      to clients that began or watch a migration
 */
#ifndef OPTMIG_HOST_CONTROL_CHANNEL_H
#define OPTMIG_HOST_CONTROL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_LINE_MAX (1024u * 1024)

struct json_t;
struct channel {
	int fd;                 /* -1: none */
	char *line;             /* grows up to CHANNEL_LINE_MAX */
	size_t used, capacity;
};

/* Begins with nothing read. @fd: of a stream socket, the channel's from here on; -1: none. */
void channel_init(struct channel *channel, int fd);
/* Closes the descriptor and frees the line; the channel is then as after channel_init() with -1. */
void channel_done(struct channel *channel);
/* Reads what is there. Return: OM_ETIMEDOUT (nothing now), OM_ECONNECTION (end), OM_EOVERFLOW (line too long). */
__attribute__((warn_unused_result))
int channel_fill(struct channel *channel);
/* The next whole line as an object the caller owns. Return: OM_ETIMEDOUT (none yet), OM_EINVAL (no JSON object). */
__attribute__((warn_unused_result))
int channel_take(struct channel *channel, struct json_t **ret_object);
/* Sends an object and gives it up, also on failure. Return: OM_ECONNECTION, OM_ENOMEM. */
__attribute__((warn_unused_result))
int channel_send(struct channel *channel, struct json_t *object);
/* Waits for the next object. @timeout_ms: -1 for ever. */
__attribute__((warn_unused_result))
int channel_receive(struct channel *channel, int timeout_ms, struct json_t **ret_object);

/* Of a request: an object with no other names than `allowed`, which has " NAME NAME "; or nothing. Return: 0 or OM_EINVAL. */
__attribute__((warn_unused_result))
int channel_check_arguments(const char *command, const char *allowed, const struct json_t *arguments);

/* {"error": ...} from a code and host_reason(); and back: sets host_reason(), returns the code, 0 if there is none. */
struct json_t *channel_error(int error);
/* The other direction: says nothing of an answer without an error. Trust: a code that is not from -999 to -1 becomes OM_EINTERNAL. */
int channel_error_of(const struct json_t *answer);

#endif
