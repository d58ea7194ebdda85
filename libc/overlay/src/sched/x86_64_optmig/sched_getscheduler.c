/* SPDX-License-Identifier: Apache-2.0 */
/* musl refuses this, because Linux's call is for one thread and POSIX' for the process. Programs expect Linux's, as glibc gives it. */
#include <sched.h>
#include "syscall.h"

int sched_getscheduler(pid_t pid)
{
	return syscall(SYS_sched_getscheduler, pid);
}
