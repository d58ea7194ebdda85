/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files from one name to another, and what is in them.
 *
 *     copy copy FROM TO ...     each TO is made anew: "copied BYTES"
 *     copy sum NAME ...         "NAME BYTES checksum"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint8_t buffer[100000];

static int failed(const char *name)
{
	printf("%s: %s\n", name, strerror(errno));
	return 1;
}

static int copy(const char *from, const char *to)
{
	const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	long total = 0;
	ssize_t got;

	if (in < 0 || out < 0)
		return failed(in < 0 ? from : to);
	while ((got = read(in, buffer, sizeof buffer)) > 0) {
		if (write(out, buffer, (size_t)got) != got)
			return failed(to);
		total += got;
	}
	if (got < 0 || close(in) || close(out))
		return failed(from);
	printf("copied %ld\n", total);
	return 0;
}

static int sum(const char *name)
{
	const int fd = open(name, O_RDONLY);
	uint32_t total = 1;
	long size = 0;
	ssize_t got;

	if (fd < 0)
		return failed(name);
	for (; (got = read(fd, buffer, sizeof buffer)) > 0; size += got)
		for (ssize_t i = 0; i < got; i++)
			total = total * 31 + buffer[i];
	if (got < 0 || close(fd))
		return failed(name);
	printf("%s %ld %08x\n", name, size, (unsigned)total);
	return 0;
}

int main(int argc, char **argv)
{
	int error = argc < 3;

	for (int i = 2; i < argc && !error; i++) {
		if (!strcmp(argv[1], "sum"))
			error = sum(argv[i]);
		else if (i + 1 < argc)
			error = copy(argv[i], argv[i + 1]), i++;
	}
	return error;
}
