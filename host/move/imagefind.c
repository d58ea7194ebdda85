/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for an image by its measurement. The header has the four places, and why each may be trusted. In all of them
 * a peer on the network can only choose among images that somebody on this host has given to this user.
 *
 * Files outside the store are copied to private memory and measured in full before anything is built: their directories are not the
 * store's, and a file may be replaced or written meanwhile. That costs about a second for each GiB; the store costs nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "control/client.h"
#include "imagefind.h"
#include "util.h"

#define FILES_MAX 4096u         /* in one directory of OPTMIG_IMAGE_PATH */

/* ---- one file --------------------------------------------------------------------------------------------- */

/* What does its signature say? @copy: others may write to it, so a mapping could lose its pages meanwhile. */
static bool is_signed_for(int fd, bool copy, const uint8_t mrenclave[32])
{
	struct host_image *image = calloc(1, sizeof *image);
	bool same = image && host_image_read(fd, "", copy, image) == 0 && memcmp(host_image_signed(image), mrenclave, 32) == 0;

	host_image_free(image);
	return same;
}

/* The copy is judged: what was seen before may be gone. */
static int take(int fd, const char *path, const uint8_t mrenclave[32], struct host_image *ret_image)
{
	int error = host_image_read(fd, path, true, ret_image);

	if (!error)
		error = host_image_verify(ret_image, NULL, NULL);
	if (!error && memcmp(host_image_signed(ret_image), mrenclave, 32))
		error = host_fail(OM_EIDENTITY, "%s is another image by now", path);
	if (error)
		host_image_done(ret_image);
	return error;
}

/* ---- --image ---------------------------------------------------------------------------------------------- */

static int find_named(const struct move_hello *hello, const char *named, struct host_image *ret_image)
{
	char have[65], want[65], reason[256];
	int error = host_image_open(named, true, ret_image);

	if (!error)
		error = host_image_verify(ret_image, NULL, NULL);
	if (error) {
		snprintf(reason, sizeof reason, "%s", host_reason());
		host_image_done(ret_image);
		return host_fail(error, "%s is no image that can be started here: %s", named, reason);
	}
	if (memcmp(host_image_signed(ret_image), hello->mrenclave, 32) == 0)
		return 0;
	host_hash_text(host_image_signed(ret_image), have);
	host_hash_text(hello->mrenclave, want);
	host_image_done(ret_image);
	return host_fail(OM_EIDENTITY, "the program that is offered has MRENCLAVE %s, the image of this receiver (--image) %s; "
		"give it the image of that program, or migrate the program to a receiver of its own image", want, have);
}

/* ---- the store -------------------------------------------------------------------------------------------- */

static int find_stored(const struct move_hello *hello, struct move_image *ret_image)
{
	struct store store;
	int error = store_open(false, &store);

	if (error == OM_EIO) { /* another user's home, with setpriv or sudo: no store of this user */
		host_note("%s", host_reason());
		return OM_ENOTFOUND;
	}
	if (error)
		return error;
	error = store_find(&store, hello->mrenclave, &ret_image->entry, &ret_image->image);
	store_close(&store);
	ret_image->stored = error == 0;
	return error;
}

/* ---- OPTMIG_IMAGE_PATH ------------------------------------------------------------------------------------ */

