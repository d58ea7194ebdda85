/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator, inside. How its parts hang together:
 *
 *   host thread                        enclave code                     traps
 *   ───────────                        ────────────                     ─────
 *   enter.c  checks, CSSA ──switch.S──► runs with the TCS's FS, GS ────► sigentry.S: back to host FS, GS
 *      ▲                                 │ ENCLU, patched into a call        │
 *      │                                 ▼                                   ▼
 *      └────────────── EEXIT ──── enclu.S ── leaf.c (EACCEPT...)     signal.c: lazy pages, AEX, trapped ENCLU
 *
 *   epcm.c    the table and its transitions    pages.c  what the Linux driver does (ioctls)
 *   enclave.c ECREATE, EADD, EINIT             keys.c   EREPORT, EGETKEY, quotes
 *
 * The memory of a page and its EPCM entry are two things. An accepted page may be *absent*: the first touch finds
 * nothing there (userfaultfd), and the SIGBUS handler fills it with zeros, neighbours included. A page that is not
 * accepted is never present, so touching it always traps. Therefore
 *
 *     present  ⇒  valid, not PENDING, PT_REG         (I1)
 *
 * and whoever makes pages present or absent holds the lock of their 64 KiB chunk.
 */
#ifndef OPTMIG_TEE_SOFT_H
#define OPTMIG_TEE_SOFT_H

/* struct emu_thread, for assembly. */
#define ET_HOST_FS   0
#define ET_HOST_GS   8
#define ET_HOST_RSP  16
#define ET_HOST_RBP  24
#define ET_TCS       32
#define ET_RAX       40
#define ET_RBX       48
#define ET_RDI       56
#define ET_RSI       64
#define ET_RDX       72
#define ET_R8        80
#define ET_R9        88
#define ET_ENTRY     96
#define ET_FS        104
#define ET_GS        112
#define ET_SSA_GPR   120
#define ET_XFRM      128
#define ET_RESUME    136    /* 15 registers, as in GPRSGX: rax .. r15 without rsp; then the iretq frame */
#define ET_RESUME_RAX (ET_RESUME + 0)
#define ET_RESUME_IRET (ET_RESUME + 120)
#define ET_XSAVE     320    /* 64-byte aligned */
#define ET_SLOT_SIZE 0x20000

#define TCS_BUSY     0      /* struct emu_tcs */
#define ENC_BASE     8      /* struct tee_enclave */
#define ENC_SIZE     16

#define EMU_EXIT_EEXIT     0
#define EMU_EXIT_EXCEPTION 1

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>
#include "../tables.h"

/* ---- EPCM entries: SECINFO's low bits, and ours ---------------------------------------------------------- */
#define E_R        0x0001
#define E_W        0x0002
#define E_X        0x0004
#define E_PERMS    0x0007
#define E_PENDING  0x0008
#define E_MODIFIED 0x0010
#define E_PR       0x0020
#define E_VALID    0x0040
#define E_PRESENT  0x0080   /* memory is there; changed only under the chunk's lock */
#define E_PT_SHIFT 8
#define E_PT_MASK  0x0700
#define E_PT_TCS   0x0100
#define E_PT_REG   0x0200
#define E_PT_TRIM  0x0400
#define E_OWN_PROT 0x0800   /* the page's protection is not its surroundings' RW: mprotect it when permissions change */
#define E_NO_TCS   0x1000   /* the driver's, not the CPU's: added without R or W, so it never becomes a TCS */
/* What SECINFO.FLAGS states about a page. */
#define E_SECINFO  (E_PERMS | E_PENDING | E_MODIFIED | E_PR | E_PT_MASK)

typedef _Atomic uint16_t epcm_entry;

#define EMU_CHUNK_SHIFT 16            /* lazy filling works in 64 KiB */
#define EMU_CHUNK_LOCKS 1024
#define EMU_BLOCK_SIZE  0x200000ull   /* a huge page */
#define EMU_BLOCK_PAGES (EMU_BLOCK_SIZE / SGX_PAGE_SIZE)
#define EMU_STAGES      4
#define EMU_TCS_TABLE   4096          /* at most half of it used */
#define EMU_THREADS_MAX 2048
#define EMU_ENCLAVES_MAX 4
#define EMU_XSAVE_MAX   4096

/* The CPU's and our knowledge of one TCS page. `page` is immutable once published in the table. */
struct emu_tcs {
	_Atomic uint32_t busy;
	uint32_t cssa;                   /* owner of busy */
	uint64_t page;                   /* index + 1; 0: free slot of the table */
	struct sgx_tcs content;
	_Atomic uint64_t enters, resumes, aexes;
};

