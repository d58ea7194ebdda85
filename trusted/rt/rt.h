/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside contract of the trusted runtime: what boot, memory, threads, system calls, descriptors and the migration
 * engine share. Nothing here is visible to the application or the host.
 *
 * Contexts.  FS always points to something with the thread block's address at FS + OM_TP_SLOT: libc's struct
 * pthread while application code runs, the thread block itself (struct rt_tcb) on service slots and in the
 * exception handler. GS is the same everywhere (cards), so runtime code may run with either FS.
 *
 * Rules for every line of runtime code:
 *   - Application memory is written only through rt_app_* (they check the range and mark the cards), untrusted
 *     memory touched only through rt_ub_*.
 *   - No lock may be held across application memory access (it may fault on an owed page), a host call, or
 *     rt_host_wait (which may never return).
 *   - rt_host_wait abandons the runtime stack when a stop is requested: the stored system call is run again from
 *     its start later, perhaps on another machine. Everything that must survive lives in struct rt_thread.
 *   - A host call that has completed delivers its result: no stop between completion and return.
 */
#ifndef OPTMIG_TRUSTED_RT_RT_H
#define OPTMIG_TRUSTED_RT_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "hostcall.h"
#include "image.h"
#include "passrt.h"
#include "sgx_arch.h"

/* Memory of the host. The compiler refuses to follow such a pointer, and to take it for an ordinary one: the functions of rt/door.c
 * take it. (An address in an integer is none before it is given to one of them: tools/gates.) */
#if defined(__clang__)
#define RT_UNTRUSTED __attribute__((noderef))
#else
#define RT_UNTRUSTED
#endif

/* Page classes by section. Plain .data/.bss of trusted code is local by the linker script; say it anyway. (The names begin
 * with .bss, because only then does the compiler keep the zeros out of the file.) */
#define RT_RESIDENT __attribute__((section(".bss.rt.resident")))  /* migrates; always sent in the stop phase; starts as zero */
#define RT_LOCAL    __attribute__((section(".bss.rt.local")))     /* never leaves this enclave; starts as zero */
#define RT_LAZY     __attribute__((section(".bss.rt.lazy")))      /* local, but accepted page by page when touched: for big and mostly
                                                                     unused tables; never touched at CSSA 1 for the first time */
/* Resident, and in the enclave from the start: what may be touched at CSSA 1. (Other resident pages come when needed.) */
#define RT_RESIDENT_EARLY __attribute__((section(".bss.rt.resident.early")))

/* ---- threads ------------------------------------------------------------------------------------------- */

struct rt_thread;

/* Local, one per slot, at OM_SLOT_TCB. Offsets are used by trusted/boot/entry.S. */
struct rt_tcb {
	uint64_t host_rsp, host_rbp, host_return;    /*  0  bound anew at every EENTER at CSSA 0 */
	uint64_t rt_rsp;                             /* 24  runtime stack saved by a host call; 0: none pending */
	struct rt_tcb *self;                         /* 32  OM_TP_SLOT */
	uint64_t stack_top;                          /* 40 */
	uint64_t exc_stack_top;                      /* 48 */
	uint64_t exc_host_rsp, exc_host_rbp, exc_host_return; /* 56 the same for CSSA 1 */
	uint64_t exc_rt_rsp;                         /* 80 */
	struct rt_thread *thread;                    /* 88  application thread bound to this slot, or NULL */
	RT_UNTRUSTED struct om_tbuf *tbuf;           /* 96  validated at entry */
	uint64_t tbuf_size;                          /* 104 */
	RT_UNTRUSTED struct om_tbuf *exc_tbuf;       /* 112 */
	uint64_t exc_tbuf_size;                      /* 120 */
	uint64_t resume_fs;                          /* 128 FS to restore when a host call returns */
	uint32_t slot;                               /* 136 */
	uint32_t in_exception;                       /* 140 nonzero while the CSSA 1 handler runs */
	/* written by the owner, read by others */
	uint32_t outside;                            /* 144 atomic: 1 while in a host call or not entered */
	uint32_t interrupted;                        /* 148 the running system call saw a signal and gives up */
	uint64_t epoch_seen;                         /* 152 atomic: newest safepoint epoch this thread has passed */
	uint64_t ub_used;                            /* 160 bytes of tbuf data handed out by rt_ub_alloc */
	uint64_t exc_ub_used;                        /* 168 the same of exc_tbuf */
	uint64_t fault_rsp, fault_rip, fault_rflags; /* 176 the application's, between a fault and rt_fault_entry */
	uint32_t fault_signo, fault_code;            /* 200 */
	uint64_t fault_address;                      /* 208 */
	int64_t  mono_last;                          /* 216 newest monotonic time this slot has seen */
	uint32_t start_pending;                      /* 224 atomic: the host has been asked for a thread that has not come yet */
	uint32_t touch_window;                       /* 228 pages accepted by the last fault, see map.c */
	uint64_t touch_first, touch_end;             /* 232 which ones */
	/* statistics, written by the owner only */
	uint64_t hostcalls, syscalls, syscalls_inside, exceptions, faults_owed;
	uint32_t syscall_count[512];
	int32_t  host_tid;                           /* of the host thread that entered last, see cputime.c */
	int32_t  host_policy, host_priority, host_nice; /* how it is scheduled, if host_sched_set, see sched.c */
	uint32_t host_sched_set;
	uint32_t inside;                             /* atomic, see slots.c */
	const struct rt_try *store;                  /* rt_app_store() runs: where to go on if what it writes faults */
};

