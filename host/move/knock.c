/* SPDX-License-Identifier: Apache-2.0 */
/* The initiator's half of an opening, on a blocking socket. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include "knock.h"
#include "sockets.h"
#include "opening.h"
#include "util.h"

/* Until the present message is there. A destination does not say why it closes before it knows who asks. */
static int receive(struct move_opening *o, int fd, int stop_fd, uint64_t end_ns)
{
	const enum move_opening_stage stage = o->stage;

	while (move_opening_wants(o) > 0 && o->stage == stage) {
		uint64_t now = host_monotonic_ns();
		uint8_t nothing[MOVE_OPENING_MAX];
		size_t size;
		ssize_t n;
		int error = move_wait_fd(fd, POLLIN, stop_fd, end_ns > now ? (end_ns - now) / 1000000 : 0);

		if (error)
			return error;
		n = recv(fd, o->in + o->have, move_opening_wants(o), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return host_fail(OM_ECONNECTION, "receive: %s", strerror(errno));
		if (n == 0)
			return host_fail(OM_ECONNECTION, stage == MOVE_OPENING_FIRST ?
				"it closed the connection at once: its OptMig may be older, or too many ask it" : "it closed the connection");
		error = move_opening_took(o, (size_t)n, nothing, &size);
		if (error)
			return error;
	}
	return 0;
}

static int check_host(struct move_knock *knock, const struct move_opening *o)
{
	char name[HOST_PEER_NAME], words[400];
	int error;

	if (knock->pinned)
		return memcmp(knock->peer, o->peer, HOST_KEY_SIZE) == 0 ? 0 :
			host_fail(OM_EPEER, "%s is another host than the one that this migration began with", knock->to);
	error = host_peer_known(knock->key, o->peer, name);
	if (error) {
		snprintf(words, sizeof words, "%s", host_reason());
		return host_fail(error, error == OM_EPEER ? "%s: %s" : "whether %s is known cannot be told: %s", knock->to, words);
	}
	host_detail("%s is %s", knock->to, name);
	memcpy(knock->peer, o->peer, HOST_KEY_SIZE);
	knock->pinned = true;
	return 0;
}

static int open_connection(struct move_knock *knock, struct move_opening *o, int fd, int stop_fd, const struct move_hello *hello,
	struct move_hello *ret_answer)
{
	const uint64_t begin_ns = host_monotonic_ns();
	uint8_t out[MOVE_OPENING_MAX];
	int error = move_opening_first(o, out);

	if (!error)
		error = move_send(fd, out, OM_OPENING_1);
	if (!error)
		error = receive(o, fd, stop_fd, begin_ns + knock->handshake_ms * 1000000);
	if (!error)
		error = check_host(knock, o);
	if (!error)
		error = move_opening_say(o, hello, out);
	if (!error)
		error = move_send(fd, out, OM_OPENING_3);
	if (!error)
		error = receive(o, fd, stop_fd, host_monotonic_ns() + knock->answer_ms * 1000000);
	return error ? error : move_opening_heard(o, ret_answer);
}

int move_knock(struct move_knock *knock, int fd, int stop_fd, const struct move_hello *hello, struct move_hello *ret_answer)
{
	struct move_opening opening;
	uint8_t ephemeral[32];
	int error;

	if (getrandom(ephemeral, sizeof ephemeral, 0) != (ssize_t)sizeof ephemeral)
		return host_fail(OM_EIO, "getrandom: %s", strerror(errno));
	move_opening_init(&opening, true, knock->key, ephemeral);
	explicit_bzero(ephemeral, sizeof ephemeral);
	error = open_connection(knock, &opening, fd, stop_fd, hello, ret_answer);
	knock->seal = opening.seal;
	move_opening_done(&opening);
	return error;
}