struct emu_costs {                       /* cycles charged */
	const char *name, *source;
	uint32_t enter, resume, aex, accept, accept_copy, modpe, augment, report, getkey;
};

struct emu_platform {
	struct tee_platform common;
	bool strict, syscall_trap, watch_writes, sealed;
	const struct emu_costs *costs;   /* NULL: none */
	uint8_t cpusvn[16];
	uint32_t enclave_count;
};

struct emu_enclave {
	struct tee_enclave common;       /* offsets ENC_* */
	struct emu_platform *platform;
	struct sgx_secs secs;
	bool initialized;
	bool sealed;                     /* mprotect of its memory is impossible, for the host and for us */
	bool gone;                       /* this process is a fork of the one that has the enclave */
	epcm_entry *epcm;                /* one per page, sparse */
	uint64_t page_count;
	int uffd;
	bool watch_writes;               /* the descriptor's write protection is the test's: mprotect is ours */
	_Atomic bool can_move;           /* huge.c: UFFDIO_MOVE works */
	void *stage_map;
	uint64_t stages;                 /* EMU_STAGES aligned blocks */
	atomic_flag stage_busy[EMU_STAGES];
	void *measure;                   /* until EINIT */
	uint8_t *stub;                   /* page below ELRANGE that patched ENCLU sites call */
	uint64_t exec_end;               /* page behind the last one added with X */
	uint32_t xsave_size;
	atomic_flag chunk_locks[EMU_CHUNK_LOCKS];
	atomic_flag tcs_lock;            /* writers of the table */
	struct emu_tcs *_Atomic tcs_table[EMU_TCS_TABLE];
	_Atomic uint64_t stat_accept, stat_accept_copy, stat_modpe, stat_aug, stat_present;
};

/* One per attached host thread, at the start of its slot in the arena; its signal stack fills the rest. */
struct emu_thread {
	uint64_t host_fs, host_gs, host_rsp, host_rbp;
	struct emu_tcs *tcs;             /* NULL: outside */
	uint64_t rax, rbx, rdi, rsi, rdx, r8, r9, entry, fs, gs;
	struct sgx_gprsgx *ssa_gpr;
	uint64_t xfrm;
	uint64_t resume[15];
	struct { uint64_t rip, cs, rflags, rsp, ss; } iret;
	uint64_t pad[3];
	uint8_t xsave[EMU_XSAVE_MAX];
	struct emu_enclave *enclave, *trap_enclave;
	uint64_t cs, ss;
	stack_t old_stack;
	_Atomic int tid;                 /* 0: slot free */
	uint16_t vector;                 /* of the last exception */
	uint16_t error_code;
	uint64_t address;
};
static_assert(offsetof(struct emu_thread, tcs) == ET_TCS, "tcs");
static_assert(offsetof(struct emu_thread, ssa_gpr) == ET_SSA_GPR, "ssa_gpr");
static_assert(offsetof(struct emu_thread, resume) == ET_RESUME, "resume");
static_assert(offsetof(struct emu_thread, iret) == ET_RESUME_IRET, "iret");
static_assert(offsetof(struct emu_thread, xsave) == ET_XSAVE, "xsave");
static_assert(offsetof(struct tee_enclave, base) == ENC_BASE && offsetof(struct tee_enclave, size) == ENC_SIZE, "enclave");

/* What a signal handler restores when it returns. */
struct emu_segments { uint64_t gs, fs; };

/* ---- epcm.c, pages.c ---- */
static inline uint64_t emu_page_address(const struct emu_enclave *e, uint64_t page)
{
	return e->common.base + page * SGX_PAGE_SIZE;
}
static inline bool emu_contains(const struct emu_enclave *e, uint64_t address)
{
	return address - e->common.base < e->common.size;
}
static inline uint64_t emu_page_of(const struct emu_enclave *e, uint64_t address)
{
	return (address - e->common.base) / SGX_PAGE_SIZE;
}
static inline bool emu_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}
/* The pages of an SSA frame that entering and leaving need, as offsets: those of the XSAVE area, and the last, with GPRSGX and MISC. */
static inline uint64_t emu_ssa_next(const struct emu_enclave *e, uint64_t offset)
{
	uint64_t last = (uint64_t)(e->secs.ssa_frame_size - 1) * SGX_PAGE_SIZE, next = offset + SGX_PAGE_SIZE;

	return next < e->xsave_size || next > last ? next : last;
}
/* Readable (or writable, executable: E_* bits of `need`) by enclave code now. */
static inline bool emu_entry_allows(uint16_t entry, uint16_t need)
{
	return (entry & (E_VALID | E_PENDING | E_MODIFIED | E_PT_MASK | need)) == (E_VALID | E_PT_REG | need);
}

