/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of rt/ share with each other and with boot/, and nobody else needs.
 */
#ifndef OPTMIG_TRUSTED_RT_INTERNAL_H
#define OPTMIG_TRUSTED_RT_INTERNAL_H

#include <stdatomic.h>
#include "rt/linux_abi.h"
#include "rt/offsets.h"
#include "rt/rt.h"
#include "sgx_arch.h"

#define RT_LIKELY(x)   __builtin_expect(!!(x), 1)
#define RT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define RT_HIDDEN      __attribute__((visibility("hidden")))

static inline uint64_t rt_page_down(uint64_t x) { return x & ~(uint64_t)(OM_PAGE_SIZE - 1); }
static inline uint64_t rt_page_up(uint64_t x) { return (x + OM_PAGE_SIZE - 1) & ~(uint64_t)(OM_PAGE_SIZE - 1); }
static inline void rt_pause(void) { __builtin_ia32_pause(); }

/* ---- boot ---------------------------------------------------------------------------------------------- */
/* EEXIT for a host call at CSSA 0, and back: returns when the host has entered with OM_ECALL_RETURN. */
void rt_leave_for_call(struct rt_tcb *tcb);
/* The same at CSSA 1, on the exception's stack and transfer buffer. */
void rt_leave_for_call_exception(struct rt_tcb *tcb);
/* EEXIT at CSSA 0 for good: rt_slot_leave(). */
_Noreturn void rt_leave(struct rt_tcb *tcb);
/* EEXIT at CSSA 1: the exception is handled, and the host goes on with ERESUME. */
_Noreturn void rt_leave_exception(struct rt_tcb *tcb);
/* To the application, through the frame on its stack. @result: of the system call. */
_Noreturn void rt_app_return(struct rt_thread *t, long result);
/* To the application with all registers as given: the end of a signal handler. */
_Noreturn void rt_app_restore(uint64_t regs[RT_REG_COUNT], const void *vectors);
/* Copies where one side is memory that may fault. Return: 0; -EFAULT: not all of it can be reached, and some of it was copied. */
long rt_copy_try(void *to, const void *from, size_t size);
/* store(argument): 0. If it is abandoned: -EFAULT. See rt_app_store(). */
struct rt_try { uint64_t rsp, begin, end; };         /* rsp: first, for copy.S; what may fault: [begin, end) */
long rt_try(void (*store)(void *argument), void *argument, struct rt_try *ret_try);
RT_HIDDEN extern const char rt_try_failed[];
RT_HIDDEN extern const char rt_copy_begin[], rt_copy_end[], rt_copy_failed[], rt_calls_begin[], rt_calls_end[], rt_marks_begin[], rt_marks_end[];
RT_HIDDEN extern const char rt_fault_entry[], rt_clone_start[];
RT_HIDDEN extern const uint8_t rt_initial_state[];

/* ---- lock.c -------------------------------------------------------------------------------------------------- */
/* Whoever comes in asks: after rt_fatal nobody gets any further. */
extern _Atomic bool rt_ended;
/* Ends this thread, too, in the words of the first rt_fatal(). */
_Noreturn void rt_fatal_again(void);
static inline void rt_check_ended(void)
{
	if (RT_UNLIKELY(atomic_load_explicit(&rt_ended, memory_order_relaxed)))
		rt_fatal_again();
}

/* ---- image.ld ------------------------------------------------------------------------------------------------ */
RT_HIDDEN extern char __ehdr_start[], __rt_text_start[], __rt_text_end[], __rt_code_start[], __rt_code_end[],
	__rt_tracked_start[], __rt_tracked_file_end[], __rt_tracked_end[], __rt_resident_start[], __rt_resident_early_end[], __rt_resident_end[],
	__rt_local_start[], __rt_local_file_end[], __rt_lazy_start[], __rt_image_end[], __rt_launch_start[], __rt_launch_end[];

/* ---- enter.c ------------------------------------------------------------------------------------------------- */
/* Called by entry.S at CSSA 0. @ecall: enum om_ecall; @a, @b: its arguments. Trust: all of it is the host's word. */
_Noreturn void rt_enter(uint32_t ecall, RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t tbuf_size, uint64_t a, uint64_t b);
/* Called by entry.S at CSSA 1. */
void rt_exception(struct rt_tcb *tcb, RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t tbuf_size);
/* Says why the program dies (exception.c). */
void rt_log_fault(const struct rt_tcb *tcb);
/* The application thread of this slot stops here; its stored system call will be run again. */
_Noreturn void rt_park_self(void);
/* It has ended: state is EXITING, nothing of it is used any more. */
_Noreturn void rt_thread_leave(void);

