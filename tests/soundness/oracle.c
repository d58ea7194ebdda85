/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: no page may change without its card. Runs a command with OPTMIG_ORACLE set; every emulated enclave below it
 * stops at the points of host/testhooks.h and waits while this process looks into its memory.
 *
 *   stopped     (`optmig run --stop-test N`) A page that differs from what it was at the last stop must have its card set.
 *               Then the cards are cleared. This is what a round of pre-copy believes, N times a second.
 *   prepared    The destination of a migration, complete: its memory is noted.
 *   committed   The source of that migration, which will not run again: every page that the destination has must be what it
 *               is here. A store missed in any round shows, unless a later store to its page did not get missed.
 *
 *   take, copy, stop  (rounds.c) In a round of pre-copy, while the program runs: what was written since has its card.
 *
 * Not compared: stacks below the red zone of a parked thread, where nothing is alive; pages owed to the destination.
 * Only memory is read, with the runtime's own structures as the map; the program under test knows nothing of it.
 *
 * oracle [-q] COMMAND ARGUMENT...   Exit status: 0 clean, 1 pages were missed, 2 the command failed, 3 nothing was
 * compared, or a source was not seen to hand over to a destination that was complete.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

enum { VIEWS_MAX = 512 };
#define DEAD_MAX (8u << 20)

static struct view *views[VIEWS_MAX];
uint64_t missed;
static uint64_t looks, pages_changed, pages_compared;
static bool quiet;

void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "oracle: no memory\n");
		exit(2);
	}
	return p;
}

/* ---- reading ---- */

/* Absent pages read as zeros: an accepted page that was never touched is not there yet. */
void read_memory(const struct view *v, uint64_t address, void *to, size_t size)
{
	uint8_t *at = to;

	while (size) {
		ssize_t got = pread(v->mem, at, size, (off_t)address);
		size_t step = got > 0 ? (size_t)got : PAGE - address % PAGE;

		if (step > size)
			step = size;
		if (got <= 0)
			memset(at, 0, step);
		address += step, at += step, size -= step;
	}
}

static uint64_t symbol(const uint8_t *file, const char *name)
{
	const Elf64_Ehdr *h = (const void *)file;
	const Elf64_Shdr *s = (const void *)(file + h->e_shoff);

	for (int i = 0; i < h->e_shnum; i++) {
		const Elf64_Sym *sym = (const void *)(file + s[i].sh_offset);
		const char *names;

		if (s[i].sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)file + s[s[i].sh_link].sh_offset;
		for (uint64_t j = 0; j < s[i].sh_size / sizeof *sym; j++)
			if (strcmp(names + sym[j].st_name, name) == 0)
				return sym[j].st_value;
	}
	fprintf(stderr, "oracle: the image has no symbol %s\n", name);
	exit(2);
}

