/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EENTER and ERESUME up to the jump: the checks of their operation sections (SDM 3D, edition 067 (May 2018), 40.4; 38.4 in
 * later editions) in that order, then the switch in switch.S. An entry that faults is reported as the vDSO does, in struct
 * tee_run with the leaf's own number, and as OM_ESGX.
 */
#include <string.h>
#include <sys/mman.h>
#include "soft.h"

static __thread struct emu_thread *self;

struct emu_thread *emu_self(void)
{
	return self;
}

void emu_self_set(struct emu_thread *t)
{
	self = t;
}

static int entry_fault(struct tee_run *run, uint32_t leaf, uint16_t vector, uint16_t error_code, uint64_t address,
	const char *why)
{
	run->function = leaf;
	run->exception_vector = vector;
	run->exception_error_code = error_code;
	run->exception_addr = address;
	return tee_fail(OM_ESGX, "%s at TCS 0x%llx: #%s, %s", leaf == SGX_EENTER ? "EENTER" : "ERESUME",
		(unsigned long long)run->tcs, vector == SGX_VECTOR_PF ? "PF" : "GP", why);
}

static int general_protection(struct tee_run *run, uint32_t leaf, const char *why)
{
	return entry_fault(run, leaf, SGX_VECTOR_GP, 0, 0, why);
}

static int page_fault(struct tee_run *run, uint32_t leaf, uint64_t address, const char *why)
{
	return entry_fault(run, leaf, SGX_VECTOR_PF, SGX_PFEC_SGX | SGX_PFEC_U | SGX_PFEC_P, address, why);
}

/* Not in ELRANGE. The page walk comes first: where nothing is mapped, the fault is an ordinary one. */
static int elsewhere(struct tee_run *run, uint32_t leaf)
{
	unsigned char resident;

	if (mincore((void *)run->tcs, SGX_PAGE_SIZE, &resident) != 0)
		return entry_fault(run, leaf, SGX_VECTOR_PF, SGX_PFEC_U, run->tcs, "no memory there");
	return page_fault(run, leaf, run->tcs, "not a page of the EPC");
}

/* The TCS named by run->tcs, not claimed yet. Return: 0, or entry_fault()'s. */
static int find_tcs(struct emu_enclave *e, uint32_t leaf, struct tee_run *run, struct emu_tcs **ret_tcs)
{
	struct emu_tcs *tcs;
	uint16_t entry;

	if (run->tcs & (SGX_PAGE_SIZE - 1))
		return general_protection(run, leaf, "not aligned");
	if (!emu_contains(e, run->tcs))
		return elsewhere(run, leaf);
	entry = atomic_load_explicit(&e->epcm[emu_page_of(e, run->tcs)], memory_order_acquire);
	if (!(entry & E_VALID))
		entry = emu_augment(e, emu_page_of(e, run->tcs));   /* the kernel meets that fault, and the leaf the next */
	tcs = emu_tcs_find(e, emu_page_of(e, run->tcs));
	if ((entry & (E_VALID | E_PENDING | E_MODIFIED | E_PT_MASK)) != (E_VALID | E_PT_TCS) || !tcs)
		return page_fault(run, leaf, run->tcs, "not a TCS");
	if (!emu_tcs_enterable(e, &tcs->content))
		return general_protection(run, leaf, "TCS with OSSA, OFSBASE, OGSBASE or FLAGS that cannot be");
	if (!e->initialized)
		return general_protection(run, leaf, "the enclave is not initialized");
	*ret_tcs = tcs;
	return 0;
}

static bool claim(struct emu_tcs *tcs)
{
	uint32_t idle = 0;

	/* Acquire: CSSA and the SSA as the last user left them. */
	return atomic_compare_exchange_strong_explicit(&tcs->busy, &idle, 1, memory_order_acquire, memory_order_relaxed);
}

