/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patching ENCLU. A trap costs microseconds, a call some nanoseconds. After EINIT, when the measurement is done,
 * each ENCLU that is followed by the 2-byte nop of SGX_ENCLU_ASM becomes a call of a stub in the page below ELRANGE,
 * which is within a call's reach of the image and passes the enclave's address on to enclu.S:
 *
 *     push enclave(%rip) ; jmp *entry(%rip) ; ... ; enclave ; entry
 *
 * Only measured image text is patched; it never migrates, so no patch ever leaves the process.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "soft.h"

static const uint8_t site[5] = { 0x0f, 0x01, 0xd7, 0x66, 0x90 };

/* Context: ELRANGE and what lies below it are reserved. */
int emu_patch_map(struct emu_enclave *e)
{
	const uint8_t code[16] = { 0xff, 0x35, 10, 0, 0, 0, 0xff, 0x25, 12, 0, 0, 0, 0xcc, 0xcc, 0xcc, 0xcc };
	uint64_t data[2] = { (uint64_t)e, (uint64_t)emu_enclu_entry };

	e->stub = (uint8_t *)(e->common.base - SGX_PAGE_SIZE);
	memcpy(e->stub, code, sizeof code);
	memcpy(e->stub + sizeof code, data, sizeof data);
	if (mprotect(e->stub, SGX_PAGE_SIZE, PROT_READ | PROT_EXEC) != 0)
		return tee_fail(OM_ENOMEM, "mprotect of the ENCLU stub: %s", strerror(errno));
	return 0;
}

static void patch_run(struct emu_enclave *e, uint8_t *code, uint64_t size)
{
	if (mprotect(code, size, PROT_READ | PROT_WRITE) != 0)
		return;   /* the sites stay as they are, and trap */
	for (uint8_t *p = code; (p = memmem(p, size - (uint64_t)(p - code), site, sizeof site)); p += sizeof site) {
		int64_t distance = e->stub - (p + sizeof site);
		int32_t relative = (int32_t)distance;

		if (relative != distance)
			break;
		p[0] = 0xe8;
		memcpy(p + 1, &relative, sizeof relative);
	}
	if (mprotect(code, size, PROT_READ | PROT_EXEC) != 0)
		__builtin_trap();   /* cannot fail: nothing is split that was not split before */
}

static bool is_text(struct emu_enclave *e, uint64_t page)
{
	return (atomic_load_explicit(&e->epcm[page], memory_order_relaxed) & (E_PRESENT | E_PERMS)) ==
		(E_PRESENT | E_R | E_X);
}

void emu_patch_sites(struct emu_enclave *e)
{
	for (uint64_t page = 0; page < e->exec_end; page++) {
		uint64_t start = page;

		while (page < e->exec_end && is_text(e, page))
			page++;
		if (page > start)
			patch_run(e, (uint8_t *)emu_page_address(e, start), (page - start) * SGX_PAGE_SIZE);
	}
}
