/* SPDX-License-Identifier: Apache-2.0 */
/* Finds control sockets and speaks to them. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client.h"
#include "json_text.h"
#include "rundir.h"
#include "util.h"

#define INFO_MS   2000
#define WANTED_MS 5000    /* when the answer is needed, not only shown */

int client_connect(const char *path, struct channel *ret_channel)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof address.sun_path)
		return host_fail(OM_EINVAL, "%s is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return host_fail(OM_EIO, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		int code = errno;

		close(fd);
		if (code == ECONNREFUSED)
			unlink(path);
		return host_fail(OM_ENOTFOUND, "%s: %s", path, strerror(code));
	}
	channel_init(ret_channel, fd);
	return 0;
}

int client_call_for(struct channel *channel, const char *command, json_t *arguments, int timeout_ms, json_t **ret_value)
{
	json_t *request = arguments ? json_pack("{ss so}", "command", command, "arguments", arguments) :
		json_pack("{ss}", "command", command);
	int error = channel_send(channel, request);

	while (!error) {
		json_t *answer;

		error = channel_receive(channel, timeout_ms, &answer);
		if (error)
			break;
		if (json_object_get(answer, "event")) {
			json_decref(answer);
			continue;
		}
		error = channel_error_of(answer);
		if (!error && ret_value)
			*ret_value = json_incref(json_object_get(answer, "return"));
		json_decref(answer);
		break;
	}
	return error;
}

int client_call(struct channel *channel, const char *command, json_t *arguments, json_t **ret_value)
{
	return client_call_for(channel, command, arguments, CLIENT_ANSWER_MS, ret_value);
}

/* "NAME.PID" and the ending */
static bool split(const char *file, const char *ending, char name[65], int *ret_pid)
{
	size_t length = strlen(file), stem = length - strlen(ending);
	const char *dot;
	uint64_t pid;
	char number[16];

	if (length < strlen(ending) + 3 || strcmp(file + stem, ending))
		return false;
	for (dot = file + stem - 1; dot > file && *dot != '.'; dot--)
		;
	if (dot == file || dot - file > 64 || (size_t)(file + stem - dot - 1) >= sizeof number)
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(file + stem - dot - 1), dot + 1);
	if (host_parse_u64(number, 1, 1 << 30, &pid))
		return false;
	snprintf(name, 65, "%.*s", (int)(dot - file), file);
	*ret_pid = (int)pid;
	return true;
}

