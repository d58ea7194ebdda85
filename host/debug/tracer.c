/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debugger of this process, if it has one.
 *
 * gdb stops a process by SIGINT. Here one thread takes SIGINT with sigwaitinfo() as the program's signal, so gdb never sees it arrive. So while gdb is
 * there, that thread makes a trap of SIGINT.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "debug.h"
#include "image.h"
#include "util.h"

#define LOOK_NS 10000000

/* Return: its pid; 0: none. */
static int tracer(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	int pid = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "TracerPid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

static bool is_gdb(int pid)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f && !fgets(name, sizeof name, f))
		name[0] = 0;
	if (f)
		fclose(f);
	return strncmp(name, "gdb", 3) == 0;
}

int debug_wait(const struct host_enclave *e, int fd)
{
	const struct timespec rest = { .tv_nsec = LOOK_NS };
	int error = debug_image_only(e, "gdb");

	if (error)
		return error;
	if (write(fd, "", 1) != 1)
		return host_fail(OM_EIO, "whoever wants to debug it has gone");
	close(fd);
	while (!tracer())
		nanosleep(&rest, NULL);
	return 0;
}

bool debug_interrupt(const struct host_enclave *e)
{
	const struct timespec now = { 0, 0 };
	sigset_t interrupt;
	int pid;

	if (!(host_image_header(e)->flags & OM_IMAGE_DEBUG) || (pid = tracer()) == 0 || !is_gdb(pid))
		return false;
	raise(SIGTRAP);
	/* The terminal has sent it to us, and gdb once more. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	(void)sigtimedwait(&interrupt, NULL, &now);
	return true;
}
