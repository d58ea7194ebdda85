/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EACCEPT, EMODPE and EACCEPTCOPY, check by check in the order of their operation sections: which check comes first decides
 * between #GP, #PF and an error code. Source: SDM 3D, edition 067 (May 2018), 40.4; the later editions' 38.4 differs only
 * in shadow stacks, which are not emulated.
 *
 * These run either in the signal handler or, when ENCLU sites are patched, right in the middle of enclave code: on
 * its stack, with its FS and GS, its vector registers live. So this file is compiled for general registers only and
 * without stack protector, and calls nothing but epcm.c's functions that promise the same.
 */
#include <errno.h>
#include "soft.h"

static struct emu_leaf_result result(uint32_t code)
{
	return (struct emu_leaf_result){ .fault = EMU_LEAF_OK, .code = code };
}

static struct emu_leaf_result general_protection(void)
{
	return (struct emu_leaf_result){ .fault = EMU_LEAF_GP };
}

static struct emu_leaf_result page_fault(uint64_t address)
{
	return (struct emu_leaf_result){ .fault = EMU_LEAF_PF, .address = address & ~(uint64_t)(SGX_PAGE_SIZE - 1),
		.error_code = SGX_PFEC_SGX | SGX_PFEC_U | SGX_PFEC_P };
}

static uint16_t entry_at(struct emu_enclave *e, uint64_t address)
{
	uint64_t page = emu_page_of(e, address);
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);

	/* A leaf that meets an unbacked page faults into the kernel, which adds the page and lets it try again. */
	return entry & E_VALID ? entry : emu_augment(e, page);
}

static bool aligned(uint64_t address, uint64_t size)
{
	return (address & (size - 1)) == 0;
}

/* SECINFO at RBX, of whose address everything else has been checked. Return: whether its reserved fields are zero. */
static bool copy_secinfo(uint64_t rbx, uint64_t *ret_flags)
{
	const volatile uint64_t *words = (const volatile uint64_t *)rbx;
	uint64_t reserved = 0;

	for (unsigned i = 1; i < 8; i++)
		reserved |= words[i];
	*ret_flags = words[0];
	return reserved == 0 && (*ret_flags & ~(uint64_t)(SGX_SECINFO_PT_MASK | E_PERMS | E_PENDING | E_MODIFIED | E_PR)) == 0;
}

static bool acceptable_request(uint64_t flags)
{
	switch (flags >> SGX_SECINFO_PT_SHIFT) {
	case SGX_PT_REG:
		return (flags & (E_PR | E_PENDING)) && !(flags & E_MODIFIED);
	case SGX_PT_TCS:
	case SGX_PT_TRIM:
		return (flags & (E_PR | E_PENDING | E_MODIFIED)) == E_MODIFIED;
	default:
		return false;
	}
}

static struct emu_leaf_result eaccept(struct emu_enclave *e, uint64_t rbx, uint64_t rcx)
{
	/* PR is not among what has to match: what was restricted shows in R, W and X. */
	const uint64_t compared = E_SECINFO & ~E_PR;
	uint64_t flags;
	uint16_t entry;
	epcm_entry *at;

	if (!aligned(rbx, SGX_SECINFO_ALIGN) || !emu_contains(e, rbx))
		return general_protection();
	if (!emu_entry_allows(entry_at(e, rbx), E_R))
		return page_fault(rbx);
	if (!copy_secinfo(rbx, &flags))
		return general_protection();
	if (!aligned(rcx, SGX_PAGE_SIZE) || !emu_contains(e, rcx))
		return general_protection();
	entry = entry_at(e, rcx);   /* "does not resolve within an EPC": the kernel adds the page, and the leaf starts again */
	if (!acceptable_request(flags))
		return general_protection();
	at = &e->epcm[emu_page_of(e, rcx)];
	do {
		if (!(entry & E_VALID))
			return page_fault(rcx);
		if ((entry & compared) != (flags & compared))
			return result(SGX_PAGE_ATTRIBUTES_MISMATCH);
		if ((entry & E_PT_MASK) == E_PT_TCS) {
			struct emu_tcs *tcs = emu_tcs_find(e, emu_page_of(e, rcx));
			if (!tcs || !emu_tcs_acceptable(&tcs->content))
				return general_protection();
		}
	} while (!atomic_compare_exchange_weak_explicit(at, &entry,
			(uint16_t)(entry & ~(E_PENDING | E_MODIFIED | E_PR)), memory_order_acq_rel, memory_order_acquire));
	atomic_fetch_add_explicit(&e->stat_accept, 1, memory_order_relaxed);
	EMU_CHARGE(e, accept);
	return result(SGX_SUCCESS);
}

/* Context: chunk lock of the page held. */
static struct emu_leaf_result extend_locked(struct emu_enclave *e, uint64_t rcx, uint64_t flags)
{
	uint64_t page = emu_page_of(e, rcx);
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);

	do {
		if (!emu_entry_allows(entry, 0))
			return page_fault(rcx);
		if (!((entry | flags) & E_R) && (flags & E_W))
			return general_protection();
	} while (!atomic_compare_exchange_weak_explicit(&e->epcm[page], &entry, (uint16_t)(entry | (flags & E_PERMS)),
			memory_order_acq_rel, memory_order_acquire));
	emu_protect(e, page);
	return result(SGX_SUCCESS);
}