/* The info of the process behind a socket, or NULL if it is gone. */
static json_t *info_of(const char *path, const char *name, int pid, int timeout_ms)
{
	struct channel channel;
	json_t *info = NULL;
	int error = client_connect(path, &channel);

	if (error)
		return NULL;
	error = channel_send(&channel, json_pack("{ss}", "command", "info"));
	if (!error) {
		json_t *answer;

		error = channel_receive(&channel, timeout_ms, &answer);
		if (!error) {
			info = json_incref(json_object_get(answer, "return"));
			json_decref(answer);
		}
	}
	channel_done(&channel);
	if (error == OM_ETIMEDOUT)
		info = json_pack("{ss si ss ss}", "program", name, "pid", pid, "state", "hung", "migration", "unknown");
	if (info)
		json_object_set_new(info, "socket", json_string(path));
	return info;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

struct listing { json_t *list; int timeout_ms; };

static void list_directory(const char *directory, void *context)
{
	const struct listing *to = context;
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, by_name);

	for (int i = 0; i < count; i++) {
		char name[65], path[HOST_RUNDIR_MAX + 256];
		json_t *info;
		int pid;

		snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
		if (split(entries[i]->d_name, ".sock", name, &pid)) {
			info = info_of(path, name, pid, to->timeout_ms);
			if (info)
				json_array_append_new(to->list, info);
		} else if (split(entries[i]->d_name, ".new", name, &pid) && kill(pid, 0) && errno == ESRCH) {
			unlink(path); /* killed before its socket had its name */
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static int list_programs(int timeout_ms, json_t **ret_list)
{
	char directory[HOST_RUNDIR_MAX];
	struct listing listing = { json_array(), timeout_ms };
	int error = host_rundir(0, directory, sizeof directory);

	if (error && error != OM_ENOTFOUND) {
		json_decref(listing.list);
		return error;
	}
	if (!error)
		list_directory(directory, &listing);
	host_rundir_others(list_directory, &listing);
	*ret_list = listing.list;
	return 0;
}

int client_list(json_t **ret_list)
{
	return list_programs(INFO_MS, ret_list);
}

/* The process that listens there. Return: 0 if it is gone, or in another pid namespace. */
static int peer_of(const char *path)
{
	struct channel channel;
	struct ucred peer = { 0 };
	socklen_t size = sizeof peer;

	if (client_connect(path, &channel))
		return 0;
	if (getsockopt(channel.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) || peer.uid != geteuid())
		peer.pid = 0;
	channel_done(&channel);
	return peer.pid;
}

int client_programs(const uint8_t mrenclave[32], struct client_program **ret_list, size_t *ret_count)
{
	struct client_program *programs;
	const json_t *info;
	char hex[65];
	size_t i, count = 0;
	json_t *list;
	int error = list_programs(WANTED_MS, &list);

	if (error)
		return error;
	for (i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", mrenclave[i]);
	programs = calloc(json_array_size(list) + 1, sizeof *programs);
	json_array_foreach(list, i, info) {
		struct client_program p = { 0 };

		if (!programs || strcmp(json_text(info, "mrenclave"), hex))
			continue;
		p.pid = peer_of(json_text(info, "socket"));
		p.image = p.pid > 0 ? strdup(json_text(info, "image")) : NULL;
		if (p.image)
			programs[count++] = p;
	}
	json_decref(list);
	if (!programs)
		return host_fail(OM_ENOMEM, "no memory");
	*ret_list = programs;
	*ret_count = count;
	return 0;
}

void client_programs_free(struct client_program *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].image);
	free(list);
}

/* How well a process fits, 0: not at all. */
static int fitness(const json_t *info, enum client_want want)
{
	const char *migration = json_text(info, "migration");
	bool running = strcmp(json_text(info, "state"), "running") == 0, receiving = strcmp(json_text(info, "state"), "receiving") == 0;
	bool busy = strcmp(migration, "none") && strcmp(migration, "completed") && strcmp(migration, "failed") && strcmp(migration, "cancelled");

	switch (want) {
	case CLIENT_RUNNING:
		return running ? 2 : 1;
	case CLIENT_MIGRATING:
		return busy && !receiving ? 3 : busy ? 2 : 1;
	default:
		return 1;
	}
}

/* Its process, or the one that was started and stands above it. */
static bool has_number(const json_t *info, const char *wanted)
{
	static const char *const members[] = { "pid", "supervisor" };
	char number[24];

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(info, members[i])));
		if (strcmp(number, wanted) == 0 && *wanted != '0')
			return true;
	}
	return false;
}

static const json_t *choose(const json_t *list, const char *wanted, enum client_want want, char *others, size_t others_size)
{
	const json_t *best = NULL, *info;
	int best_fitness = 0, count = 0;
	size_t i;

	others[0] = 0;
	json_array_foreach(list, i, info) {
		char pid[16];
		int fit = fitness(info, want);

		snprintf(pid, sizeof pid, "%lld", (long long)json_integer_value(json_object_get(info, "pid")));
		if (has_number(info, wanted))
			return info;
		if (strcmp(json_text(info, "program"), wanted) || fit < best_fitness)
			continue;
		if (fit > best_fitness)
			count = 0, others[0] = 0;
		best = info;
		best_fitness = fit;
		count++;
		if (strlen(others) + strlen(pid) + 2 < others_size)
			snprintf(others + strlen(others), others_size - strlen(others), " %s", pid);
	}
	if (count <= 1)
		others[0] = 0;
	return best;
}

int client_open(const char *name_or_pid, enum client_want want, struct channel *ret_channel, json_t **ret_info)
{
	char others[200];
	const json_t *info;
	json_t *list;
	int error = client_list(&list);

	if (error)
		return error;
	info = choose(list, name_or_pid, want, others, sizeof others);
	if (!info)
		error = host_fail(OM_ENOTFOUND, "no program of this user named \"%s\", or with that pid, runs in an enclave here", name_or_pid);
	else if (others[0])
		error = host_fail(OM_EINVAL, "several programs are named \"%s\"; give one of these pids:%s", name_or_pid, others);
	else
		error = client_connect(json_text(info, "socket"), ret_channel);
	if (!error && ret_info)
		*ret_info = json_deep_copy(info);
	json_decref(list);
	return error;
}