/* ---- slots.c ------------------------------------------------------------------------------------------------- */
/* The slot is this host thread's alone from here on. Waits while another one is still on its way out. */
void rt_slot_enter(struct rt_tcb *tcb);
/* EEXIT at CSSA 0 for good: nothing comes back here. */
_Noreturn void rt_slot_leave(struct rt_tcb *tcb);

/* ---- door.c -------------------------------------------------------------------------------------------------- */
/* One aligned word, read or written exactly once. Here, because the clock and every host call do a dozen of them. */
static inline uint64_t rt_ub_read64(const RT_UNTRUSTED void *untrusted) { return *(const volatile uint64_t *)untrusted; }
static inline void     rt_ub_write64(RT_UNTRUSTED void *untrusted, uint64_t value) { *(volatile uint64_t *)untrusted = value; }
/* May it be a transfer buffer: aligned, of an allowed size, wholly outside ELRANGE? */
bool     rt_tbuf_ok(const RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t size);
/* Fields of this slot's tbuf, whichever of the two is in use. */
void     rt_tbuf_finish(struct rt_tcb *tcb, enum om_exit how, const uint64_t *arg, unsigned count);
/* The result of a service call. */
void     rt_tbuf_set_ret(struct rt_tcb *tcb, int64_t ret);
RT_UNTRUSTED uint64_t *rt_ub_last_word(void);        /* of the data */
static inline RT_UNTRUSTED struct om_tbuf *rt_tbuf(const struct rt_tcb *tcb) { return tcb->in_exception ? tcb->exc_tbuf : tcb->tbuf; }

/* ---- trace.c: what a debug image says of its program (abi/hostcall.h) ------------------------------------------------ */
/* At the boot: every system call will be told, by these two. Ends the enclave unless it is a debug image. */
void rt_trace_boot(void);
/* Of a system call that the thread is about to make; its number and arguments are stored in @t. */
void rt_trace_call(const struct rt_thread *t);
/* ... and its result, or a negative errno. */
void rt_trace_result(const struct rt_thread *t, long nr, long result);
/* Nothing unless calls are told. */
void rt_trace_signal(const struct rt_thread *t, int signo, int32_t code, uint64_t word);
/* Before the program dies of a signal; nothing unless it is a debug image. May be called at CSSA 1. @death: signal, address and registers. */
void rt_trace_death(const struct rt_thread *t, struct om_death *death);
/* syscall.c: handlers are called through rt_trace_call() and rt_trace_result() from now on. */
void rt_syscall_trace(void);
/* sigframe.c: the same of a thread whose call or fault is stored. */
void rt_sigframe_death(struct rt_thread *t, int signo, uint64_t address);

/* ---- hostcall.c ---------------------------------------------------------------------------------------------- */
/* rt_log() with a space and a number behind. */
void rt_log_number(const char *words, uint64_t number);
/* A place says it once. */
#define RT_TELL_ONCE(words) do { \
	static _Atomic bool told_; \
	if (!atomic_exchange_explicit(&told_, true, memory_order_relaxed)) \
		rt_tell(words); \
} while (0)
void rt_log_hex(const char *words, const uint64_t *values, unsigned count);   /* at most four; exception.c */
/* Ends the process with a status, or by a signal if `signo` is not 0. Encrypted files are committed first. */
_Noreturn void rt_exit_process(int status, int signo);

/* ---- mem*.c, map.c, edmm.c ------------------------------------------------------------------------------------- */
/* One ENCLU each; the CPU's code. */
uint32_t rt_eaccept(uint64_t address, const struct sgx_secinfo *secinfo);
/* @source: a page of the enclave, aligned. */
uint32_t rt_eacceptcopy(uint64_t address, const void *source, const struct sgx_secinfo *secinfo);
uint32_t rt_eaccept_zeros(uint64_t address);         /* a new page, read-only */
/* Gives permissions; cannot fail on a page that is there. */
void     rt_emodpe(uint64_t address, const struct sgx_secinfo *secinfo);
RT_HIDDEN extern const struct sgx_secinfo rt_secinfo_new, rt_secinfo_trim;   /* EACCEPT of an EAUGed and of a trimmed page */