enum rt_thread_state { RT_T_FREE = 0, RT_T_RUNNING, RT_T_PARKED, RT_T_EXITING };

/* Resident, index = slot. The whole context of an application thread: see docs/architecture.md, "One path for threads". */
struct rt_thread {
	uint32_t state;              /* enum rt_thread_state, atomic */
	uint32_t slot;
	int32_t  tid;
	uint32_t flags;              /* RT_TF_* */
	long     nr, arg[6];         /* stored system call */
	uint64_t app_rsp;            /* points at the saved frame on the application stack */
	uint64_t app_fs;
	uint64_t stack_low, stack_top; /* application stack: live part [app_rsp - 128, stack_top) is always sent */
	uint64_t clear_tid;          /* application address or 0 */
	int64_t  deadline_ns;        /* virtual monotonic; 0: none. Set once per system call, survives a stop */
	uint64_t futex_addr;         /* 0: not queued */
	uint32_t futex_bits, futex_woken;
	uint64_t sig_mask, sig_pending; /* pending: atomic */
	uint64_t sig_saved_mask;
	uint64_t altstack_base, altstack_size;
	uint32_t altstack_flags, pad;
	uint64_t robust_list;
	uint64_t syscall_scratch[4]; /* progress of a system call that must survive a stop; zero at its start */
	char     name[16];
	uint32_t futex_next, futex_prev; /* neighbours in the queue of futex_addr: slot + 1, 0 ends */
	uint64_t alt_rsp;            /* the interrupted stack's pointer while a handler runs on the alternate stack; 0: none */
	int64_t  cpu_offset_ns, cpu_saved_ns; /* CPU time, see cputime.c */
	uint32_t cpu_clock_set, cpu_clock_read;
	int32_t  sched_policy, sched_priority, sched_nice;
};
#define RT_TF_MAIN       1u
#define RT_TF_MASK_SAVED 2u  /* sig_saved_mask is to be restored when the system call returns */
#define RT_TF_INTERNAL   4u  /* the runtime's own thread (timers): no application stack */

extern struct rt_thread rt_threads[OM_SLOTS_MAX];
uint32_t rt_slot_count(void);   /* service + application slots of this image */
/* A slot's thread block. @slot: below rt_slot_count(). */
struct rt_tcb *rt_tcb_of(uint32_t slot);

static inline struct rt_tcb *rt_self(void)
{
	struct rt_tcb *tcb;
	__asm__ volatile("movq %%fs:32, %0" : "=r"(tcb));
	return tcb;
}

/* A spin lock with a host-call-free critical section; never held across anything that may fault or leave. */
struct rt_lock { uint32_t word; };
/* Waits until it is free. At CSSA 1 too; there it never yields. */
void rt_lock(struct rt_lock *lock);
/* By who holds it. */
void rt_unlock(struct rt_lock *lock);
/* Whoever spins gives its CPU up, by a host call. Not at CSSA 1. */
void rt_yield(void);
/* Tables that are held across calls of the host: a waiter gives its CPU up each time. Nobody parks while holding one. */
void rt_hold(_Atomic uint32_t *holder);
/* By who holds it. */
void rt_let_go(_Atomic uint32_t *holder);

