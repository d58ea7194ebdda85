/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps. A synchronous signal whose RIP is in ELRANGE while its thread is inside an enclave is one of
 *
 *   - an accepted but absent page: filled, enclave continues, nobody notices
 *   - ENCLU: the leaf is carried out
 *   - anything else: an AEX with that exception
 *
 * Asynchronous signals find the host's FS and GS, run the handler given to tee_sigaction() and return into the
 * enclave. On hardware that is an AEX and an ERESUME, and the enclave cannot tell; nor can it here.
 * All handlers run with every signal blocked, on the thread's signal stack.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "soft.h"
#include "raw.h"

struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
/* glibc's own: cancellation and set*id. They may arrive while a thread is inside, and use TLS. */
static const int libc_signals[] = { 32, 33 };

static struct kernel_sigaction previous[65];
static void (*user_handler[65])(int, void *, void *);
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;

static bool wrap(int signo, uint64_t flags, struct kernel_sigaction *old)
{
	struct kernel_sigaction sa = { emu_signal_entry, flags | SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
		emu_signal_restorer, ~0ull };

	return syscall(SYS_rt_sigaction, signo, &sa, old, 8) == 0;
}

int emu_signals_install(void)
{
	int r = 0;

	pthread_mutex_lock(&install_lock);
	for (size_t i = 0; !installed && r == 0 && i < sizeof fault_signals / sizeof *fault_signals; i++)
		if (!wrap(fault_signals[i], 0, &previous[fault_signals[i]]))
			r = tee_fail(OM_EIO, "sigaction: %s", strerror(errno));
	for (size_t i = 0; !installed && i < sizeof libc_signals / sizeof *libc_signals; i++) {
		struct kernel_sigaction *old = &previous[libc_signals[i]];
		if (syscall(SYS_rt_sigaction, libc_signals[i], NULL, old, 8) == 0 && (uintptr_t)old->handler > 1)
			(void)wrap(libc_signals[i], old->flags & SA_RESTART, NULL);   /* else it stays as it was */
	}
	installed = r == 0;
	pthread_mutex_unlock(&install_lock);
	return r;
}

int tee_sigaction(int signo, void (*handler)(int, void *, void *), int sa_flags)
{
	if (signo < 1 || signo > 64)
		return tee_fail(OM_EINVAL, "signal %d", signo);
	user_handler[signo] = handler;
	for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
		if (fault_signals[i] == signo && installed)
			return 0;   /* ours already; called for what is not the enclave's */
	if (!wrap(signo, (uint64_t)sa_flags & SA_RESTART, NULL))
		return tee_fail(OM_EIO, "sigaction(%d): %s", signo, strerror(errno));
	return 0;
}

/* ---- asynchronous exits ---------------------------------------------------------------------------------- */

static uint64_t *reg(ucontext_t *uc, int which)
{
	return (uint64_t *)&uc->uc_mcontext.gregs[which];
}

static void save_gprs(struct sgx_gprsgx *g, ucontext_t *uc, const struct emu_segments *s)
{
	g->rax = *reg(uc, REG_RAX), g->rcx = *reg(uc, REG_RCX), g->rdx = *reg(uc, REG_RDX);
	g->rbx = *reg(uc, REG_RBX), g->rsp = *reg(uc, REG_RSP), g->rbp = *reg(uc, REG_RBP);
	g->rsi = *reg(uc, REG_RSI), g->rdi = *reg(uc, REG_RDI);
	memcpy(&g->r8, reg(uc, REG_R8), 8 * sizeof g->r8);   /* both have r8 .. r15 in a row */
	g->rflags = *reg(uc, REG_EFL);
	g->rip = *reg(uc, REG_RIP);
	g->fsbase = s->fs;
	g->gsbase = s->gs;
}

static void save_xsave(struct emu_enclave *e, uint8_t *frame, const ucontext_t *uc)
{
	const uint8_t *from = (const uint8_t *)uc->uc_mcontext.fpregs;
	uint64_t header[8] = { 0 };

	memcpy(frame, from, e->xsave_size);
	memset(frame + 464, 0, 48);   /* the kernel's notes in bytes left to software */
	memcpy(header, from + 512, 8);
	header[0] &= e->secs.attributes.xfrm;
	memcpy(frame + 512, header, sizeof header);
}

static uint32_t exit_info(const struct emu_enclave *e, uint16_t vector)
{
	if ((vector == SGX_VECTOR_PF || vector == SGX_VECTOR_GP) && !(e->secs.miscselect & SGX_MISC_EXINFO))
		return 0;
	return vector | SGX_EXITINFO_TYPE_HW << SGX_EXITINFO_TYPE_SHIFT | SGX_EXITINFO_VALID;
}

