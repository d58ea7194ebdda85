/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host calls that another thread can end, without losing a wake-up.
 *
 * A kick must end the present interruptible call or, if there is none, the next one. A signal alone cannot promise
 * that: it may arrive after the decision to call and before the `syscall` instruction. So each slot has a word with
 * a sticky bit, looked at inside a short section of assembly (blocking_entry.S); the handler of the kick signal finds a
 * thread that was interrupted inside this section, before its syscall, and moves it to the way out.
 *
 *     begin:   test the bit, not zero: go to abort
 *     call:    syscall                 <- interrupted here or above: the handler sets RIP = abort
 *     end:     return the result       <- interrupted here: the call was done, its result stands
 *     abort:   return -EINTR
 *
 * The bit stays until a call ended by it has returned -EINTR.
 */
#ifndef OPTMIG_HOST_LOAD_BLOCKING_H
#define OPTMIG_HOST_LOAD_BLOCKING_H

#define HOST_WAKE_PERMIT 1
#define HOST_WAKE_KICK   2

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#define HOST_KICK_SIGNAL (SIGRTMAX)

struct host_wait {
	_Atomic uint32_t wake;          /* HOST_WAKE_*; also the futex word of PARK */
	_Atomic uint32_t in_call;       /* 1 while the thread may be inside an interruptible call */
	_Atomic int32_t tid;            /* host thread that serves the slot, 0: none */
};

/* Installs the kick signal's handler; once. Return: OM_E*. */
__attribute__((warn_unused_result))
int host_wait_setup(void);

/* Binds the calling thread. */
void host_wait_bind(struct host_wait *wait);
/* After its thread has left the slot: a kick is only remembered then, no signal is sent to a thread that serves another slot or none. */
void host_wait_unbind(struct host_wait *wait);

/* The system call, interruptible by host_wait_kick. Return: result or -errno. */
int64_t host_wait_syscall(struct host_wait *wait, uint32_t nr, const uint64_t arg[6]);

/* Sleeps until a permit is there (taken: 0), a kick (taken: -EINTR) or the timeout (-ETIMEDOUT).
 * @timeout_ns: -1 for ever. */
int64_t host_wait_park(struct host_wait *wait, int64_t timeout_ns);

/* From any thread. */
void host_wait_permit(struct host_wait *wait);
/* Ends a call or a sleep with -EINTR: the one that the thread is in, else its next one. Sent as HOST_KICK_SIGNAL where it may
 * be in a call of the kernel. Context: any thread. */
void host_wait_kick(struct host_wait *wait);
#endif
#endif
