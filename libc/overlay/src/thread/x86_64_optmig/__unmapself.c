/* SPDX-License-Identifier: Apache-2.0 */
/* A detached thread unmaps the stack it runs on and ends: the runtime does both from a stack of its own. */
#include "passrt.h"
#include "pthread_impl.h"

_Noreturn void __unmapself(void *base, size_t size)
{
	__syscall(OM_SYS_UNMAPSELF, base, size);
	for (;;) a_crash();
}
