/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a debug image says of its program, for those who look for a mistake in it: each system call with its arguments and its result, also
 * those that are answered inside, and where the program was when a signal ended it. The image tells numbers and registers alone. The host of a debug
 * image reads the program's memory by itself (EDBGRD), and names and decodes what it finds there.
 *
 * A production image says nothing of this, whatever its host asks for: system calls and registers are the program's secrets.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

RT_LOCAL static bool tracing;

static void say(enum om_hostcall op, const void *what, size_t size)
{
	const uint64_t nothing[6] = { 0 };

	/* No call is under way that would use the data: this is before it begins, or when its results have been fetched. */
	rt_ub_put((RT_UNTRUSTED char *)rt_tbuf(rt_self()) + OM_TBUF_DATA, what, size);
	(void)rt_hostcall(op, 0, 0, nothing);
}

void rt_trace_boot(void)
{
	if (!(rt_image->flags & OM_IMAGE_DEBUG))
		rt_fatal(OM_EDEBUG, "the host wants to trace a production image");
	tracing = true;
	rt_syscall_trace();
}

void rt_trace_call(const struct rt_thread *t)
{
	struct om_trace trace = { .event = OM_TRACE_CALL, .tid = t->tid, .nr = (uint64_t)t->nr };

	memcpy(trace.arg, t->arg, sizeof trace.arg);
	say(OM_HC_TRACE, &trace, sizeof trace);
}

void rt_trace_result(const struct rt_thread *t, long nr, long result)
{
	const struct om_trace trace = { .event = OM_TRACE_RESULT, .tid = t->tid, .nr = (uint64_t)nr, .result = result };

	say(OM_HC_TRACE, &trace, sizeof trace);
}

void rt_trace_signal(const struct rt_thread *t, int signo, int32_t code, uint64_t word)
{
	const struct om_trace trace = { .event = OM_TRACE_SIGNAL, .tid = t->tid, .nr = (uint64_t)signo, .arg = { (uint64_t)(int64_t)code, word } };

	if (tracing)
		say(OM_HC_TRACE, &trace, sizeof trace);
}

void rt_trace_death(const struct rt_thread *t, struct om_death *death)
{
	if (!(rt_image->flags & OM_IMAGE_DEBUG))
		return;
	death->tid = t->tid;
	say(OM_HC_DEATH, death, sizeof *death);
}
