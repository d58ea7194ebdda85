/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed enclave (mseal, Linux 6.10), as programs have it: the host can change no mapping of it, and neither can the emulator.
 * What needs that is refused or faults; nothing is silently not enforced, and nothing hangs. Skipped where the kernel has no
 * mseal. One enclave for the process: its range stays taken.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "pages.h"

int main(void)
{
	const struct tee_soft_options options = { .sealed = true };
	const uint64_t page = HEAP(0);
	struct command call = { .op = OP_CALL, .a = { page } };
	uint64_t done = 0;

	MUST(tee_platform_open(TEE_SOFT, &options, &platform));
	MUST(tee_thread_attach(platform));
	enclave_up();
	if (mprotect((void *)page, 4096, PROT_READ) == 0) {
		puts("this kernel has no mseal");
		return 77;
	}
	CHECK(mmap((void *)page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
	CHECK(munmap((void *)page, 4096) != 0);
	new_page(page);
	must_store(page, 0xc3);
	/* W is write protection's, and works. */
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, SGX_SECINFO_R, &done));
	store_must_fault(page, 0x8007);
	(void)leaf(0, SGX_EMODPE, RW, page, 0, NULL);
	must_store(page, 0xc3);
	/* R and X are the mapping's. */
	CHECK_EQ(tee_restrict_permissions(enclave, page - T_BASE, 4096, 0, &done), OM_EUNSUPPORTED);
	CHECK_EQ(done, 0);
	must_load(page, 0xc3);
	CHECK_EQ(tee_restrict_permissions(enclave, T_CODE, 4096, SGX_SECINFO_R, &done), OM_EUNSUPPORTED);
	alarm(60);                               /* an endless loop is a failure, not a reason to wait */
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, page);
	(void)leaf(0, SGX_EMODPE, RW | SGX_SECINFO_X, page, 0, NULL);
	must_fault(0, &call, SGX_VECTOR_PF, 0x15, page);
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, SGX_SECINFO_R | SGX_SECINFO_X, &done));
	store_must_fault(page, 0x8007);
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, SGX_SECINFO_R, &done));
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, page);
	/* ... and do not stand in the way of a page's end and new life. */
	trim(page, 4096);
	new_page(page);
	must_store(page, 1);
	must_load(page, 1);
	return finish_tests("sealed");
}
