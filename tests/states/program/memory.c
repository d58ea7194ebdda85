/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings: what is in them, and what may be done to them. */
#include "states.h"
#include <setjmp.h>
#include <stdbool.h>
#include <sys/mman.h>

enum { MAPPINGS = 8, PAGE = 4096, PAGES = 600 };
static struct mapping {
	unsigned char *at;
	long pages;
	unsigned char gone[PAGES];      /* unmapped, or without access */
} mappings[MAPPINGS];
static sigjmp_buf back;

static void fault(int signo)
{
	siglongjmp(back, signo);
}

/* The signal that an access brings, or 0. A store stores what was there. */
static int access_page(volatile unsigned char *p, bool stores, unsigned char *ret_value)
{
	struct sigaction a = { .sa_handler = fault }, segv, bus;
	int signo;

	sigaction(SIGSEGV, &a, &segv);
	sigaction(SIGBUS, &a, &bus);
	signo = sigsetjmp(back, 1);
	if (signo == 0) {
		*ret_value = *p;
		if (stores)
			*p = *ret_value;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return signo;
}

static int load(volatile unsigned char *p, unsigned char *ret_value)
{
	return access_page(p, false, ret_value);
}

static int store(volatile unsigned char *p)
{
	unsigned char value;

	return access_page(p, true, &value);
}

static struct mapping *mapping(int i)
{
	struct mapping *m = &mappings[(unsigned long)number(i) % MAPPINGS];

	if (m->at)
		return m;
	say("no such mapping");
	return NULL;
}

/* map NUMBER PAGES [SLOT]: anonymous, or a private mapping of a file */
static void do_map(void)
{
	struct mapping *m = &mappings[(unsigned long)number(1) % MAPPINGS];
	long pages = number(2) < 1 ? 1 : number(2) > PAGES ? PAGES : number(2);
	struct slot *s = words > 3 ? slot(3, REGULAR) : NULL;
	void *at;

	if (m->at || (words > 3 && !s)) {
		say("not now");
		return;
	}
	at = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | (s ? 0 : MAP_ANONYMOUS), s ? s->fd : -1, 0);
	say("%s", at == MAP_FAILED ? error_name(errno) : "ok");
	if (at == MAP_FAILED)
		return;
	*m = (struct mapping){ .at = at, .pages = pages };
	if (s) { /* beyond the file's end there is nothing */
		struct stat st;

		fstat(s->fd, &st);
		for (long p = (long)(st.st_size + PAGE - 1) / PAGE; p < pages; p++)
			m->gone[p] = 1;
	}
}

/* A part of a mapping, by arguments 2 and 3: first page and count, cut to what there is. */
static int part(const struct mapping *m, long *ret_from, long *ret_count)
{
	*ret_from = number(2);
	*ret_count = number(3);
	if (*ret_from < 0 || *ret_from >= m->pages || *ret_count < 1)
		return -1;
	if (*ret_count > m->pages - *ret_from)
		*ret_count = m->pages - *ret_from;
	return 0;
}

/* touch NUMBER FROM COUNT VALUE: writes into pages, as far as they let it */
static void do_touch(void)
{
	struct mapping *m = mapping(1);
	long from, count, done = 0;

	if (!m || part(m, &from, &count) != 0)
		return;
	for (long p = from; p < from + count; p++) {
		volatile unsigned char *at = m->at + p * PAGE;

		if (m->gone[p] || store(at) != 0)
			continue;
		at[0] = (unsigned char)(number(4) + p);
		at[PAGE - 1] = (unsigned char)(number(4) * 3 + p);
		done++;
	}
	say("%ld pages", done);
}

/* protect NUMBER FROM COUNT n|r|w */
static void do_protect(void)
{
	struct mapping *m = mapping(1);
	long from, count;
	int what = *text(4) == 'n' ? PROT_NONE : *text(4) == 'r' ? PROT_READ : PROT_READ | PROT_WRITE;

	if (m && part(m, &from, &count) == 0)
		say("%s", result(mprotect(m->at + from * PAGE, (size_t)count * PAGE, what)));
}

/* advise NUMBER FROM COUNT d(ontneed)|f(ree, then written anew)|w(illneed) */
static void do_advise(void)
{
	struct mapping *m = mapping(1);
	long from, count;

	if (m && part(m, &from, &count) == 0)
		say("%s", result(madvise(m->at + from * PAGE, (size_t)count * PAGE, *text(4) == 'w' ? MADV_WILLNEED : MADV_DONTNEED)));
}

static void do_unmap(void)
{
	struct mapping *m = mapping(1);
	long from, count;

	if (!m || part(m, &from, &count) != 0)
		return;
	say("%s", result(munmap(m->at + from * PAGE, (size_t)count * PAGE)));
	for (long p = from; p < from + count; p++)
		m->gone[p] = 1;
}

/* remap NUMBER PAGES: all of it must be there */
static void do_remap(void)
{
	struct mapping *m = mapping(1);
	long pages = number(2) < 1 ? 1 : number(2) > PAGES ? PAGES : number(2);
	void *at;

	if (!m)
		return;
	for (long p = 0; p < m->pages; p++)
		if (m->gone[p]) {
			say("has holes");
			return;
		}
	at = mremap(m->at, (size_t)m->pages * PAGE, (size_t)pages * PAGE, MREMAP_MAYMOVE);
	say("%s", at == MAP_FAILED ? error_name(errno) : "ok");
	if (at != MAP_FAILED) {
		m->at = at;
		m->pages = pages;
	}
}

void look_memory(void)
{
	for (struct mapping *m = mappings; m < mappings + MAPPINGS; m++) {
		unsigned long sum = 0;
		long refused = 0;

		if (!m->at)
			continue;
		for (long p = 0; p < m->pages; p++) {
			unsigned char first = 0, last = 0;

			if (m->gone[p])
				continue;
			if (store(m->at + p * PAGE) != 0)
				refused += 1 + p;
			/* What is without any access may stay readable (CAVEATS.md): that is not tried. */
			if (mprotect(m->at + p * PAGE, PAGE, PROT_READ) == 0) {
				load(m->at + p * PAGE, &first);
				load(m->at + p * PAGE + PAGE - 1, &last);
			}
			sum = (sum * 33 + first * 7u + last) & 0xffffffff;
		}
		printf("mapping %d\n", (int)(m - mappings));
		say("refused %ld, content %lx", refused, sum);
	}
}

const struct op ops_memory[] = {
	{ "map", do_map }, { "touch", do_touch }, { "protect", do_protect }, { "advise", do_advise }, { "unmap", do_unmap }, { "remap", do_remap },
	{ NULL, NULL },
};
