/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OM_ECALL_INIT: from measured pages to an enclave whose main thread can be started, or that waits for a migration.
 *
 *   1. accept the runtime's own zero pages; until then only measured pages may be touched (code, rodata, .data, this
 *      slot's stack), and no exception can be handled
 *   2. page map, locks, clock, system call table
 *   3. the boot block: copied, checked, and kept only where the host's word counts (identity, limits; arguments and environment
 *      as far as the image lets the host choose them, launch.c)
 *   4. the main thread's stack as the kernel would build it, in tracked memory
 */
#include "boot/boot.h"
#include "rt/internal.h"
#include "rt/lineage.h"
#include "rt/owner.h"
#include "rt/testhooks.h"
#include "rt/libmem.h"

#define STACK_DEFAULT (8u << 20)
#define STACK_MIN     (256u << 10)
#define STRINGS_MAX   (16u << 20)
#define AUX_MAX       20u

/* In .data: must be readable before bss is. */
static _Atomic uint32_t state __attribute__((section(".data.rt.boot"))) = 0;
enum { UNTOUCHED, BOOTING, BOOTED };

bool rt_booted(void)
{
	return atomic_load(&state) == BOOTED;
}

static void read_boot_block(uint64_t at, uint64_t size, struct om_boot *boot)
{
	if (size < sizeof *boot || size > sizeof *boot + STRINGS_MAX || (at & 7) || !rt_untrusted_ok((const void *)at, size))
		rt_fatal(OM_EHOST, "the boot block does not lie in the host's memory");
	rt_ub_get(boot, (const void *)at, sizeof *boot);
	if (boot->version != OM_HOSTCALL_VERSION)
		rt_fatal(OM_EVERSION, "the host program and this image speak different versions of the enclave boundary");
	if (boot->strings_size != size - sizeof *boot || boot->argc > boot->strings_size || boot->envc > boot->strings_size ||
	    (uint64_t)boot->argc + boot->envc > boot->strings_size)
		rt_fatal(OM_EHOST, "the boot block's sizes contradict each other");
	boot->host_name[sizeof boot->host_name - 1] = 0;
}

void rt_stack_push(struct rt_stack *s, const void *bytes, uint64_t size)
{
	s->rsp -= size;
	if (s->rsp < s->low || rt_app_put(s->rsp, bytes, size) < 0)
		rt_fatal(OM_ENOMEM, "arguments and environment do not fit onto the stack");
}

static void push_word(struct rt_stack *s, uint64_t word)
{
	rt_stack_push(s, &word, sizeof word);
}

/* The strings, as one block; returns its address. */
static uint64_t push_strings(struct rt_stack *s, const struct om_boot *boot, const RT_UNTRUSTED char *untrusted)
{
	uint64_t size = boot->strings_size, room = s->rsp - s->low;
	char last = 0;

	if (size == 0 || size > room / 2)
		rt_fatal(OM_ENOMEM, "arguments and environment do not fit onto the stack");
	s->rsp -= (size + 15) & ~15ULL;
	for (uint64_t done = 0; done < size; ) {
		char piece[1024];
		uint64_t part = size - done < sizeof piece ? size - done : sizeof piece;
		rt_ub_get(piece, untrusted + done, part);
		last = piece[part - 1];
		if (rt_app_put(s->rsp + done, piece, part) < 0)
			rt_fatal(OM_ENOMEM, "no memory for the main thread's stack");
		done += part;
	}
	if (last != 0)
		rt_fatal(OM_EHOST, "the boot block's strings do not end");
	return s->rsp;
}

static uint64_t strings_size(uint64_t first, uint64_t end, uint32_t count)
{
	uint64_t at = first;

	while (count-- > 0 && at < end)
		at += strlen((const char *)at) + 1;
	return at - first;
}

/* Pushes NULL and, before it, the addresses of `count` strings that begin at `first`; returns the address after the last.
 * The vector is written upwards because strings can only be walked forwards. */
static uint64_t put_vector(uint64_t vector, uint64_t first, uint64_t end, uint32_t count)
{
	const uint64_t zero = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *string = (const char *)first; /* on our own stack: just written */
		if (first >= end)
			rt_fatal(OM_EHOST, "the boot block has fewer strings than it says");
		(void)rt_app_put(vector + 8 * (uint64_t)i, &first, sizeof first); /* cannot fail: push reserved it */
		first += strlen(string) + 1;
	}
	(void)rt_app_put(vector + 8 * (uint64_t)count, &zero, sizeof zero);
	return first;
}

extern void _start(void) __attribute__((visibility("hidden")));

static unsigned build_aux(uint64_t aux[2 * AUX_MAX], const struct om_boot *boot, uint64_t random, uint64_t platform,
	uint64_t exec_name)
{
	const uint8_t *eh = (const uint8_t *)__ehdr_start;
	uint64_t phoff;
	uint16_t phentsize, phnum;
	unsigned n = 0;

	memcpy(&phoff, eh + 32, 8);
	memcpy(&phentsize, eh + 54, 2);
	memcpy(&phnum, eh + 56, 2);
	const uint64_t list[][2] = {
		{ AT_PHDR, (uint64_t)eh + phoff }, { AT_PHENT, phentsize }, { AT_PHNUM, phnum }, { AT_PAGESZ, OM_PAGE_SIZE },
		{ AT_ENTRY, (uint64_t)_start }, { AT_UID, boot->uid }, { AT_EUID, boot->euid }, { AT_GID, boot->gid },
		{ AT_EGID, boot->egid }, { AT_SECURE, 0 }, { AT_CLKTCK, 100 }, { AT_HWCAP, 0 }, { AT_RANDOM, random },
		{ AT_PLATFORM, platform }, { AT_EXECFN, exec_name }, { AT_NULL, 0 },
	};
	for (; n < sizeof list / sizeof list[0]; n++) {
		aux[2 * n] = list[n][0];
		aux[2 * n + 1] = list[n][1];
	}
	return n;
}

