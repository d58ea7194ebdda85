/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSSA 1: something faulted. What happened is read from the SSA, never taken from the host.
 *
 *   page map, cards, reserved memory       accepted, tried again
 *   owed page (post-copy)                  fetched by the engine, tried again
 *   copy of application memory             becomes -EFAULT (copy.S); so do stores to it that rt_app_store() guards
 *   application code                       a signal: the SSA is rewritten so that ERESUME goes to rt_fault_entry,
 *                                          which saves the whole context and ends in signal.c
 *   the runtime's own code                 the end: a bug, or a host that takes pages away
 *
 * This code may touch only memory that is never accepted lazily (its stack, thread blocks, the runtime's data) or that
 * it has made sure of (rt_map_ensure): a fault here cannot be handled. Host calls are allowed, on the exception tbuf.
 */
#include "boot/boot.h"
#include "rt/internal.h"
#include "rt/testhooks.h"
#include "rt/libmem.h"
#include "rt/mapped.h"

#define CODE_BUS 0x100u    /* beside SEGV_MAPERR and SEGV_ACCERR */

int (*rt_owed_fault)(uint64_t address);

struct fault {
	struct sgx_gprsgx *gpr;
	uint64_t address;      /* page-aligned; 0 if not a page fault */
	uint32_t vector, error;
};

/* "words rip 0x.. address 0x.. ..." */
static void format(char *at, size_t size, const char *words, const uint64_t *values, unsigned count)
{
	const char digits[] = "0123456789abcdef";
	char *end = at + size - 18 * count - 1;

	while (*words && at < end)
		*at++ = *words++;
	for (unsigned v = 0; v < count; v++) {
		int shift = 60;

		*at++ = ' ';
		while (shift > 0 && !(values[v] >> shift))
			shift -= 4;
		for (; shift >= 0; shift -= 4)
			*at++ = digits[(values[v] >> shift) & 15];
	}
	*at = 0;
}

static _Noreturn void die(const struct fault *f)
{
	const uint64_t values[4] = { f->gpr->rip, f->address, f->vector, f->error };
	static char line[200];

	/* Where the runtime and its data lie is not for the host of a production image to know. */
	if (!(rt_image->flags & OM_IMAGE_DEBUG))
		rt_fatal(OM_EINTERNAL, "exception in the runtime (a debug image says where)");
	format(line, sizeof line, "exception in the runtime: rip, address, vector, error", values, 4);
	rt_fatal(OM_EINTERNAL, line);
}

void rt_log_hex(const char *words, const uint64_t *values, unsigned count)
{
	char line[160];

	format(line, sizeof line, words, values, count);
	rt_log(line);
}

void rt_log_fault(const struct rt_tcb *tcb)
{
	const uint64_t values[3] = { tcb->fault_signo, tcb->fault_rip, tcb->fault_address };

	if (!(rt_image->flags & OM_IMAGE_DEBUG)) {
		rt_log_number("the program dies of a signal: number", tcb->fault_signo);
		return;
	}
	rt_log_hex("the program dies of a signal: number, rip, address", values, 3);
}

static bool between(uint64_t rip, const char *begin, const char *end)
{
	return rip >= (uint64_t)begin && rip < (uint64_t)end;
}

/* Page faults that need no one's attention. */
static bool resolve(const struct fault *f, uint32_t *ret_code)
{
	bool write = f->error & SGX_PFEC_W;

	*ret_code = 1; /* SEGV_MAPERR */
	if (f->address - OM_ELRANGE_BASE >= rt_image->elrange_size)
		return false;
	if (rt_map_fault(f->address))
		return true;
	switch (rt_map_touch(rt_page_index(f->address), write)) {
	case RT_FAULT_RETRY:
		return true;
	case RT_FAULT_OWED:
		rt_self()->faults_owed++;
		if (!rt_owed_fault || rt_owed_fault(f->address) < 0)
			rt_fatal(OM_EINTERNAL, "a page that is owed by the migration's source could not be fetched");
		return true;
	case RT_FAULT_ACCESS:
		*ret_code = rt_mapped_beyond(rt_page_index(f->address), write) ? CODE_BUS : 2; /* SEGV_ACCERR */
		return false;
	default:
		return false;
	}
}

static bool at_mark(const struct fault *f)
{
	return between(f->gpr->rip, rt_marks_begin, rt_marks_end);
}

/* A card is looked up before its store: turn the card's address into that of the page. */
static uint64_t application_address(const struct fault *f)
{
	uint64_t gs = (uint64_t)rt_cards() - (OM_ELRANGE_BASE >> 12);
	const uint8_t *code = (const uint8_t *)f->gpr->rip;

	if ((between(f->gpr->rip, __rt_text_start, __rt_text_end) || at_mark(f)) && *code == 0x65 && f->address - (gs & ~0xfffULL) < 1ULL << 36)
		return f->address <= gs ? 0 : (f->address - gs) << 12;
	return f->address;
}

static void signal_of(const struct fault *f, uint32_t map_code, struct rt_tcb *tcb)
{
	static const struct { uint8_t vector, signo; uint32_t code; } table[] = {
		{ SGX_VECTOR_DE, SIGFPE, 1 }, { SGX_VECTOR_DB, SIGTRAP, 1 }, { SGX_VECTOR_BP, SIGTRAP, SI_KERNEL },
		{ SGX_VECTOR_BR, SIGSEGV, SI_KERNEL }, { SGX_VECTOR_UD, SIGILL, 2 }, { SGX_VECTOR_GP, SIGSEGV, SI_KERNEL },
		{ SGX_VECTOR_MF, SIGFPE, 3 }, { SGX_VECTOR_AC, SIGBUS, 1 }, { SGX_VECTOR_XM, SIGFPE, 3 },
	};

	tcb->fault_signo = map_code == CODE_BUS ? SIGBUS : SIGSEGV;
	tcb->fault_code = map_code == CODE_BUS ? 2 : map_code;          /* BUS_ADRERR */
	tcb->fault_address = f->vector == SGX_VECTOR_PF ? application_address(f) : f->gpr->rip;
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].vector == f->vector) {
			tcb->fault_signo = table[i].signo;
			tcb->fault_code = table[i].code;
		}
	if (f->vector == SGX_VECTOR_GP)
		tcb->fault_address = 0;
}

