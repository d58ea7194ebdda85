/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EMODPR, EMODT and EREMOVE as the Linux driver offers them: page by page, stopping at the first that refuses, with
 * the number of bytes done. ETRACK and the shootdown of other CPUs are implied: a change is in force for every
 * thread when the call returns.
 *
 * The driver knows a page's type itself and asks the CPU only about pages whose type allows the change; so most of what
 * would be a fault of the leaf is an error number of the driver's.
 * Source: Linux 6.1 arch/x86/kernel/cpu/sgx/ioctl.c for what is refused, with which error and in which order; SDM 3D, edition
 * 067 (May 2018), 40.3 for the rest.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "soft.h"
#include "raw.h"

typedef int page_operation(struct emu_enclave *e, uint64_t page, uint64_t argument);

static int each_page(struct tee_enclave *enclave, uint64_t offset, uint64_t length, page_operation *operation,
	uint64_t argument, uint64_t *ret_done)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;

	if (!e->initialized)
		return tee_fail(OM_ESTATE, "the enclave is not initialized");
	for (uint64_t at = 0; at < length; at += SGX_PAGE_SIZE) {
		uint64_t page = (offset + at) / SGX_PAGE_SIZE;
		int r;

		emu_chunk_lock(e, page);
		r = operation(e, page, argument);
		emu_chunk_unlock(e, page);
		if (r < 0)
			return r;
		*ret_done = at + SGX_PAGE_SIZE;
	}
	return 0;
}

static __thread struct emu_refusal refusal;

struct emu_refusal emu_refusal(void)
{
	return refusal;
}

/* @number: the driver's errno. */
static int refuse(const char *leaf, uint64_t page, int number, const char *why)
{
	refusal = (struct emu_refusal){ number, 0 };
	return tee_fail(number == EINVAL ? OM_EINVAL : OM_ESGX, "%s of page 0x%llx: %s", leaf,
		(unsigned long long)page * SGX_PAGE_SIZE, why);
}

/* The leaf's own refusal, with its code; to the driver's caller that is EFAULT. */
static int refuse_code(const char *leaf, uint64_t page, uint32_t code, const char *why)
{
	refusal = (struct emu_refusal){ EFAULT, code };
	return tee_fail(OM_ESGX, "%s of page 0x%llx: code %u, %s", leaf, (unsigned long long)page * SGX_PAGE_SIZE, code, why);
}

/* Write protection alone needs no mprotect(), which a sealed mapping does not allow; it is not used where there is another. */
static bool out_of_reach(const struct emu_enclave *e, uint16_t entry, uint64_t permissions)
{
	return e->sealed && (entry & ~permissions & (entry & E_OWN_PROT ? E_PERMS : E_R));
}

/* Context of all three: chunk lock held, so that only EACCEPT and EMODPE change the entry meanwhile; hence the CAS. */
static int restrict_one(struct emu_enclave *e, uint64_t page, uint64_t permissions)
{
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire), next;

	do {
		if (!(entry & E_VALID))
			return refuse("EMODPR", page, EFAULT, "not in the enclave");
		if ((entry & E_PT_MASK) != E_PT_REG)
			return refuse("EMODPR", page, EINVAL, "not a regular page");
		if (entry & (E_PENDING | E_MODIFIED))
			return refuse_code("EMODPR", page, SGX_PAGE_NOT_MODIFIABLE, "page is PENDING or MODIFIED");
		if (out_of_reach(e, entry, permissions))
			return tee_fail(OM_EUNSUPPORTED, "EMODPR of page 0x%llx: the emulator cannot take these permissions in a sealed enclave",
				(unsigned long long)page * SGX_PAGE_SIZE);
		next = (uint16_t)((entry & ~E_PERMS) | (entry & permissions & E_PERMS) | E_PR);
	} while (!atomic_compare_exchange_weak_explicit(&e->epcm[page], &entry, next, memory_order_acq_rel,
			memory_order_acquire));
	return 0;
}

/* What the enclave wrote to a page that becomes a TCS: its content from now on, out of everybody's sight. The CPU reads it
 * whatever its permissions are. */
static int take_tcs(struct emu_enclave *e, uint64_t page, uint16_t entry)
{
	struct sgx_tcs content;

	if (entry & E_OWN_PROT) {
		(void)emu_raw(SYS_mprotect, emu_page_address(e, page), SGX_PAGE_SIZE, PROT_READ | PROT_WRITE);
		atomic_fetch_and_explicit(&e->epcm[page], (uint16_t)~E_OWN_PROT, memory_order_relaxed);
	}
	memset(&content, 0, sizeof content);
	if (entry & E_PRESENT)
		memcpy(&content, (const void *)emu_page_address(e, page), sizeof content);
	return emu_tcs_add(e, page, &content);
}

/* The memory of the page stays for the caller to drop. */
static int modify_one(struct emu_enclave *e, uint64_t page, uint64_t page_type)
{
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire), next;

	do {
		if (!(entry & E_VALID))
			return refuse("EMODT", page, EFAULT, "not in the enclave");
		if ((entry & E_PT_MASK) != E_PT_REG && !((entry & E_PT_MASK) == E_PT_TCS && page_type == SGX_PT_TRIM))
			return refuse("EMODT", page, EINVAL, "wrong page type");
		if (page_type == SGX_PT_TCS && (entry & E_NO_TCS))
			return refuse("EMODT", page, EPERM, "a TCS must have been added readable and writable");
		if (entry & (E_PENDING | E_MODIFIED))
			return refuse_code("EMODT", page, SGX_PAGE_NOT_MODIFIABLE, "page is PENDING or MODIFIED");
		next = (uint16_t)((entry & ~(E_PERMS | E_PT_MASK | E_PR)) | E_MODIFIED | (page_type << E_PT_SHIFT));
	} while (!atomic_compare_exchange_weak_explicit(&e->epcm[page], &entry, next, memory_order_acq_rel,
			memory_order_acquire));
	return page_type == SGX_PT_TCS ? take_tcs(e, page, entry) : 0;
}

