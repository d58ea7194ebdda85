/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers of the store. One writer at a time holds the lock. A killed writer loses the lock, and the next writer removes what was left. Readers look
 * at no lock, so each change is one rename:
 *
 *     add      .new-PID/ filled, synced  ──rename──▶  MRENCLAVE/        or, if that exists, file by file into it
 *     remove   MRENCLAVE/                ──rename──▶  .old-PID/  then emptied
 *
 * The copy is measured, not the file that it was made of.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "internal.h"
#include "strerror.h"
#include "util.h"

#define COPY_BYTES (1u << 20)

/* ---- the lock, and what was left -------------------------------------------------------------------------- */

/* A directory of ours and the files in it, or what stands in its place. What cannot be removed stays: it is no entry. */
static int remove_tree(const struct store *store, const char *name)
{
	int fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *entry;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP) && unlinkat(store->fd, name, 0) == 0)
		return 0;
	if (!directory) {
		if (fd >= 0)
			close(fd);
		return host_fail(OM_EIO, "%s/%s: %s", store->path, name, strerror(errno));
	}
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			(void)unlinkat(fd, entry->d_name, 0); /* said below, if it is not empty then */
	closedir(directory);
	if (unlinkat(store->fd, name, AT_REMOVEDIR))
		return host_fail(OM_EIO, "%s/%s: %s", store->path, name, strerror(errno));
	return 0;
}

/* Only the lock's holder makes such names: all that are here were left by one that was killed. */
static void remove_leavings(const struct store *store)
{
	int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if ((strncmp(entry->d_name, STORE_NEW, strlen(STORE_NEW)) == 0 || strncmp(entry->d_name, STORE_OLD, strlen(STORE_OLD)) == 0) &&
		    remove_tree(store, entry->d_name))
			host_note("cannot be removed, do it by hand: %s", host_reason());
	closedir(directory);
}

