/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON. Parsing is strict: one object per line, no duplicate keys, bounded length. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "strerror.h"
#include "channel.h"
#include "util.h"

void channel_init(struct channel *c, int fd)
{
	memset(c, 0, sizeof *c);
	c->fd = fd;
}

void channel_done(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->line);
	channel_init(c, -1);
}

static int grow(struct channel *c)
{
	size_t capacity = c->capacity ? c->capacity * 2 : 4096;
	char *line;

	if (capacity > CHANNEL_LINE_MAX)
		return host_fail(OM_EOVERFLOW, "a line of more than %u bytes", CHANNEL_LINE_MAX);
	line = realloc(c->line, capacity);
	if (!line)
		return host_fail(OM_ENOMEM, "no memory");
	c->line = line;
	c->capacity = capacity;
	return 0;
}

int channel_fill(struct channel *c)
{
	ssize_t n;

	if (c->used == c->capacity) {
		int error = grow(c);

		if (error)
			return error;
	}
	n = recv(c->fd, c->line + c->used, c->capacity - c->used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return host_fail(OM_ETIMEDOUT, "no answer in time");
	if (n <= 0)
		return host_fail(OM_ECONNECTION, "the program's process has gone");
	c->used += (size_t)n;
	return 0;
}

int channel_take(struct channel *c, json_t **ret_object)
{
	const char *end = c->used ? memchr(c->line, '\n', c->used) : NULL;
	json_error_t problem;
	json_t *object;
	size_t size;

	if (!end)
		return host_fail(OM_ETIMEDOUT, "no whole line yet");
	size = (size_t)(end - c->line);
	object = json_loadb(c->line, size, JSON_REJECT_DUPLICATES, &problem);
	c->used -= size + 1;
	memmove(c->line, end + 1, c->used);
	if (!json_is_object(object)) {
		json_decref(object);
		return host_fail(OM_EINVAL, "not a JSON object: %s", object ? "another value" : problem.text);
	}
	*ret_object = object;
	return 0;
}

int channel_send(struct channel *c, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	size_t size, done = 0;
	int error = 0;

	json_decref(object);
	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	size = strlen(text);
	text[size++] = '\n'; /* in place of the NUL */
	while (done < size && !error) {
		ssize_t n = send(c->fd, text + done, size - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			error = host_fail(OM_ECONNECTION, "control socket: %s", strerror(errno));
	}
	free(text);
	return error;
}

int channel_receive(struct channel *c, int timeout_ms, json_t **ret_object)
{
	uint64_t end = host_monotonic_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000;

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		uint64_t now = host_monotonic_ns();
		int n, error = channel_take(c, ret_object);

		if (error != OM_ETIMEDOUT)
			return error;
		if (timeout_ms >= 0 && now >= end)
			return host_fail(OM_ETIMEDOUT, "no answer within %d ms", timeout_ms);
		n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)((end - now) / 1000000) + 1);
		if (n < 0 && errno == EINTR)
			return host_fail(OM_ETIMEDOUT, "interrupted");
		if (n <= 0)
			continue;
		error = channel_fill(c);
		if (error && error != OM_ETIMEDOUT)
			return error;
	}
}

int channel_check_arguments(const char *command, const char *allowed, const json_t *arguments)
{
	const char *name;
	json_t *value;

	if (arguments && !json_is_object(arguments))
		return host_fail(OM_EINVAL, "\"arguments\" must be an object");
	json_object_foreach((json_t *)(uintptr_t)arguments, name, value) {
		char padded[64];

		snprintf(padded, sizeof padded, " %.60s ", name);
		if (strlen(name) > 60 || strchr(name, ' ') || !strstr(allowed, padded))
			return host_fail(OM_EINVAL, "\"%s\" has no argument \"%.60s\"", command, name);
	}
	return 0;
}

json_t *channel_error(int error)
{
	const char *reason = host_reason();

	return json_pack("{s{si ss ss ss}}", "error", "code", error, "name", om_errname(error),
		"reason", *reason ? reason : om_strerror(error), "cure", om_errcure(error));
}

int channel_error_of(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *reason = json_string_value(json_object_get(error, "reason"));
	json_int_t code = json_integer_value(json_object_get(error, "code"));

	if (!error)
		return 0;
	return host_fail(code < 0 && code > -1000 ? (int)code : OM_EINTERNAL, "%s", reason ? reason : "no reason given");
}