/* EENTER saw to the frame; if the enclave has since trimmed its own SSA, hardware would not survive either. */
static void need_frame(struct emu_enclave *e, uint64_t frame, uint64_t size)
{
	static const char words[] = "optmig: emulator: an AEX found its SSA frame inaccessible\n";

	for (uint64_t at = 0; at < size; at = emu_ssa_next(e, at))
		if (!emu_fill(e, emu_page_of(e, frame + at))) {
			(void)!write(STDERR_FILENO, words, sizeof words - 1);
			abort();
		}
}

/* Writes the SSA frame, sets the host's state at the AEP. SDM 3D 36.4. */
static void asynchronous_exit(struct emu_thread *t, ucontext_t *uc, struct emu_segments *s, uint16_t vector,
	uint16_t error_code, uint64_t address)
{
	struct emu_enclave *e = t->enclave;
	struct emu_tcs *tcs = t->tcs;
	uint64_t size = (uint64_t)e->secs.ssa_frame_size * SGX_PAGE_SIZE;
	uint64_t frame = e->common.base + tcs->content.ossa + tcs->cssa * size;
	struct sgx_gprsgx *g = (struct sgx_gprsgx *)(frame + size) - 1;

	need_frame(e, frame, size);
	save_xsave(e, (uint8_t *)frame, uc);
	save_gprs(g, uc, s);
	g->exitinfo = exit_info(e, vector);
	if (e->secs.miscselect & SGX_MISC_EXINFO) {
		struct sgx_exinfo *x = (struct sgx_exinfo *)g - 1;
		*x = (struct sgx_exinfo){ vector == SGX_VECTOR_PF ? address : 0, error_code, 0 };
	}
	tcs->cssa++;
	atomic_store_explicit(&tcs->aexes, atomic_load_explicit(&tcs->aexes, memory_order_relaxed) + 1,
		memory_order_relaxed);
	t->vector = vector;
	t->error_code = error_code;
	t->address = vector == SGX_VECTOR_PF ? address : 0;

	memset(reg(uc, REG_R8), 0, 16 * sizeof(uint64_t));   /* r8 .. rsp, all general registers */
	*reg(uc, REG_RAX) = SGX_ERESUME;
	*reg(uc, REG_RBX) = e->common.base + (tcs->page - 1) * SGX_PAGE_SIZE;
	*reg(uc, REG_RCX) = *reg(uc, REG_RIP) = (uint64_t)emu_return_exception;
	*reg(uc, REG_RSP) = t->host_rsp;
	*reg(uc, REG_RBP) = t->host_rbp;
	*reg(uc, REG_EFL) = 0x202;
	uc->uc_mcontext.fpregs = NULL;   /* the kernel then gives the initial state */
	s->fs = t->host_fs;
	s->gs = t->host_gs;
	emu_leave(t);
}

/* ---- ENCLU ------------------------------------------------------------------------------------------------ */

static void synchronous_exit(struct emu_thread *t, ucontext_t *uc, struct emu_segments *s)
{
	if (!emu_canonical(*reg(uc, REG_RBX))) {
		asynchronous_exit(t, uc, s, SGX_VECTOR_GP, 0, 0);
		return;
	}
	*reg(uc, REG_RIP) = *reg(uc, REG_RBX);
	*reg(uc, REG_RCX) = (uint64_t)emu_return;
	s->fs = t->host_fs;
	s->gs = t->host_gs;
	emu_leave(t);
}

/* Leaves read their operands; here nothing can fault, so the pages must be there before. */
static void make_present(struct emu_enclave *e, uint64_t address)
{
	if (emu_contains(e, address))
		(void)emu_fill(e, emu_page_of(e, address));   /* not accepted: the leaf itself finds out */
}

static struct emu_leaf_result run_leaf(struct emu_enclave *e, uint32_t leaf, ucontext_t *uc)
{
	uint64_t rbx = *reg(uc, REG_RBX), rcx = *reg(uc, REG_RCX), rdx = *reg(uc, REG_RDX);

	make_present(e, rbx);
	make_present(e, rcx);
	make_present(e, rdx);
	switch (leaf) {
	case SGX_EREPORT: return emu_ereport(e, rbx, rcx, rdx);
	case SGX_EGETKEY: return emu_egetkey(e, rbx, rcx);
	case SGX_EEXIT:   return (struct emu_leaf_result){ .fault = EMU_LEAF_EXIT };
	default:          return emu_leaf_edmm(e, leaf, rbx, rcx, rdx);
	}
}

