/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with all the keys there are: a secret of its owner's, in its memory and in an encrypted file that is open and one that was closed, and
 * the key of its TLS certificate. "beat N" while it writes.
 *
 *     keys FOLDER
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char tls_pem[8192];              /* the test looks for it here */
static char secret[4096], block[64 * 1024];

static long whole(const char *name, char *to, size_t room)
{
	const int fd = open(name, O_RDONLY);
	const ssize_t got = fd < 0 ? -1 : read(fd, to, room);

	if (got <= 0)
		printf("%s: %s\n", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return got;
}

static int put(const char *folder, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < 16; i++)
		if (write(fd, block, sizeof block) != sizeof block)
			printf("%s: %s\n", path, strerror(errno));
	if (fsync(fd))
		printf("%s: %s\n", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	const long size = whole("/dev/attestation/keys/token", secret, sizeof secret);
	int fd;

	if (argc < 2 || size <= 0 || whole("/dev/attestation/tls/key.pem", tls_pem, sizeof tls_pem - 1) <= 0)
		return 1;
	for (size_t at = 0; at + (size_t)size <= sizeof block; at += (size_t)size)
		memcpy(block + at, secret, (size_t)size);
	close(put(argv[1], "closed"));
	fd = put(argv[1], "open");
	for (long i = 0;; i++) {
		if (pwrite(fd, block, 5000, i % 100 * 7000) != 5000 || (i % 20 == 0 && fsync(fd)))
			return 2;
		printf("beat %ld\n", i);
		fflush(stdout);
		usleep(5000);
	}
}