/* Ends the enclave with a reason code; for broken invariants and impossible host answers. Never returns, and neither does any other
 * thread come in again, from wherever it is: a host may not like to hear it. @words: static. */
_Noreturn void rt_fatal(int error, const char *words);
/* A line of diagnostics, which the host may print. */
void rt_log(const char *words);
/* The same, the first time that a program meets what is refused. */
static inline void rt_log_once(bool *told, const char *words)
{
	if (!__atomic_exchange_n(told, true, __ATOMIC_RELAXED))
		rt_log(words);
}
/* What the user has to know without asking, such as a refusal that no program explains. */
void rt_tell(const char *words);
/* With a space and the number behind. */
void rt_tell_number(const char *words, uint64_t number);
#define RT_CHECK(condition) ((condition) ? (void)0 : rt_fatal(OM_EINTERNAL, __FILE__ ": " #condition))

/* ---- the door to untrusted memory (rt/door.c) -------------------------------------------------------------
 * tbuf data is a bump arena, emptied at the start of each system call (or by rt_ub_reset). Pointers returned are
 * untrusted addresses: pass them to the host, copy through put/get, never dereference. */
/* Empties this thread's arena: what rt_ub_alloc() has returned before may be given out again. */
void  rt_ub_reset(void);
RT_UNTRUSTED void *rt_ub_alloc(size_t size);         /* 16-byte aligned; NULL if it does not fit */
/* Bytes that rt_ub_alloc() could still give. */
size_t rt_ub_left(void);
/* Copies out, in whole words: of a word that is written in part the rest stays. A range that is not wholly untrusted ends the enclave. */
void  rt_ub_put(RT_UNTRUSTED void *untrusted, const void *trusted, size_t size);
/* Copies in, each word read once. What lies there may change the moment after: check the copy. */
void  rt_ub_get(void *trusted, const RT_UNTRUSTED void *untrusted, size_t size);
/* Any untrusted range, such as the boot block: true if wholly outside ELRANGE without wrap. */
bool  rt_untrusted_ok(const RT_UNTRUSTED void *untrusted, size_t size);

/* ---- host calls (rt/hostcall.c) --------------------------------------------------------------------------- */
/*
 * Leaves for one call. @flags, @nr, @arg: as abi/hostcall.h says of `op`. The arena's data stay as they are. Return: what the
 * host has answered. Trust: that may be anything; rt_host() and the others below judge it. The thread does not come back once
 * the program has ended.
 */
long rt_hostcall(enum om_hostcall op, uint32_t flags, uint32_t nr, const uint64_t arg[6]);
/* ---- reports and evidence of this enclave (rt/attest.c); -errno is for the program ------------------------------- */
/* Operands as EREPORT demands: aligned to SGX_TARGETINFO_ALIGN, SGX_REPORTDATA_ALIGN, SGX_REPORT_ALIGN; zero in what is reserved. */
void rt_ereport(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret);
/* The second half of the report data by which the migration engine speaks: no program has a report with it. */
#define RT_ENGINE_LABEL "optmig 1 evidence of a migration"
/* For the program. Return: 0; -EPERM: a label of the runtime's own words (attest.c); -EINVAL: reserved bytes of `target` are used. */
long rt_attest_report(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret);
/* For whom a report has to be that this enclave itself is to verify: its own target information. */
void rt_attest_target(struct sgx_targetinfo *ret);
/* enum om_evidence_type, in the host's words; -EACCES: there is no evidence here. */
long rt_attest_type(void);
/* An envelope of at most `most` bytes, in the transfer buffer. Return: its size; -EPERM as above; -EACCES: the host has none. */
long rt_attest_evidence(const uint8_t data[64], const RT_UNTRUSTED void **ret_untrusted, size_t most);
/* For what the runtime itself says: for whom reports have to be, a report with a label, and evidence from it, left in the transfer buffer. */
long rt_attest_quoting(struct sgx_targetinfo *ret);
/* ... a report that may carry a label of the runtime's. Return: 0, or -EINVAL. */
long rt_attest_report_own(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret);
/* ... and evidence from such a report, into the transfer buffer. Return: its size; -EACCES: the host has none, or more than `most` bytes. */
long rt_attest_quote(const struct sgx_report *report, size_t most);
/* SHA-256 of the SubjectPublicKeyInfo of the process' TLS key, which is made if there is none (io/attestation.c). Return: 0 or -EIO. */
long rt_io_attest_key_hash(uint8_t ret[32]);
/* The same for the runtime's own words, whose second half is a label that no program gets. */
long rt_attest_own(const uint8_t data[64], const RT_UNTRUSTED void **ret_untrusted, size_t most);

