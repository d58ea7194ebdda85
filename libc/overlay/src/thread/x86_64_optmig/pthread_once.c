/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, but that looking whether it was done costs no locked instruction: a load acquires on x86. */
#include "pthread_impl.h"
#undef a_barrier
#define a_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#include "../pthread_once.c"