static int find_in(int directory_fd, const char *path, const struct move_hello *hello, struct host_image *ret_image)
{
	DIR *directory = fdopendir(directory_fd);
	const struct dirent *entry;
	int error = OM_ENOTFOUND;

	for (unsigned i = 0; directory && error == OM_ENOTFOUND && i < FILES_MAX && (entry = readdir(directory)); i++) {
		char name[4096];
		int fd;

		if (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
			continue;
		fd = openat(directory_fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (is_signed_for(fd, store_check_trusted(fd, name), hello->mrenclave)) {
			error = store_check_trusted(fd, name); /* again, for its words */
			if (!error)
				error = take(fd, name, hello->mrenclave, ret_image);
		}
		close(fd);
	}
	if (directory)
		closedir(directory);
	else
		close(directory_fd);
	return error;
}

static int find_in_path(const struct move_hello *hello, struct host_image *ret_image)
{
	const char *list = getenv("OPTMIG_IMAGE_PATH");
	int error = OM_ENOTFOUND;

	while (list && *list && error == OM_ENOTFOUND) {
		size_t length = strcspn(list, ":");
		char path[4096];
		int fd;

		snprintf(path, sizeof path, "%.*s", (int)length, list);
		list += length + (list[length] == ':');
		if (length == 0 || length >= sizeof path)
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) {
			host_detail("OPTMIG_IMAGE_PATH: %s: %s", path, strerror(errno));
			continue;
		}
		error = store_check_trusted(fd, path);
		if (error)
			close(fd);
		else
			error = find_in(fd, path, hello, ret_image);
	}
	return error;
}

/* ---- programs that run here ------------------------------------------------------------------------------- */

/* Whether a process is this user's in every respect: real, effective, saved and file system user. */
static bool is_ours(int process_fd)
{
	char text[4096];
	const char *line;
	unsigned id[4];
	int fd = openat(process_fd, "status", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return false;
	size = read(fd, text, sizeof text - 1);
	close(fd);
	if (size <= 0)
		return false;
	text[size] = 0;
	line = strstr(text, "\nUid:");
	if (!line || sscanf(line, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
		return false;
	for (int i = 0; i < 4; i++)
		if (id[i] != geteuid())
			return false;
	return true;
}

/*
 * The file that a process says it runs, as that process sees it. A process of this user may say what it likes, for it could as well start the
 * program here itself. A process that has given its user up was started by this user (its socket lies in the directory of this user alone), but
 * may be anybody's by now. So its word counts for files that only this user can have made.
 */
static int open_program(int pid, const char *path, int *ret_fd)
{
	char text[4200];
	int process_fd, fd, error = 0;
	bool ours;

	snprintf(text, sizeof text, "/proc/%d", pid);
	process_fd = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process_fd < 0)
		return host_fail(OM_ENOTFOUND, "%s: %s", text, strerror(errno));
	ours = is_ours(process_fd);
	snprintf(text, sizeof text, "root%s", path);
	fd = *path == '/' ? openat(process_fd, text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	close(process_fd);
	if (fd < 0)
		return host_fail(OM_ENOTFOUND, "%s: %s", path, strerror(errno));
	if (!ours)
		error = store_check_trusted(fd, path);
	if (error) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

static int find_running(const struct move_hello *hello, struct host_image *ret_image)
{
	struct client_program *programs;
	size_t count;
	int error = client_programs(hello->mrenclave, &programs, &count);

	if (error)
		return error;
	error = OM_ENOTFOUND;
	for (size_t i = 0; i < count && error; i++) {
		int fd;

		error = open_program(programs[i].pid, programs[i].image, &fd);
		if (!error) {
			error = take(fd, programs[i].image, hello->mrenclave, ret_image);
			close(fd);
		}
		if (error)
			host_detail("the image of process %d cannot be used: %s", programs[i].pid, host_reason());
	}
	client_programs_free(programs, count);
	return error ? OM_ENOTFOUND : 0;
}

/* ---- all -------------------------------------------------------------------------------------------------- */

int move_image_find(const struct move_hello *hello, const char *named, struct move_image *ret_image)
{
	char hex[65];
	int error;

	ret_image->image.file = NULL;
	ret_image->stored = false;
	if (named)
		return find_named(hello, named, &ret_image->image);
	error = find_stored(hello, ret_image);
	if (error == OM_ENOTFOUND)
		error = find_in_path(hello, &ret_image->image);
	if (error == OM_ENOTFOUND)
		error = find_running(hello, &ret_image->image);
	if (error != OM_ENOTFOUND)
		return error;
	host_hash_text(hello->mrenclave, hex);
	return host_fail(OM_ENOTFOUND, "no image with MRENCLAVE %s, of a program named \"%s\", was given to this receiver; "
		"`optmig image add FILE` there, or `optmig receive --image FILE`, does so", hex, hello->program);
}
