/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig file cat|put|ls`: encrypted files outside of their program, for who has its lineage key. core/vault works on the file itself, with the key
 * that trusted/rt/io/vault.c has for the file. So the program opens what `put` has written, and `cat` opens what the program has committed.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "crypto/sha256.h"
#include "exitcodes.h"
#include "util.h"
#include "vault/vault.h"

#define ROOM  (256u << 10)
#define CACHE (1u << 20)

static const char help[] =
	"usage: optmig file cat --lineage FILE [--name NAME] PATH\n"
	"       optmig file put --lineage FILE [--name NAME] PATH\n"
	"       optmig file ls --lineage FILE PATH...\n"
	"Encrypted files of a program, for who has its lineage key. cat writes a file's content to standard output, put writes standard input to a\n"
	"file, ls prints the sizes of files, and of all files below directories.\n\n"
	"  --lineage FILE    the key that the program got from `optmig unlock --lineage`: 32 bytes, or 64 hexadecimal digits\n"
	"  --name NAME       by which the program knows the file: as its image lists it. Without it, PATH\n"
	"Exit status: 0, 1 failed, 2 usage.\n";

enum { OPT_LINEAGE = 1, OPT_NAME, OPT_HELP };
static const struct option longs[] = { { "lineage", required_argument, NULL, OPT_LINEAGE }, { "name", required_argument, NULL, OPT_NAME },
	{ "help", no_argument, NULL, OPT_HELP }, { 0 } };

static struct { uint8_t key[OM_VAULT_KEY_SIZE]; bool has_key; const char *name; } a;
static _Alignas(8) uint8_t bytes[ROOM];

/* ---- the file as core/vault wants it -------------------------------------------------------------------------------------------- */

static int fd_of(void *context) { return *(const int *)context; }

static long device_read(void *context, uint64_t offset, uint32_t size, const uint8_t **ret_bytes)
{
	uint32_t done = 0;

	if (size > ROOM)
		size = ROOM;
	while (done < size) {
		const ssize_t got = pread(fd_of(context), bytes + done, size - done, (off_t)(offset + done));

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (uint32_t)got;
	}
	*ret_bytes = bytes;
	return (long)done;
}

static uint8_t *device_room(void *context, uint32_t *ret_size)
{
	(void)context;
	*ret_size = ROOM;
	return bytes;
}

static long device_write(void *context, uint64_t offset, uint32_t size)
{
	for (uint32_t done = 0; done < size;) {
		const ssize_t put = pwrite(fd_of(context), bytes + done, size - done, (off_t)(offset + done));

		if (put <= 0)
			return put ? -errno : -ENOSPC;
		done += (uint32_t)put;
	}
	return (long)size;
}

static long device_truncate(void *context, uint64_t size) { return ftruncate(fd_of(context), (off_t)size) ? -errno : 0; }
static long device_sync(void *context) { return fdatasync(fd_of(context)) ? -errno : 0; }

static long device_random(void *context, void *to, size_t size)
{
	(void)context;
	return getrandom(to, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static void *device_alloc(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static void device_free(void *context, void *at, size_t size)
{
	(void)context;
	OPENSSL_cleanse(at, size);
	free(at);
}

static struct om_vault_device device_of(int *fd)
{
	return (struct om_vault_device) { fd, device_read, device_room, device_write, device_truncate, device_sync, device_random, device_alloc,
		device_free, 0 };
}

/* ---- verbs ---------------------------------------------------------------------------------------------------------------------- */

/* As rt_lineage_derive() makes it (trusted/rt/lineage.c). */
static int key_of(const uint8_t lineage[32], uint8_t ret_key[OM_VAULT_KEY_SIZE])
{
	static const char salt[] = "optmig lineage 1", label[] = "optmig file 1";

	return om_hkdf(salt, sizeof salt - 1, lineage, 32, label, sizeof label, ret_key, OM_VAULT_KEY_SIZE);
}

static int failed(const char *path, int error)
{
	switch (error) {
	case OM_EAUTH:
		return host_fail(error, "%s does not open: it has been altered, or it is of another lineage, or the program knows it by another name "
			"(--name)", path);
	case OM_ENOTFOUND: return host_fail(error, "%s is no encrypted file: nothing was ever committed to it", path);
	case OM_EIO:       return host_fail(error, "%s: %s", path, strerror(errno));
	default:           return host_fail(error, "%s: no memory", path);
	}
}

static int cat(const char *path)
{
	struct om_vault_device device;
	struct om_vault *v = NULL;
	static uint8_t piece[ROOM];
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	uint64_t at = 0;
	long got = 0;

	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	device = device_of(&fd);
	error = om_vault_open(&device, a.key, a.name ? a.name : path, NULL, CACHE, &v);
	while (!error && (got = om_vault_read(v, at, piece, sizeof piece)) > 0) {
		at += (uint64_t)got;
		if (host_write_all(STDOUT_FILENO, piece, (size_t)got)) {
			error = host_fail(OM_EIO, "standard output: %s", strerror(errno));
			goto out;
		}
	}
	if (error || got < 0)
		error = failed(path, error ? error : (int)got);
out:
	om_vault_close(v);
	OPENSSL_cleanse(piece, sizeof piece);
	close(fd);
	return error;
}

/* What is there already has to be a file of this lineage and name: nothing else is overwritten. */
static int put(const char *path)
{
	struct om_vault_device device;
	struct om_vault *v = NULL;
	static uint8_t piece[ROOM];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), error;
	const char *name = a.name ? a.name : path;
	uint64_t at = 0;
	ssize_t got = 0;
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat))
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	device = device_of(&fd);
	error = stat.st_size ? om_vault_open(&device, a.key, name, NULL, CACHE, &v) : OM_ENOTFOUND;
	if (error == OM_ENOTFOUND)
		error = om_vault_create(&device, a.key, name, CACHE, &v);
	if (!error)
		error = om_vault_truncate(v, 0);
	while (!error && (got = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
		const long done = om_vault_write(v, at, piece, (size_t)got);

		error = done < 0 ? (int)done : done < got ? OM_EIO : 0;
		at += (uint64_t)got;
	}
	if (!error && got < 0) {
		error = host_fail(OM_EIO, "standard input: %s", strerror(errno));
		goto out;
	}
	if (!error)
		error = om_vault_commit(v, true);
	if (error)
		error = failed(path, error);
out:
	om_vault_close(v);
	OPENSSL_cleanse(piece, sizeof piece);
	close(fd);
	return error;
}

static int list_failed;

static int list_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	struct om_vault_device device;
	uint64_t size;
	int fd, error;

	(void)stat;
	(void)where;
	if (type == FTW_NS || type == FTW_DNR) {
		host_error("file ls: %s cannot be read", path);
		list_failed = 1;
	}
	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	device = device_of(&fd);
	error = fd < 0 ? OM_EIO : om_vault_peek(&device, a.key, a.name ? a.name : path, NULL, &size);
	if (error) {
		(void)failed(path, error); /* for its words */
		host_error("file ls: %s", host_reason());
		list_failed = 1;
	} else {
		printf("%12llu  %s\n", (unsigned long long)size, path);
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

static int ls(char **paths)
{
	for (; *paths; paths++)
		if (nftw(*paths, list_one, 16, FTW_PHYS)) {
			host_error("file ls: %s: %s", *paths, strerror(errno));
			list_failed = 1;
		}
	return list_failed ? CLI_FAILED : CLI_OK;
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv)
{
	uint8_t lineage[32];
	int c, error = 0;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1) {
		switch (c) {
		case OPT_LINEAGE:
			error = cli_read_lineage(optarg, lineage) || key_of(lineage, a.key);
			OPENSSL_cleanse(lineage, sizeof lineage);
			if (error) {
				host_error("file: %s", host_reason());
				return HOST_EXIT_USAGE + 1;
			}
			a.has_key = true;
			break;
		case OPT_NAME: a.name = optarg; break;
		case -2: return HOST_EXIT_USAGE + 1;
		default:
			fputs(help, stdout);
			return CLI_OK + 1;
		}
	}
	return 0;
}

int cli_file(int argc, char **argv)
{
	static const char *const verbs[] = { "cat", "put", "ls", NULL };
	int verb = 0, error;

	while (argc > 1 && verbs[verb] && strcmp(argv[1], verbs[verb]))
		verb++;
	if (argc < 2 || !verbs[verb]) {
		const bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

		fputs(help, asked ? stdout : stderr);
		return asked ? CLI_OK : HOST_EXIT_USAGE;
	}
	error = parse(argc - 1, argv + 1);
	argv += 1 + optind;
	argc -= 1 + optind;
	if (error)
		return error - 1;
	if (!a.has_key || argc < 1 || (verb < 2 && argc > 1) || (verb == 2 && a.name && argc > 1)) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE;
	}
	if (verb == 2)
		error = ls(argv);
	else
		error = verb ? put(argv[0]) : cat(argv[0]);
	OPENSSL_cleanse(a.key, sizeof a.key);
	if (verb == 2 || !error)
		return error;
	host_error("file %s: %s", verbs[verb], host_reason());
	return CLI_FAILED;
}
