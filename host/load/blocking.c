/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kick, park and permit: see blocking.h for the protocol.
 *
 * Why no kick is lost. A kicker sets the bit, then looks at in_call; a caller sets in_call, then (in the section) looks
 * at the bit. Both orders are sequentially consistent, so at least one of them sees the other: either the caller finds
 * the bit, or the kicker sends the signal, which finds the caller in the section, in the kernel, or already done.
 * In the last case the bit stays and ends the next call.
 *
 * A thread that computes inside the enclave is not sent a signal: it looks at its poll flag by itself, and the bit waits.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "blocking.h"
#include "tee.h"
#include "util.h"

int64_t host_blocking_call(const _Atomic uint32_t *wake, uint64_t nr, const uint64_t arg[6]);
extern const char host_blocking_begin[], host_blocking_end[], host_blocking_abort[];

/* RIP at `end` means the kernel has done the call: its result must not be thrown away. */
static void kicked(int signo, void *info, void *context)
{
	ucontext_t *uc = context;
	uintptr_t rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];

	(void)signo;
	(void)info;
	if (rip >= (uintptr_t)host_blocking_begin && rip < (uintptr_t)host_blocking_end)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)host_blocking_abort;
}

int host_wait_setup(void)
{
	/* No SA_RESTART: the call shall end. */
	return tee_sigaction(HOST_KICK_SIGNAL, kicked, 0);
}

void host_wait_bind(struct host_wait *wait)
{
	atomic_store(&wait->tid, (int32_t)syscall(SYS_gettid));
}

void host_wait_unbind(struct host_wait *wait)
{
	atomic_store(&wait->tid, 0);
}

int64_t host_wait_syscall(struct host_wait *wait, uint32_t nr, const uint64_t arg[6])
{
	int64_t result;

	atomic_store(&wait->in_call, 1);
	result = host_blocking_call(&wait->wake, nr, arg);
	atomic_store_explicit(&wait->in_call, 0, memory_order_release);
	if (result == -EINTR)
		atomic_fetch_and(&wait->wake, ~(uint32_t)HOST_WAKE_KICK);
	return result;
}

static int64_t futex_wait(struct host_wait *wait, const struct timespec *deadline)
{
	return syscall(SYS_futex, &wait->wake, FUTEX_WAIT_BITSET_PRIVATE, 0, deadline, NULL, FUTEX_BITSET_MATCH_ANY) < 0 ? -errno : 0;
}

int64_t host_wait_park(struct host_wait *wait, int64_t timeout_ns)
{
	struct timespec deadline;
	bool timed = timeout_ns >= 0;

	if (timed) {
		clock_gettime(CLOCK_MONOTONIC, &deadline);
		deadline.tv_sec += timeout_ns / 1000000000;
		deadline.tv_nsec += timeout_ns % 1000000000;
		if (deadline.tv_nsec >= 1000000000)
			deadline.tv_sec++, deadline.tv_nsec -= 1000000000;
	}
	for (;;) {
		uint32_t wake = atomic_load(&wait->wake);

		if (wake & HOST_WAKE_PERMIT) {
			atomic_fetch_and(&wait->wake, ~(uint32_t)HOST_WAKE_PERMIT);
			return 0;
		}
		if (wake & HOST_WAKE_KICK) {
			atomic_fetch_and(&wait->wake, ~(uint32_t)HOST_WAKE_KICK);
			return -EINTR;
		}
		if (futex_wait(wait, timed ? &deadline : NULL) == -ETIMEDOUT)
			return -ETIMEDOUT;
	}
}

static void futex_wake(struct host_wait *wait)
{
	syscall(SYS_futex, &wait->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void host_wait_permit(struct host_wait *wait)
{
	if (!(atomic_fetch_or(&wait->wake, HOST_WAKE_PERMIT) & HOST_WAKE_PERMIT))
		futex_wake(wait);
}

void host_wait_kick(struct host_wait *wait)
{
	int32_t tid;

	atomic_fetch_or(&wait->wake, HOST_WAKE_KICK);
	futex_wake(wait);
	tid = atomic_load(&wait->tid);
	/* Again even if the bit was set before: an earlier signal may have come too early for a call in the kernel. */
	if (tid && atomic_load(&wait->in_call))
		syscall(SYS_tgkill, getpid(), tid, HOST_KICK_SIGNAL);
}