static void to_application(struct rt_tcb *tcb, const struct fault *f, uint32_t map_code)
{
	struct rt_thread *t = tcb->thread;
	bool switched;

	/* What the interval has stored may not have its marks yet, and the handler is full of safepoints. */
	rt_cards_mark_all();
	signal_of(f, map_code, tcb);
	tcb->fault_rip = f->gpr->rip;
	tcb->fault_rsp = f->gpr->rsp;
	tcb->fault_rflags = f->gpr->rflags;
	f->gpr->rsp = rt_signal_stack(t, &rt_sigactions[tcb->fault_signo], f->gpr->rsp, &switched);
	if (switched)
		t->alt_rsp = tcb->fault_rsp;
	f->gpr->rip = (uint64_t)rt_fault_entry;
	f->gpr->rflags = 2;
}

static _Noreturn void end_of_stack(void)
{
	rt_exit_process(0, SIGSEGV);
}

/* On the runtime's stack, which is empty while the program or calls.S run: the end of a process reads tables that may not be touched here. */
static void to_the_end(const struct rt_tcb *tcb, const struct fault *f)
{
	f->gpr->rsp = tcb->stack_top - 8;
	f->gpr->rip = (uint64_t)end_of_stack;
	f->gpr->rflags = 2;
}

/* Says where the program was. The code of calls.S has its registers still, but rip and rsp if it was sent to rt_fault_entry. */
static void overflown(const struct rt_tcb *tcb, const struct fault *f)
{
	const struct sgx_gprsgx *g = f->gpr;
	struct om_death death = { .signo = SIGSEGV, .address = f->address, .rip = g->rip, .rsp = g->rsp, .rbp = g->rbp, .rbx = g->rbx,
		.r12 = g->r12, .r13 = g->r13, .r14 = g->r14, .r15 = g->r15 };

	if (tcb->fault_rsp - g->rsp < 4 * OM_PAGE_SIZE) {
		death.rip = tcb->fault_rip;
		death.rsp = tcb->fault_rsp;
	}
	rt_trace_death(tcb->thread, &death);
}