/* Spins, and then yields. @page: any of the chunk. Callable with the enclave's FS. */
void emu_chunk_lock(struct emu_enclave *e, uint64_t page);
/* By who holds it. */
void emu_chunk_unlock(struct emu_enclave *e, uint64_t page);
/* Makes an accepted page present (zero), with neighbours of its chunk. Callable with the enclave's FS. */
bool emu_fill(struct emu_enclave *e, uint64_t page);
/* The same for its whole 2 MiB, if all of that is accepted and absent. Return: whether the page is present. */
bool emu_fill_block(struct emu_enclave *e, uint64_t page);
/* Address space in which huge pages are filled before they are moved in; none where they cannot be moved. Return: 0 or OM_ENOMEM. */
int  emu_stage_map(struct emu_enclave *e);
/* Nothing if there is none. */
void emu_stage_unmap(struct emu_enclave *e);
/* The kernel's EAUG: an unbacked page of an initialised enclave becomes PENDING. Returns the entry. */
uint16_t emu_augment(struct emu_enclave *e, uint64_t page);
/* Makes [page, page + count) absent. Context: chunk locks held by the caller. */
void emu_drop(struct emu_enclave *e, uint64_t page, uint64_t count);
/* Makes memory protection follow the entry's permissions. Context: chunk lock held. */
void emu_protect(struct emu_enclave *e, uint64_t page);
/* The same for many that have just lost permissions. Context: their chunks' locks held. */
void emu_protect_range(struct emu_enclave *e, uint64_t page, uint64_t count);
/* The userfaultfd by which absent pages are filled. Return: 0, or an error with words. */
int emu_uffd_open(struct emu_enclave *e);
/* UFFDIO_COPY without libc: 0 or negative errno. Callable with the enclave's FS. */
int emu_uffd_copy(int uffd, uint64_t to, const void *from, uint64_t size, bool write_protect);

/* tee_cpu.restrict_permissions: EMODPR. Errors: tee.h. */
int emu_restrict_permissions(struct tee_enclave *, uint64_t, uint64_t, uint64_t, uint64_t *);
/* tee_cpu.modify_types: EMODT. */
int emu_modify_types(struct tee_enclave *, uint64_t, uint64_t, uint64_t, uint64_t *);
/* tee_cpu.remove_pages: EREMOVE. */
int emu_remove_pages(struct tee_enclave *, uint64_t, uint64_t, uint64_t *);
/* What Linux's driver would have answered where one of the three last refused this thread: errno, and the leaf's code. */
struct emu_refusal { int number; uint32_t code; };
/* Context: the thread whose call was refused; what an accepted call leaves of it means nothing. */
struct emu_refusal emu_refusal(void);

/* ---- mapping.c ---- */
/* What the host's mapping of an address allows: E_R, E_W, E_X. Asked of the kernel, and slow. For signal handlers. */
uint16_t emu_mapping(uint64_t address);

/* ---- tcs.c ---- */
/* NULL: that page has never been a TCS. Callable with the enclave's FS. */
struct emu_tcs *emu_tcs_find(struct emu_enclave *e, uint64_t page);
/* Notes the content of a page that becomes a TCS. Return: 0 or OM_ENOMEM. */
int emu_tcs_add(struct emu_enclave *e, uint64_t page, const struct sgx_tcs *content);
/* Each leaf's own demands on a TCS. EADD's changes it too. */
bool emu_tcs_addable(struct sgx_tcs *tcs);
/* EACCEPT of a page that EMODT has made a TCS. */
bool emu_tcs_acceptable(const struct sgx_tcs *tcs);
/* EENTER: entry point, stacks and frames lie in the enclave. */
bool emu_tcs_enterable(const struct emu_enclave *e, const struct sgx_tcs *tcs);

/* ---- leaf.c: no libc, no TLS, general registers only: runs with the enclave's FS ---- */
enum emu_leaf_fault { EMU_LEAF_OK, EMU_LEAF_GP, EMU_LEAF_PF, EMU_LEAF_EXIT };
struct emu_leaf_result {
	enum emu_leaf_fault fault;
	uint32_t code;                   /* RAX, for leaves that return one */
	uint64_t address;                /* of a #PF */
	uint16_t error_code;
};
/* EACCEPT, EMODPE, EACCEPTCOPY. */
struct emu_leaf_result emu_leaf_edmm(struct emu_enclave *e, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);
/* From enclu.S: RAX, or -1: let it trap. */
int64_t emu_leaf_fast(struct emu_enclave *e, uint64_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx);

