/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EENTER and ERESUME up to the jump: the SDM's checks (3D 38.4) in its order, then the switch in switch.S. An entry
 * that faults is reported as the vDSO does, in struct sgx_run with the leaf's own number, and as OM_ESGX.
 */
#include <string.h>
#include "emu.h"

static __thread struct emu_thread *self;

struct emu_thread *emu_self(void)
{
	return self;
}

void emu_self_set(struct emu_thread *t)
{
	self = t;
}

static int entry_fault(struct sgx_run *run, uint32_t leaf, uint16_t vector, uint64_t address, const char *why)
{
	run->function = leaf;
	run->exception_vector = vector;
	run->exception_error_code = vector == SGX_VECTOR_PF ? SGX_PFEC_SGX | SGX_PFEC_U | SGX_PFEC_P : 0;
	run->exception_addr = vector == SGX_VECTOR_PF ? address : 0;
	return sgx_fail(OM_ESGX, "%s at TCS 0x%llx: #%s, %s", leaf == SGX_EENTER ? "EENTER" : "ERESUME",
		(unsigned long long)run->tcs, vector == SGX_VECTOR_PF ? "PF" : "GP", why);
}

/* Claims the TCS named by run->tcs. Return: 0, or entry_fault()'s. */
static int claim_tcs(struct emu_enclave *e, uint32_t leaf, struct sgx_run *run, struct emu_tcs **ret_tcs)
{
	struct emu_tcs *tcs;
	uint16_t entry;
	uint32_t idle = 0;

	if (!e->initialized || (run->tcs & (SGX_PAGE_SIZE - 1)) || !emu_contains(e, run->tcs))
		return entry_fault(run, leaf, SGX_VECTOR_GP, 0, "not a page of an initialized enclave");
	entry = atomic_load_explicit(&e->epcm[emu_page_of(e, run->tcs)], memory_order_acquire);
	tcs = emu_tcs_find(e, emu_page_of(e, run->tcs));
	if ((entry & (E_VALID | E_PENDING | E_MODIFIED | E_PT_MASK)) != (E_VALID | E_PT_TCS) || !tcs)
		return entry_fault(run, leaf, SGX_VECTOR_PF, run->tcs, "not a TCS");
	/* Acquire: CSSA and the SSA as the last user left them. */
	if (!atomic_compare_exchange_strong_explicit(&tcs->busy, &idle, 1, memory_order_acquire,
			memory_order_relaxed))
		return entry_fault(run, leaf, SGX_VECTOR_GP, 0, "TCS is busy");
	*ret_tcs = tcs;
	return 0;
}

