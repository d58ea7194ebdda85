/* SPDX-License-Identifier: Apache-2.0 */
/* A new thread. The runtime gives it a stack frame at stack_top that calls fn(arg) and ends the thread with its result. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdarg.h>
#include "passrt.h"
#include "pthread_impl.h"

int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	va_list list;
	va_start(list, arg);
	struct om_clone clone = {
		.fn = (uintptr_t)fn,
		.stack_top = (uintptr_t)stack,
		.flags = (unsigned)flags,
		.arg = (uintptr_t)arg,
	};
	if (flags & (CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID)) {
		clone.parent_tid = (uintptr_t)va_arg(list, void *);
		clone.tls = (uintptr_t)va_arg(list, void *);
		clone.child_tid = (uintptr_t)va_arg(list, void *);
	}
	va_end(list);
	return __syscall(OM_SYS_CLONE, &clone);
}
