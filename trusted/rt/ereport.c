/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU says of this enclave. In a file of its own, since tests have no such CPU. */
#include "rt/rt.h"

void rt_ereport(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret)
{
	/* The two bytes behind ENCLU belong to it: tee/soft may replace all five by a call. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xd7, 0x66, 0x90"
		: : "a"(SGX_EREPORT), "b"(target), "c"(data), "d"(ret) : "memory", "cc");
}
