/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that come on a control socket, through the line reader and the JSON parser, in pieces; then the same bytes as a
 * hello of the migration protocol. Properties: a line is an object or an error; what was taken can be sent again and is
 * taken as the same object; a hello that is accepted is encoded to the same bytes.
 */
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fuzz.h"
#include "control/channel.h"
#include "errors.h"
#include "move/hello.h"

static void again(json_t *object)
{
	struct channel out, in;
	json_t *back;
	int fds[2];

	PROPERTY(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	channel_init(&out, fds[0]);
	channel_init(&in, fds[1]);
	if (channel_send(&out, json_incref(object)) == 0 &&
	    channel_receive(&in, 0, &back) == 0) {
		PROPERTY(json_is_object(back) && json_object_size(back) == json_object_size(object));
		json_decref(back);
	}
	channel_done(&out);
	channel_done(&in);
}

static void lines(const uint8_t *data, size_t size)
{
	struct channel c;
	int fds[2];

	PROPERTY(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	channel_init(&c, fds[0]);
	for (size_t at = 0; at < size;) {
		size_t piece = 1 + data[at] % 64 * 16;
		int error = 0;

		piece = piece < size - at ? piece : size - at;
		if (send(fds[1], data + at, piece, MSG_NOSIGNAL) < 0 || channel_fill(&c))
			break;
		at += piece;
		while (!error) {
			json_t *object = NULL;

			error = channel_take(&c, &object);
			PROPERTY(error <= 0 && (error != 0) == (object == NULL));
			PROPERTY(c.used <= c.capacity && c.capacity <= CHANNEL_LINE_MAX);
			if (!error && size < 4096)
				again(object);
			if (!error)
				(void)channel_error_of(object);
			json_decref(object);
			if (error == OM_EINVAL) /* the line is gone, the next may be good */
				error = 0;
		}
	}
	close(fds[1]);
	channel_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t in[OM_HELLO_SIZE] = { 0 }, out[OM_HELLO_SIZE];
	struct move_hello hello;

	lines(data, size);
	memcpy(in, data, size < sizeof in ? size : sizeof in);
	if (move_hello_decode(in, &hello) == 0) {
		move_hello_encode(&hello, out);
		PROPERTY(memcmp(in, out, sizeof in) == 0);
	}
	return 0;
}
