/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the host sends: only where core/guest/control.h allows, through no symbolic link, and over nothing that is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "init.h"

/* Directory by directory, so that a symbolic link is never followed. Return: the last one's descriptor, or -1. */
static int make_directories(const char *path, size_t size, mode_t last_mode)
{
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char name[256];

	for (size_t i = 0; i < size && at >= 0; at = next) {
		size_t length = 0;

		while (++i < size && path[i] != '/' && length < sizeof name - 1)
			name[length++] = path[i];
		name[length] = 0;
		if (mkdirat(at, name, i >= size ? last_mode : 0755) && errno != EEXIST) {
			close(at);
			return -1;
		}
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
	}
	return at;
}

const char *file_directory(uint32_t mode, const char *path)
{
	int fd;

	if (!om_guestctl_path_allowed(path, strlen(path)))
		return "not where the host may put something";
	fd = make_directories(path, strlen(path), mode & 07777);
	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}

const char *file_begin(struct init *init, uint32_t mode, uint64_t size, const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder;

	if (init->file >= 0)
		return "another file is not at its end";
	if (!om_guestctl_path_allowed(path, strlen(path)))
		return "not where the host may put something";
	folder = make_directories(path, (size_t)(slash - path), 0755);
	if (folder < 0)
		return strerror(errno);
	init->file = openat(folder, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
	close(folder);
	if (init->file < 0 || fchmod(init->file, mode & 0777))
		return strerror(errno);
	init->file_left = size;
	return file_data(init, NULL, 0);
}

const char *file_data(struct init *init, const uint8_t *data, size_t size)
{
	if (init->file < 0 || size > init->file_left)
		return "more bytes than the file has";
	while (size > 0) {
		ssize_t n = write(init->file, data, size);

		if (n < 0)
			return strerror(errno);
		data += n;
		size -= (size_t)n;
		init->file_left -= (uint64_t)n;
	}
	if (init->file_left == 0) {
		int fd = init->file;

		init->file = -1;
		if (close(fd))
			return strerror(errno);
	}
	return NULL;
}
