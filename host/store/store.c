/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of the store. Everything below the store's directory is opened relative to a descriptor that has been checked, without
 * following symbolic links, and is checked itself. So what is read is what the check saw.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "internal.h"
#include "util.h"

#define USER_STORE "optmig/images"
#define FIND_TRIES 3

/* ---- where it is ------------------------------------------------------------------------------------------ */

static const char *home(void)
{
	const char *given = getenv("HOME");
	const struct passwd *account = given && *given == '/' ? NULL : getpwuid(geteuid());

	return account ? account->pw_dir : given && *given == '/' ? given : "";
}

int store_path(char *ret_path, size_t size)
{
	const char *own = getenv("OPTMIG_IMAGE_STORE"), *xdg = getenv("XDG_DATA_HOME");
	int length;

	if (own && *own && *own != '/')
		return host_fail(OM_EINVAL, "OPTMIG_IMAGE_STORE is \"%.200s\"; it must be an absolute path", own);
	if (own && *own)
		length = snprintf(ret_path, size, "%s", own);
	else if (geteuid() == 0)
		length = snprintf(ret_path, size, "%s", STORE_OF_ROOT);
	else if (xdg && *xdg == '/')
		length = snprintf(ret_path, size, "%s/%s", xdg, USER_STORE);
	else if (*home() == '/')
		length = snprintf(ret_path, size, "%s/.local/share/%s", home(), USER_STORE);
	else
		length = snprintf(ret_path, size, "%s", "");
	return length < 0 || (size_t)length >= size ? host_fail(OM_EINVAL, "the image store's name is too long") : 0;
}

/* mkdir -p. A directory that is there is judged when it is opened. */
static int make_directories(const char *path)
{
	const mode_t mode = geteuid() == 0 ? 0755 : 0700;
	char part[sizeof ((struct store *)NULL)->path];

	for (const char *slash = path + 1;; slash++) {
		slash = strchrnul(slash, '/');
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		/* Where this process may not write, the directory may be there nevertheless. */
		if (mkdir(part, mode) && errno != EEXIST && (!*slash || (errno != EACCES && errno != EPERM && errno != EROFS)))
			return host_fail(OM_EPERM, "%s: %s", part, strerror(errno));
		if (!*slash)
			return 0;
	}
}

int store_check_trusted(int fd, const char *name)
{
	struct stat status;

	if (fstat(fd, &status))
		return host_fail(OM_EIO, "%s: %s", name, strerror(errno));
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return host_fail(OM_EPERM, "%s belongs to user %u, who may change it; look at what is in it, then chown %s it",
			name, status.st_uid, geteuid() == 0 ? "root" : "to yourself");
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s may be written by others (mode %04o); look at what is in it, then chmod go-w it",
			name, status.st_mode & 07777);
	return 0;
}

int store_open(bool create, struct store *ret_store)
{
	struct store s = { .fd = -1 };
	int error = store_path(s.path, sizeof s.path);

	if (!error && !s.path[0])
		return host_fail(OM_ENOTFOUND, "no image store: this user has no home directory, and OPTMIG_IMAGE_STORE names none");
	if (!error && create)
		error = make_directories(s.path);
	if (error)
		return error;
	s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0)
		return host_fail(errno == ENOENT ? OM_ENOTFOUND : OM_EIO, "the image store %s: %s", s.path, strerror(errno));
	error = store_check_trusted(s.fd, s.path);
	if (error) {
		close(s.fd);
		return error;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *store)
{
	close(store->fd);
	store->fd = -1;
}

/* ---- one entry -------------------------------------------------------------------------------------------- */

bool store_name_parse(const char *name, uint8_t ret_mrenclave[32])
{
	uint8_t hash[32] = { 0 };

	for (size_t i = 0; i < 64; i++) {
		const char *digits = "0123456789abcdef", *at = name[i] ? strchr(digits, name[i]) : NULL;

		if (!at)
			return false;
		hash[i / 2] = (uint8_t)(hash[i / 2] << 4 | (at - digits));
	}
	if (name[64])
		return false;
	memcpy(ret_mrenclave, hash, sizeof hash);
	return true;
}

