/* SPDX-License-Identifier: Apache-2.0 */
/* A key that the CPU derives for this enclave. In a file of its own, since tests have no such CPU. */
#include "rt/rt.h"

uint32_t rt_egetkey(const struct sgx_keyrequest *request, uint8_t ret_key[SGX_KEY_SIZE])
{
	uint64_t rax = SGX_EGETKEY;

	/* The two bytes behind ENCLU belong to it: tee/soft may replace all five by a call. */
	__asm__ volatile(".byte 0x0f, 0x01, 0xd7, 0x66, 0x90"
		: "+a"(rax) : "b"(request), "c"(ret_key) : "memory", "cc");
	return (uint32_t)rax;
}