void rt_map_boot_local(void);                        /* before anything touches bss */
/* The states of the image's pages, and of the slots'. */
void rt_map_boot(void);
/* Page map and cards of these pages are in the enclave. May be called at CSSA 1. */
void rt_map_ensure(uint64_t page_index, uint64_t count);
/* The summaries above the cards (map.c). Before pages become ACCEPTED; after the runtime has set cards. @count: at least 1. */
void rt_map_touched(uint64_t page_index, uint64_t count);
/* ... after the runtime has set cards of these pages. */
void rt_cards_noted(uint64_t page_index, uint64_t count);
bool rt_map_fault(uint64_t address);                 /* address in page map or cards: resolved */
/* A page of the heap, bss or a runtime stack whose state is RESERVED or ARRIVING: RT_FAULT_* */
enum rt_fault_result { RT_FAULT_RETRY, RT_FAULT_ACCESS, RT_FAULT_UNMAPPED, RT_FAULT_OWED };
/* A fault there. Context: CSSA 1; may call the host. @write: of the fault. */
enum rt_fault_result rt_map_touch(uint64_t page_index, bool write);
/* The heap is all free, its brk at its start. */
void rt_mem_boot(void);
/* A range of the heap that is mapped. Parks nowhere: for what a call has mapped and cannot give to the program, and for a last stack. */
void rt_mem_unmap(uint64_t address, uint64_t size);
/* Reserve anonymous memory for the runtime's own use of application memory (main stack). 0 or address. */
uint64_t rt_mem_map(uint64_t size, uint8_t protection);
/* The EPCM's permissions of accepted pages. The caller owns them (ARRIVING). Return: 0, OM_EHOST or OM_ESGX. */
int  rt_page_protect(uint64_t index, uint64_t count, uint8_t old_protection, uint8_t protection);
/* Takes accepted pages out of the enclave. The caller owns them. Return: as above. */
int  rt_page_trim(uint64_t index, uint64_t count);
static inline bool rt_in_heap(uint64_t address)
{
	return address - OM_ELRANGE_BASE - rt_image->heap_offset < rt_image->heap_size;
}

/* ---- thread.c, stop.c ------------------------------------------------------------------------------------------ */
extern _Atomic uint64_t rt_epoch;
/* Bytes: what the boot block asks for, within the image's limits. Trust: the block is the host's word. */
uint64_t rt_main_stack_size(const struct om_boot *boot);
/* Makes the main thread, parked. @app_rsp: where its frame lies. */
void rt_thread_boot(const struct om_boot *boot, uint64_t stack_low, uint64_t stack_top, uint64_t app_rsp);
/* NULL if there is none. */
struct rt_thread *rt_thread_by_tid(int32_t tid);
/* Ends the calling thread (its stack may be gone already). */
_Noreturn void rt_thread_end(struct rt_thread *t);
/* A thread of the runtime's own that runs system call `nr` for ever. Return: 0 or a negative errno. */
long rt_thread_internal(long nr, const char *name);
/* Asks the host for a thread in that slot. Return: 0 or a negative errno. */
int  rt_thread_start_host(uint32_t slot);
static inline bool rt_stop_requested(void);
void rt_safepoint(struct rt_thread *t);              /* what a poll does besides signals */

extern volatile unsigned char __optmig_attention;
static inline bool rt_stop_requested(void) { return (__optmig_attention & RT_POLL_STOP) != 0; }

/* ---- futex.c ---------------------------------------------------------------------------------------------------- */
/* Wakes up to `count` waiters at an application address that wait for one of `bits`. Return: how many. */
long rt_futex_wake(uint64_t address, uint32_t count, uint32_t bits);
/* Sets the call's deadline from a timespec of the program's, once; 0: none. @relative, or by the clock of @realtime, or the monotonic one. */
long rt_deadline(struct rt_thread *t, uint64_t timeout, bool relative, bool realtime);

