/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hand.h"
#include "util.h"

#define CHUNK     (256u << 10)
#define DEPTH_MAX 64

static bool send_all(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

int hand_frame(int control, uint8_t type, const void *payload, size_t size)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER];

	om_guestctl_frame_encode(type, (uint32_t)size, header);
	return send_all(control, header, sizeof header) && send_all(control, payload, size) ? 0 : host_fail(OM_ECONNECTION, "the guest is gone");
}

static int finish(int control, uint8_t type, const uint8_t *payload, const struct om_put *c)
{
	int error = om_put_end(c);

	return error ? host_fail(error, "arguments, environment or a file's name are too long for a guest") :
		hand_frame(control, type, payload, om_put_size(c));
}

int hand_net(int control, const struct guest_net *net)
{
	uint8_t payload[256];
	struct om_put c;

	om_put_init(&c, payload, sizeof payload);
	om_guestctl_put_string(&c, net->address);
	om_guestctl_put_string(&c, net->gateway);
	return finish(control, OM_GUESTCTL_NET, payload, &c);
}

static int announce(int control, uint8_t type, uint32_t mode, uint64_t size, const char *guest)
{
	uint8_t payload[OM_GUESTCTL_PATH_MAX + 32];
	struct om_put c;

	if (!om_guestctl_path_allowed(guest, strlen(guest)))
		return host_fail(OM_EINVAL, "%s: there the guest has what it consists of; --file HOST=GUEST names another place", guest);
	om_put_init(&c, payload, sizeof payload);
	om_put_u32(&c, mode & 07777);
	if (type == OM_GUESTCTL_FILE)
		om_put_u64(&c, size);
	om_guestctl_put_string(&c, guest);
	return finish(control, type, payload, &c);
}

/* The size is that of the beginning: what is written meanwhile does not count, and what is cut off is an error. */
static int send_file(int control, const char *host, const struct stat *status, const char *guest)
{
	int fd = open(host, O_RDONLY | O_CLOEXEC), error;
	uint64_t left = (uint64_t)status->st_size;
	uint8_t *chunk;

	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", host, strerror(errno));
	chunk = malloc(CHUNK);
	error = chunk ? announce(control, OM_GUESTCTL_FILE, status->st_mode, left, guest) : OM_ENOMEM;
	while (!error && left > 0) {
		size_t size = left < CHUNK ? (size_t)left : CHUNK;

		if (host_read_all(fd, chunk, size))
			error = host_fail(OM_EIO, "%s cannot be read, or became shorter", host);
		else
			error = hand_frame(control, OM_GUESTCTL_DATA, chunk, size);
		left -= size;
	}
	free(chunk);
	close(fd);
	return error;
}

static int send_any(int control, const char *host, const char *guest, int depth);

static int send_folder(int control, const char *host, const struct stat *status, const char *guest, int depth)
{
	int error = announce(control, OM_GUESTCTL_DIR, status->st_mode, 0, guest);
	DIR *folder = error ? NULL : opendir(host);
	const struct dirent *entry;

	if (error)
		return error;
	if (!folder)
		return host_fail(OM_EIO, "%s: %s", host, strerror(errno));
	while (!error && (entry = readdir(folder))) {
		char below[4096], to[4096];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(below, sizeof below, "%s/%s", host, entry->d_name) >= sizeof below ||
			(size_t)snprintf(to, sizeof to, "%s/%s", guest, entry->d_name) >= sizeof to)
			error = host_fail(OM_EINVAL, "%s/%s: too long", host, entry->d_name);
		else
			error = send_any(control, below, to, depth + 1);
	}
	closedir(folder);
	return error;
}

static int send_any(int control, const char *host, const char *guest, int depth)
{
	struct stat status;

	if (stat(host, &status))
		return host_fail(OM_EIO, "%s: %s", host, strerror(errno));
	if (S_ISREG(status.st_mode))
		return send_file(control, host, &status, guest);
	if (!S_ISDIR(status.st_mode)) {
		host_note("%s is no file and no folder: left out", host);
		return 0;
	}
	if (depth > DEPTH_MAX)
		return host_fail(OM_EINVAL, "%s: too deep, or a circle of symbolic links", host);
	return send_folder(control, host, &status, guest, depth);
}

int hand_file(int control, const char *host, const char *guest)
{
	return send_any(control, host, guest, 0);
}

int hand_start(int control, const struct om_guestctl_start *head, const char *directory, char *const *options, char *const *arguments,
	char *const *environment)
{
	uint8_t *payload = malloc(OM_GUESTCTL_PAYLOAD_MAX);
	struct om_put c;
	int error;

	if (!payload)
		return host_fail(OM_ENOMEM, "no memory");
	om_put_init(&c, payload, OM_GUESTCTL_PAYLOAD_MAX);
	om_guestctl_start_encode(&c, head, directory, options, arguments, environment);
	error = finish(control, OM_GUESTCTL_START, payload, &c);
	free(payload);
	return error;
}
