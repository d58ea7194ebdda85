/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PID 1 starts: `optmig run`, `optmig receive`, and commands that are asked for while it runs. Never anything else: a native program of
 * the host's choosing could ask the security processor for a report that says whatever it likes. For the same reason the environment
 * of `optmig` is ours, not the host's; the program's own goes through a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "init.h"

#define OPTMIG      "/usr/bin/optmig"
#define ENVIRONMENT "/run/optmig-environment"

static const char *const clean[] = { "PATH=/usr/bin", "HOME=/", "OPTMIG_IMAGE_PATH=/image", "OPTMIG_HOST_DIR=" OM_GUESTCTL_HOST_KEYS, NULL };

/* What may be asked of a running `optmig`. Those that start programs, or write where they are told, are not among them. */
static const char *const allowed_commands[] = { "migrate", "status", "cancel", "postcopy", "recover", "report", "ps", "check", "info", "evidence",
	"unlock", "peer", "hostkey" };

static bool is_allowed(const char *verb)
{
	for (size_t i = 0; i < sizeof allowed_commands / sizeof *allowed_commands; i++)
		if (strcmp(verb, allowed_commands[i]) == 0)
			return true;
	return false;
}

/* Appends copies to a NULL-terminated vector that has room for `room` entries. */
static bool append(const char **vector, size_t *count, size_t room, struct om_guestctl_list list)
{
	struct om_guestctl_string s;

	while (om_guestctl_list_next(&list, &s)) {
		if (*count + 1 >= room || !(vector[*count] = strndup(s.text, s.size)))
			return false;
		vector[++*count] = NULL;
	}
	return true;
}

static void free_vector(const char **vector, size_t own)
{
	for (size_t i = own; vector && vector[i]; i++)
		free((char *)vector[i]);
	free((void *)vector);
}

static const char *write_environment(struct om_guestctl_list list)
{
	int fd = open(ENVIRONMENT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct om_guestctl_string s;
	bool ok = fd >= 0;

	while (ok && om_guestctl_list_next(&list, &s))
		ok = write(fd, s.text, s.size) == (ssize_t)s.size && write(fd, "", 1) == 1;
	if (fd >= 0 && close(fd))
		ok = false;
	return ok ? NULL : "its environment cannot be written";
}

static void non_blocking(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

/* @streams: its standard streams. */
static _Noreturn void become(const char **argv, const char *directory, const int streams[3])
{
	default_signals();
	for (int i = 0; i < 3; i++)
		(void)dup2(streams[i], i);
	for (int i = 0; i < 3; i++)
		if (streams[i] > 2)
			close(streams[i]);
	if (chdir(directory) && chdir("/"))
		_exit(126);
	execve(OPTMIG, (char *const *)argv, (char *const *)clean);
	_exit(127);
}

static void close_both(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	pair[0] = pair[1] = -1;
}

static const char *with_pipes(struct init *init, const char **argv, const char *directory)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	const char *why = NULL;
	pid_t pid = -1;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (pid = fork()) < 0) {
		why = strerror(errno);
		close_both(in);
		close_both(out);
		close_both(err);
		return why;
	}
	if (pid == 0) {
		(void)setsid();
		become(argv, directory, (const int[3]){ in[0], out[1], err[1] });
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	init->child = pid;
	non_blocking(in[1]);
	non_blocking(out[0]);
	non_blocking(err[0]);
	init->in.to = in[1];
	init->out.from = out[0];
	init->err.from = err[0];
	return NULL;
}

static const char *with_terminal(struct init *init, const char **argv, const char *directory, const struct winsize *size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	char name[64];
	pid_t pid;
	int fd;

	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof name) || ioctl(master, TIOCSWINSZ, size))
		return strerror(errno);
	pid = fork();
	if (pid < 0)
		return strerror(errno);
	if (pid == 0) {
		(void)setsid();
		fd = open(name, O_RDWR);        /* the first terminal that a session's leader opens is its own */
		become(argv, directory, (const int[3]){ fd, fd, fd });
	}
	init->child = pid;
	init->terminal = master;
	init->in.to = master;
	init->out.from = master;
	return NULL;
}

const char *child_start(struct init *init, const struct om_guestctl_start *start)
{
	const size_t room = 8 + start->options.count + start->arguments.count;
	const struct winsize size = { .ws_row = start->rows, .ws_col = start->columns };
	const char **argv = calloc(room, sizeof *argv), *directory = strndup(start->directory.text, start->directory.size);
	const char *why = write_environment(start->environment);
	size_t count = 0;

	if (!argv || !directory)
		why = "no memory";
	if (!why) {
		argv[count++] = "optmig";
		argv[count++] = start->verb == OM_GUESTCTL_RUN ? "run" : "receive";
		if (start->verb == OM_GUESTCTL_RUN) {
			argv[count++] = "--environment";
			argv[count++] = ENVIRONMENT;
		}
		if (!append(argv, &count, room, start->options) || !append(argv, &count, room, start->arguments))
			why = "no memory";
	}
	if (!why)
		why = start->terminal ? with_terminal(init, argv, directory, &size) : with_pipes(init, argv, directory);
	if (argv)
		free_vector(argv, start->verb == OM_GUESTCTL_RUN ? 4 : 2);
	free((void *)directory);
	return why;
}

static struct command *free_command(struct init *init)
{
	for (unsigned i = 0; i < INIT_COMMANDS_MAX; i++)
		if (!init->commands[i].used)
			return &init->commands[i];
	return NULL;
}

static const char *spawn(struct command *c, const char **argv)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), out[2] = { -1, -1 }, err[2] = { -1, -1 };
	const char *why = NULL;

	if (null < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (c->pid = fork()) < 0) {
		why = strerror(errno);
		close_both(out);
		close_both(err);
	} else if (c->pid == 0) {
		(void)setsid();
		become(argv, "/", (const int[3]){ null, out[1], err[1] });
	} else {
		close(out[1]);
		close(err[1]);
		c->out[0] = out[0];
		c->out[1] = err[0];
		c->used = true;
	}
	if (null >= 0)
		close(null);
	return why;
}

const char *command_start(struct init *init, uint32_t id, struct om_guestctl_list arguments)
{
	const size_t room = 3 + arguments.count;
	struct command *c = free_command(init);
	const char **argv = calloc(room, sizeof *argv);
	const char *why = NULL;
	size_t count = 1;

	if (!c || !argv) {
		free((void *)argv);
		return c ? "no memory" : "too many commands at a time";
	}
	argv[0] = "optmig";
	memset(c, 0, sizeof *c);
	c->id = id;
	if (!append(argv, &count, room, arguments))
		why = "no memory";
	else if (count < 2 || !is_allowed(argv[1]))
		why = "not a command that a guest carries out";
	else
		why = spawn(c, argv);
	free_vector(argv, 1);
	return why;
}

void child_signal(struct init *init, uint32_t number)
{
	if (init->child > 0 && number > 0 && number <= 64)
		(void)kill(init->child, (int)number);   /* it may have ended meanwhile */
}

void child_window(struct init *init, uint16_t rows, uint16_t columns)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };

	if (init->terminal >= 0)
		(void)ioctl(init->terminal, TIOCSWINSZ, &size); /* a size that it does not take stays as it was */
}
