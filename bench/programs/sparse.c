/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of which little is touched: PAGES single pages, evenly scattered over GIB gibibytes that are mapped at once. All of them are written
 * a hundred times a second. TERM ends it.
 *
 *     sparse GIB PAGES        prints "ready"
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) << 30, pages = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
	size_t step = pages ? size / pages & ~(size_t)4095 : 0;
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), value = 0;
	int wrong = 0;

	if (!step || memory == MAP_FAILED) {
		perror("sparse");
		return 2;
	}
	signal(SIGTERM, on_term);
	for (size_t i = 0; i < pages; i++)
		memory[i * step] = value;
	puts("ready");
	fflush(stdout);
	for (; !stop; usleep(10000)) {
		for (size_t i = 0; i < pages; i++)
			wrong |= memory[i * step]++ != value;
		value++;
	}
	return wrong;
}
