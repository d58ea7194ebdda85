/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Papers: the list of guests (docs/spec/policy.md) and the ticket of a move (docs/spec/ticket.md). The owner of a program, or whoever vouches for
 * guests, has signed them, and this host was given them to show to the enclave. The enclave judges papers; here they are only read.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "enclave.h"
#include "util.h"

static const char *const names[OM_PAPERS] = { [OM_PAPER_GUESTS] = "the list of guests", [OM_PAPER_TICKET] = "the ticket" };

/* Of each one or the other. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char *file; uint8_t *data; size_t size; } papers[OM_PAPERS];

/* Takes over both. */
static void set(enum om_paper paper, char *file, uint8_t *data, size_t size)
{
	pthread_mutex_lock(&lock);
	free(papers[paper].file);
	free(papers[paper].data);
	papers[paper].file = file;
	papers[paper].data = data;
	papers[paper].size = size;
	pthread_mutex_unlock(&lock);
}

int host_paper_set_file(enum om_paper paper, const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return host_fail(OM_ENOMEM, "no memory");
	if (copy && access(copy, R_OK)) {
		int number = errno;

		free(copy);
		return host_fail(OM_EIO, "%s %s: %s", names[paper], path, strerror(number));
	}
	set(paper, copy, NULL, 0);
	return 0;
}

int host_paper_set(enum om_paper paper, const void *data, size_t size)
{
	uint8_t *copy = size ? malloc(size) : NULL;

	if (size && !copy)
		return host_fail(OM_ENOMEM, "no memory");
	if (size)
		memcpy(copy, data, size);
	set(paper, NULL, copy, size);
	return 0;
}

static int64_t read_all(int fd, uint8_t *to, uint64_t room)
{
	uint64_t done = 0;

	struct stat is;

	if (fstat(fd, &is) || !S_ISREG(is.st_mode)) {
		errno = EINVAL;                        /* a pipe would keep the migration waiting */
		return OM_EIO;
	}
	for (;;) {
		ssize_t got = read(fd, to + done, room - done);

		if (got < 0)
			return OM_EIO;
		if (got == 0)
			return (int64_t)done;
		done += (uint64_t)got;
		if (done == room)
			return OM_EOVERFLOW;
	}
}

/* A file anew each time: it may have been replaced by a newer one. */
int64_t host_paper_read(enum om_paper paper, uint8_t *to, uint64_t room)
{
	int64_t got = 0;
	int fd = -1;

	pthread_mutex_lock(&lock);
	if (papers[paper].file) {
		fd = open(papers[paper].file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		got = fd < 0 ? OM_EIO : read_all(fd, to, room);
		if (got < 0)
			host_detail("%s %s: %s", names[paper], papers[paper].file, got == OM_EIO ? strerror(errno) : "too long");
	} else if (papers[paper].size > room) {
		got = OM_EOVERFLOW;
	} else if (papers[paper].size) {
		memcpy(to, papers[paper].data, papers[paper].size);
		got = (int64_t)papers[paper].size;
	}
	pthread_mutex_unlock(&lock);
	if (fd >= 0)
		close(fd);
	return got;
}