static struct emu_leaf_result emodpe(struct emu_enclave *e, uint64_t rbx, uint64_t rcx)
{
	struct emu_leaf_result r;
	uint64_t flags;
	uint16_t secinfo;

	if (!aligned(rbx, SGX_SECINFO_ALIGN) || !aligned(rcx, SGX_PAGE_SIZE) || !emu_contains(e, rbx) || !emu_contains(e, rcx))
		return general_protection();
	secinfo = entry_at(e, rbx);
	(void)entry_at(e, rcx);
	if (!emu_entry_allows(secinfo, E_R))
		return page_fault(rbx);
	if (!copy_secinfo(rbx, &flags))
		return general_protection();
	emu_chunk_lock(e, emu_page_of(e, rcx));
	r = extend_locked(e, rcx, flags);
	emu_chunk_unlock(e, emu_page_of(e, rcx));
	if (r.fault != EMU_LEAF_OK)
		return r;
	atomic_fetch_add_explicit(&e->stat_modpe, 1, memory_order_relaxed);
	EMU_CHARGE(e, modpe);
	return r;
}

/* Context: chunk lock of `page` held. Copies while the page is still PENDING: content and acceptance appear at once
 * to others, since an absent page and a PENDING one look alike. The page's permissions are those of SECINFO, whatever EAUG
 * gave it. Return: -EFAULT if the source must be filled first. */
static int accept_copy_locked(struct emu_enclave *e, uint64_t page, uint64_t source, uint16_t permissions,
	uint32_t *ret_code)
{
	const uint16_t demanded = E_VALID | E_PENDING | E_R | E_W | E_PT_REG;
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);
	int r;

	*ret_code = SGX_PAGE_ATTRIBUTES_MISMATCH;
	if ((entry & (E_VALID | E_SECINFO)) != demanded)
		return 0;
	r = emu_uffd_copy(e->uffd, emu_page_address(e, page), (const void *)source, SGX_PAGE_SIZE,
		!e->watch_writes && !(permissions & E_W));
	if (r < 0)
		return r;
	/* Another thread's EACCEPT of the same page may have come first: a bug of the enclave, as on hardware. */
	atomic_store_explicit(&e->epcm[page], (uint16_t)((entry & ~(E_PENDING | E_PERMS)) | permissions | E_PRESENT),
		memory_order_release);
	atomic_fetch_add_explicit(&e->stat_present, 1, memory_order_relaxed);
	if (permissions != (E_R | E_W))
		emu_protect(e, page);
	*ret_code = SGX_SUCCESS;
	return 0;
}

static struct emu_leaf_result eacceptcopy(struct emu_enclave *e, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	uint64_t flags, page;
	uint16_t secinfo, target;
	uint32_t code;
	int r;

	if (!aligned(rbx, SGX_SECINFO_ALIGN) || !aligned(rcx | rdx, SGX_PAGE_SIZE))
		return general_protection();
	if (!emu_contains(e, rbx) || !emu_contains(e, rcx) || !emu_contains(e, rdx))
		return general_protection();
	secinfo = entry_at(e, rbx);
	target = entry_at(e, rcx);
	(void)entry_at(e, rdx);
	if (!emu_entry_allows(secinfo, E_R))
		return page_fault(rbx);
	/* PENDING, MODIFIED and PR of SECINFO say nothing here. */
	if (!copy_secinfo(rbx, &flags) || (flags & (E_R | E_W)) == E_W || (flags & SGX_SECINFO_PT_MASK) != SGX_SECINFO_REG)
		return general_protection();
	/* The manual has EPCM(DS:RCX).R in the line of the source, which can only mean the source's. */
	if (!emu_entry_allows(entry_at(e, rdx), E_R))
		return page_fault(rdx);
	if (!(target & E_VALID))
		return result(SGX_PAGE_ATTRIBUTES_MISMATCH);
	page = emu_page_of(e, rcx);
	do {
		(void)*(const volatile uint8_t *)rdx;   /* present now, but not locked */
		emu_chunk_lock(e, page);
		r = accept_copy_locked(e, page, rdx, (uint16_t)(flags & E_PERMS), &code);
		emu_chunk_unlock(e, page);
	} while (r == -EFAULT && emu_entry_allows(entry_at(e, rdx), E_R));
	if (r < 0)
		return page_fault(r == -EFAULT ? rdx : rcx);
	if (code == SGX_SUCCESS) {
		atomic_fetch_add_explicit(&e->stat_accept_copy, 1, memory_order_relaxed);
		EMU_CHARGE(e, accept_copy);
	}
	return result(code);
}

struct emu_leaf_result emu_leaf_edmm(struct emu_enclave *e, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	switch (leaf) {
	case SGX_EACCEPT: return eaccept(e, rbx, rcx);
	case SGX_EMODPE: return emodpe(e, rbx, rcx);
	case SGX_EACCEPTCOPY: return eacceptcopy(e, rbx, rcx, rdx);
	default: return general_protection();
	}
}

int64_t emu_leaf_fast(struct emu_enclave *e, uint64_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	struct emu_leaf_result r = emu_leaf_edmm(e, (uint32_t)leaf, rbx, rcx, rdx);

	return r.fault == EMU_LEAF_OK ? (int64_t)r.code : -1;
}
