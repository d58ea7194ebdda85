/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a guest's command socket. A connection is one command: the client sends a COMMAND frame with number 0, gets OUTPUT and RESULT.
 * The number that the guest knows is the connection's place in the table.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "commands.h"
#include "control/rundir.h"
#include "guest.h"
#include "hand.h"
#include "load/enclave.h"
#include "util.h"

#define CLIENTS_MAX 8u
#define SUFFIX      ".guest"

static int listening = -1, watch = -1;
static struct sockaddr_un address;
static int clients[CLIENTS_MAX] = { -1, -1, -1, -1, -1, -1, -1, -1 };
static uint8_t frame[OM_GUESTCTL_PAYLOAD_MAX];

/* ---- in the process of the guest -------------------------------------------------------------------------------------- */

void commands_begin(const char *program)
{
	const char *slash = strrchr(program, '/');
	char folder[HOST_RUNDIR_MAX];
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = CLIENTS_MAX };

	if (host_rundir(1, folder, sizeof folder)) {
		host_note("no command socket: %s", host_reason());
		return;
	}
	address.sun_family = AF_UNIX;
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%.40s.%d" SUFFIX, folder, slash ? slash + 1 : program, getpid()) >=
		sizeof address.sun_path) {
		host_note("no command socket: the runtime directory's name is too long (OPTMIG_RUNTIME_DIR)");
		return;
	}
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	watch = epoll_create1(EPOLL_CLOEXEC);
	if (listening < 0 || watch < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 4) ||
		epoll_ctl(watch, EPOLL_CTL_ADD, listening, &event)) {
		host_note("no command socket: %s: %s", address.sun_path, strerror(errno));
		address.sun_path[0] = 0;
	}
}

void commands_end(void)
{
	if (address.sun_path[0])
		(void)unlink(address.sun_path);
	address.sun_path[0] = 0;
}

int commands_fd(void)
{
	return watch;
}

static void hang_up(uint32_t i)
{
	close(clients[i]);
	clients[i] = -1;
}

static void take_client(void)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	for (uint32_t i = 0; i < CLIENTS_MAX && fd >= 0; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		if (clients[i] >= 0 || epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event))
			continue;
		clients[i] = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* The client is this user's own, but a client that sends half of a frame must not stop the program's streams. */
static bool read_now(int fd, void *to, size_t size)
{
	uint8_t *p = to;

	while (size > 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&wait, 1, 1000) == 1 ? recv(fd, p, size, 0) : -1;

		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

static int pass_command(uint32_t i, int control)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER], type;
	struct om_put c;
	uint32_t size;

	if (!read_now(clients[i], header, sizeof header) || om_guestctl_frame_decode(header, &type, &size) || type != OM_GUESTCTL_COMMAND || size < 4 ||
		!read_now(clients[i], frame, size)) {
		hang_up(i);             /* also one that has gone: what its command still says is dropped */
		return 0;
	}
	om_put_init(&c, frame, 4);
	om_put_u32(&c, i);
	return hand_frame(control, OM_GUESTCTL_COMMAND, frame, size);
}

int commands_serve(int control)
{
	struct epoll_event events[CLIENTS_MAX + 1];
	int count = epoll_wait(watch, events, CLIENTS_MAX + 1, 0), error = 0;

	for (int n = 0; n < count && !error; n++) {
		if (events[n].data.u32 == CLIENTS_MAX)
			take_client();
		else if (clients[events[n].data.u32] >= 0)
			error = pass_command(events[n].data.u32, control);
	}
	return error;
}

void commands_answer(uint8_t type, const uint8_t *payload, size_t size)
{
	struct om_get c;
	uint32_t i;

	om_get_init(&c, payload, size);
	i = om_get_u32(&c);
	if (i >= CLIENTS_MAX || clients[i] < 0)
		return;
	if (hand_frame(clients[i], type, payload, size) || type == OM_GUESTCTL_RESULT)
		hang_up(i);
}