static void read_image(struct view *v, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *file;

	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		fprintf(stderr, "oracle: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	v->threads = symbol(file, "rt_threads");
	v->tracked_end = symbol(file, "__rt_tracked_end");
	v->todo = symbol(file, "engine_todo");
	v->owed = symbol(file, "engine_owed");
	read_memory(v, symbol(file, "rt_image_header"), &v->header, sizeof v->header);
	munmap(file, (size_t)st.st_size);
	close(fd);
}

struct view *view_new(int pid, const char *session, const char *path)
{
	struct view *v = need(calloc(1, sizeof *v));
	char name[64];

	v->pid = pid;
	snprintf(v->session, sizeof v->session, "%s", session);
	snprintf(name, sizeof name, "/proc/%d/mem", pid);
	v->mem = open(name, O_RDWR | O_CLOEXEC);
	if (v->mem < 0) {
		fprintf(stderr, "oracle: %s: %s\n", name, strerror(errno));
		exit(2);
	}
	read_image(v, path);
	if (v->header.magic != OM_IMAGE_MAGIC) {
		fprintf(stderr, "oracle: process %d has no enclave\n", pid);
		exit(2);
	}
	v->pages = (v->header.heap_offset + v->header.heap_size) / PAGE;
	v->map = need(calloc(v->pages, 1));
	v->old_map = need(calloc(v->pages, 1));
	v->cards = need(calloc(v->pages, 1));
	v->dead = need(calloc(v->pages, 1));
	v->copy = need(calloc(v->pages, sizeof *v->copy));
	return v;
}

void view_free(struct view *v)
{
	close(v->mem);
	for (uint64_t page = 0; page < v->pages; page++)
		free(v->copy[page]);
	free(v->map), free(v->old_map), free(v->cards), free(v->dead), free(v->copy);
	free(v);
}

/* ---- what to compare ---- */

bool is_tracked(const struct view *v, uint64_t page)
{
	uint64_t address = page * PAGE + OM_ELRANGE_BASE;

	return RT_PAGE_STATE(v->map[page]) == RT_PAGE_ACCEPTED &&
		(address < v->tracked_end || page * PAGE >= v->header.image_end_offset);
}

/* Below the red zone down to the stack's end; where that is, only a page that is not usable tells. */
static void mark_dead(struct view *v, uint64_t low, uint64_t rsp)
{
	uint64_t first = (rsp - 128 - OM_ELRANGE_BASE) / PAGE, page = first;

	if (rsp < OM_ELRANGE_BASE || first >= v->pages)
		return;
	while (page > 0 && (first - page) * (uint64_t)PAGE < DEAD_MAX && (page - 1) * PAGE + OM_ELRANGE_BASE >= low &&
	       (v->map[page - 1] & RT_PAGE_W))
		v->dead[--page] = 1;
}

static void find_dead(struct view *v)
{
	static struct rt_thread threads[OM_SLOTS_MAX];
	uint32_t count = v->header.service_slots + v->header.app_threads;

	memset(v->dead, 0, v->pages);
	read_memory(v, v->threads, threads, count * sizeof *threads);
	for (uint32_t i = 0; i < count; i++) {
		const struct rt_thread *t = &threads[i];

		if (t->state == RT_T_FREE || t->flags & RT_TF_INTERNAL || !t->app_rsp)
			continue;
		mark_dead(v, t->stack_low, t->app_rsp);
		if (t->alt_rsp)
			mark_dead(v, t->stack_low, t->alt_rsp);
		else if (t->altstack_size)
			mark_dead(v, t->altstack_base, t->altstack_base + t->altstack_size);
	}
}

void read_tables(struct view *v)
{
	read_memory(v, OM_ELRANGE_BASE + v->header.pagemap_offset, v->map, v->pages);
	read_memory(v, OM_ELRANGE_BASE + v->header.cards_offset, v->cards, v->pages);
	find_dead(v);
}

static void report(const struct view *v, uint64_t page, const uint8_t *was, const uint8_t *is, const char *what)
{
	unsigned at = 0;

	if (missed++ >= REPORT_MAX)
		return;
	while (at < PAGE - 1 && was[at] == is[at])
		at++;
	fprintf(stderr, "oracle: MISSED, %s: process %d, page 0x%llx, first byte that differs 0x%llx: %02x, then %02x; state %02x was %02x\n",
		what, v->pid, (unsigned long long)(page * PAGE + OM_ELRANGE_BASE),
		(unsigned long long)(page * PAGE + OM_ELRANGE_BASE + at), was[at], is[at], v->map[page], v->old_map[page]);
}

static void note_page(struct view *v, uint64_t page, const uint8_t *content)
{
	if (!v->copy[page])
		v->copy[page] = need(malloc(PAGE));
	memcpy(v->copy[page], content, PAGE);
}

/* ---- the points ---- */

static void clear_cards(struct view *v)
{
	static const uint8_t zeros[PAGE];

	for (uint64_t page = 0; page < v->pages; page += PAGE) {
		size_t size = v->pages - page < PAGE ? v->pages - page : PAGE;

		if (memcmp(v->cards + page, zeros, size) != 0 &&
		    pwrite(v->mem, zeros, size, (off_t)(OM_ELRANGE_BASE + v->header.cards_offset + page)) != (ssize_t)size) {
			fprintf(stderr, "oracle: cards cannot be cleared: %s\n", strerror(errno));
			exit(2);
		}
	}
}

/* A page whose state changed must be carded as well: the destination learns states from the same records. */
static void look_stopped(struct view *v)
{
	uint8_t now[PAGE];

	read_tables(v);
	for (uint64_t page = 0; page < v->pages; page++) {
		if (!is_tracked(v, page)) {
			free(v->copy[page]);
			v->copy[page] = NULL;
			continue;
		}
		read_memory(v, page * PAGE + OM_ELRANGE_BASE, now, PAGE);
		pages_compared += v->seen;
		if (v->copy[page] && memcmp(v->copy[page], now, PAGE) == 0)
			continue;
		pages_changed += v->seen;
		if (v->seen && !v->cards[page] && !v->dead[page]) {
			static const uint8_t zeros[PAGE];

			report(v, page, v->copy[page] ? v->copy[page] : zeros, now, "no card");
		}
		note_page(v, page, now);
	}
	memcpy(v->old_map, v->map, v->pages);
	v->seen = true;
	clear_cards(v);
}

static void look_prepared(struct view *v)
{
	uint8_t now[PAGE];

	read_tables(v);
	for (uint64_t page = 0; page < v->pages; page++)
		if (is_tracked(v, page)) {
			read_memory(v, page * PAGE + OM_ELRANGE_BASE, now, PAGE);
			note_page(v, page, now);
		}
}

static void look_committed(struct view *source, const struct view *destination)
{
	static const uint8_t zeros[PAGE];
	uint8_t now[PAGE];

	if (destination->pages != source->pages) {
		fprintf(stderr, "oracle: source and destination are different images\n");
		exit(2);
	}
	read_tables(source);
	for (uint64_t page = 0; page < source->pages; page++) {
		const uint8_t *there = destination->copy[page] ? destination->copy[page] : zeros;

		if (!is_tracked(source, page) || source->dead[page] || RT_PAGE_STATE(destination->map[page]) == RT_PAGE_OWED)
			continue;
		pages_compared++;
		read_memory(source, page * PAGE + OM_ELRANGE_BASE, now, PAGE);
		source->old_map[page] = destination->map[page];
		pages_changed++;
		if (memcmp(there, now, PAGE) != 0)
			report(source, page, there, now, "destination differs");
	}
}

static int find(int pid, const char *session)
{
	for (int i = 0; i < VIEWS_MAX; i++)
		if (views[i] && (session ? strcmp(views[i]->session, session) == 0 : views[i]->pid == pid))
			return i;
	return -1;
}

static void keep(struct view *v)
{
	for (int i = 0; i < VIEWS_MAX; i++)
		if (!views[i]) {
			views[i] = v;
			return;
		}
	fprintf(stderr, "oracle: too many processes\n");
	exit(2);
}

static void forget(int at)
{
	view_free(views[at]);
	views[at] = NULL;
}

static void stopped(int pid, const char *path)
{
	int at = find(pid, NULL);

	if (at < 0) {
		keep(view_new(pid, "-", path));
		at = find(pid, NULL);
	}
	look_stopped(views[at]);
}

static void committed(int pid, const char *session, const char *path)
{
	int at = find(pid, session);
	struct view *v;

	if (at < 0) {
		fprintf(stderr, "oracle: session %s was committed, and its destination was never seen\n", session);
		missed++;
		return;
	}
	v = view_new(pid, session, path);
	look_committed(v, views[at]);
	view_free(v);
	forget(at);
}

static void serve(int fd)
{
	char line[4400], point[16], session[33];
	size_t size = 0;
	int pid, path = 0;
	ssize_t got;

	while (size < sizeof line - 1 && (got = read(fd, line + size, sizeof line - 1 - size)) > 0 &&
	       !memchr(line + size, '\n', (size_t)got))
		size += (size_t)got;
	line[sizeof line - 1] = 0;
	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%15s %d %32s %n", point, &pid, session, &path) < 3 || !path) {
		fprintf(stderr, "oracle: bad message\n");
		exit(2);
	}
	looks++;
	if (strchr(point, ':')) {
		rounds_look(pid, line + path, point);
		(void)!write(fd, "g", 1);
		return;
	}
	if (strcmp(point, "stopped") == 0) {
		stopped(pid, line + path);
	} else if (strcmp(point, "prepared") == 0) {
		struct view *v = view_new(pid, session, line + path);

		look_prepared(v);
		keep(v);
	} else {
		committed(pid, session, line + path);
	}
	(void)!write(fd, "g", 1);              /* a process that has gone needs no answer */
}

