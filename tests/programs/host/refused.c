/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are refused inside, each twice: prints their names and errors. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int pipes[2], memory, file;
static char text[4];
static struct iovec piece = { text, 1 };
static struct open_how below = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };

int main(int argc, char **argv)
{
	struct { const char *name; long nr, a, b, c, d, e, f; } calls[] = {
		{ "inotify", SYS_inotify_init1, 0, 0, 0, 0, 0, 0 },
		{ "fanotify", SYS_fanotify_init, 0, 0, 0, 0, 0, 0 },
		{ "io_uring", SYS_io_uring_setup, 8, (long)text, 0, 0, 0, 0 },
		{ "userfaultfd", SYS_userfaultfd, 0, 0, 0, 0, 0, 0 },
		{ "ptrace", SYS_ptrace, 0, 0, 0, 0, 0, 0 },
		{ "pidfd_open", SYS_pidfd_open, 1, 0, 0, 0, 0, 0 },
		{ "namespaces", SYS_unshare, 0x400, 0, 0, 0, 0, 0 },
		{ "openat2", SYS_openat2, AT_FDCWD, (long)".", (long)&below, sizeof below, 0, 0 },
		{ "flag", SYS_pwritev2, 0, (long)&piece, 1, 0, 0, 16 /* RWF_APPEND */ },
		{ "splice", SYS_splice, 0, 0, 0, 0, 1, 0 },
	};

	if (argc != 2 || pipe(pipes) || (memory = memfd_create("memory", 0)) < 0 || (file = open(argv[1], O_RDWR | O_CREAT, 0600)) < 0)
		return 1;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (calls[i].nr == SYS_pwritev2)
			calls[i].a = file;
		if (calls[i].nr == SYS_splice) {
			calls[i].a = memory;
			calls[i].c = pipes[1];
		}
		for (int twice = 0; twice < 2; twice++) {
			errno = 0;
			printf("%s %s\n", calls[i].name, syscall(calls[i].nr, calls[i].a, calls[i].b, calls[i].c, calls[i].d, calls[i].e, calls[i].f) >= 0 ? "is there" :
			       errno == ENOSYS ? "ENOSYS" : errno == EOPNOTSUPP ? "EOPNOTSUPP" : errno == EINVAL ? "EINVAL" : strerror(errno));
		}
	}
	return 0;
}
