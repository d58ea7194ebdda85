/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_calls LOG COMMAND...  runs a command and notes what it and its threads and children open, and which memory they map at an address
 * that they name:
 *
 *     open PATH
 *     map ADDRESS LENGTH
 *
 * A line is in the log before the call begins. The exit status is the command's; TERM and INT are passed on to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static FILE *out;

static void pass_on(int signo)
{
	kill(child, signo);
}

static void note_path(pid_t pid, uint64_t address)
{
	char path[4096];
	size_t used = 0;

	/* Byte by byte where it is near the end of a page: the next one may not be there. */
	while (used < sizeof path - 1) {
		size_t most = 4096 - (address + used) % 4096;
		struct iovec to = { path + used, most < sizeof path - 1 - used ? most : sizeof path - 1 - used };
		struct iovec from = { (void *)(uintptr_t)(address + used), to.iov_len };
		ssize_t got = process_vm_readv(pid, &to, 1, &from, 1, 0);

		if (got <= 0)
			break;
		if (memchr(path + used, 0, (size_t)got)) {
			fprintf(out, "open %s\n", path);
			return;
		}
		used += (size_t)got;
	}
	fprintf(out, "open ?\n");
}

static void note(pid_t pid)
{
	struct __ptrace_syscall_info info;
	const uint64_t *a = info.entry.args;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	switch (info.entry.nr) {
	case SYS_open: case SYS_creat:
		note_path(pid, a[0]);
		break;
	case SYS_openat: case SYS_openat2: case SYS_execveat:
		note_path(pid, a[1]);
		break;
	case SYS_mmap:
		if (a[0])
			fprintf(out, "map 0x%llx 0x%llx\n", (unsigned long long)a[0], (unsigned long long)a[1]);
		break;
	}
}

/* Return: whether there is anybody left. */
static int step(int *ret_status)
{
	int status, signo = 0;
	pid_t pid = waitpid(-1, &status, __WALL);

	if (pid < 0)
		return errno == EINTR;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (pid == child)
			*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return 1;
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		note(pid);
	else if (status >> 16 == 0)
		signo = WSTOPSIG(status);
	(void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signo); /* it may have been killed meanwhile */
	return 1;
}

int main(int argc, char **argv)
{
	int status = 1, first;

	if (argc < 3)
		return 2;
	out = fopen(argv[1], "w");
	if (!out)
		return 2;
	setvbuf(out, NULL, _IOLBF, 0);
	child = fork();
	if (child == 0) {
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &first, WUNTRACED) != child)
		return 2;
	if (ptrace(PTRACE_SEIZE, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))) {
		kill(child, SIGKILL);
		return 77;
	}
	signal(SIGTERM, pass_on);
	signal(SIGINT, pass_on);
	kill(child, SIGCONT);
	while (step(&status)) {
	}
	return status;
}
