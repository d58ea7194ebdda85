/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and checks the directory of control sockets. In /tmp anybody may have made it first, so ownership decides. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rundir.h"
#include "util.h"

static int choose(char *path, size_t size)
{
	const char *own = getenv("OPTMIG_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	int length;

	if (own && *own)
		length = snprintf(path, size, "%s", own);
	else if (geteuid() == 0)
		length = snprintf(path, size, "/run/optmig");
	else if (xdg && *xdg == '/')
		length = snprintf(path, size, "%s/optmig", xdg);
	else
		length = snprintf(path, size, "/tmp/optmig-%u", geteuid());
	return length < 0 || (size_t)length >= size ? host_fail(OM_EINVAL, "the runtime directory's name is too long") : 0;
}

int host_rundir(int create, char *ret_path, size_t size)
{
	struct stat status;
	int error = choose(ret_path, size);

	if (error)
		return error;
	if (create && mkdir(ret_path, 0700) && errno != EEXIST)
		return host_fail(OM_EPERM, "%s: %s", ret_path, strerror(errno));
	if (lstat(ret_path, &status))
		return host_fail(OM_ENOTFOUND, "%s: %s", ret_path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s is not a directory of this user alone", ret_path);
	return 0;
}

/* "NAME-UID" beside root's own. */
static bool is_of_user(const char *path, const char *number)
{
	struct stat status;
	uint64_t uid;

	return host_parse_u64(number, 1, UINT32_MAX, &uid) == 0 && lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
		status.st_uid == uid && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

void host_rundir_others(void (*each)(const char *directory, void *context), void *context)
{
	char own[HOST_RUNDIR_MAX], path[HOST_RUNDIR_MAX];
	const struct dirent *entry;
	char *name;
	DIR *folder;

	if (geteuid() != 0 || choose(own, sizeof own) || !(name = strrchr(own, '/')))
		return;
	*name++ = 0;
	folder = opendir(*own ? own : "/");
	while (folder && (entry = readdir(folder))) {
		if (strncmp(entry->d_name, name, strlen(name)) || entry->d_name[strlen(name)] != '-')
			continue;
		if (snprintf(path, HOST_RUNDIR_MAX, "%s/%s", own, entry->d_name) < (int)HOST_RUNDIR_MAX &&
		    is_of_user(path, entry->d_name + strlen(name) + 1))
			each(path, context);
	}
	if (folder)
		closedir(folder);
}

int host_control_address(const char *directory, const char *program, int pid, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[65];
	int length;

	snprintf(name, sizeof name, "%s", program);
	for (char *c = name; *c; c++)
		if (*c == '/' || *c <= ' ' || *c > '~')
			*c = '_';
	length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.%d.sock", directory, name, pid);
	if (length < 0 || (size_t)length >= sizeof address.sun_path)
		return host_fail(OM_EINVAL, "%s/%s.%d.sock is too long for a socket's name; set OPTMIG_RUNTIME_DIR", directory, name, pid);
	*ret_address = address;
	return 0;
}