/* @length: of the instruction at RIP. */
static void emulate_enclu(struct emu_thread *t, ucontext_t *uc, struct emu_segments *s, unsigned length)
{
	uint32_t leaf = (uint32_t)*reg(uc, REG_RAX);
	struct emu_leaf_result r = run_leaf(t->enclave, leaf, uc);

	switch (r.fault) {
	case EMU_LEAF_EXIT:
		synchronous_exit(t, uc, s);
		break;
	case EMU_LEAF_GP:
		asynchronous_exit(t, uc, s, SGX_VECTOR_GP, 0, 0);
		break;
	case EMU_LEAF_PF:
		asynchronous_exit(t, uc, s, SGX_VECTOR_PF, r.error_code, r.address);
		break;
	case EMU_LEAF_OK:
		*reg(uc, REG_RIP) += length;
		if (leaf == SGX_EREPORT || leaf == SGX_EMODPE)
			break;
		*reg(uc, REG_RAX) = r.code;
		*reg(uc, REG_EFL) = (*reg(uc, REG_EFL) & ~0x8d5ull) | (r.code ? 0x40 : 0);
		break;
	}
}

/* ENCLU outside of an enclave, which is what it is to this CPU: #UD where SGX is absent or off; where it is on, though a hypervisor
 * may hide that from CPUID, #GP for the leaves that only an enclave may use, and any #PF at RBX for the two that enter. */
static bool like_enclu(int signo, uint64_t trap, uint64_t error_code)
{
	return signo == SIGILL || trap == SGX_VECTOR_GP || (trap == SGX_VECTOR_PF && !(error_code & SGX_PFEC_I));
}

/* The page is there: the instruction has been fetched. One that may only be executed cannot be looked at. */
static bool at_enclu(const struct emu_enclave *e, uint64_t rip)
{
	const uint8_t *code = (const uint8_t *)rip;
	uint16_t last = emu_contains(e, rip + 2) ? atomic_load_explicit(&e->epcm[emu_page_of(e, rip + 2)], memory_order_acquire) : 0;

	if (!emu_entry_allows(atomic_load_explicit(&e->epcm[emu_page_of(e, rip)], memory_order_acquire), E_R) ||
	    !emu_entry_allows(last, E_R | E_PRESENT))
		return false;
	return code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xd7;
}

/* A patched site that could not be served in place: take it back to its call. */
static void rewind_patched(ucontext_t *uc)
{
	const uint64_t *stack = (const uint64_t *)*reg(uc, REG_RSP);

	*reg(uc, REG_RIP) = stack[1] - 5;
	*reg(uc, REG_RSP) += 16;
}

/* ---- page faults ------------------------------------------------------------------------------------------ */

static struct emu_enclave *enclave_of(uint64_t address)
{
	for (int i = 0; i < EMU_ENCLAVES_MAX; i++) {
		struct emu_enclave *e = atomic_load_explicit(&emu_enclaves[i], memory_order_acquire);
		if (e && emu_contains(e, address))
			return e;
	}
	return NULL;
}

static uint16_t needed(uint64_t hardware_code)
{
	return hardware_code & SGX_PFEC_I ? E_X : hardware_code & SGX_PFEC_W ? E_W : E_R;
}

enum verdict { TRY_AGAIN, EPCM_REFUSES, HOST_REFUSES };

/*
 * The CPU asks the page tables first, which are the host's, and the EPCM only of what they allow. Here both are one: SIGBUS
 * is userfaultfd's, the EPCM's alone. SIGSEGV is the mapping's. Where this layer gave a page a protection of its own, that
 * is the EPCM's too (and hides what the host may have taken besides); whoever changes an entry changes the protection
 * under the same lock, so what the EPCM allows and the mapping does not, the host has taken.
 */
static enum verdict judge(struct emu_enclave *e, uint64_t address, int signo, uint64_t *code)
{
	uint64_t page = emu_page_of(e, address);
	uint16_t entry, need = needed(*code), mapping = need;

	if (signo == SIGSEGV) {
		emu_chunk_lock(e, page);
		entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);
		if (emu_entry_allows(entry, need) || !(entry & E_OWN_PROT || need == E_X))
			mapping = emu_mapping(address);
		emu_chunk_unlock(e, page);
		/* A page of the enclave is in the driver's page tables, present here or not. */
		if (mapping && (entry & E_VALID))
			*code |= SGX_PFEC_P;
		if (!(mapping & need))
			return HOST_REFUSES;
	}
	entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);
	if (!(entry & E_VALID))
		entry = emu_augment(e, page);   /* and the access then finds it PENDING */
	if (!emu_entry_allows(entry, need))
		return EPCM_REFUSES;
	if (!(entry & E_PRESENT))
		return emu_fill(e, page) ? TRY_AGAIN : EPCM_REFUSES;
	if (signo != SIGSEGV) {
		/* Present and allowed: write protection lags behind the entry. */
		emu_chunk_lock(e, page);
		emu_protect(e, page);
		emu_chunk_unlock(e, page);
	}
	return TRY_AGAIN;
}

