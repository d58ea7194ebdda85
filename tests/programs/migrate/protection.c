/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages whose protection changes all the time, whatever a migration does with them meanwhile: a page that is read-only, or
 * no access at all, refuses stores and keeps what is in it; one that may be written again takes them. The same for constants.
 * TERM ends it.
 *
 *     protection MEGABYTES       prints "beat N" ten times a second
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

static const char constant[PAGE] __attribute__((aligned(PAGE))) = "a constant";
static uint8_t *base;
static struct { uint8_t value, protection; } *know;     /* what each page must hold, and may */
static size_t pages;
static unsigned wrong;
static volatile sig_atomic_t stop;
static sigjmp_buf back;
static volatile sig_atomic_t expected;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static void on_segv(int signo)
{
	if (expected)
		siglongjmp(back, signo);
	(void)!write(1, "a page that may be read faults\n", 31);
	_exit(1);
}

static uint32_t number(uint32_t below)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static bool stores(volatile uint8_t *at, uint8_t value)
{
	volatile bool stored = false;

	if (sigsetjmp(back, 1) == 0) {
		expected = 1;
		*at = value;
		stored = true;
	}
	expected = 0;
	return stored;
}

static void complain(size_t i, const char *what)
{
	if (wrong++ < 20)
		printf("page %zu, protection %d: %s\n", i, know[i].protection, what);
}

static void look(size_t i)
{
	uint8_t *page = base + i * PAGE, next = (uint8_t)(know[i].value + 1);

	if (stores(page + 100, next) != !!(know[i].protection & PROT_WRITE))
		complain(i, know[i].protection & PROT_WRITE ? "a store is refused" : "a store is taken");
	else if (know[i].protection & PROT_WRITE)
		know[i].value = next;
	if (know[i].protection & PROT_READ && (page[100] != know[i].value || page[PAGE - 1] != (uint8_t)i))
		complain(i, "is not as it was left");
}

static void protect(size_t i, int protection)
{
	if (mprotect(base + i * PAGE, PAGE, protection) != 0)
		complain(i, "mprotect fails");
	know[i].protection = (uint8_t)protection;
}

/* To another place and back, as it is. */
static void move(size_t i)
{
	uint8_t *page = base + i * PAGE, *there = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there) != there ||
	    mremap(there, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page) != page)
		complain(i, "mremap fails");
}

static void round_of_changes(void)
{
	static const int protections[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE };

	for (int n = 0; n < 200; n++) {
		size_t i = number((uint32_t)pages);

		if (n % 4 != 0)
			protect(i, protections[number(3)]);
		else if (n % 8 == 0)
			move(i);
		look(i);
	}
	if (stores((volatile uint8_t *)(uintptr_t)constant + 3, 'X') || strcmp(constant, "a constant") != 0)
		complain(0, "a constant was written");
}

static void begin(size_t megabytes)
{
	struct sigaction term = { .sa_handler = on_term }, segv = { .sa_handler = on_segv };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	pages = megabytes * (1u << 20) / PAGE;
	base = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	know = calloc(pages, sizeof *know);
	if (base == MAP_FAILED || !know)
		exit(1);
	for (size_t i = 0; i < pages; i++) {
		base[i * PAGE + 100] = know[i].value = (uint8_t)(i * 7);
		base[i * PAGE + PAGE - 1] = (uint8_t)i;
		know[i].protection = PROT_READ | PROT_WRITE;
		if (i % 3)
			protect(i, i % 3 == 1 ? PROT_READ : PROT_NONE);
	}
}

int main(int argc, char **argv)
{
	begin(argc > 1 ? strtoul(argv[1], NULL, 10) : 4);
	for (unsigned n = 1; !stop; n++) {
		round_of_changes();
		printf("beat %u\n", n);
		usleep(20000);
	}
	for (size_t i = 0; i < pages; i++) {
		look(i);
		protect(i, PROT_READ | PROT_WRITE);
		look(i);
	}
	printf("%s\n", wrong ? "broken" : "intact");
	return wrong != 0;
}
