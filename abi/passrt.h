/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler pass emits and the runtime provides: the only names both know.
 *
 * Instrumented code runs with GS set so that the card of the page that holds ADDRESS is the byte
 *
 *     gs:[ADDRESS >> 12]
 *
 * for any ADDRESS inside ELRANGE, and with FS at libc's thread pointer. A card is 0 (clean) or nonzero (dirty).
 * The pass may read cards, that of the page behind ADDRESS's too, and store OM_CARD_DIRTY; only the runtime clears them.
 * Marks are wanted only while the byte __optmig_attention has a bit of OM_ATTENTION_TRACK; code looks at it once or more in
 * each safepoint interval with a store.
 *
 * Invariant S: every store to tracked memory is covered by a card mark in the same safepoint interval, the
 * code between two consecutive safepoints of that thread. Safepoints are polls (below), calls that may poll,
 * and system calls. Inside an interval marks may be merged and reordered against the stores.
 */
#ifndef OPTMIG_ABI_PASSRT_H
#define OPTMIG_ABI_PASSRT_H

#define OM_CARD_SHIFT 12
#define OM_CARD_DIRTY 0xff /* two cards at once are -1: a comparison with a short immediate, without a prefix that changes its length */

/* Version of this interface. Every object compiled with the pass carries a section OM_STAMP_SECTION
 * (SHF_EXCLUDE: checked by optmig-cc at link time, not loaded) that holds struct om_stamp. */
#define OM_PASSRT_VERSION 3
#define OM_STAMP_SECTION ".optmig.stamp"
#define OM_STAMP_MAGIC 0x50544d4fu /* "OMTP" little-endian */

/* How an object came to be. INSTRUMENTED: by the pass. TRUSTED: by the runtime's own build (marks by hand or
 * writes no tracked memory). ANNOTATED: assembly whose author declares with OPTMIG_ASM_MARKS that it marks. */
#define OM_ATTENTION_POLL  0x3f
#define OM_ATTENTION_TRACK 0xc0

#ifndef __ASSEMBLER__
enum om_stamp_kind { OM_STAMP_INSTRUMENTED = 1, OM_STAMP_TRUSTED = 2, OM_STAMP_ANNOTATED = 3 };

struct om_stamp {
	unsigned magic;
	unsigned short version, kind;
};

/*
 * One byte, in local memory, for all that a running thread has to attend to; 0 when there is nothing.
 *
 *     bits 0..5   OM_ATTENTION_POLL    every thread shall call __optmig_safepoint soon
 *     bits 6..7   OM_ATTENTION_TRACK   somebody wants to know which pages are written
 *
 * Code looks at the byte with a volatile load: a poll at its first part, a gate of marks at its second, a fused poll and gate
 * at the whole. Whoever raises a bit of TRACK copies everything that was written before the handshake that follows. A thread
 * that looked at the byte before the bit was raised has made no mark for the stores behind that look. The handshake waits until
 * the thread's interval has ended, so these stores are complete, and are copied (invariant S with "looked" for "marked").
 *
 * Marks may come later than the store, up to the end of the interval. If a store or load between the two faults, the
 * runtime marks all cards before it runs the program's signal handler, and again when the handler returns.
 */
extern volatile unsigned char __optmig_attention __attribute__((visibility("hidden")));
#endif

/*
 * Assembly entry points. All preserve EVERY register (general, vector, mask, x87, MXCSR; flags excepted, and r11 by marks) and
 * keep whatever lies in the caller's red zone only if the caller stepped over it: the pass emits
 *     leaq -128(%rsp),%rsp ; call NAME ; leaq 128(%rsp),%rsp
 *
 *   __optmig_safepoint           the poll's cold call; the thread may park here and continue on another machine
 *   __optmig_range  rdi, rsi     mark all cards of [rdi, rsi); nothing if rsi <= rdi; never parks
 *   __optmig_markSIZE_REG        mark the cards of the bytes REG and REG + SIZE - 1; never parks. REG is a general register but
 *                                rsp and r11, which is lost. SIZE is one of OM_MARK_SIZES: what is marked is at most a page's length
 *   __optmig_markpollSIZE_REG    the same, and then __optmig_safepoint
 *
 * __optmig_syscall is how libc issues a system call: SysV convention, number first, seven arguments in all,
 * returns the result or a negative errno. It is a safepoint.
 *
 * __optmig_verify_store (verify builds only)  rdi = address, rsi = size: logs the store for the check at the
 * next safepoint. Preserves every register, same red-zone rule.
 */

#define OM_MARK_SIZES     1, 16, 64, 256, 1024, 4096
#define OM_MARK_REGISTERS rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15

/* System calls that only libc's overlay issues; numbers outside Linux' range. Arguments as in C. */
#define OM_SYS_SAFEPOINT   0x1000 /* () a poll: returns 0 */
#define OM_SYS_CLONE       0x1001 /* (struct om_clone *): new thread; returns its tid or a negative errno */
#define OM_SYS_UNMAPSELF   0x1002 /* (base, size): unmap own stack and exit */
#define OM_SYS_SET_TP      0x1003 /* (tp): set FS; also stores the thread block's address at tp + OM_TP_SLOT */
#define OM_SYS_SIGRETURN   0x1004 /* () end of a signal handler */

#ifndef __ASSEMBLER__
/* Argument of OM_SYS_CLONE, on the caller's stack. The new thread calls fn(arg) with the stack pointer at most at
 * stack_top (aligned down to 16 before the call) and ends with fn's result as its status when fn returns.
 * The last three are 0 unless `flags` (CLONE_*) says that they are used. */
struct om_clone {
	unsigned long fn, stack_top, flags, arg;
	unsigned long parent_tid, tls, child_tid;
};
#endif

/* System calls that are cancellation points come from libc's __syscall_cp_asm. A signal handler run at such a call
 * needs the program counter in its ucontext to say whether the call had its effect (libc/overlay, syscall_cp.S):
 * the return address of __optmig_syscall if it had, the return address minus one if it was interrupted before. */

/* A card is looked up before the store that it covers. For a wild pointer, the fault therefore is at the card,
 * gs:[ADDRESS >> 12]; the runtime translates it back to the page of ADDRESS before it delivers SIGSEGV. A mark may
 * also touch the card of a page next to the one written (vector stores with lanes switched off), never further. */

/* Offset from FS at which every thread pointer, libc's or the runtime's own, holds the address of the
 * runtime's thread block. In musl's x86_64 struct pthread this is the unused member `sysinfo`. */
#define OM_TP_SLOT 32

#endif