/* ---- time.c, timer.c --------------------------------------------------------------------------------------------- */
/* @clock: address of the host's struct om_clock. Trust: the host's word; never read but through the door. */
void rt_time_boot(uint64_t clock);
/* This host's monotonic clock, ns. Trust: the host's word; never goes backwards. */
int64_t rt_host_monotonic_ns(void);
int64_t rt_time_ask_host(long clock);                /* its answer, or 0 */
long rt_timespec_get(uint64_t app, int64_t *ret_ns); /* 0, -EFAULT, -EINVAL; saturates */
/* Writes a struct timespec to the application. Return: 0 or -EFAULT. */
long rt_timespec_put(uint64_t app, int64_t ns);
/* The runtime's own thread for timers: sleeps until the next one is due. It never returns; like any thread it parks, and runs again. */
long rt_timer_loop(struct rt_thread *t);
#define RT_TIMERS_MAX 64u
/* The queued signal of a timer (as given to rt_signal_post_timer) is delivered: how often it has expired since, up to this moment.
 * False if the timer has been set anew or deleted since: nobody gets that signal, as on Linux since 6.13. */
bool rt_timer_taken(uint32_t timer, uint32_t *ret_overrun);
/* The queued signal of a timer is ignored or forgotten: the timer may queue another. */
void rt_timer_dropped(uint32_t timer);
void rt_alarm_taken(void);   /* a SIGALRM of the process; takes the timers' lock */
#define RT_SYS_TIMER_LOOP 0x1102
rt_syscall_fn rt_sys_setitimer, rt_sys_getitimer, rt_sys_alarm, rt_sys_timer_create, rt_sys_timer_settime, rt_sys_timer_gettime,
	rt_sys_timer_delete, rt_sys_timer_getoverrun;

/* ---- cputime.c ----------------------------------------------------------------------------------------------------- */
enum { RT_CPU_ALL_COARSE, RT_CPU_USER, RT_CPU_ALL, RT_CPU_CLOCKS };                 /* as in the kernel's numbers of such clocks */
struct rt_cpu_clock { int32_t tid; uint32_t which; };                               /* tid 0: the process */
bool rt_cpu_clock_of(int32_t id, const struct rt_thread *caller, struct rt_cpu_clock *ret_clock);
bool rt_cpu_ns(const struct rt_cpu_clock *clock, int64_t *ret_ns);                  /* false: the thread is gone */
/* In how much real time to look whether `left_ns` more have been used. */
int64_t rt_cpu_look_again(const struct rt_cpu_clock *clock, int64_t left_ns);
/* CPU time that this process spent, to be added to the host's numbers: before the last migration. Microseconds. */
void rt_cpu_before(int64_t *ret_user_us, int64_t *ret_system_us);
/* A host thread has entered for a thread of the program, having used `host_ns`. */
void rt_cpu_enter(struct rt_tcb *tcb, struct rt_thread *t, uint64_t host_tid, uint64_t host_ns);
/* Before a move: what the clocks of CPU time say, into resident state. All threads are stopped. */
void rt_cpu_save(void);
/* After a move: they go on from there on this host. */
void rt_cpu_restore(void);

/* ---- sched.c ------------------------------------------------------------------------------------------------------- */
/* Notes how this host process is scheduled. */
void rt_sched_boot(void);
void rt_sched_first(struct rt_thread *t);            /* the main thread */
/* A new thread has its maker's policy and niceness, unless that says SCHED_RESET_ON_FORK. */
void rt_sched_inherit(struct rt_thread *child, const struct rt_thread *t);
void rt_sched_enter(struct rt_tcb *tcb, struct rt_thread *t); /* its host thread is scheduled as it wants */

