/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a unit to a keeper that has its program: the words of the command, where its output goes, and what the keeper says.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include "launch.h"
#include "move/move.h"
#include "store/store.h"
#include "strerror.h"
#include "util.h"

#define READY_S    20

/* ---- command lines -------------------------------------------------------------------------------------------------------------------- */

void launch_add(struct launch *w, const char *word)
{
	if (w->count < LAUNCH_WORDS_MAX - 1)
		w->word[w->count++] = word;
}

void launch_add_pair(struct launch *w, const char *option, const char *value)
{
	if (!value)
		return;
	launch_add(w, option);
	launch_add(w, value);
}

void launch_add_list(struct launch *w, const char *option, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (option)
			launch_add(w, option);
		launch_add(w, json_string_value(json_array_get(list, i)));
	}
}

/* Whose rights it has, and what it may do beyond them. */
void launch_add_limits(struct launch *w, const struct unit *unit)
{
	if (!unit->user)
		return;
	launch_add_pair(w, "--user", unit->user);
	launch_add_pair(w, "--allow-ports", unit->ports);
	launch_add_pair(w, "--allow-owners", unit->owners);
	launch_add_list(w, "--move-address", unit->move_addresses);
}

/* The file of an image that is named otherwise. */
int launch_image(const char *image, char *ret_path, size_t size)
{
	uint8_t mrenclave[32];
	struct store store;
	size_t used;
	int error;

	if (*image == '/') {
		snprintf(ret_path, size, "%s", image);
		return access(image, X_OK) == 0 ? 0 : host_fail(OM_ENOTFOUND, "the image %s: %s", image, strerror(errno));
	}
	error = store_open(false, &store);
	if (error)
		return error;
	error = store_select(&store, image, mrenclave);
	used = (size_t)snprintf(ret_path, size, "%s/", store.path);
	for (unsigned i = 0; i < sizeof mrenclave && !error; i++)
		used += (size_t)snprintf(ret_path + used, size - used, "%02x", mrenclave[i]);
	if (!error)
		snprintf(ret_path + used, size - used, "/image");
	store_close(&store);
	return error;
}

/* ---- the keeper --------------------------------------------------------------------------------------------------------- */

static int open_output(const struct service_unit *u, const struct unit *unit, int *ret_fd)
{
	char path[RECORD_PATH_MAX + 16], identifier[UNIT_NAME_MAX + 16];
	int fd;

	if (unit->output) {
		fd = open(unit->output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
		if (fd < 0)
			return host_fail(OM_EIO, "%s: %s", unit->output, strerror(errno));
		*ret_fd = fd;
		return 0;
	}
	snprintf(identifier, sizeof identifier, "optmig-%s", u->name);
	fd = sd_journal_stream_fd(identifier, 6, 0);
	if (fd < 0) {
		snprintf(path, sizeof path, "%s/output", u->directory);
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	}
	*ret_fd = fd;
	return fd >= 0 ? 0 : host_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

/* "+" if the program is written down, else why not. */
static int wait_ready(int fd)
{
	char words[300];
	size_t used = 0;

	for (;;) {
		int error = move_wait_fd(fd, POLLIN, -1, READY_S * 1000);
		ssize_t got;

		if (error)
			return host_fail(error, "the program's keeper says nothing");
		got = read(fd, words + used, sizeof words - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
		if (words[0] == '+' || used == sizeof words - 1)
			break;
	}
	words[used] = 0;
	if (words[0] == '+')
		return 0;
	return host_fail(OM_ESTATE, "%s", used ? words : "the program's keeper ended at once");
}

static int spawn(struct launch *w, int output_fd, int listen_fd, int ready_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	pid_t pid;
	int code, status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
	if (listen_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, listen_fd, 3);
	posix_spawn_file_actions_adddup2(&actions, ready_fd, 4);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	w->word[w->count] = NULL;
	code = posix_spawn(&pid, service.keeper, &actions, &attributes, (char **)(uintptr_t)w->word, service.environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (code)
		return host_fail(OM_EIO, "%s: %s", service.keeper, strerror(code));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

int launch_raise_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);

	close(fd);
	return high;
}

int launch_keeper(const struct service_unit *u, const struct unit *unit, struct launch *w, int listen_fd)
{
	int output, ready[2], error = open_output(u, unit, &output);

	if (error)
		return error;
	if (pipe2(ready, O_CLOEXEC)) {
		close(output);
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	}
	output = launch_raise_fd(output);
	ready[1] = launch_raise_fd(ready[1]);
	error = spawn(w, output, listen_fd, ready[1]);
	close(output);
	close(ready[1]);
	if (!error)
		error = wait_ready(ready[0]);
	close(ready[0]);
	return error;
}

void launch_begin(struct launch *w, const struct service_unit *u, const struct unit *unit, const char *role)
{
	launch_add(w, service.keeper);
	launch_add(w, u->directory);
	launch_add(w, u->keep);
	launch_add(w, role);
	launch_add(w, unit->user ? unit->user : "-");
	launch_add(w, unit->directory ? unit->directory : "/");
	launch_add(w, "--");
	launch_add(w, service.optmig);
}