static int lock(const struct store *store, int *ret_fd)
{
	int fd = openat(store->fd, STORE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), error;

	if (fd < 0)
		return host_fail(errno == EACCES || errno == EROFS || errno == ELOOP ? OM_EPERM : OM_EIO, "%s cannot be changed: %s", store->path,
			strerror(errno));
	error = flock(fd, LOCK_EX | LOCK_NB);
	if (error && errno == EWOULDBLOCK)
		host_note("waiting for another `optmig image` that changes %s", store->path);
	while (error && (errno == EWOULDBLOCK || errno == EINTR))
		error = flock(fd, LOCK_EX);
	if (error) {
		error = host_fail(OM_EIO, "%s/%s: %s", store->path, STORE_LOCK, strerror(errno));
		close(fd);
		return error;
	}
	remove_leavings(store);
	*ret_fd = fd;
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static int failed(const struct store *store, const char *what)
{
	return host_fail(errno == EACCES || errno == EPERM ? OM_EPERM : OM_EIO, "%s: %s: %s", store->path, what, strerror(errno));
}

static int make_file(const struct store *store, int directory_fd, const char *name, int *ret_fd)
{
	*ret_fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? failed(store, name) : 0;
}

/* The contents are on the disk before the name counts. */
static int settle_file(const struct store *store, int fd, const char *name)
{
	return fchmod(fd, 0444) || fsync(fd) ? failed(store, name) : 0;
}

static int copy_bytes(int from, int to)
{
	uint8_t *buffer = malloc(COPY_BYTES);
	int error = buffer ? 0 : host_fail(OM_ENOMEM, "no memory");

	while (!error) {
		ssize_t got = read(from, buffer, COPY_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = host_fail(OM_EIO, "%s", strerror(errno));
		if (got <= 0)
			break;
		error = host_write_all(to, buffer, (size_t)got);
		if (error)
			error = host_fail(OM_EIO, "the copy cannot be written: %s", strerror(errno));
	}
	free(buffer);
	return error;
}

/* Copies the file to directory/image and judges the copy. */
static int write_image(const struct store *store, int from, int directory_fd, struct store_entry *entry)
{
	struct host_image *image;
	int fd, error = make_file(store, directory_fd, STORE_IMAGE, &fd);

	if (error)
		return error;
	image = calloc(1, sizeof *image);
	error = image ? copy_bytes(from, fd) : host_fail(OM_ENOMEM, "no memory");
	if (!error)
		error = host_image_read(fd, STORE_IMAGE, false, image);
	if (!error)
		error = host_image_verify(image, NULL, NULL);
	if (!error) {
		store_describe(image, entry);
		error = settle_file(store, fd, STORE_IMAGE);
	}
	host_image_free(image);
	close(fd);
	return error;
}

static int write_entry(const struct store *store, int directory_fd, const struct store_entry *entry)
{
	char *text;
	size_t size;
	int fd, error = store_entry_encode(entry, &text, &size);

	if (error)
		return error;
	error = make_file(store, directory_fd, STORE_ENTRY, &fd);
	if (!error) {
		error = host_write_all(fd, text, size) ? failed(store, STORE_ENTRY) : settle_file(store, fd, STORE_ENTRY);
		close(fd);
	}
	free(text);
	return error;
}

/* ---- add -------------------------------------------------------------------------------------------------- */

/* The rights that an entry has already; those of a damaged entry.json are not guessed. */
static int keep_rights(const struct store *store, const char *name, struct store_entry *entry)
{
	struct store_entry old;
	int fd, error = store_entry_open(store, name, &fd);

	if (error == OM_ENOTFOUND)
		return 0;
	if (error)
		return error;
	error = store_entry_read(fd, name, &old);
	close(fd);
	if (!error) {
		entry->rights = old.rights;
		return 0;
	}
	return host_fail(error, "what the program may do here cannot be read; say it anew by --user, --ports or --owners, "
		"or `optmig image rm %.16s` first", name);
}

/* A directory of that name is there: each file takes the place of the old one by itself. The rights first: they may be fewer. */
static int replace_files(const struct store *store, int from_fd, const char *name)
{
	int fd, error = store_entry_open(store, name, &fd);

	if (error)
		return error;
	if (renameat(from_fd, STORE_ENTRY, fd, STORE_ENTRY) || renameat(from_fd, STORE_IMAGE, fd, STORE_IMAGE) || fsync(fd))
		error = failed(store, name);
	close(fd);
	return error;
}

static int publish(const struct store *store, int new_fd, const char *new_name, const char *name)
{
	if (fchmod(new_fd, 0755) || fsync(new_fd))
		return failed(store, new_name);
	if (renameat(store->fd, new_name, store->fd, name)) {
		int error = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR ? replace_files(store, new_fd, name) : failed(store, name);

		if (error)
			return error;
	}
	return fsync(store->fd) ? failed(store, name) : 0;
}

/* With the lock. */
static int add_locked(const struct store *store, int from, const struct store_rights *rights, struct store_entry *ret_entry)
{
	struct store_entry entry = { .added_s = (int64_t)time(NULL) };
	char new_name[32], name[65], reason[300];
	int fd, error;

	snprintf(new_name, sizeof new_name, "%s%d", STORE_NEW, (int)getpid());
	if (mkdirat(store->fd, new_name, 0700))
		return failed(store, new_name);
	fd = openat(store->fd, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	error = fd < 0 ? failed(store, new_name) : write_image(store, from, fd, &entry);
	if (!error) {
		host_hash_text(entry.mrenclave, name);
		if (rights)
			entry.rights = *rights;
		else
			error = keep_rights(store, name, &entry);
	}
	if (!error)
		error = write_entry(store, fd, &entry);
	if (!error)
		error = publish(store, fd, new_name, name);
	if (fd >= 0)
		close(fd);
	snprintf(reason, sizeof reason, "%s", host_reason());
	/* It is there still after an error, and if the entry existed. */
	if (faccessat(store->fd, new_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		(void)remove_tree(store, new_name); /* else the next writer does */
	if (error)
		return host_fail(error, "%s", reason);
	*ret_entry = entry;
	return 0;
}

int store_add(const struct store *store, const char *file, const struct store_rights *rights, struct store_entry *ret_entry)
{
	int from = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), lock_fd, error;
	struct stat status;

	if (from < 0)
		return host_fail(errno == EACCES ? OM_EPERM : OM_EIO, "%s", strerror(errno));
	if (fstat(from, &status) || !S_ISREG(status.st_mode))
		error = host_fail(OM_EIMAGE, "not a regular file");
	else
		error = lock(store, &lock_fd);
	if (!error) {
		error = add_locked(store, from, rights, ret_entry);
		close(lock_fd);
	}
	close(from);
	return error;
}

/* ---- remove ----------------------------------------------------------------------------------------------- */

int store_remove(const struct store *store, const uint8_t mrenclave[32])
{
	char name[65], old_name[32];
	int lock_fd, error = lock(store, &lock_fd);

	if (error)
		return error;
	host_hash_text(mrenclave, name);
	snprintf(old_name, sizeof old_name, "%s%d", STORE_OLD, (int)getpid());
	if (renameat(store->fd, name, store->fd, old_name))
		error = errno == ENOENT ? host_fail(OM_ENOTFOUND, "%s is not in %s", name, store->path) : failed(store, name);
	else if (fsync(store->fd))
		error = failed(store, name);
	/* It is no entry any more, whatever is left of it. */
	if (!error && remove_tree(store, old_name))
		host_note("the entry is gone; this is left of it: %s", host_reason());
	close(lock_fd);
	return error;
}
