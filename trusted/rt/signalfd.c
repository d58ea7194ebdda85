/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as a signalfd tells them: the kernel's siginfo in a layout of its own, of which only the members that the signal's kind has
 * are set (signalfd(2)). The descriptors are io/signalfd.c's.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

struct lx_signalfd_siginfo {
	uint32_t signo;
	int32_t  error, code;
	uint32_t pid, uid;
	int32_t  fd;
	uint32_t tid, band, overrun, trapno;
	int32_t  status, value;
	uint64_t pointer, user_time, system_time, address;
	uint8_t  pad[48];
};
_Static_assert(sizeof(struct lx_signalfd_siginfo) == RT_SIGNALFD_INFO, "struct signalfd_siginfo");

enum layout { BY_PROCESS, WITH_VALUE, BY_TIMER, BY_DESCRIPTOR, BY_FAULT };

/* As the kernel's siginfo_layout(): a code above SI_USER says what it does only with the signal that has such codes. */
static enum layout layout_of(const struct rt_siginfo *info)
{
	if (info->code > SI_USER && info->code < SI_KERNEL) {
		switch (info->signo) {
		case SIGILL: case SIGFPE: case SIGSEGV: case SIGBUS: case SIGTRAP:
			return BY_FAULT;
		default:
			return BY_DESCRIPTOR;
		}
	}
	return info->code == SI_TIMER ? BY_TIMER : info->code == SI_SIGIO ? BY_DESCRIPTOR : info->code < 0 ? WITH_VALUE : BY_PROCESS;
}

static void fill(struct lx_signalfd_siginfo *out, const struct rt_siginfo *info)
{
	const uint32_t low = (uint32_t)info->a, high = (uint32_t)(info->a >> 32);

	*out = (struct lx_signalfd_siginfo){ .signo = (uint32_t)info->signo, .error = info->error, .code = info->code };
	switch (layout_of(info)) {
	case BY_TIMER:
		out->tid = low;
		out->overrun = high;
		break;
	case BY_DESCRIPTOR:
		out->band = low;
		out->fd = (int32_t)info->b;
		return;
	case BY_FAULT:
		out->address = info->a;
		return;
	default:
		out->pid = low;
		out->uid = high;
		break;
	}
	if (info->code < 0) {
		out->value = (int32_t)info->b;
		out->pointer = info->b;
	}
}

bool rt_signal_fetch(struct rt_thread *t, uint64_t set, uint8_t ret_info[RT_SIGNALFD_INFO])
{
	struct lx_signalfd_siginfo out;
	struct rt_siginfo info;

	if (!rt_signal_take(t, set, &info))
		return false;
	fill(&out, &info);
	memcpy(ret_info, &out, sizeof out);
	return true;
}

uint64_t rt_signal_pending_any(uint64_t set)
{
	uint64_t bits = atomic_load(&rt_process_pending);

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		bits |= atomic_load((_Atomic uint64_t *)(uintptr_t)&rt_threads[slot].sig_pending);
	return bits & set;
}
