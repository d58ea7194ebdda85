/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest/sp_start.h"
#include "peer/key.h"
#include "util.h"

#define READY "listening\n"

/* It lies beside us: .../bin/optmig, .../libexec/optmig-sp. */
static int find(char *ret, size_t size)
{
	static const char name[] = "/../libexec/optmig-sp";
	ssize_t got = readlink("/proc/self/exe", ret, size - sizeof name);
	char *slash;

	if (got <= 0)
		return host_fail(OM_EIO, "/proc/self/exe: %s", strerror(errno));
	ret[got] = 0;
	slash = strrchr(ret, '/');
	memcpy(slash ? slash : ret, name, sizeof name);
	return access(ret, X_OK) ? host_fail(OM_EIO, "%s: %s", ret, strerror(errno)) : 0;
}

static _Noreturn void become(const char *program, char *const *arguments, int out, pid_t parent)
{
	sigset_t none;

	(void)setsid();         /* a terminal's signals are the guest's program's */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() == parent && dup2(out, 1) == 1)
		execv(program, arguments);
	_exit(127);
}

/* Return: 0 when it has said that it listens. */
static int await(int fd, pid_t pid)
{
	char said[sizeof READY] = "";
	size_t got = 0;
	ssize_t n = 1;

	while (got < sizeof READY - 1 && n > 0) {
		n = read(fd, said + got, sizeof READY - 1 - got);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			got += (size_t)n;
	}
	if (strcmp(said, READY) == 0)
		return 0;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return host_fail(OM_EIO, "the emulated security processor has not started");   /* it has said why */
}

int guest_sp_start(const uint8_t measurement[48], const char *id_block, const char *folder, pid_t *ret_pid)
{
	const pid_t self = getpid();
	const struct host_key *key;
	char program[PATH_MAX], socket[PATH_MAX], chip[PATH_MAX], digits[97];
	char *arguments[] = { program, (char *)"--listen", socket, (char *)"--measurement", digits, (char *)"--seed", chip,
		id_block ? (char *)"--id-block" : NULL, (char *)(uintptr_t)id_block, NULL };
	int ready[2], error = host_key_own(&key);
	pid_t pid;

	if (!error)
		error = find(program, sizeof program);
	if (error)
		return error;
	snprintf(socket, sizeof socket, "%s/optmig.sp", folder);
	snprintf(chip, sizeof chip, "%s/chip", key->directory);
	for (unsigned i = 0; i < 48; i++)
		snprintf(digits + 2 * i, 3, "%02x", measurement[i]);
	if (pipe2(ready, O_CLOEXEC))
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become(program, arguments, ready[1], self);
	close(ready[1]);
	error = pid < 0 ? host_fail(OM_EIO, "fork: %s", strerror(errno)) : await(ready[0], pid);
	close(ready[0]);
	if (!error)
		*ret_pid = pid;
	return error;
}