/* ---- in another process ------------------------------------------------------------------------------------------------------ */

/* NAME.PID.guest; NAME may have dots. */
static bool matches(const char *file, const char *name)
{
	size_t size = strlen(file), suffix = sizeof SUFFIX - 1;
	const char *dot;

	if (size <= suffix || strcmp(file + size - suffix, SUFFIX) != 0)
		return false;
	dot = memrchr(file, '.', size - suffix);
	if (!dot)
		return false;
	if (!name)
		return true;
	return ((size_t)(dot - file) == strlen(name) && strncmp(file, name, strlen(name)) == 0) ||
		(strlen(name) == (size_t)(file + size - suffix - dot - 1) && strncmp(dot + 1, name, strlen(name)) == 0);
}

/* Return: how many there are; the name of the last one. */
static int find(const char *name, bool print, char *ret, size_t size)
{
	char folder[HOST_RUNDIR_MAX];
	const struct dirent *entry;
	int found = 0;
	DIR *d;

	if (host_rundir(0, folder, sizeof folder) || !(d = opendir(folder)))
		return 0;
	while ((entry = readdir(d)))
		if (matches(entry->d_name, name)) {
			found++;
			snprintf(ret, size, "%s/%s", folder, entry->d_name);
			if (print)
				printf("%.*s\n", (int)(strlen(entry->d_name) - sizeof SUFFIX + 1), entry->d_name);
		}
	closedir(d);
	return found;
}

int commands_list(void)
{
	char path[300];

	(void)find(NULL, true, path, sizeof path);
	return 0;
}

static int dial(const char *name, int *ret_fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char path[300];
	int found = find(name, false, path, sizeof path), fd;

	if (found != 1)
		return host_fail(OM_ENOTFOUND, found ? "%d guests have that name: say the number of the process (optmig guest ls)" :
			"no such guest (optmig guest ls)", found);
	if ((size_t)snprintf(to.sun_path, sizeof to.sun_path, "%s", path) >= sizeof to.sun_path)
		return host_fail(OM_EINVAL, "%s is too long for a socket's name", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
		int number = errno;

		if (fd >= 0)
			close(fd);
		return host_fail(OM_ECONNECTION, "%s: %s", path, strerror(number));
	}
	*ret_fd = fd;
	return 0;
}

static int ask(int fd, char *const *arguments)
{
	struct om_put c;
	int error;

	om_put_init(&c, frame, sizeof frame);
	om_put_u32(&c, 0);
	om_guestctl_put_list(&c, arguments);
	error = om_put_end(&c);
	return error ? host_fail(error, "the arguments are too long") : hand_frame(fd, OM_GUESTCTL_COMMAND, frame, om_put_size(&c));
}

/* Return: the exit status, or OM_E*. */
static int hear(int fd)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER], type;
	struct om_get c;
	uint32_t size;

	for (;;) {
		if (host_read_all(fd, header, sizeof header) || om_guestctl_frame_decode(header, &type, &size) || host_read_all(fd, frame, size))
			return host_fail(OM_ECONNECTION, "the guest has ended");
		om_get_init(&c, frame, size);
		om_get_skip(&c, 4);
		if (type == OM_GUESTCTL_RESULT)
			return (int)(om_get_u32(&c) & 255);
		if (type == OM_GUESTCTL_OUTPUT && size > 5)
			(void)host_write_all(om_get_u8(&c) == 2 ? 2 : 1, frame + 5, size - 5);  /* nobody reads: the status still counts */
	}
}

int commands_exec(const char *name, char *const *arguments)
{
	int fd, status = dial(name, &fd);

	if (status == 0) {
		status = ask(fd, arguments);
		if (status == 0)
			status = hear(fd);
		close(fd);
	}
	if (status < 0) {
		host_error_cure(status, "guest exec");
		return HOST_EXIT_FAILED;
	}
	return status;
}
