/* SPDX-License-Identifier: Apache-2.0 */
/* Running Pacemaker's tools: arguments as they are, no shell; what they say is read to its end, up to a limit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/exitcodes.h"
#include "cluster.h"
#include "util.h"

struct text {
	char *bytes;
	size_t used, room;
};

static int append(struct text *text, int fd)
{
	ssize_t got;

	if (text->room - text->used < 4096) {
		const size_t room = text->room ? 2 * text->room : 16384;
		char *more;

		if (room > CLUSTER_OUTPUT_MAX)
			return host_fail(OM_EOVERFLOW, "a tool says more than %u MiB", CLUSTER_OUTPUT_MAX >> 20);
		more = realloc(text->bytes, room);
		if (!more)
			return host_fail(OM_ENOMEM, "no memory");
		text->bytes = more;
		text->room = room;
	}
	got = read(fd, text->bytes + text->used, text->room - text->used - 1);
	if (got < 0)
		return errno == EINTR ? 1 : host_fail(OM_EIO, "read: %s", strerror(errno));
	text->used += (size_t)got;
	text->bytes[text->used] = 0;
	return got ? 1 : 0;
}

static void child(const char *const *arguments, const char *cib_file, const int in[2], const int out[2], const int err[2])
{
	static char path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *now = getenv("PATH"), *longer = NULL;
	sigset_t none;

	if (now && asprintf(&longer, "%s:%s", now, path) < 0)
		longer = path;
	setenv("PATH", longer ? longer : path, 1);
	if (cib_file)
		setenv("CIB_file", cib_file, 1);
	setenv("LC_ALL", "C", 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A Ctrl-C is for this command, which decides what becomes of it; the tool ends what it was told. */
	setpgid(0, 0);
	dup2(in[0], 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(127);
}

/* Feeds and reads until both outputs have ended. */
static int converse(const char *input, int *in, int out, int err, struct text *said, struct text *words)
{
	size_t left = input ? strlen(input) : 0;
	int error = 0;

	while (out >= 0 || err >= 0) {
		struct pollfd fds[3] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN }, { .fd = left ? *in : -1, .events = POLLOUT } };

		if (!left && *in >= 0) {
			close(*in);
			*in = -1;
		}
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return host_fail(OM_EIO, "poll: %s", strerror(errno));
		}
		if (fds[2].revents) {
			const ssize_t put = write(*in, input, left);

			if (put > 0) {
				input += put;
				left -= (size_t)put;
			} else if (errno != EINTR && errno != EAGAIN) {
				left = 0;
			}
		}
		for (int i = 0; i < 2; i++) {
			if (!fds[i].revents)
				continue;
			error = append(i ? words : said, fds[i].fd);
			if (error < 0)
				return error;
			if (error == 0)
				*(i ? &err : &out) = -1;
		}
	}
	return 0;
}

static int judge(const char *tool, int status, const struct text *words)
{
	const char *say = words->used ? words->bytes : "";
	size_t size = words->used;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !size)
		return host_fail(OM_ENOTFOUND, "%s is not installed: these verbs need Pacemaker's tools", tool);
	while (size && say[size - 1] == '\n')
		size--;
	if (size)
		return host_fail(OM_EIO, "%s: %.*s", tool, (int)(size > 600 ? 600 : size), say);
	return host_fail(OM_EIO, "%s: exit status %d", tool, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int cluster_tool(const char *const *arguments, const char *input, const char *cib_file, char **ret_output, int *ret_status)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, status = 0, error = 0;
	struct text said = { 0 }, words = { 0 };
	pid_t pid = -1;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		error = host_fail(OM_EIO, "pipe: %s", strerror(errno));
	if (!error) {
		pid = fork();
		if (pid == 0)
			child(arguments, cib_file, in, out, err);
		if (pid < 0)
			error = host_fail(OM_EIO, "fork: %s", strerror(errno));
	}
	if (!error) {
		close(in[0]);
		close(out[1]);
		close(err[1]);
		in[0] = out[1] = err[1] = -1;
		error = converse(input, &in[1], out[0], err[0], &said, &words);
	}
	for (int i = 0; i < 2; i++) {
		if (in[i] >= 0)
			close(in[i]);
		if (out[i] >= 0)
			close(out[i]);
		if (err[i] >= 0)
			close(err[i]);
	}
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (!error && !ret_status && status)
		error = judge(arguments[0], status, &words);
	if (!error && ret_status && WIFEXITED(status) && WEXITSTATUS(status) == 127 && !words.used)
		error = judge(arguments[0], status, &words);
	if (!error && ret_status) {
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (*ret_status)
			(void)judge(arguments[0], status, &words); /* words for who asks */
	}
	if (!error && ret_output) {
		*ret_output = said.bytes ? said.bytes : strdup("");
		said.bytes = NULL;
		if (!*ret_output)
			error = host_fail(OM_ENOMEM, "no memory");
	}
	free(said.bytes);
	free(words.bytes);
	return error;
}

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })

