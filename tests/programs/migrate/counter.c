/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints consecutive numbers, one every PAUSE_MS: what two hosts printed, put together, must have no gap and no repeat.
 *     counter LAST [PAUSE_MS]      exits with status 7 after LAST
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long last = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
	unsigned pause_ms = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (long i = 1; i <= last; i++) {
		printf("%ld\n", i);
		usleep(pause_ms * 1000);
	}
	return 7;
}