/* ---- signal.c, sigframe.c ----------------------------------------------------------------------------------------- */
struct rt_siginfo { int32_t signo, error, code, pad; uint64_t a, b; };   /* a, b: pid/uid + value, or address */
struct rt_sigaction { uint64_t handler, flags, restorer, mask; };
extern struct rt_sigaction rt_sigactions[65];
/* @ignored_before: what a parent has left ignored, bit n - 1 for signal n. */
void rt_signal_boot(uint64_t ignored_before);
/* @t: NULL: the process. Return: 0, or -EAGAIN: the queue has no room. Context: any slot. */
long rt_signal_post(struct rt_thread *t, const struct rt_siginfo *info);
/* Pending signals (sigqueue.c). @timer: what rt_timer_taken() shall hear when the signal is taken; 0: nothing. */
enum rt_sigqueue_result { RT_SIGQUEUE_ADDED, RT_SIGQUEUE_THERE /* or ignored */, RT_SIGQUEUE_FULL };
/* @t: NULL: the process. Return: as named above. */
enum rt_sigqueue_result rt_signal_post_timer(struct rt_thread *t, const struct rt_siginfo *info, uint32_t timer);
#define RT_SIGQUEUE_MAX 4096u
extern _Atomic uint64_t rt_process_pending;
/* The same without a look at who waits: for signal.c and timer.c. */
enum rt_sigqueue_result rt_sigqueue_add(struct rt_thread *t, const struct rt_siginfo *info, uint32_t timer);
bool rt_sigqueue_take(struct rt_thread *t, int signo, struct rt_siginfo *ret_info);   /* false: there is none */
void rt_sigqueue_drop(uint64_t bit);                 /* everywhere: the signal is ignored from now on */
void rt_sigqueue_forget(struct rt_thread *t);        /* a new thread, or one that ends */
/* One of the signals in `set`, the thread's own first, lowest number first; 0 if there is none. */
int rt_signal_take(struct rt_thread *t, uint64_t set, struct rt_siginfo *ret_info);
void rt_sigqueue_limit(uint64_t soft_limit);         /* RLIMIT_SIGPENDING, at most RT_SIGQUEUE_MAX */
/* At the end of a system call with its result; returns the result, unless a handler is entered. */
long rt_signal_leave(struct rt_thread *t, long result);
/* A fault of the application: deliver now or die. */
long rt_signal_fault(struct rt_thread *t);
/* The poll flag for signals is up if a running thread other than the caller's has one to take, else it is down. */
void rt_signal_poll_needed(void);
/* Something is to be taken, if only to be ignored: a signal that was blocked until now. */
bool rt_signal_due(const struct rt_thread *t);
/* Builds a handler's frame on the application's stack and enters the handler. @result: of the call that it interrupts; @return_mask: in force when
 * it returns. */
_Noreturn void rt_sigframe_enter(struct rt_thread *t, const struct rt_siginfo *info, const struct rt_sigaction *action,
	long result, uint64_t return_mask);
/* Consumes signals without a handler; true with one that has, its mask already in force; *ret_mask is to be restored. */
bool rt_signal_next(struct rt_thread *t, struct rt_siginfo *ret_info, struct rt_sigaction *ret_action, uint64_t *ret_mask);
/* The end of a handler: registers and mask from its frame. Trust: the frame is the application's. A bad one ends the program. */
long rt_sigreturn(struct rt_thread *t);
/* The stack pointer from which a handler's frame may grow down. */
uint64_t rt_signal_stack(struct rt_thread *t, const struct rt_sigaction *action, uint64_t rsp, bool *ret_switched);

/* ---- syscall.c ---------------------------------------------------------------------------------------------------- */
/* Merges the modules' tables. */
void rt_syscall_boot(void);
long rt_syscall_run(struct rt_thread *t);            /* fresh: from calls.S */
long rt_syscall_again(struct rt_thread *t);          /* stored: start, resume, restart */

/* ---- identity.c ------------------------------------------------------------------------------------------------------ */
/* Pids, limits and names out of the boot block. Trust: the host's word; the program is told it from then on. */
void rt_identity_boot(const struct om_boot *boot);
uint64_t rt_limit(unsigned resource);                /* the soft limit of an RLIMIT_* */

/* ---- creds.c --------------------------------------------------------------------------------------------------------- */
/* Users and groups out of the boot block. */
void rt_creds_boot(const struct om_boot *boot);
/* The requests of prctl about capabilities, privileges and dumps. Return: a result or a negative errno. */
long rt_creds_prctl(struct rt_thread *t);
/* kill() of a process or group that is not the program. */
long rt_kill_other(int32_t pid, int32_t signo);
/* rt_identity_arrive for users and capabilities: the host notes them, and the program runs with them. */
int  rt_creds_arrive(char *words, size_t words_size);

/* ---- stats.c ---------------------------------------------------------------------------------------------------------- */
extern struct rt_counters { _Atomic uint64_t pages_accepted, stops, handshakes; } rt_counters;
/* OM_ECALL_STATS: struct om_enclave_stats into the transfer buffer. */
void rt_stats_call(struct rt_tcb *tcb);

#endif
