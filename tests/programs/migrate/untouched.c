/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps memory that it does not touch, ten times a second, and unmaps what it mapped two seconds before. TERM: all that is mapped
 * is touched now; it must be there, and zero. Beside it, memory that takes a round some time.
 *
 *     untouched        prints "beat N"
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 24 << 20, KEPT = 20, PAGE = 4096 };

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

int main(void)
{
	static char *mapped[KEPT];
	char *full = malloc(SIZE);
	unsigned wrong = 0;

	if (!full)
		return 2;
	memset(full, 0xa5, SIZE);
	signal(SIGTERM, on_term);
	for (unsigned i = 0; !stop; i++) {
		char **at = &mapped[i % KEPT];

		if (*at && munmap(*at, SIZE) != 0)
			return 2;
		*at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (*at == MAP_FAILED)
			return 2;
		printf("beat %u\n", i);
		fflush(stdout);
		usleep(100000);
	}
	for (unsigned i = 0; i < KEPT; i++)
		for (size_t j = 0; mapped[i] && j < SIZE; j += 16 * PAGE) {
			wrong += mapped[i][j] != 0;
			mapped[i][j] = 1;
		}
	for (size_t i = 0; i < SIZE; i++)
		wrong += full[i] != (char)0xa5;
	puts(wrong ? "wrong" : "intact");
	return wrong != 0;
}
