/* SPDX-License-Identifier: Apache-2.0 */
#include "passrt.h"
#include "pthread_impl.h"

int __set_thread_area(void *p)
{
	return __syscall(OM_SYS_SET_TP, p);
}
