/* SPDX-License-Identifier: Apache-2.0 */
/* The signed list of guests (docs/spec/policy.md): what this host was given. The enclave judges it; here it is only read. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "enclave.h"
#include "util.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *file;

int host_guests_set(const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return host_fail(OM_ENOMEM, "no memory");
	if (copy && access(copy, R_OK)) {
		int number = errno;

		free(copy);
		return host_fail(OM_EIO, "the list of guests %s: %s", path, strerror(number));
	}
	pthread_mutex_lock(&lock);
	free(file);
	file = copy;
	pthread_mutex_unlock(&lock);
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

/* Anew each time: it may have been replaced by a newer one. */
int64_t host_guests_read(uint8_t *to, uint64_t room)
{
	int64_t got = 0;
	int fd = -1;

	pthread_mutex_lock(&lock);
	if (file) {
		fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		got = fd < 0 ? OM_EIO : read_all(fd, to, room);
		if (got < 0)
			host_detail("the list of guests %s: %s", file, got == OM_EIO ? strerror(errno) : "too long");
	}
	pthread_mutex_unlock(&lock);
	if (fd >= 0)
		close(fd);
	return got;
}