/* Address of SSA frame `index`, usable and present; 0 after entry_fault(). */
static uint64_t ssa_frame(struct emu_enclave *e, const struct emu_tcs *tcs, uint32_t index, uint32_t leaf,
	struct sgx_run *run, int *ret_error)
{
	uint64_t size = (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE;
	uint64_t frame = e->common.base + tcs->content.ossa + index * size;

	for (uint64_t at = 0; at < size; at += SGX_PAGE_SIZE) {
		uint64_t page = emu_page_of(e, frame + at);
		uint16_t entry = emu_contains(e, frame + at) ?
			atomic_load_explicit(&e->epcm[page], memory_order_acquire) : 0;

		if (!emu_entry_allows(entry, E_R | E_W) || (!(entry & E_PRESENT) && !emu_fill(e, page))) {
			*ret_error = entry_fault(run, leaf, SGX_VECTOR_PF, frame + at, "SSA frame not accessible");
			return 0;
		}
	}
	return frame;
}

static struct sgx_gprsgx *gprs_of(const struct emu_enclave *e, uint64_t frame)
{
	return (struct sgx_gprsgx *)(frame + (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE) - 1;
}

static int prepare_eenter(struct emu_enclave *e, struct emu_thread *t, struct emu_tcs *tcs, struct sgx_run *run)
{
	uint64_t frame;
	int r;

	if (tcs->cssa >= tcs->content.nssa)
		return entry_fault(run, SGX_EENTER, SGX_VECTOR_GP, 0, "CSSA >= NSSA");
	if (!(frame = ssa_frame(e, tcs, tcs->cssa, SGX_EENTER, run, &r)))
		return r;
	t->ssa_gpr = gprs_of(e, frame);
	t->rax = tcs->cssa;
	t->rbx = run->tcs;
	t->entry = e->common.base + tcs->content.oentry;
	t->fs = e->common.base + tcs->content.ofsbase;
	t->gs = e->common.base + tcs->content.ogsbase;
	return 0;
}

/* XRSTOR would fault on these, on the host's side of the switch. */
static bool xsave_image_ok(const struct emu_enclave *e, const uint8_t *image)
{
	uint64_t header[8];
	uint32_t mxcsr;
	uint64_t reserved = 0;

	memcpy(header, image + 512, sizeof header);
	memcpy(&mxcsr, image + 24, sizeof mxcsr);
	for (int i = 1; i < 8; i++)
		reserved |= header[i];
	return !(header[0] & ~e->secs.attributes.xfrm) && reserved == 0 && !(mxcsr & 0xffff0000u);
}

static bool canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static int prepare_eresume(struct emu_enclave *e, struct emu_thread *t, struct emu_tcs *tcs, struct sgx_run *run)
{
	const uint64_t user_flags = 0x240dd5;   /* what user mode may set: CF PF AF ZF SF TF DF OF AC ID */
	struct sgx_gprsgx g;
	uint64_t frame;
	int r;

	if (tcs->cssa == 0)
		return entry_fault(run, SGX_ERESUME, SGX_VECTOR_GP, 0, "CSSA is 0");
	if (!(frame = ssa_frame(e, tcs, tcs->cssa - 1, SGX_ERESUME, run, &r)))
		return r;
	memcpy(&g, gprs_of(e, frame), sizeof g);
	memcpy(t->xsave, (const void *)frame, e->xsave_size);
	if (!xsave_image_ok(e, t->xsave) || !canonical(g.rip) || !canonical(g.fsbase) || !canonical(g.gsbase))
		return entry_fault(run, SGX_ERESUME, SGX_VECTOR_GP, 0, "the SSA frame does not hold a valid state");
	uint64_t *to = t->resume;
	*to++ = g.rax, *to++ = g.rcx, *to++ = g.rdx, *to++ = g.rbx, *to++ = g.rbp, *to++ = g.rsi, *to++ = g.rdi;
	memcpy(to, &g.r8, 8 * sizeof *to);
	t->iret.rip = g.rip;
	t->iret.rsp = g.rsp;
	t->iret.rflags = (g.rflags & user_flags) | 0x202;
	t->iret.cs = t->cs;
	t->iret.ss = t->ss;
	t->fs = g.fsbase;
	t->gs = g.gsbase;
	tcs->cssa--;
	return 0;
}

static void count(_Atomic uint64_t *counter)
{
	/* Written by the owner of the TCS alone; others only read. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

int emu_enter(struct sgx_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
	uint64_t r9, struct sgx_run *run)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;
	struct emu_thread *t = emu_self();
	struct emu_tcs *tcs;
	int r;

	if (!t)
		return sgx_fail(OM_ESTATE, "sgx_enter without sgx_thread_attach");
	if (leaf != SGX_EENTER && leaf != SGX_ERESUME)
		return sgx_fail(OM_EINVAL, "sgx_enter: leaf %u", leaf);
	if (e->gone)
		return sgx_fail(OM_ESGX, "the enclave belongs to the process that this one was forked from");
	if (t->tcs)
		return sgx_fail(OM_ESTATE, "sgx_enter while this thread is inside");
	if (t->trap_enclave != e && (r = emu_thread_trap_syscalls(t, e)) < 0)
		return r;
	if ((r = claim_tcs(e, leaf, run, &tcs)) < 0)
		return r;
	r = leaf == SGX_EENTER ? prepare_eenter(e, t, tcs, run) : prepare_eresume(e, t, tcs, run);
	if (r < 0) {
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
		r = emu_switch_eenter(t);
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
