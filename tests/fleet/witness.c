/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that can tell whether it lives on: what it is, and how far it has counted, stand nowhere but in its memory.
 *
 *     witness FILE PERIOD_MS MEGABYTES
 *
 * Appends a line "INSTANCE COUNT" to the file in each period. Another instance, a count that is not one more, or a count twice, and it has been started
 * afresh, or is there twice. The megabytes are touched, a page in each period, so that a move has something to send.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint64_t instance = 0, count = 0;
	const long period_ms = argc > 2 ? strtol(argv[2], NULL, 10) : 50;
	const size_t size = (size_t)(argc > 3 ? strtol(argv[3], NULL, 10) : 1) << 20;
	volatile unsigned char *memory = malloc(size);
	int random = open("/dev/urandom", O_RDONLY), file = argc > 1 ? open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644) : 1;

	if (!memory || random < 0 || file < 0 || read(random, &instance, sizeof instance) != sizeof instance)
		return 1;
	close(random);
	for (size_t i = 0; i < size; i += 8)
		*(volatile uint64_t *)(volatile void *)(memory + i) = instance * (i + 1); /* no two pages alike */
	for (;;) {
		char line[64];
		const int length = snprintf(line, sizeof line, "%016llx %llu\n", (unsigned long long)instance, (unsigned long long)++count);

		if (write(file, line, (size_t)length) != length)
			return 2;
		memory[count * 4096 % size] = (unsigned char)count;
		nanosleep(&(struct timespec){ period_ms / 1000, period_ms % 1000 * 1000000 }, NULL);
	}
}