/* Before the process ends (io/socket.c): its unaccepted connections shall be reset. */
void rt_io_pending_reset_all(void);
/* The same (io/vault.c): what it has written to encrypted files is committed. */
void rt_io_vault_exit(void);
/* Encrypted files: what was written is on the host's, 0 or -errno; and all are forgotten, without that (rt/io/vault.c). */
long rt_io_vault_sync_all(bool durable);
/* The second of these. */
void rt_io_vault_drop_all(void);
/* A Linux system call by the host that does not block for long; ret is checked to be >= -4095. */
long rt_host(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
/* read or write (@nr) of one word, of which a write has `value`. What the transfer buffer holds, which may be full, it holds afterwards. */
long  rt_host_word(long nr, uint64_t host_fd, uint64_t value);
/* One that may block. Parks (never returns) if a stop is requested; -EINTR only if a signal is deliverable;
 * otherwise interrupted calls are issued again. Recompute relative timeouts from deadline_ns: pass fn-style loops
 * through rt_wait_again(). Holding locks here is a bug. */
long rt_host_wait(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
/* For loops with their own arguments: call the host interruptibly once; true in *ret_again if it should be tried again. */
long rt_host_wait_once(long nr, const uint64_t arg[6], bool *ret_again);
/* Sleep until unparked, kicked or deadline (virtual monotonic ns, 0 = none). Parks the thread if a stop is requested. */
void rt_park_until(int64_t deadline_ns);
/* Gives the slot its permit, so that rt_park_until() returns, now or the next time. Context: any. */
void rt_unpark(uint32_t slot);
/* Ends the present interruptible host call of the slot, or else its next one, with -EINTR. Context: any. */
void rt_kick(uint32_t slot);

/* ---- application memory (rt/appmem.c). 0 or -EFAULT (Linux errno: these go back to the application) -------- */
/* Copies in. What has been copied before a fault stays in `trusted`. */
long rt_app_get(void *trusted, uint64_t app, size_t size);
long rt_app_put(uint64_t app, const void *trusted, size_t size);            /* marks cards */
long rt_app_get_string(char *trusted, uint64_t app, size_t size);           /* length without NUL, -ENAMETOOLONG, -EFAULT */
long rt_app_to_ub(RT_UNTRUSTED void *untrusted, uint64_t app, size_t size); /* bulk, no bounce */
long rt_ub_to_app(uint64_t app, const RT_UNTRUSTED void *untrusted, size_t size); /* bulk, marks cards */
long rt_app_zero(uint64_t app, size_t size);                                /* marks cards */
/* store(argument), which writes no application memory but this, and may be abandoned in the middle when that faults: then -EFAULT. Marks
 * cards. It must not leave the enclave, and holds nothing that is to be given back. */
long rt_app_store(uint64_t app, size_t size, void (*store)(void *argument), void *argument);
/* Is all of it memory of the application: heap or data, and for reading the image's text and constants too? Pages without
 * access are not looked at, so a copy may fault all the same. A size of 0 is fine anywhere. */
bool rt_app_range_ok(uint64_t app, size_t size, bool write);

/* ---- memory (rt/mem.c) ------------------------------------------------------------------------------------
 * One byte per page of ELRANGE, local to this enclave; migration carries states in its records, and every change of
 * a page's state marks that page's card so that the next round carries it.
 *
 *   bits 0-2 state   bits 3-5 protection R W X   bit 6 unused   bit 7 watched (rt/watch.c)
 */
enum rt_page_state {
	RT_PAGE_FREE = 0,     /* not mapped */
	RT_PAGE_RESERVED,     /* mapped, never touched: reads as zero once accepted */
	RT_PAGE_ACCEPTED,     /* in the enclave */
	RT_PAGE_OWED,         /* post-copy: content still on the source; not accepted in EPCM */
	RT_PAGE_ARRIVING,     /* somebody's: being accepted, trimmed, protected, or filled with what was owed */
	RT_PAGE_LOCAL,        /* runtime's own, never migrates */
	RT_PAGE_RESIDENT,     /* runtime's own, always sent in the stop phase */
	RT_PAGE_IMAGE,        /* measured text and rodata: identical on both sides */
};
#define RT_PAGE_STATE(byte) ((enum rt_page_state)((byte) & 7u))
#define RT_PAGE_R 8u
#define RT_PAGE_W 16u
#define RT_PAGE_X 32u
#define RT_PAGE_WATCHED 128u      /* of ACCEPTED, writable pages: EPCM says read-only, the next store faults */

extern const struct om_image_header *rt_image;      /* the measured header in rodata */
static inline uint64_t rt_page_index(uint64_t address) { return (address - OM_ELRANGE_BASE) >> 12; }
static inline uint64_t rt_page_address(uint64_t index) { return OM_ELRANGE_BASE + (index << 12); }
uint8_t *rt_pagemap(void);                           /* elrange_size >> 12 entries, atomic bytes */
uint8_t *rt_cards(void);                             /* the same count; nonzero = dirty */
void rt_cards_mark(uint64_t address, size_t size);   /* conditional marks, any size */
/* Marks all pages in use, if marks are wanted: for the stores of an interval that a fault has cut in two. */
void rt_cards_mark_all(void);
/* Make pages usable now (EACCEPT in batch). States FREE/RESERVED -> ACCEPTED. Called with no lock held. */
int  rt_mem_accept(uint64_t address, size_t size, uint8_t protection);
/* The same for pages whose whole content the caller writes at once: what is in them before is undefined. */
int  rt_mem_accept_over(uint64_t address, size_t size, uint8_t protection);
/* EACCEPT ahead of a rt_mem_accept_over() that is expected; states stay. What it did not come to, rt_mem_settle() gives
 * back: due before the application runs. */
void rt_mem_accept_ahead(uint64_t address, size_t size);
/* Return: 0, or OM_EHOST, OM_ESGX. */
int  rt_mem_settle(uint64_t address, size_t size);
/* Give pages back: trim (MODIFY_TYPES, EACCEPT, REMOVE); they read as zero if accepted again.
 * Return: OM_EHOST or OM_ESGX; the pages are unmapped all the same, but must not be mapped again: the enclave is not to be
 * run, or has done its work. */
int  rt_mem_trim(uint64_t address, size_t size);
/* The engine places the content of one page that is not accepted: EACCEPTCOPY from `source` (a page-aligned local page). */
int  rt_mem_accept_copy(uint64_t address, const void *source, uint8_t protection);
/* The protection bits (RT_PAGE_R, _W, _X) of a RESIDENT page are set when the page is accepted for the first time. Without
 * them the page was never touched: it is zero, is not in the enclave, and need not be sent (tables of rt/io reserve
 * about 100 MiB of resident bss of which a few pages are used). */
/* For the engine's walks. The states IMAGE, LOCAL and RESIDENT are set at boot for all pages of the image range, touched
 * or not. False: the 4,096 pages that share this page's page of the page map have never been used (all FREE), and neither
 * the page map nor the cards need be touched (which would accept them). */
bool rt_mem_used(uint64_t page_index);
#define RT_STRIPE_PAGES 512u
/* Of the 4,096 pages around this one, a bit for each 512: cards may be set there. @clear: the caller clears all the cards of these
 * stripes now, after this call. */
uint8_t rt_cards_stripes(uint64_t page_index, bool clear);
/* @page_index: a multiple of 4,096. Return: another one, that page's or above; between them rt_cards_stripes() has nothing. */
uint64_t rt_cards_next(uint64_t page_index);
/* Copy a page that application threads may unmap meanwhile; whether they may read it does not matter. False: it is not there
 * any more; its state has changed or is about to, and its card is or will be marked. */
bool rt_mem_copy_out(void *trusted, uint64_t page_index);
/* Write watch (rt/watch.c): the next store to each of these pages marks its card, whoever makes it. For pages whose cards have
 * been cleared, before their content is read; what is not ACCEPTED, not writable or dirty again is left out.
 * Return: OM_EHOST or OM_ESGX if the host did not take the permissions away; all pages are then writable, or watched. */
int  rt_watch(uint64_t index, uint64_t count);
/* The program is gone for good: the pages from `page` on that are its own are overwritten, about `count` of them. Return: where to go on,
 * `end` when that is done. */
uint64_t rt_mem_wipe(uint64_t page, uint64_t end, uint64_t count);
/* What interruptions and calls have left in the slots. Return: false: somebody is in one of them, ask again. */
bool rt_slots_wipe(void);
/* Since the enclave started: pages watched, and stores that met one. */
void rt_watch_counts(uint64_t *ret_pages, uint64_t *ret_faults);
/* Called by the exception handler on a fault at an OWED page; set by the engine before there are any, and from then on.
 * Return 0: the page is there, retry; else fatal. Runs at CSSA 1 on the exception stack; may use host calls. */
extern int (*rt_owed_fault)(uint64_t address);

/* ---- safepoints, stop and handshake (rt/stop.c). For the engine, on a service slot ------------------------- */
/* While a stop is requested (rt_stop_begin .. rt_resume_all) OM_ECALL_THREAD parks at once: this, and nothing on the
 * host's side, is what keeps a source that has handed over and a destination that has not been started from running. An
 * enclave booted with OM_BOOT_RECEIVE calls rt_stop_begin() before it returns from OM_ECALL_INIT. */
#define RT_POLL_STOP   1u
#define RT_POLL_EPOCH  2u
#define RT_POLL_SIGNAL 4u
#define RT_POLL_THROTTLE 8u
#define RT_POLL_VERIFY 16u   /* verify images: up all the time */
void     rt_poll_raise(uint8_t bits);                /* into __optmig_attention, of OM_ATTENTION_POLL */
/* Takes bits down that rt_poll_raise() has set. */
void     rt_poll_clear(uint8_t bits);
/* Who wants marks in the cards, of OM_ATTENTION_TRACK. */
#define RT_TRACK_MIGRATION 0x40u
#define RT_TRACK_TEST      0x80u
/* @who: wants marks from here on, or none any more. Raise it, then clear the cards, then handshake; what was written until that is done has
 * to be copied whatever the cards say. */
void     rt_track(uint8_t who, bool wanted);
/* Two-step, so that the host may do other things meanwhile. begin raises the flag and kicks; poll kicks again and
 * returns how many application threads still run. */
void     rt_stop_begin(void);
/* Return: application threads that still run; 0: all are parked, and all that they have written can be read. */
uint32_t rt_stop_poll(void);
/* A destination: the host makes the threads that rt_resume_all will start. Return: OM_EHOSTSTATE if it could not. */
int      rt_ready_all(void);
void     rt_resume_all(void);                        /* clears the flag and asks the host to start all parked threads */
/* Safepoint epochs: begin returns the new epoch; done is true once every thread has passed it or is outside. */
uint64_t rt_handshake_begin(void);
/* @epoch: what rt_handshake_begin() returned. Ask until it is true. */
bool     rt_handshake_done(uint64_t epoch);
/* Writers are slowed at safepoints: ns to sleep per safepoint poll while nonzero. */
void     rt_throttle_set(uint64_t sleep_ns);

/* ---- time (rt/time.c) -------------------------------------------------------------------------------------- */
int64_t rt_monotonic_ns(void);                       /* virtual: continuous across migrations, never backwards */
/* Virtual, too: the host's clock of the day plus what a move has set. ns since 1970. */
int64_t rt_realtime_ns(void);
int64_t rt_host_monotonic_ns(void);                  /* not virtual: this host's, for measuring */
void    rt_time_save(void);                          /* source, stopped: into resident state */
void    rt_time_restore(void);                       /* destination, before resuming */

/* ---- signals (rt/signal.c) --------------------------------------------------------------------------------- */
/* Is a signal pending, for the thread or the process, that is neither blocked by the thread nor ignored? */
bool rt_signal_deliverable(const struct rt_thread *thread);
/* The same for this thread's system call, which returns -EINTR then. */
bool rt_signal_interrupts(const struct rt_thread *self);
void rt_signal_process(int signo);                   /* from outside or timers: pick a thread, raise the poll flag, kick */
/* The program is about to go on at a destination: the signal by which its image wants to be told (after-move.signal). A program that neither
 * handles nor blocks it yet, and would end by it, has read nothing that it would have to read again. */
void rt_signal_moved(void);
/* To one thread, as the kernel's own (SI_KERNEL). */
void rt_signal_thread(struct rt_thread *thread, int signo);
/* A descriptor became ready: for the thread, or the process if `tid` is 0 or has ended. */
void rt_signal_ready(int32_t tid, int signo, int32_t code, uint64_t band, int32_t fd);
/* Is there a thread of that number now? */
bool rt_thread_exists(int32_t tid);
/* Another signal mask for the rest of this system call (ppoll, sigsuspend, ...): a handler that interrupts the call
 * returns to the old one, and so does the call itself. Once per system call; safe to call again when it is re-run. */
void rt_signal_mask_swap(struct rt_thread *t, uint64_t mask);
#define RT_SIGNALFD_INFO 128u
/* One of the pending signals of `set`, as struct signalfd_siginfo: it is pending no more. False: there is none. */
bool rt_signal_fetch(struct rt_thread *self, uint64_t set, uint8_t ret_info[RT_SIGNALFD_INFO]);
/* Those of `set` that are pending, for the process or for any thread. */
uint64_t rt_signal_pending_any(uint64_t set);

/* ---- system calls (rt/syscall.c) ---------------------------------------------------------------------------
 * Handlers take the thread with nr and arg[] and return a result or a negative Linux errno. Tables are merged by
 * rt/syscall.c; each module exports one, ended by an entry without fn. An interrupted handler returns -EINTR and leaves it
 * to rt/syscall.c to restart it (SA_RESTART). deadline_ns and syscall_scratch are zero when a new call begins. */
typedef long rt_syscall_fn(struct rt_thread *t);
struct rt_syscall_entry { uint16_t nr; uint16_t flags; rt_syscall_fn *fn; };
#define RT_SYS_INSIDE 1u  /* never leaves the enclave (for statistics) */
extern const struct rt_syscall_entry rt_syscalls_memory[], rt_syscalls_thread[], rt_syscalls_futex[], rt_syscalls_time[],
	rt_syscalls_signal[], rt_syscalls_identity[], rt_syscalls_creds[], rt_syscalls_sched[], rt_syscalls_shm[], rt_syscalls_sem[],
	rt_syscalls_msg[];              /* core runtime */
extern const struct rt_syscall_entry rt_syscalls_file[], rt_syscalls_fd[], rt_syscalls_socket[], rt_syscalls_poll[],
	rt_syscalls_event[], rt_syscalls_signalfd[], rt_syscalls_mqueue[], rt_syscalls_memfd[], rt_syscalls_path[], rt_syscalls_rw[], rt_syscalls_epoll[]; /* descriptors: rt/io/ */

/* ---- facts for /proc and the like (rt/thread.c, mem.c, identity.c) ------------------------------------------- */
extern int32_t rt_pid;
/* Bytes that the program has mapped, accepted or not. */
uint64_t rt_mem_used_bytes(void);
uint64_t rt_file_limit_max(void);                    /* RLIMIT_NOFILE's hard limit */
bool rt_file_size_limited(void);                     /* RLIMIT_FSIZE: asks the host */
/* The CPU's EGETKEY, operands aligned as it demands (egetkey.c). Return: its code, 0 for success. */
uint32_t rt_egetkey(const struct sgx_keyrequest *request, uint8_t ret_key[SGX_KEY_SIZE]);
bool rt_random(void *to, size_t size);               /* RDRAND; false if it keeps failing */
uint32_t rt_cpu_count(void);                         /* as when the program started */
struct rt_ids { uint32_t ppid, uid, euid, suid, gid, egid, sgid; };
/* On a destination, before descriptors are made anew: may what the program has been told stay true on this host? 0 or
 * OM_EHOSTSTATE with `words`. */
int rt_identity_arrive(char *words, size_t words_size);
/* What the program is told of parent, users and groups. */
const struct rt_ids *rt_ids(void);

/* ---- descriptors (rt/io). For boot and engine -------------------------------------------------------------- */
/* Descriptors 0, 1, 2, and OM_INHERITED_MAX bits of those above that the process was started with; NULL: none. */
void rt_io_boot(uint32_t std_open_bits, const uint64_t *inherited);
/* RLIMIT_NOFILE's soft limit: new descriptors stay below it (at most image->file_max). */
void rt_io_set_limit(uint64_t soft_limit);
/* That limit. */
uint32_t rt_io_limit(void);
/* Descriptors that are open. */
uint32_t rt_io_count_open(void);
/* Where the program's arguments lie, each with its NUL, and behind them its environment: for /proc/self; called by boot after
 * rt_io_boot. */
void rt_io_set_strings(uint64_t arguments, uint64_t arguments_size, uint64_t environment_size);
/* All threads stopped. These calls use the transfer buffer of the slot they run on from its start and leave nothing of
 * it intact.
 *   freeze    fetch what the kernel holds (offsets, queues, event counters, TCP dumps) into the resident tables. The host's side
 *             stays as it is
 *   thaw      the source goes on: after a cancel, a freeze that failed, or an abort
 *   discard   the destination has begun: close the host's side, silently. No way back
 *   rebuild   make the host side anew on the destination; connections stay silent, for the source may yet go on
 *   claim     the start token has come, and the source has been told or soon will be: take what it had to let go of first.
 *             Returns 0 if all is there, else nanoseconds after which to ask again. Nothing to do unless both are one network
 * Return 0 or OM_EHOSTSTATE; then `words` names the first object that could not be handled. A thaw goes on behind it. */
int rt_io_freeze(char *words, size_t words_size);
/* See above. Descriptions that cannot be given back are named in `words`; the others are. */
int rt_io_thaw(char *words, size_t words_size);
/* See above. */
void rt_io_discard(void);
/* After a discard: what the tables held of the program's data. */
void rt_io_forget(void);
/* The same of a program that ends here: it has been handed on. */
void rt_io_forget_all(void);
/* See above. On failure the destination gives up, and the source runs on. */
int rt_io_rebuild(char *words, size_t words_size);
/* See above. */
uint64_t rt_io_claim(void);
/* Signals that some signalfd tells of; and these have come, or have been taken or dropped. May call the host. */
extern uint64_t rt_io_signalfd_bits;
/* @came: true: they have come; false: they are pending no more. */
void rt_io_signalfd_told(uint64_t bits, bool came);
/* A descriptor with O_ASYNC is ready, by the host's number of it. Anything may be asked for: no harm but signals. */
void rt_io_ready(int32_t host_fd, int32_t code, uint64_t band);
/* Lifts the hold on traffic. On the destination when the program is about to run: its connections go on. On the source
 * when the program runs there. */
void rt_io_let_go(void);
/* Before a migration: what would not survive, as lines of text; returns the number of problems. */
int rt_io_check(char *words, size_t words_size);

/* ---- measured launch (boot/launch.c, core/launch.h) ---------------------------------------------------------- */
struct om_launch;
/* What the image says, decoded; the same for the life of the enclave. */
const struct om_launch *rt_launch(void);
uint64_t rt_cpu_features(void);                      /* OM_CPU_* for core/crypto: what the host says and the enclave may use */

/* ---- engine hooks (trusted/engine) ---------------------------------------------------------------------------- */
/* OM_ECALL_ENGINE: arguments and results in tbuf->arg/data of this slot. Return value goes to tbuf->ret. */
long engine_call(uint64_t op);
/* A session is under way, or has ended with the program gone: nobody else may stop or resume it. */
bool engine_busy(void);
/* A destination whose program has not come: its tables are being filled, and nobody else may touch them. */
bool engine_arriving(void);
/* Number of the next move, or of the one that is being made. */
uint64_t engine_instance_move(void);
struct om_view;
/*
 * What the enclave says of the program's TLS key now (core/evidence/parse/tagged.h): which instance has it, by which lineage, at which time
 * by the host's clock (engine/fresh.c). @nonce: size 0: none. @buffer: of OM_CLAIMS_MAX bytes. Return: 0, OM_ESGX, OM_EOVERFLOW.
 */
int engine_claims(struct om_view nonce, uint8_t *buffer, size_t *ret_size);
/* Nobody begins a move until engine_let_go(). False: one is under way, or the program is gone. */
bool engine_hold(void);
/* By who has engine_hold(). */
void engine_let_go(void);
void engine_boot(const struct om_boot *boot);           /* boot: a copy in trusted memory */
/* A page was OWED until the caller changed that, not to place its content but because the program has given it up: unmapped,
 * replaced or thrown away. Called once per page, by who changed it. */
void engine_owed_given_up(uint64_t page_index);

#endif
