/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cc.h"

static void print(const struct strv *command)
{
	for (size_t i = 0; i < command->count; i++) fprintf(stderr, "%s%s", i ? " " : "", command->item[i]);
	fputc('\n', stderr);
}

void cc_exec(const struct strv *command, bool verbose)
{
	if (verbose) print(command);
	execvp(command->item[0], command->item);
	cc_error("%s: %s", command->item[0], strerror(errno));
	_exit(127);
}

int cc_run(const struct strv *command, bool verbose)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) { cc_error("fork: %s", strerror(errno)); return 1; }
	if (pid == 0) cc_exec(command, verbose);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) { cc_error("waitpid: %s", strerror(errno)); return 1; }
	if (WIFEXITED(status)) return WEXITSTATUS(status);
	cc_error("%s was ended by signal %d", command->item[0], WTERMSIG(status));
	return 1;
}

/* A flat directory, as mkdtemp made it for us. */
void cc_remove_directory(const char *path)
{
	DIR *d = opendir(path);
	if (!d) return;
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) (void)unlink(cc_format("%s/%s", path, e->d_name)); /* best effort */
	closedir(d);
	(void)rmdir(path); /* best effort */
}