/* Opens something in a checked directory, and checks it. @what: for people, relative to the store. */
static int open_trusted(int directory_fd, const char *name, const char *what, mode_t type, int *ret_fd)
{
	/* O_NONBLOCK: what pretends to be a file may be a FIFO. */
	int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error = 0;
	struct stat status;

	if (fd < 0)
		return host_fail(errno == ENOENT ? OM_ENOTFOUND : errno == EACCES || errno == ELOOP ? OM_EPERM : OM_EIO,
			errno == ELOOP ? "%s is a symbolic link: remove it, and add the image again" : "%s: %m", what);
	if (fstat(fd, &status) || (status.st_mode & S_IFMT) != type)
		error = host_fail(OM_EINVAL, "%s is not a %s: remove it, and add the image again", what,
			type == S_IFDIR ? "directory" : "regular file");
	if (!error)
		error = store_check_trusted(fd, what);
	if (error) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int store_entry_open(const struct store *store, const char *name, int *ret_fd)
{
	return open_trusted(store->fd, name, name, S_IFDIR, ret_fd);
}

static int open_file(int entry_fd, const char *name, const char *file, int *ret_fd)
{
	char what[128];

	snprintf(what, sizeof what, "%.64s/%s", name, file);
	return open_trusted(entry_fd, file, what, S_IFREG, ret_fd);
}

int store_entry_read(int entry_fd, const char *name, struct store_entry *ret_entry)
{
	struct store_entry entry = { 0 };
	uint8_t mrenclave[32];
	ssize_t size;
	char *text;
	int fd, error = open_file(entry_fd, name, STORE_ENTRY, &fd);

	if (error)
		return error;
	text = malloc(STORE_ENTRY_MAX);
	size = text ? read(fd, text, STORE_ENTRY_MAX) : -1;
	close(fd);
	if (size < 0 || size == STORE_ENTRY_MAX)
		error = host_fail(OM_EINVAL, "it cannot be read, or is too large");
	else
		error = store_entry_decode(text, (size_t)size, &entry);
	free(text);
	if (!error && (!store_name_parse(name, mrenclave) || memcmp(mrenclave, entry.mrenclave, 32)))
		error = host_fail(OM_EINVAL, "it names another MRENCLAVE");
	if (error) {
		char reason[256];

		snprintf(reason, sizeof reason, "%s", host_reason());
		return host_fail(error, "%.64s/%s is damaged: %s; add the image again", name, STORE_ENTRY, reason);
	}
	*ret_entry = entry;
	return 0;
}

void store_describe(const struct host_image *image, struct store_entry *entry)
{
	_Static_assert(sizeof entry->name == sizeof image->image.header.program_name, "both hold a program's name");
	memcpy(entry->mrenclave, host_image_signed(image), sizeof entry->mrenclave);
	host_image_mrsigner(image, entry->mrsigner);
	memcpy(entry->name, image->image.header.program_name, sizeof entry->name);
	for (char *c = entry->name; *c; c++) /* it is printed, and may be anything */
		if (*c < ' ' || *c > '~')
			*c = '_';
	entry->debug = image->image.header.flags & OM_IMAGE_DEBUG;
	entry->size_bytes = image->size;
}

int store_image_read(const struct store *store, int entry_fd, const char *name, struct store_entry *entry, struct host_image *ret_image)
{
	char path[sizeof store->path + 128], reason[256];
	int fd, error = open_file(entry_fd, name, STORE_IMAGE, &fd);

	if (error)
		return error;
	snprintf(path, sizeof path, "%s/%.64s/%s", store->path, name, STORE_IMAGE);
	error = host_image_read(fd, path, false, ret_image);
	close(fd);
	if (!error)
		error = host_image_check_signature(ret_image);
	if (!error && memcmp(host_image_signed(ret_image), entry->mrenclave, 32))
		error = host_fail(OM_ESIGSTRUCT, "another MRENCLAVE is signed");
	if (error) {
		snprintf(reason, sizeof reason, "%s", host_reason());
		host_image_done(ret_image);
		return host_fail(error, "%.64s/%s is damaged: %s; add the image again", name, STORE_IMAGE, reason);
	}
	store_describe(ret_image, entry);
	return 0;
}

static int read_named(const struct store *store, const char *name, struct store_entry *ret_entry, struct host_image *ret_image)
{
	int fd, error;

	ret_image->file = NULL;
	error = store_entry_open(store, name, &fd);
	if (error)
		return error;
	error = store_entry_read(fd, name, ret_entry);
	if (!error)
		error = store_image_read(store, fd, name, ret_entry, ret_image);
	close(fd);
	return error;
}

/* An entry that was removed and added again between two steps is looked at once more. */
int store_find(const struct store *store, const uint8_t mrenclave[32], struct store_entry *ret_entry, struct host_image *ret_image)
{
	char name[65];
	int error = OM_ENOTFOUND;

	host_hash_text(mrenclave, name);
	for (unsigned tries = 0; tries < FIND_TRIES && error == OM_ENOTFOUND; tries++) {
		error = read_named(store, name, ret_entry, ret_image);
		if (error == OM_ENOTFOUND && faccessat(store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
			return error;
	}
	/* It is there, and something in it is not. */
	return error == OM_ENOTFOUND ? OM_EIMAGE : error;
}

int store_verify(const struct store *store, const uint8_t mrenclave[32], host_image_progress progress, void *context)
{
	struct host_image *image = calloc(1, sizeof *image);
	struct store_entry entry;
	int error = image ? store_find(store, mrenclave, &entry, image) : host_fail(OM_ENOMEM, "no memory");

	if (!error)
		error = host_image_verify(image, progress, context);
	host_image_free(image);
	return error;
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* What the store itself keeps beside its entries. */
static int is_listed(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && strcmp(entry->d_name, STORE_LOCK) &&
		strncmp(entry->d_name, STORE_NEW, strlen(STORE_NEW)) && strncmp(entry->d_name, STORE_OLD, strlen(STORE_OLD));
}

static void visit(const struct store *store, const char *name, store_visitor visitor, void *context)
{
	struct host_image *image = calloc(1, sizeof *image);
	struct store_entry entry;
	uint8_t mrenclave[32];
	int error;

	if (!image)
		error = host_fail(OM_ENOMEM, "no memory");
	else if (store_name_parse(name, mrenclave))
		error = read_named(store, name, &entry, image);
	else
		error = host_fail(OM_EINVAL, "it is no entry: remove it");
	host_image_free(image);
	/* Removed since the directory was read: it never was here. */
	if (error != OM_ENOTFOUND || faccessat(store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		visitor(context, name, error ? NULL : &entry, error);
}

int store_visit(const struct store *store, store_visitor visitor, void *context)
{
	struct dirent **names;
	int count = scandirat(store->fd, ".", &names, is_listed, by_name);

	if (count < 0)
		return host_fail(OM_EIO, "%s: %s", store->path, strerror(errno));
	for (int i = 0; i < count; i++) {
		visit(store, names[i]->d_name, visitor, context);
		free(names[i]);
	}
	free(names);
	return 0;
}

struct selection { const char *text; size_t length; bool prefix; unsigned count; uint8_t found[32]; char all[300]; };

static void select_one(void *context, const char *name, const struct store_entry *entry, int error)
{
	struct selection *s = context;
	uint8_t mrenclave[32];
	size_t used = strlen(s->all);

	(void)error; /* a damaged entry has no name, but an MRENCLAVE */
	if (!store_name_parse(name, mrenclave))
		return;
	if (!(s->prefix && strncasecmp(name, s->text, s->length) == 0) && !(entry && strcmp(entry->name, s->text) == 0))
		return;
	memcpy(s->found, mrenclave, sizeof mrenclave);
	s->count++;
	snprintf(s->all + used, sizeof s->all - used, " %.16s", name);
}

int store_select(const struct store *store, const char *text, uint8_t ret_mrenclave[32])
{
	struct selection s = { .text = text, .length = strlen(text) };
	int error;

	s.prefix = s.length >= STORE_PREFIX_MIN && s.length <= 64 && strspn(text, "0123456789abcdefABCDEF") == s.length;
	error = store_visit(store, select_one, &s);
	if (error)
		return error;
	if (s.count == 0)
		return host_fail(OM_ENOTFOUND, "no image in %s has this name, or an MRENCLAVE that begins so (with %u digits or more); "
			"`optmig image ls` lists them", store->path, STORE_PREFIX_MIN);
	if (s.count > 1)
		return host_fail(OM_EINVAL, "%u images are meant by it; give the first digits of one MRENCLAVE:%s", s.count, s.all);
	memcpy(ret_mrenclave, s.found, sizeof s.found);
	return 0;
}
