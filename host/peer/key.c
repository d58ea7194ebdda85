/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is text: a line that says what it is, and a line with the secret. The file is written under a temporary name and then
 * linked to its place. Of several processes one at most succeeds with that, and the others read the file of that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crypto/ec.h"
#include "crypto/wipe.h"
#include "key.h"
#include "util.h"

#define HEAD      "optmig host key 1\n"
#define FILE_SIZE (sizeof HEAD - 1 + 2 * HOST_KEY_SIZE + 1)
#define PATH_SIZE 4096

void host_key_format(const uint8_t key[HOST_KEY_SIZE], char ret_text[HOST_KEY_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < HOST_KEY_SIZE; i++) {
		ret_text[2 * i] = digits[key[i] >> 4];
		ret_text[2 * i + 1] = digits[key[i] & 15];
	}
	ret_text[2 * HOST_KEY_SIZE] = 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool host_key_parse(const char *text, size_t size, uint8_t ret_key[HOST_KEY_SIZE])
{
	uint8_t key[HOST_KEY_SIZE];

	if (size != 2 * HOST_KEY_SIZE)
		return false;
	for (unsigned i = 0; i < HOST_KEY_SIZE; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_key, key, sizeof key);
	om_wipe(key, sizeof key);
	return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

/* Where link() does not exist, as on some file systems, a rename that does not replace does the same. */
static int put_in_place(const char *temporary, const char *path, bool exclusive)
{
	if (!exclusive)
		return rename(temporary, path);
	if (link(temporary, path) == 0)
		return unlink(temporary);
	if (errno == EEXIST)
		return -1;
	return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);
}

int host_key_write_file(const char *directory, const char *name, mode_t mode, const char *text, size_t size, bool exclusive)
{
	char path[PATH_SIZE], temporary[PATH_SIZE];
	int fd, code = 0, error;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path ||
	    snprintf(temporary, sizeof temporary, "%s/.%s.XXXXXX", directory, name) >= (int)sizeof temporary)
		return host_fail(OM_EINVAL, "%s: the name is too long", directory);
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600, and only if it is new */
	if (fd < 0)
		return host_fail(errno == EACCES || errno == EPERM || errno == EROFS ? OM_EPERM : OM_EIO, "%s: %s", temporary, strerror(errno));
	error = host_write_all(fd, text, size);
	if (!error && (fchmod(fd, mode) || fsync(fd)))
		error = host_fail(OM_EIO, "%s: %s", temporary, strerror(errno));
	if (close(fd) && !error)
		error = host_fail(OM_EIO, "%s: %s", temporary, strerror(errno));
	if (!error && put_in_place(temporary, path, exclusive)) {
		code = errno;
		error = host_fail(code == EEXIST ? OM_EEXISTS : OM_EIO, "%s: %s", path, strerror(code));
	}
	if (error)
		unlink(temporary);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd); /* a name that is lost with the power is made again */
		close(fd);
	}
	return error;
}