/* Serves until the command has ended. Return: its status. */
static int watch(int listener, pid_t child)
{
	for (;;) {
		struct pollfd p = { .fd = listener, .events = POLLIN };
		int status, fd;

		if (poll(&p, 1, 20) <= 0) {
			if (waitpid(child, &status, WNOHANG) == child)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(fd);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/optmig-oracle.XXXXXX";
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener, status, alone = 0;
	pid_t child;

	quiet = argc > 1 && strcmp(argv[1], "-q") == 0;
	argv += 1 + quiet;
	if (!*argv || !mkdtemp(directory))
		return 2;
	snprintf(at.sun_path, sizeof at.sun_path, "%s/s", directory);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
		return 2;
	setenv("OPTMIG_ORACLE", at.sun_path, 1);
	child = fork();
	if (child == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	status = watch(listener, child);
	unlink(at.sun_path);
	rmdir(directory);
	for (int i = 0; i < VIEWS_MAX; i++)
		alone += views[i] && views[i]->session[0] != '-';
	rounds_summary(quiet && !missed);
	if (!quiet || missed)
		fprintf(stderr, "oracle: %llu looks, %llu pages compared, %llu of them changed or received, %llu missed\n",
			(unsigned long long)looks, (unsigned long long)pages_compared, (unsigned long long)pages_changed,
			(unsigned long long)missed);
	if (missed)
		return 1;
	if (status) {
		fprintf(stderr, "oracle: the command ended with %d\n", status);
		return 2;
	}
	if (alone)
		fprintf(stderr, "oracle: %d destinations were complete, and their sources never handed over\n", alone);
	return pages_changed && !alone ? 0 : 3;
}
