/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "files.h"
#include "util.h"

int guest_file_read(const char *path, uint8_t **ret_data, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	struct stat status;
	uint8_t *data;

	if (fd < 0 || fstat(fd, &status)) {
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return error;
	}
	data = S_ISREG(status.st_mode) ? malloc((size_t)status.st_size + 1) : NULL;
	if (!data)
		error = S_ISREG(status.st_mode) ? host_fail(OM_ENOMEM, "%s: no memory", path) : host_fail(OM_EIO, "%s is not a file", path);
	else if (host_read_all(fd, data, (size_t)status.st_size))
		error = host_fail(OM_EIO, "%s cannot be read", path);
	close(fd);
	if (error) {
		free(data);
		return error;
	}
	*ret_data = data;
	*ret_size = (size_t)status.st_size;
	return 0;
}

int guest_file_write(const char *folder, const char *name, const void *data, size_t size)
{
	char path[4200], fresh[4300];
	int fd, error = 0;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(fresh, sizeof fresh, "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", fresh, strerror(errno));
	error = host_write_all(fd, data, size);
	if (close(fd) || error || rename(fresh, path)) {
		(void)unlink(fresh);
		return host_fail(OM_EIO, "%s cannot be written", path);
	}
	return 0;
}

int guest_folder_make(const char *path)
{
	char copy[4096];

	if (!*path || (size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
		return host_fail(OM_EINVAL, "not a directory's name");
	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = 0;
		if (mkdir(copy, 0755) && errno != EEXIST)
			return host_fail(OM_EIO, "%s: %s", copy, strerror(errno));
		if (!slash)
			return 0;
		*slash = '/';
	}
}