/*
 * 2 MiB at a time: freeing or protecting memory page by page is what would take long. The locks of the batch's chunks are taken in
 * ascending order; EMU_CHUNK_LOCKS is a multiple of their number, so the order never wraps.
 */
#define BATCH       0x200000ull
#define CHUNK_PAGES ((1u << EMU_CHUNK_SHIFT) / SGX_PAGE_SIZE)
static_assert(EMU_CHUNK_LOCKS % (BATCH >> EMU_CHUNK_SHIFT) == 0, "lock order");

static void lock_chunks(struct emu_enclave *e, uint64_t first, uint64_t count)
{
	for (uint64_t i = first / CHUNK_PAGES; i <= (first + count - 1) / CHUNK_PAGES; i++)
		emu_chunk_lock(e, i * CHUNK_PAGES);
}

static void unlock_chunks(struct emu_enclave *e, uint64_t first, uint64_t count)
{
	for (uint64_t i = first / CHUNK_PAGES; i <= (first + count - 1) / CHUNK_PAGES; i++)
		emu_chunk_unlock(e, i * CHUNK_PAGES);
}

typedef int batch_operation(struct emu_enclave *e, uint64_t first, uint64_t count, uint64_t argument, uint64_t *ret_done);

static int each_batch(struct tee_enclave *enclave, uint64_t offset, uint64_t length, batch_operation *operation,
	uint64_t argument, uint64_t *ret_done)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;
	int r = 0;

	if (!e->initialized)
		return tee_fail(OM_ESTATE, "the enclave is not initialized");
	for (uint64_t at = offset, end = offset + length, stop; r == 0 && at < end; at = stop) {
		stop = (at | (BATCH - 1)) + 1 < end ? (at | (BATCH - 1)) + 1 : end;
		r = operation(e, at / SGX_PAGE_SIZE, (stop - at) / SGX_PAGE_SIZE, argument, ret_done);
	}
	return r;
}

/* Memory follows when all entries are changed, and before anybody is told so. */
static int restrict_batch(struct emu_enclave *e, uint64_t first, uint64_t count, uint64_t permissions, uint64_t *ret_done)
{
	uint64_t done = 0;
	int r = 0;

	lock_chunks(e, first, count);
	while (done < count && (r = restrict_one(e, first + done, permissions)) == 0)
		done++;
	emu_protect_range(e, first, done);
	unlock_chunks(e, first, count);
	*ret_done += done * SGX_PAGE_SIZE;
	return r;
}

int emu_restrict_permissions(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t permissions,
	uint64_t *ret_done)
{
	refusal = (struct emu_refusal){ EINVAL, 0 };
	if ((permissions & ~(uint64_t)SGX_SECINFO_PERM_MASK) || (permissions & (E_R | E_W)) == E_W)
		return tee_fail(OM_EINVAL, "RESTRICT_PERMISSIONS: W without R, or other bits than RWX");
	return each_batch(enclave, offset, length, restrict_batch, permissions, ret_done);
}

static int modify_batch(struct emu_enclave *e, uint64_t first, uint64_t count, uint64_t page_type, uint64_t *ret_done)
{
	uint64_t done = 0;
	int r = 0;

	lock_chunks(e, first, count);
	while (done < count && (r = modify_one(e, first + done, page_type)) == 0)
		done++;
	if (done)
		emu_drop(e, first, done);
	unlock_chunks(e, first, count);
	*ret_done += done * SGX_PAGE_SIZE;
	return r;
}

int emu_modify_types(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t page_type,
	uint64_t *ret_done)
{
	refusal = (struct emu_refusal){ EINVAL, 0 };
	if (page_type != SGX_PT_TCS && page_type != SGX_PT_TRIM)
		return tee_fail(OM_EINVAL, "MODIFY_TYPES: only to TCS or TRIM");
	return each_batch(enclave, offset, length, modify_batch, page_type, ret_done);
}

static int remove_one(struct emu_enclave *e, uint64_t page, uint64_t unused)
{
	uint16_t entry = atomic_load_explicit(&e->epcm[page], memory_order_acquire);

	(void)unused;
	if (!(entry & E_VALID))
		return refuse("EREMOVE", page, EFAULT, "not in the enclave");
	if ((entry & E_PT_MASK) != E_PT_TRIM)
		return refuse("EREMOVE", page, EPERM, "page has not been trimmed");
	if (entry & E_MODIFIED)
		return refuse("EREMOVE", page, EPERM, "trimming has not been accepted");
	if (entry & E_OWN_PROT)
		(void)emu_raw(SYS_mprotect, emu_page_address(e, page), SGX_PAGE_SIZE, PROT_READ | PROT_WRITE);
	atomic_store_explicit(&e->epcm[page], 0, memory_order_release);
	return 0;
}

int emu_remove_pages(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t *ret_done)
{
	refusal = (struct emu_refusal){ EINVAL, 0 };
	return each_page(enclave, offset, length, remove_one, 0, ret_done);
}
