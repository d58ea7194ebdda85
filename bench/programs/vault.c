/* SPDX-License-Identifier: Apache-2.0 */
/* `vault FILE...`: writes each file anew in pieces of 1 MiB, syncs it, and reads it again, in turn, three times: MB/s, medians. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PIECES 128
#define FILES  4

static char buffer[1 << 20];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double written(const char *name)
{
	const double start = now();
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (int i = 0; i < PIECES; i++)
		if (write(fd, buffer, sizeof buffer) != sizeof buffer)
			exit(1);
	if (fsync(fd) || close(fd))
		exit(1);
	return PIECES * sizeof buffer / (now() - start) / 1e6;
}

static double was_read(const char *name)
{
	const double start = now();
	const int fd = open(name, O_RDONLY);

	for (int i = 0; i < PIECES; i++)
		if (read(fd, buffer, sizeof buffer) != sizeof buffer)
			exit(1);
	close(fd);
	return PIECES * sizeof buffer / (now() - start) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}

int main(int argc, char **argv)
{
	static double w[FILES][3], r[FILES][3];

	for (unsigned i = 0; i < sizeof buffer; i++)
		buffer[i] = (char)(i * 2654435761u >> 13);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < argc - 1 && i < FILES; i++) {
			w[i][round] = written(argv[i + 1]);
			r[i][round] = was_read(argv[i + 1]);
		}
	for (int i = 0; i < argc - 1 && i < FILES; i++) {
		qsort(w[i], 3, sizeof(double), by_value);
		qsort(r[i], 3, sizeof(double), by_value);
		printf("%s write %.0f read %.0f\n", argv[i + 1], w[i][1], r[i][1]);
	}
	return 0;
}