static void page_fault(struct emu_thread *t, ucontext_t *uc, struct emu_segments *s, int signo, uint64_t address)
{
	struct emu_enclave *e = t->enclave;
	uint64_t code = *reg(uc, REG_ERR) & (SGX_PFEC_P | SGX_PFEC_W | SGX_PFEC_U | SGX_PFEC_I);

	if (emu_contains(e, address)) {
		enum verdict verdict = judge(e, address, signo, &code);

		if (verdict == TRY_AGAIN)
			return;
		if (verdict == EPCM_REFUSES)
			code |= SGX_PFEC_SGX | SGX_PFEC_P;
	}
	asynchronous_exit(t, uc, s, SGX_VECTOR_PF, (uint16_t)code, address & ~(uint64_t)(SGX_PAGE_SIZE - 1));
}

/* ---- dispatch --------------------------------------------------------------------------------------------- */

static bool is_fault(int signo, const siginfo_t *info)
{
	return info->si_code > 0 && (signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE ||
		signo == SIGSYS);
}

static void trap_in_enclave(int signo, siginfo_t *info, ucontext_t *uc, struct emu_thread *t, struct emu_segments *s)
{
	uint64_t trap = *reg(uc, REG_TRAPNO);

	if (signo == SIGSYS) {   /* SYSCALL and INT are undefined inside; both are two bytes long */
		*reg(uc, REG_RIP) -= 2;
		asynchronous_exit(t, uc, s, SGX_VECTOR_UD, 0, 0);
	} else if (like_enclu(signo, trap, *reg(uc, REG_ERR)) && at_enclu(t->enclave, *reg(uc, REG_RIP)))
		emulate_enclu(t, uc, s, 3);
	else if (trap == SGX_VECTOR_PF)
		page_fault(t, uc, s, signo, (uint64_t)info->si_addr);
	else
		asynchronous_exit(t, uc, s, (uint16_t)trap, (uint16_t)*reg(uc, REG_ERR), 0);
}

/* Host code touching enclave memory: our own leaves do, on accepted pages. Return: true if it may go on. */
static bool host_touch(int signo, const siginfo_t *info, ucontext_t *uc)
{
	struct emu_enclave *e = signo == SIGBUS || signo == SIGSEGV ? enclave_of((uint64_t)info->si_addr) : NULL;
	uint64_t page, code = *reg(uc, REG_ERR);

	if (!e)
		return false;
	page = emu_page_of(e, (uint64_t)info->si_addr);
	return emu_entry_allows(atomic_load_explicit(&e->epcm[page], memory_order_acquire), needed(code)) &&
		judge(e, (uint64_t)info->si_addr, signo, &code) == TRY_AGAIN;
}

/* Not ours: whoever was there before, or the default action. */
static void pass_on(int signo, siginfo_t *info, ucontext_t *uc)
{
	struct kernel_sigaction *old = &previous[signo];

	if (user_handler[signo])
		user_handler[signo](signo, info, uc);
	else if ((uintptr_t)old->handler > 1)
		old->handler(signo, info, uc);
	else if (is_fault(signo, info)) {
		struct kernel_sigaction dfl = { .restorer = emu_signal_restorer, .flags = SA_RESTORER };
		(void)syscall(SYS_rt_sigaction, signo, &dfl, NULL, 8);   /* and the fault happens again */
	}
}

void emu_signal(int signo, siginfo_t *info, ucontext_t *uc, struct emu_thread *t, struct emu_segments *segments)
{
	int saved_errno = errno;
	uint64_t rip = *reg(uc, REG_RIP);

	if (!is_fault(signo, info))
		pass_on(signo, info, uc);
	else if (t && t->tcs && emu_contains(t->enclave, rip))
		trap_in_enclave(signo, info, uc, t, segments);
	else if (t && t->tcs && signo == SIGILL && rip == (uint64_t)emu_enclu_trap) {
		rewind_patched(uc);
		emulate_enclu(t, uc, segments, 5);
	} else if (!host_touch(signo, info, uc))
		pass_on(signo, info, uc);
	errno = saved_errno;
}
