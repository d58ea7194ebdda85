/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with seals (core/sealfile.h). The enclave makes and judges seals. Here they are kept so that none is lost: a file appears whole or not
 * at all, and a seal gives way only to a newer one of the same image and lineage.
 *
 *     --seal FILE, OPTMIG_SEAL=FILE     that file
 *     else                              <directory>/MRENCLAVE.seal
 *
 * <directory> is /var/lib/optmig/seals for root, $XDG_DATA_HOME/optmig/seals or ~/.local/share/optmig/seals for others. If another lineage's seal
 * lies where one shall go after a move, it goes to MRENCLAVE-LINEAGE.seal, or beside FILE, under that ending.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "internal.h"
#include "sealfile.h"
#include "util.h"

#define SEALS_OF_ROOT "/var/lib/optmig/seals"
#define PATH_SIZE     4096

static const char *named;

void host_seal_file(const char *path)
{
	named = path && *path ? path : NULL;
}

static void hex(const uint8_t *bytes, size_t size, char *ret_text)
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static const char *chosen(void)
{
	const char *variable = getenv("OPTMIG_SEAL");

	return named ? named : variable && *variable ? variable : NULL;
}

static int directory(char path[PATH_SIZE])
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int length;

	if (geteuid() == 0)
		length = snprintf(path, PATH_SIZE, "%s", SEALS_OF_ROOT);
	else if (xdg && *xdg == '/')
		length = snprintf(path, PATH_SIZE, "%s/optmig/seals", xdg);
	else if (home && *home == '/')
		length = snprintf(path, PATH_SIZE, "%s/.local/share/optmig/seals", home);
	else
		return host_fail(OM_EIO, "no place for the seal: neither HOME nor XDG_DATA_HOME is set; say --seal FILE");
	return length < 0 || length >= PATH_SIZE - 128 ? host_fail(OM_EINVAL, "the name of the seals' directory is too long") : 0;
}

/* @lineage: NULL: the usual place. */
static int place(const struct host_enclave *e, const uint8_t *lineage, char path[PATH_SIZE])
{
	char image[2 * sizeof e->mrenclave + 1], own[2 * OM_SEAL_ID + 2] = "";
	const char *file = chosen();
	size_t used;
	int error;

	if (lineage) {
		own[0] = '-';
		hex(lineage, OM_SEAL_ID, own + 1);
	}
	if (file) {
		int length = snprintf(path, PATH_SIZE, "%s%s", file, own);

		return length < 0 || length >= PATH_SIZE - 16 ? host_fail(OM_EINVAL, "the seal's name is too long") : 0;
	}
	error = directory(path);
	if (error)
		return error;
	hex(e->mrenclave, sizeof e->mrenclave, image);
	used = strlen(path);
	snprintf(path + used, PATH_SIZE - used, "/%s%s.seal", image, own);
	return 0;
}

/* Return: its size; 0: there is none; OM_EIO. One byte more than there is room for is too much. */
static int64_t read_file(const char *path, uint8_t *to, uint64_t room)
{
	struct stat is;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? 0 : host_fail(OM_EIO, "the seal %s: %s", path, strerror(errno));
	if (fstat(fd, &is) || !S_ISREG(is.st_mode) || (uint64_t)is.st_size > room) {
		close(fd);
		return host_fail(OM_EIO, "the seal %s is no file of a seal's size", path);
	}
	got = pread(fd, to, room, 0);
	close(fd);
	/* An empty file is no missing one: something is wrong with it. */
	return got > 0 ? got : host_fail(OM_EIO, "the seal %s: %s", path, got ? strerror(errno) : "it is empty");
}

int64_t host_seal_read(const struct host_enclave *e, uint8_t *to, uint64_t room)
{
	char path[PATH_SIZE];
	int64_t got = place(e, NULL, path);

	if (!got)
		got = read_file(path, to, room);
	if (got < 0)
		host_error("%s", host_reason());
	return got;
}

/* ---- keeping -------------------------------------------------------------------------------------------------------------- */

/* mkdir -p of what lies above the file, but for the file that somebody named. */
static void make_directories(const char *path)
{
	char part[PATH_SIZE];

	for (const char *slash = path + 1; !chosen() && (slash = strchr(slash, '/')); slash++) {
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		(void)mkdir(part, 0700);           /* open() tells what is wrong */
	}
}

static int sync_directory(const char *path)
{
	char part[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	int fd, failed;

	snprintf(part, sizeof part, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	fd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = fd < 0 || fsync(fd);
	if (fd >= 0)
		close(fd);
	return failed;
}

/* Whole or not at all. @replace: what is there gives way; else that is an error. Return: 0 or errno. */
static int write_file(const char *path, const uint8_t *data, size_t size, bool replace)
{
	char temporary[PATH_SIZE + 16];
	int fd, number = 0;

	snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, data, size) != (ssize_t)size || fsync(fd) || (replace ? rename(temporary, path) : link(temporary, path)))
		number = errno ? errno : EIO;
	if (number || !replace)
		(void)unlink(temporary);
	close(fd);
	if (!number && sync_directory(path))
		number = EIO;
	return number;
}

/* Is what lies there an older seal of the same? */
static bool same_as(const char *path, const struct om_seal *s)
{
	uint8_t bytes[OM_SEAL_SIZE];
	struct om_seal old;
	const int64_t got = read_file(path, bytes, sizeof bytes);

	return got > 0 && !om_seal_decode(bytes, (size_t)got, &old) && !memcmp(old.id, s->id, sizeof s->id) &&
		!memcmp(old.mrenclave, s->mrenclave, sizeof s->mrenclave);
}

static int put(const char *path, const uint8_t *data, size_t size, const struct om_seal *s, bool same)
{
	int number;

	make_directories(path);
	number = write_file(path, data, size, false);
	if (number == EEXIST && same && same_as(path, s))
		number = write_file(path, data, size, true);
	if (!number)
		host_note("the lineage is sealed in %s", path);
	return number;
}

/* Once: it is the same for each. */
static void tell_how_long(const struct host_enclave *e)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	struct tee_capabilities caps;

	tee_platform_capabilities(host_platform(e), &caps);
	if (!caps.lasting && !atomic_flag_test_and_set(&told))
		host_note("that seal will not open when this machine has been restarted: %s", tee_platform_describe(host_platform(e)));
}

int64_t host_seal_keep(const struct host_enclave *e, const uint8_t *data, uint64_t size, bool same)
{
	char path[PATH_SIZE];
	struct om_seal s;
	int error = om_seal_decode(data, size, &s), number = 0;

	if (error)
		return error;
	error = place(e, NULL, path);
	if (!error)
		number = put(path, data, size, &s, same);
	if (number == EEXIST && same) {
		error = place(e, s.id, path);
		if (!error)
			number = put(path, data, size, &s, same);
	}
	if (!error && number)
		error = host_fail(number == EEXIST ? OM_EEXISTS : OM_EIO, "the seal %s: %s", path, strerror(number));
	if (error)
		host_error("%s", host_reason());
	else
		tell_how_long(e);
	return error;
}