void cluster_escaped(FILE *to, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '"': fputs("&quot;", to); break;
		default:
			if ((unsigned char)*text < 0x20)
				fprintf(to, "&#%d;", *text);
			else
				putc(*text, to);
		}
}

int cluster_standby(const char *node, bool on, const char *cib_file)
{
	return on ? cluster_tool(TOOL("crm_attribute", "--node", node, "--name", "standby", "--update", "on"), NULL, cib_file, NULL, NULL) :
		cluster_tool(TOOL("crm_attribute", "--node", node, "--name", "standby", "--delete"), NULL, cib_file, NULL, NULL);
}

int cluster_meta(const char *program, const char *name, const char *value)
{
	return value ? cluster_tool(TOOL("crm_resource", "--resource", program, "--meta", "--set-parameter", name, "--parameter-value", value), NULL, NULL, NULL, NULL) :
		cluster_tool(TOOL("crm_resource", "--resource", program, "--meta", "--delete-parameter", name), NULL, NULL, NULL, NULL);
}

int cluster_property(const char *name, const char *value)
{
	return cluster_tool(TOOL("crm_attribute", "--type", "crm_config", "--name", name, "--update", value), NULL, NULL, NULL, NULL);
}

int cluster_cleanup(const char *program)
{
	return cluster_tool(TOOL("crm_resource", "--resource", program, "--cleanup"), NULL, NULL, NULL, NULL);
}

/* The same `optmig` that we belong to, if it lies where it is built or installed; else that of PATH. */
static const char *optmig(char *room, size_t size)
{
	static const char name[] = "/../bin/optmig";
	const ssize_t got = readlink("/proc/self/exe", room, size - sizeof name);
	char *slash = NULL;

	if (got > 0 && (size_t)got < size - sizeof name) {
		room[got] = 0;
		slash = strrchr(room, '/');
	}
	if (slash)
		memcpy(slash, name, sizeof name);
	return slash && access(room, X_OK) == 0 ? room : "optmig";
}

/* Runs our own command, which prints JSON. Return: its words if it fails. */
int cluster_optmig(const char *const *arguments, json_t **ret)
{
	const char *all[CLUSTER_ARGUMENTS + 1] = { NULL };
	char path[4096], *said = NULL;
	int status, error;

	all[0] = optmig(path, sizeof path);
	for (size_t i = 0; arguments[i] && i + 2 < CLUSTER_ARGUMENTS; i++)
		all[i + 1] = arguments[i];
	error = cluster_tool(all, NULL, NULL, &said, &status);
	if (error)
		return error;
	*ret = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
	free(said);
	if (!status && *ret)
		return 0;
	json_decref(*ret);
	*ret = NULL;
	return status ? OM_ECONNECTION : host_fail(OM_ECONNECTION, "%s %s: its answer is no JSON", all[0], arguments[0]);
}

int cluster_own_name(char **ret)
{
	int error = cluster_tool(TOOL("crm_node", "--name"), NULL, NULL, ret, NULL);

	if (!error)
		(*ret)[strcspn(*ret, "\n")] = 0;
	return error;
}

const char *cluster_address(const json_t *node, const char *name)
{
	const char *address = cluster_text(json_object_get(node, "has"), "optmig-address");

	return *address ? address : name;
}

int cluster_host(const json_t *node, const char *name, json_t **ret)
{
	return name ? cluster_optmig(TOOL("unit", "host", "--on", cluster_address(node, name)), ret) : cluster_optmig(TOOL("unit", "host"), ret);
}

int cluster_unit_status(const char *program, const json_t *node, const char *name, json_t **ret_status)
{
	char path[4096], *said = NULL;
	const char *arguments[] = { optmig(path, sizeof path), "unit", "status", program, "--json", name ? "--on" : NULL, name ? cluster_address(node, name) : NULL, NULL };
	json_t *object;
	int status, error = cluster_tool(arguments, NULL, NULL, &said, &status);

	if (error)
		return error;
	object = status == CLI_NOTFOUND ? json_pack("{ss}", "state", "stopped") : json_loads(said, JSON_REJECT_DUPLICATES, NULL);
	free(said);
	if (!json_is_object(object) || !json_object_get(object, "state") || json_object_get(object, "without-service")) {
		json_decref(object);
		return host_fail(OM_ECONNECTION, "the optmigd of %s does not say what it has: %s", name ? name : "this host", host_reason());
	}
	*ret_status = object;
	return 0;
}
