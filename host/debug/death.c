/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a program was when a signal ended it: one line for each frame, innermost first, with the function's name if the image has a symbol
 * table, and always the address in the image, which addr2line and gdb take (an image runs where it was linked to).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "debug.h"
#include "image.h"
#include "load/imageread.h"
#include "memory.h"
#include "symbols.h"
#include "unwind.h"
#include "util.h"

#define FRAMES_MAX   24u
#define FRAMES_SKIP  1000000u   /* of an endless recursion: its outermost frames are shown, too */
#define FRAMES_LAST  4u

int debug_image_only(const struct host_enclave *e, const char *wish)
{
	if (host_image_header(e)->flags & OM_IMAGE_DEBUG)
		return 0;
	return host_fail(OM_EDEBUG, "%s is for debug images: a production image shows nobody what its program does; build it with -Xoptmig debug=1", wish);
}

/* Of the very image that runs: the file may have been replaced since. */
static void read_symbols(const struct host_enclave *e, struct debug_symbols *ret)
{
	struct host_image image;

	*ret = (struct debug_symbols) { 0 };
	if (host_image_open(host_image_path(e), false, &image))
		return;
	if (memcmp(host_image_signed(&image), host_image_mrenclave(e), 32) == 0 && debug_symbols_read(image.file, image.size, ret))
		*ret = (struct debug_symbols) { 0 };
	host_image_done(&image);
}

static void show(const struct debug_symbols *symbols, unsigned number, const struct debug_frame *f)
{
	const uint64_t pc = f->r[DEBUG_RIP];
	/* A return address may be behind the last instruction of a function that does not return. */
	const struct debug_symbol *s = debug_symbols_find(symbols, pc - !f->exact);

	if (s)
		host_note("  #%-2u 0x%012" PRIx64 " in %s+0x%" PRIx64, number, pc, s->name, pc - s->address);
	else
		host_note("  #%-2u 0x%012" PRIx64, number, pc);
}

static void show_frames(const struct debug_symbols *symbols, struct debug_frame *f)
{
	struct debug_frame last[FRAMES_LAST];
	struct debug_unwinder u;
	unsigned n = 0;
	bool more = debug_unwind_begin(&u, debug_read, OM_ELRANGE_BASE) == 0;

	show(symbols, n++, f);
	while (more && (more = debug_unwind(&u, f)) && n < FRAMES_MAX)
		show(symbols, n++, f);
	if (!more)
		return;
	do
		last[n++ % FRAMES_LAST] = *f;
	while (n < FRAMES_SKIP && debug_unwind(&u, f));
	if (n - FRAMES_MAX > FRAMES_LAST)
		host_note("  ... %u frames", n - FRAMES_MAX - FRAMES_LAST);
	for (unsigned i = n - FRAMES_MAX > FRAMES_LAST ? n - FRAMES_LAST : FRAMES_MAX; i < n; i++)
		show(symbols, i, &last[i % FRAMES_LAST]);
}

/* Those for which Linux would write a core file. Nobody wants to read where a program was that he has ended himself. */
static bool is_mistake(uint32_t signo)
{
	switch (signo) {
	case SIGQUIT: case SIGILL: case SIGTRAP: case SIGABRT: case SIGBUS: case SIGFPE: case SIGSEGV: case SIGXCPU: case SIGXFSZ: case SIGSYS:
		return true;
	default:
		return false;
	}
}

void debug_death(const struct host_enclave *e, const struct om_death *death)
{
	const char *name = sigabbrev_np((int)death->signo);
	struct debug_frame f = { .exact = true, .known = 1u << DEBUG_RIP | 1u << DEBUG_RSP | 1u << DEBUG_RBP | 1u << DEBUG_RBX | 0xfu << DEBUG_R12 };
	struct debug_symbols symbols;
	char where[40] = "";

	if (!(host_image_header(e)->flags & OM_IMAGE_DEBUG) || (!is_mistake(death->signo) && !host_log_verbose()))
		return;
	f.r[DEBUG_RIP] = death->rip;
	f.r[DEBUG_RSP] = death->rsp;
	f.r[DEBUG_RBP] = death->rbp;
	f.r[DEBUG_RBX] = death->rbx;
	memcpy(&f.r[DEBUG_R12], &death->r12, 4 * sizeof f.r[0]);
	read_symbols(e, &symbols);
	if (death->address)
		snprintf(where, sizeof where, ", address 0x%" PRIx64, death->address);
	host_note("%s: thread %d dies of %s%s%s", host_image_header(e)->program_name, death->tid, name ? "SIG" : "a real-time signal", name ? name : "", where);
	show_frames(&symbols, &f);
	if (symbols.count)
		host_note("  lines: addr2line -e %s ADDRESS", host_image_path(e));
	else
		host_note("  this file has no symbols; lines and names: addr2line -f -e UNSTRIPPED ADDRESS");
	debug_symbols_done(&symbols);
}
