/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that writes seldom: a page every millisecond, of many that lie 1 MiB apart, so that a round has sent many of them before they are
 * written again. Each page has to have what was written last. TERM ends it. Prints "beat N" ten times a second.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART (1u << 20)
enum { PAGES = 512, EACH_US = 1000, BEAT = 100 };

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

int main(void)
{
	uint8_t *wide = mmap(NULL, (size_t)PAGES * APART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t written[PAGES];

	if (wide == MAP_FAILED)
		return 2;
	signal(SIGTERM, on_term);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The pages around them come into the enclave with them: a round has something to do. */
	for (unsigned k = 0; k < PAGES; k++) {
		written[k] = UINT32_MAX - k;
		memcpy(wide + (size_t)k * APART, &written[k], sizeof written[k]);
	}
	puts("ready");
	for (unsigned i = 0; !stop; i++) {
		uint8_t *page = wide + (size_t)(i % PAGES) * APART;

		if (memcmp(page, &written[i % PAGES], sizeof written[0])) {
			printf("page %u is not what it was\n", i % PAGES);
			return 1;
		}
		written[i % PAGES] = i + 1;
		memcpy(page, &written[i % PAGES], sizeof written[0]);
		if (i % BEAT == 0)
			printf("beat %u\n", i / BEAT + 1);
		usleep(EACH_US);
	}
	puts("intact");
	return 0;
}