/* As execve leaves it: argc, argv, envp, auxiliary vector; below it the frame that starts _start. */
static void build_stack(struct rt_stack *s, const struct om_boot *boot, uint64_t untrusted_strings)
{
	struct rt_call_frame frame = { .mxcsr = 0x1f80, .x87_control = 0x37f, .rip = (uint64_t)_start };
	struct rt_strings strings = { .argc = boot->argc, .envc = boot->envc, .size = boot->strings_size };
	uint64_t end, first, random, platform, aux[2 * AUX_MAX], vectors, next;
	uint8_t bytes[16];
	unsigned aux_count;

	push_word(s, 0);
	push_word(s, 0);
	strings.at = push_strings(s, boot, (const RT_UNTRUSTED char *)untrusted_strings);
	rt_launch_strings(s, &strings);
	end = strings.at + strings.size;
	first = strings.at + strings_size(strings.at, end, strings.argc);
	rt_io_set_strings(strings.at, first - strings.at, strings_size(first, end, strings.envc));
	if (!rt_random(bytes, sizeof bytes))
		rt_fatal(OM_ESGX, "the CPU's random number generator does not answer");
	rt_stack_push(s, bytes, sizeof bytes);
	random = s->rsp;
	rt_stack_push(s, "x86_64\0\0\0\0\0\0\0\0\0", 16);
	platform = s->rsp;
	aux_count = build_aux(aux, boot, random, platform, strings.at);

	vectors = 8 * (1 + (uint64_t)strings.argc + 1 + strings.envc + 1) + 16 * (uint64_t)aux_count;
	if (vectors > (s->rsp - s->low) / 2)
		rt_fatal(OM_ENOMEM, "arguments and environment do not fit onto the stack");
	s->rsp = (s->rsp - vectors) & ~15ULL;
	next = put_vector(s->rsp + 8, strings.at, end, strings.argc);
	put_vector(s->rsp + 8 * (2 + (uint64_t)strings.argc), next, end, strings.envc);
	(void)rt_app_put(s->rsp + 8 * (3 + (uint64_t)strings.argc + strings.envc), aux, 16 * aux_count); /* reserved above */
	next = strings.argc;
	(void)rt_app_put(s->rsp, &next, sizeof next);
	rt_stack_push(s, &frame, sizeof frame);
}

uint64_t rt_main_stack_size(const struct om_boot *boot)
{
	uint64_t size = rt_page_up(boot->stack_limit >= STACK_MIN && boot->stack_limit <= (1u << 30) ? boot->stack_limit : STACK_DEFAULT);

	return size > rt_image->heap_size / 4 ? rt_page_down(rt_image->heap_size / 4) : size;
}

static void start_main_thread(const struct om_boot *boot, uint64_t strings)
{
	uint64_t size = rt_main_stack_size(boot);
	struct rt_stack s;

	s.low = rt_mem_map(size, RT_PAGE_R | RT_PAGE_W);
	if (!s.low)
		rt_fatal(OM_ENOMEM, "no memory for the main thread's stack");
	s.top = s.rsp = s.low + size;
	build_stack(&s, boot, strings);
	rt_thread_boot(boot, s.low, s.top, s.rsp);
}

void rt_boot(uint64_t at, uint64_t size)
{
	uint32_t untouched = UNTOUCHED;
	struct om_boot boot;
	uint64_t main_slot[1] = { 0 };

	if (!atomic_compare_exchange_strong(&state, &untouched, BOOTING))
		rt_fatal(OM_ESTATE, "OM_ECALL_INIT came a second time");
	rt_map_boot_local();
	rt_map_boot();
	read_boot_block(at, size, &boot);
	rt_syscall_boot();
	rt_time_boot(boot.clock);
	rt_mem_boot();
	rt_launch_boot(boot.cpu_features);
	rt_io_boot(boot.std_kind & 7, boot.inherited);
	rt_identity_boot(&boot);
	rt_sched_boot();
	if (boot.flags & OM_BOOT_RECEIVE) {
		rt_stop_begin();
	} else {
		rt_lineage_begin();
		start_main_thread(&boot, at + sizeof boot);
		rt_signal_boot(boot.signals_ignored);
		main_slot[0] = rt_image->service_slots;
	}
	rt_test_boot();
	if (boot.flags & OM_BOOT_TRACE)
		rt_trace_boot();
	engine_boot(&boot);
	if (main_slot[0] && rt_owner_begin(boot.signals_ignored))
		main_slot[0] = 0;
	rt_ub_write64(&rt_self()->tbuf->arg[0], main_slot[0]);
	atomic_store(&state, BOOTED);
}
