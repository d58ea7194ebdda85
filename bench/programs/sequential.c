/* SPDX-License-Identifier: Apache-2.0 */
/* Reads each file that it is given from start to end, three times with each size of piece: MB/s of the process' CPU time. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate(const char *name, size_t piece)
{
	const double start = now();
	int fd = open(name, O_RDONLY);
	long total = 0, got;

	while ((got = read(fd, buffer, piece)) > 0)
		total += got;
	close(fd);
	return got < 0 ? 0 : (double)total / (now() - start) / 1e6;
}

int main(int argc, char **argv)
{
	for (int file = 1; file < argc; file++)
		for (size_t piece = 4096; piece <= sizeof buffer; piece *= 16) {
			double best = 0;

			for (int i = 0; i < 3; i++) {
				const double r = rate(argv[file], piece);

				best = r > best ? r : best;
			}
			printf("%s %zu %.0f\n", argv[file], piece, best);
		}
	return 0;
}