/* ---- keys.c ---- */
/* EREPORT: the report lies where rdx says, or the result has a fault. */
struct emu_leaf_result emu_ereport(struct emu_enclave *e, uint64_t rbx, uint64_t rcx, uint64_t rdx);
/* EGETKEY: as above, where rcx says; its code is the CPU's. */
struct emu_leaf_result emu_egetkey(struct emu_enclave *e, uint64_t rbx, uint64_t rcx);
/* The platform's seed: from a directory, which keeps it, or the development one (NULL). Return: 0 or OM_EIO. */
int emu_keys_load(struct emu_platform *platform, const char *directory);
/* tee_cpu.report_ok: is the MAC this platform's? */
bool emu_report_ok(struct tee_platform *platform, const struct sgx_targetinfo *target, const struct sgx_report *report);

/* ---- einit.c ---- */
/* EINIT's checks of SIGSTRUCT against the enclave; fills SECS.MRSIGNER and the ISV fields. */
int emu_einit(struct emu_enclave *e, const struct sgx_sigstruct *sigstruct);

/* ---- patch.c ---- */
/* The stub below ELRANGE that patched sites call. Return: 0 or OM_ENOMEM. */
int emu_patch_map(struct emu_enclave *e);
/* Replaces ENCLU in executable pages by calls of the stub. After EINIT, before anybody enters. */
void emu_patch_sites(struct emu_enclave *e);

/* ---- cost.c ---- */
/* NULL: no profile of that name. */
const struct emu_costs *emu_costs_find(const char *name);
static inline void emu_charge(const struct emu_enclave *e, uint32_t cycles)
{
	if (__builtin_expect(cycles != 0, 0)) {
		uint64_t start = __builtin_ia32_rdtsc();
		while (__builtin_ia32_rdtsc() - start < cycles)
			__builtin_ia32_pause();
	}
	(void)e;
}
#define EMU_CHARGE(e, what) emu_charge(e, (e)->platform->costs ? (e)->platform->costs->what : 0)

/* ---- enter.c, switch.S ---- */
/* tee_cpu.enter. */
int emu_enter(struct tee_enclave *, uint32_t leaf, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, struct tee_run *);
int emu_switch_eenter(struct emu_thread *t); /* enter.c has a reason not to call it */
/* The same for ERESUME. */
int emu_switch_eresume(struct emu_thread *t);
extern const char emu_return[], emu_return_exception[];   /* code addresses, not functions */
extern uint64_t emu_cookie;
/* This host thread's; NULL: not attached. */
struct emu_thread *emu_self(void);
/* When the thread attaches, and when it detaches (NULL). */
void emu_self_set(struct emu_thread *t);
/* Both the AEX and a trapped EEXIT end here. */
static inline void emu_leave(struct emu_thread *t)
{
	struct emu_tcs *tcs = t->tcs;

	t->tcs = NULL;
	atomic_store_explicit(&tcs->busy, 0, memory_order_release);
}

/* ---- enclu.S ---- */
extern const char emu_enclu_entry[], emu_enclu_trap[];

/* ---- thread.c, signal.c, sigentry.S ---- */
extern uint64_t emu_arena, emu_arena_size;
/* tee_cpu.thread_attach: signal stack, a slot of the arena. */
int emu_thread_attach(struct tee_platform *);
/* tee_cpu.thread_detach. */
void emu_thread_detach(struct tee_platform *);
/* System calls of this thread from inside ELRANGE become SIGSYS, where the kernel can do that. Return: 0. */
int emu_thread_trap_syscalls(struct emu_thread *t, struct emu_enclave *e);
/* Handlers for what an enclave's code may raise; once for the process. Return: 0 or OM_EIO. */
int emu_signals_install(void);
/* The handler of all of them, in assembly: restores the host's FS and GS, then emu_signal(). */
void emu_signal_entry(int, siginfo_t *, void *);
/* Where it returns to. */
void emu_signal_restorer(void);
/* An exception or interrupt of a thread that may be inside: AEX, or the host's own handler. Context: a signal handler on the thread's signal stack,
 * host's FS. */
void emu_signal(int signo, siginfo_t *info, ucontext_t *uc, struct emu_thread *t, struct emu_segments *segments);
extern struct emu_enclave *_Atomic emu_enclaves[EMU_ENCLAVES_MAX];
#endif
#endif