/* Only of its own target, and only by the runtime's code: all else is as if there were none. */
static bool abandon(const struct rt_tcb *tcb, const struct fault *f)
{
	const struct rt_try *try = tcb->store;

	if (!try || f->vector != SGX_VECTOR_PF || f->address < try->begin || f->address >= try->end ||
	    !between(f->gpr->rip, __rt_code_start, __rt_code_end))
		return false;
	f->gpr->rip = (uint64_t)rt_try_failed;
	f->gpr->rsp = try->rsp;
	f->gpr->rflags &= ~0x400ULL;
	return true;
}

static void handle(struct rt_tcb *tcb, const struct fault *f)
{
	uint32_t map_code = 1;

	if (f->vector == SGX_VECTOR_PF && resolve(f, &map_code))
		return;
	if (between(f->gpr->rip, rt_copy_begin, rt_copy_end)) {
		f->gpr->rip = (uint64_t)rt_copy_failed;
		f->gpr->rflags &= ~0x400ULL;
		return;
	}
	if (abandon(tcb, f))
		return;
	if (!rt_booted() || !tcb->thread)
		die(f);
	if (at_mark(f) && *(const uint8_t *)f->gpr->rip == 0x65) {
		to_application(tcb, f, map_code);
		return;
	}
	if (at_mark(f) || between(f->gpr->rip, rt_calls_begin, rt_calls_end) || rt_test_is_called(f->gpr->rip)) {
		/* The application's stack has overflowed here: its fault, if there is another stack to handle it on. */
		bool switched;

		(void)rt_signal_stack(tcb->thread, &rt_sigactions[SIGSEGV], f->gpr->rsp, &switched);
		if (!switched) {
			overflown(tcb, f);
			to_the_end(tcb, f);
			return;
		}
		to_application(tcb, f, map_code);
		return;
	}
	if (between(f->gpr->rip, __rt_code_start, __rt_code_end))
		die(f);
	to_application(tcb, f, map_code);
}

void rt_exception(struct rt_tcb *tcb, RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t frame_end = (uint64_t)tcb - OM_SLOT_TCB + OM_SLOT_SSA + OM_SSA_FRAME_PAGES * OM_PAGE_SIZE;
	struct sgx_gprsgx *gpr = (struct sgx_gprsgx *)(frame_end - SGX_GPRSGX_SIZE);
	const struct sgx_exinfo *exinfo = (const struct sgx_exinfo *)(frame_end - SGX_GPRSGX_SIZE - SGX_EXINFO_SIZE);
	struct fault f = { .gpr = gpr, .vector = gpr->exitinfo & SGX_EXITINFO_VECTOR_MASK };

	if (!rt_tbuf_ok(tbuf, tbuf_size))
		__builtin_trap();
	tcb->exc_tbuf = tbuf;
	tcb->exc_tbuf_size = tbuf_size;
	tcb->exc_ub_used = 0;
	rt_check_ended();
	tcb->exceptions++;
	/* Without a valid cause the host entered on its own account: there is nothing to do. */
	if (gpr->exitinfo & SGX_EXITINFO_VALID) {
		/* Once: what is rewritten below would be taken for the cause if the host entered again before it resumes. */
		gpr->exitinfo = 0;
		if (f.vector == SGX_VECTOR_PF) {
			f.address = rt_page_down(exinfo->maddr);
			f.error = exinfo->errcd;
		}
		handle(tcb, &f);
	}
	rt_tbuf_finish(tcb, OM_EXIT_DONE, NULL, 0);
}