/* Others who could write here could put their own key in the place of ours, or themselves among the peers. */
static int check_directory(const char *directory)
{
	struct stat status;

	if (stat(directory, &status))
		return host_fail(errno == ENOENT ? OM_ENOTFOUND : OM_EPERM, "%s: %s", directory, strerror(errno));
	if (!S_ISDIR(status.st_mode) || (status.st_uid != geteuid() && status.st_uid != 0) || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s must be a directory of this user, and writable by nobody else", directory);
	return 0;
}

static int decode(const char *path, const char *text, size_t size, struct host_key *key)
{
	if (size != FILE_SIZE || memcmp(text, HEAD, sizeof HEAD - 1) || text[FILE_SIZE - 1] != '\n' ||
	    !host_key_parse(text + sizeof HEAD - 1, 2 * HOST_KEY_SIZE, key->private))
		return host_fail(OM_EINVAL, "%s is not a host key; if you have no copy, remove it: a new one is made, and must be told to this host's peers", path);
	om_x25519_public(key->private, key->public);
	return 0;
}

/* Return: OM_ENOTFOUND if there is none. */
static int read_key(struct host_key *key)
{
	char path[PATH_SIZE + 32], text[FILE_SIZE + 1];
	struct stat status;
	ssize_t size;
	int fd, error = 0;

	snprintf(path, sizeof path, "%s/" HOST_KEY_FILE, key->directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return host_fail(errno == ENOENT ? OM_ENOTFOUND : OM_EPERM, "%s: %s", path, strerror(errno));
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		error = host_fail(OM_EINVAL, "%s is not a file", path);
	else if (status.st_uid != geteuid() && status.st_uid != 0)
		error = host_fail(OM_EPERM, "%s belongs to another user", path);
	else if (status.st_mode & 077)
		error = host_fail(OM_EPERM, "%s is open to others, who may know the key: remove it, a new one is made; if nobody has read it, chmod 600", path);
	size = error ? 0 : read(fd, text, sizeof text);
	if (size < 0)
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	close(fd);
	if (!error)
		error = decode(path, text, (size_t)size, key);
	key->owner = status.st_uid;
	om_wipe(text, sizeof text);
	return error;
}

static int make_key(const struct host_key *key)
{
	char text[FILE_SIZE + 1];
	uint8_t secret[HOST_KEY_SIZE];
	int error;

	if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
		return host_fail(OM_EIO, "getrandom: %s", strerror(errno));
	memcpy(text, HEAD, sizeof HEAD - 1);
	host_key_format(secret, text + sizeof HEAD - 1);
	text[FILE_SIZE - 1] = '\n';
	error = host_key_write_file(key->directory, HOST_KEY_FILE, 0600, text, FILE_SIZE, true);
	om_wipe(secret, sizeof secret);
	om_wipe(text, sizeof text);
	return error;
}

/* mkdir -p, of the last two: ~/.config may be missing, ~ may not. */
static void make_directory(const char *directory)
{
	char parent[PATH_SIZE];
	char *slash;

	snprintf(parent, sizeof parent, "%s", directory);
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = 0;
		(void)mkdir(parent, 0700); /* it may be there, and if it cannot be made the next says why */
	}
	(void)mkdir(directory, geteuid() == 0 ? 0755 : 0700);
}

/* The key of one directory. Return: OM_EPERM, OM_EINVAL, OM_EIO, OM_ENOTFOUND (cannot be made there). */
static int load_from(struct host_key *key)
{
	int error = check_directory(key->directory);

	if (error == OM_ENOTFOUND) {
		make_directory(key->directory);
		error = check_directory(key->directory);
	}
	if (!error)
		error = read_key(key);
	if (error != OM_ENOTFOUND)
		return error;
	error = make_key(key);
	if (!error || error == OM_EEXISTS)
		return read_key(key);
	return error;
}

/* ---- where ------------------------------------------------------------------------------------------------------------ */

static int name_directory(struct host_key *key, const char *base, const char *below)
{
	int length = snprintf(key->directory, sizeof key->directory, "%s%s", base, below);

	return length < 0 || (size_t)length >= sizeof key->directory ? host_fail(OM_EINVAL, "%s: the name is too long", base) : 0;
}

/* Return: false if this user has no home. */
static bool config_directory(struct host_key *key)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const struct passwd *user;

	if (geteuid() == 0)
		return name_directory(key, "/etc/optmig", "") == 0;
	if (xdg && *xdg == '/')
		return name_directory(key, xdg, "/optmig") == 0;
	if (!home || *home != '/') {
		user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	return home && *home == '/' && home[1] && name_directory(key, home, "/.config/optmig") == 0;
}

static int runtime_directory(struct host_key *key)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char own[64];

	if (geteuid() == 0)
		return name_directory(key, "/run/optmig", "");
	if (xdg && *xdg == '/')
		return name_directory(key, xdg, "/optmig");
	snprintf(own, sizeof own, "/tmp/optmig-%u", geteuid());
	return name_directory(key, own, "");
}

/* HOME may be another user's, as after setpriv or sudo -E, or read-only: then what is there is not for this user. */
static bool can_be_used(const struct host_key *key, int error)
{
	struct stat status;

	if (!error)
		return true;
	/* One's own key that is open to others, or spoilt, must not be passed over in silence. */
	return stat(key->directory, &status) == 0 && status.st_uid == geteuid() && access(key->directory, W_OK) == 0;
}

int host_key_load(struct host_key *ret_key)
{
	const char *named = getenv("OPTMIG_HOST_DIR");
	struct host_key key = { 0 };
	int error = OM_ENOTFOUND;

	if (named && *named) {
		error = name_directory(&key, named, "");
		if (!error)
			error = load_from(&key);
	} else {
		bool usable = false;

		if (config_directory(&key)) {
			error = load_from(&key);
			usable = can_be_used(&key, error);
		}
		if (!usable) {
			error = runtime_directory(&key);
			if (!error)
				error = load_from(&key);
		}
	}
	if (error) {
		char words[400];

		host_key_done(&key);
		snprintf(words, sizeof words, "%s", host_reason());
		host_fail(error, "no host key: %s%s", words, named && *named ? "" : " (OPTMIG_HOST_DIR names another directory)");
	}
	key.there = error == 0;
	*ret_key = key;
	om_wipe(key.private, sizeof key.private);
	return error;
}

int host_key_own(const struct host_key **ret_key)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct host_key key;
	int error = 0;

	pthread_mutex_lock(&lock);
	if (!key.there)
		error = host_key_load(&key);
	pthread_mutex_unlock(&lock);
	if (!error)
		*ret_key = &key;
	return error;
}

void host_key_done(struct host_key *key)
{
	om_wipe(key->private, sizeof key->private);
	key->there = false;
}
