/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread control structures. Their content lives here, never in the page: no one but the CPU may read or write a
 * TCS. The table is open-addressed by page and only grows; a TCS that was trimmed keeps its slot, since the EPCM
 * entry alone says whether it is usable.
 */
#include <stdlib.h>
#include <string.h>
#include "soft.h"

static uint64_t slot_of(uint64_t page)
{
	return page * 0x9e3779b97f4a7c15u >> 52;
}
static_assert(EMU_TCS_TABLE == 1 << 12, "slot_of");

struct emu_tcs *emu_tcs_find(struct emu_enclave *e, uint64_t page)
{
	for (uint64_t i = 0, at = slot_of(page); i < EMU_TCS_TABLE; i++, at = (at + 1) % EMU_TCS_TABLE) {
		struct emu_tcs *tcs = atomic_load_explicit(&e->tcs_table[at], memory_order_acquire);

		if (!tcs || tcs->page == page + 1)
			return tcs;
	}
	return NULL;
}

int emu_tcs_add(struct emu_enclave *e, uint64_t page, const struct sgx_tcs *content)
{
	struct emu_tcs *tcs = emu_tcs_find(e, page);
	int r = 0;

	if (tcs) {   /* the page has been a TCS before */
		tcs->content = *content;
		tcs->cssa = content->cssa;
		return 0;
	}
	tcs = calloc(1, sizeof *tcs);
	if (!tcs)
		return tee_fail(OM_ENOMEM, "no memory for a TCS");
	tcs->page = page + 1;
	tcs->content = *content;
	tcs->cssa = content->cssa;
	while (atomic_flag_test_and_set_explicit(&e->tcs_lock, memory_order_acquire))
		__builtin_ia32_pause();
	for (uint64_t i = 0, at = slot_of(page); ; i++, at = (at + 1) % EMU_TCS_TABLE) {
		if (i == EMU_TCS_TABLE / 2) {
			free(tcs);
			r = tee_fail(OM_EEXHAUSTED, "too many TCS pages for the emulator");
			break;
		}
		if (!atomic_load_explicit(&e->tcs_table[at], memory_order_relaxed)) {
			atomic_store_explicit(&e->tcs_table[at], tcs, memory_order_release);
			break;
		}
	}
	atomic_flag_clear_explicit(&e->tcs_lock, memory_order_release);
	return r;
}

/* Fields that are not emulated (CET's) are reserved, as on a CPU without CET. */
static bool reserved_zero(const struct sgx_tcs *tcs)
{
	for (size_t i = 0; i < sizeof tcs->reserved; i++)
		if (tcs->reserved[i])
			return false;
	return tcs->ocetssa == 0 && tcs->prevssp == 0;
}

/* SDM 3D (067) 40.3, EADD: the reserved fields alone are checked; what the CPU keeps there itself is forced to zero. */
bool emu_tcs_addable(struct sgx_tcs *tcs)
{
	if (!reserved_zero(tcs))
		return false;
	tcs->flags &= ~(uint64_t)SGX_TCS_DBGOPTIN;
	tcs->cssa = 0;
	tcs->aep = 0;
	tcs->stage = 0;
	return true;
}

/* 40.4, EACCEPT: "DBGOPTIN is not 0 or CSSA >= NSSA or AEP is not 0 or STATE is not 0: #GP". */
bool emu_tcs_acceptable(const struct sgx_tcs *tcs)
{
	return reserved_zero(tcs) && !(tcs->flags & SGX_TCS_DBGOPTIN) && tcs->cssa < tcs->nssa && tcs->aep == 0 && tcs->stage == 0;
}

/* 40.4, EENTER and ERESUME: what of a TCS is looked at only when a thread enters. */
bool emu_tcs_enterable(const struct emu_enclave *e, const struct sgx_tcs *tcs)
{
	return ((tcs->ossa | tcs->ofsbase | tcs->ogsbase) & (SGX_PAGE_SIZE - 1)) == 0 &&
		emu_canonical(e->common.base + tcs->ofsbase) && emu_canonical(e->common.base + tcs->ogsbase) &&
		!(tcs->flags & ~(uint64_t)SGX_TCS_DBGOPTIN);
}