/* Address of SSA frame `index`, usable and present; 0 after entry_fault(). */
static uint64_t ssa_frame(struct emu_enclave *e, const struct emu_tcs *tcs, uint32_t index, uint32_t leaf,
	struct tee_run *run, int *ret_error)
{
	uint64_t size = (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE;
	uint64_t frame = e->common.base + tcs->content.ossa + index * size;

	for (uint64_t at = 0; at < size; at = emu_ssa_next(e, at)) {
		uint64_t page = emu_page_of(e, frame + at);
		uint16_t entry = emu_contains(e, frame + at) ?
			atomic_load_explicit(&e->epcm[page], memory_order_acquire) : 0;

		if (!emu_entry_allows(entry, E_R | E_W) || (!(entry & E_PRESENT) && !emu_fill(e, page))) {
			*ret_error = page_fault(run, leaf, frame + at, "SSA frame not accessible");
			return 0;
		}
	}
	return frame;
}

static struct sgx_gprsgx *gprs_of(const struct emu_enclave *e, uint64_t frame)
{
	return (struct sgx_gprsgx *)(frame + (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE) - 1;
}

/* "Ensure the enclave is not already active and this thread is the only one using the TCS": the last check but XRSTOR's. */
static int busy(struct tee_run *run, uint32_t leaf)
{
	return general_protection(run, leaf, "TCS is busy");
}

/* @owned: whether the TCS is this thread's. If not, there is nothing left but to find the first check that fails. */
static int prepare_eenter(struct emu_enclave *e, struct emu_thread *t, struct emu_tcs *tcs, bool owned, struct tee_run *run)
{
	uint32_t cssa = __atomic_load_n(&tcs->cssa, __ATOMIC_RELAXED);
	uint64_t frame;
	int r;

	if (cssa >= tcs->content.nssa)
		return general_protection(run, SGX_EENTER, "CSSA >= NSSA");
	if (!(frame = ssa_frame(e, tcs, cssa, SGX_EENTER, run, &r)))
		return r;
	if (!emu_canonical(e->common.base + tcs->content.oentry))
		return general_protection(run, SGX_EENTER, "OENTRY is not canonical");
	if (!owned)
		return busy(run, SGX_EENTER);
	t->ssa_gpr = gprs_of(e, frame);
	t->rax = cssa;
	t->rbx = run->tcs;
	t->entry = e->common.base + tcs->content.oentry;
	t->fs = e->common.base + tcs->content.ofsbase;
	t->gs = e->common.base + tcs->content.ogsbase;
	return 0;
}

/* What XRSTOR of the standard format faults on, which here would be on the host's side of the switch: XSTATE_BV beyond XFRM,
 * bytes 8 to 23 of the header, reserved bits of MXCSR (SDM 1, 13.8.1). */
static bool xrstor_takes(const struct emu_enclave *e, const uint8_t *image)
{
	uint64_t header[3];
	uint32_t mxcsr;

	memcpy(header, image + 512, sizeof header);
	memcpy(&mxcsr, image + 24, sizeof mxcsr);
	return !(header[0] & ~e->secs.attributes.xfrm) && header[1] == 0 && header[2] == 0 && !(mxcsr & 0xffff0000u);
}

static void load_registers(struct emu_thread *t, const struct sgx_gprsgx *g)
{
	/* CF PF AF ZF SF DF OF NT RF AC ID, as the manual lists them; TF is cleared where DBGOPTIN is. */
	const uint64_t restored = 0x254cd5;
	uint64_t *to = t->resume;

	*to++ = g->rax, *to++ = g->rcx, *to++ = g->rdx, *to++ = g->rbx, *to++ = g->rbp, *to++ = g->rsi, *to++ = g->rdi;
	memcpy(to, &g->r8, 8 * sizeof *to);
	t->iret.rip = g->rip;
	t->iret.rsp = g->rsp;
	t->iret.rflags = (g->rflags & restored) | 0x202;
	t->iret.cs = t->cs;
	t->iret.ss = t->ss;
	t->fs = g->fsbase;
	t->gs = g->gsbase;
}

static int prepare_eresume(struct emu_enclave *e, struct emu_thread *t, struct emu_tcs *tcs, bool owned, struct tee_run *run)
{
	uint32_t cssa = __atomic_load_n(&tcs->cssa, __ATOMIC_RELAXED);
	struct sgx_gprsgx g;
	uint64_t frame;
	int r;

	if (cssa == 0)
		return general_protection(run, SGX_ERESUME, "CSSA is 0");
	if (!(frame = ssa_frame(e, tcs, cssa - 1, SGX_ERESUME, run, &r)))
		return r;
	memcpy(&g, gprs_of(e, frame), sizeof g);
	if (!emu_canonical(g.rip) || !emu_canonical(g.fsbase) || !emu_canonical(g.gsbase))
		return general_protection(run, SGX_ERESUME, "RIP, FS or GS in the SSA frame is not canonical");
	if (!owned)
		return busy(run, SGX_ERESUME);
	memcpy(t->xsave, (const void *)frame, e->xsave_size);
	if (!xrstor_takes(e, t->xsave))
		return general_protection(run, SGX_ERESUME, "the SSA frame does not hold a state that XRSTOR takes");
	load_registers(t, &g);
	tcs->cssa--;
	return 0;
}

static void count(_Atomic uint64_t *counter)
{
	/* Written by the owner of the TCS alone; others only read. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/*
 * emu_switch_eenter(t), called without a CALL. The CPU predicts returns by the calls that it has seen. Between EEXIT and the EENTER
 * that comes back, the enclave's stack of calls rests, and on the way the CPU sees the patched ENCLU's call, our caller's call of
 * this file, and three returns that it predicts wrongly: of emu_return, of emu_enter, and the first inside. One more call, and all
 * returns behind them would be off by one, up to the program's: a mispredicted branch for each function of the runtime. The stack is as
 * deep as at emu_switch_eresume (tee.h); emu_enter calls others, so it has nothing below its stack pointer.
 */
static int switch_eenter(struct emu_thread *t)
{
	int how;

	__asm__ volatile ("leaq 1f(%%rip), %%rax\n\t"
		"pushq %%rax\n\t"
		"jmp emu_switch_eenter\n"
		"1:"
		: "=a"(how), "+D"(t)
		:
		: "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
	return how;
}

int emu_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
	uint64_t r9, struct tee_run *run)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;
	struct emu_thread *t = emu_self();
	struct emu_tcs *tcs;
	bool owned;
	int r;

	if (!t)
		return tee_fail(OM_ESTATE, "tee_enter without tee_thread_attach");
	if (leaf != SGX_EENTER && leaf != SGX_ERESUME)
		return tee_fail(OM_EINVAL, "tee_enter: leaf %u", leaf);
	if (e->gone)
		return tee_fail(OM_ESGX, "the enclave belongs to the process that this one was forked from");
	if (t->tcs)
		return tee_fail(OM_ESTATE, "tee_enter while this thread is inside");
	if (t->trap_enclave != e && (r = emu_thread_trap_syscalls(t, e)) < 0)
		return r;
	if ((r = find_tcs(e, leaf, run, &tcs)) < 0)
		return r;
	owned = claim(tcs);
	r = leaf == SGX_EENTER ? prepare_eenter(e, t, tcs, owned, run) : prepare_eresume(e, t, tcs, owned, run);
	if (r < 0) {
		if (owned)
			atomic_store_explicit(&tcs->busy, 0, memory_order_release);
		return r;
	}
	t->rdi = rdi, t->rsi = rsi, t->rdx = rdx, t->r8 = r8, t->r9 = r9;
	t->xfrm = e->secs.attributes.xfrm;
	t->enclave = e;
	t->tcs = tcs;
	if (leaf == SGX_EENTER) {
		count(&tcs->enters);
		EMU_CHARGE(e, enter);
		r = switch_eenter(t);
	} else {
		count(&tcs->resumes);
		EMU_CHARGE(e, resume);
		r = emu_switch_eresume(t);
	}
	if (r == EMU_EXIT_EEXIT) {
		run->function = SGX_EEXIT;
		return 0;
	}
	EMU_CHARGE(e, aex);
	run->function = SGX_ERESUME;   /* what RAX holds at the AEP */
	run->exception_vector = t->vector;
	run->exception_error_code = t->error_code;
	run->exception_addr = t->address;
	return 0;
}
