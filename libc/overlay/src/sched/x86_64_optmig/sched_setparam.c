/* SPDX-License-Identifier: Apache-2.0 */
/* musl refuses this, because Linux's call is for one thread and POSIX' for the process. Programs expect Linux's, as glibc gives it. */
#include <sched.h>
#include "syscall.h"

int sched_setparam(pid_t pid, const struct sched_param *param)
{
	return syscall(SYS_sched_setparam, pid, param);
}
