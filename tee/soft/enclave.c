/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECREATE, EADD, EEXTEND, EINIT and the end. ELRANGE is reserved at its fixed base together with 64 KiB below it,
 * where the stub for patched ENCLU sites lies. Added zero pages stay absent until they are touched, so a large
 * enclave costs only what it uses; the measurement sees them all the same.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "soft.h"
#include "measure.h"
#include "raw.h"

struct emu_enclave *_Atomic emu_enclaves[EMU_ENCLAVES_MAX];

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define BELOW 0x10000

static int check_create(const struct emu_platform *p, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *a, uint32_t miscselect)
{
	const uint64_t known = SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_PROVISION_KEY | SGX_ATTR_KSS;
	uint32_t frame = tee_cpu_xsave_size(a->xfrm) + SGX_GPRSGX_SIZE + SGX_EXINFO_SIZE;

	if (size > p->common.caps.elrange_max)
		return tee_fail(OM_EELRANGE, "ECREATE: ELRANGE is larger than %llu",
			(unsigned long long)p->common.caps.elrange_max);
	if (a->flags & ~known)
		return tee_fail(OM_ESGX, "ECREATE: #GP, ATTRIBUTES 0x%llx not supported", (unsigned long long)a->flags);
	if (!(a->flags & SGX_ATTR_MODE64BIT))
		return tee_fail(OM_ESGX, "ECREATE: #GP, only 64-bit enclaves are emulated");
	if ((a->xfrm & SGX_XFRM_LEGACY) != SGX_XFRM_LEGACY || (a->xfrm & ~p->common.caps.xfrm))
		return tee_fail(OM_ESGX, "ECREATE: #GP, XFRM 0x%llx not possible here", (unsigned long long)a->xfrm);
	if (miscselect & ~SGX_MISC_EXINFO)
		return tee_fail(OM_ESGX, "ECREATE: #GP, MISCSELECT 0x%x not supported", miscselect);
	if ((uint64_t)ssa_frame_pages * SGX_PAGE_SIZE < frame || ssa_frame_pages > 16)
		return tee_fail(OM_ESGX, "ECREATE: #GP, SSA frame of %u pages, need %u bytes", ssa_frame_pages, frame);
	return 0;
}

static int reserve_range(uint64_t base, uint64_t size)
{
	void *want = (void *)(base - BELOW), *got;

	got = mmap(want, size + BELOW, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (got == MAP_FAILED)
		return errno == EEXIST ? tee_fail(OM_EEXISTS, "ELRANGE at 0x%llx is taken", (unsigned long long)base) :
			tee_fail(OM_ENOMEM, "ELRANGE at 0x%llx: %s", (unsigned long long)base, strerror(errno));
	if (got != want) {   /* kernel without MAP_FIXED_NOREPLACE took it as a hint */
		munmap(got, size + BELOW);
		return tee_fail(OM_EEXISTS, "ELRANGE at 0x%llx is taken", (unsigned long long)base);
	}
	/* A fork child would see zeros in place of absent pages, and a copy of the others. */
	(void)madvise(want, size + BELOW, MADV_DONTFORK);
	/* As the driver's mappings are: an enclave's memory does not belong in a core dump. */
	(void)madvise(want, size + BELOW, MADV_DONTDUMP);
	/* Huge pages would make neighbours present. */
	(void)madvise(want, size + BELOW, MADV_NOHUGEPAGE);
	return 0;
}

/* In a forked child there is nothing of the enclave. The driver's mappings are inherited, and a child may enter on a TCS that
 * is not in use; but an EPC page is one page, whoever maps it, and anonymous memory that both write is not to be had here. */
static void forked(void)
{
	for (int i = 0; i < EMU_ENCLAVES_MAX; i++) {
		struct emu_enclave *e = atomic_load_explicit(&emu_enclaves[i], memory_order_relaxed);

		if (!e)
			continue;
		e->gone = true;
		close(e->uffd); /* it acts on the parent's memory */
	}
}

static void watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, forked); /* without memory for it the copy still has no pages */
}

static int publish(struct emu_enclave *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, watch_forks); /* cannot fail with these arguments */
	for (int i = 0; i < EMU_ENCLAVES_MAX; i++) {
		struct emu_enclave *none = NULL;
		if (atomic_compare_exchange_strong(&emu_enclaves[i], &none, e))
			return 0;
	}
	return tee_fail(OM_EEXHAUSTED, "more than %d emulated enclaves in one process", EMU_ENCLAVES_MAX);
}

static int create(struct tee_platform *platform, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *attributes, uint32_t miscselect, struct tee_enclave **ret_enclave)
{
	struct emu_platform *p = (struct emu_platform *)platform;
	struct emu_enclave *e;
	int r = check_create(p, size, ssa_frame_pages, attributes, miscselect);

	if (r < 0)
		return r;
	e = aligned_alloc(64, (sizeof *e + 63) & ~63ull);
	if (!e)
		return tee_fail(OM_ENOMEM, "no memory for an enclave");
	memset(e, 0, sizeof *e);
	e->common = (struct tee_enclave){ platform, base, size };
	e->platform = p;
	e->page_count = size / SGX_PAGE_SIZE;
	e->xsave_size = tee_cpu_xsave_size(attributes->xfrm);
	e->secs.size = size;
	e->secs.base = base;
	e->secs.ssa_frame_size = ssa_frame_pages;
	e->secs.miscselect = miscselect;
	e->secs.attributes = *attributes;
	if ((r = reserve_range(base, size)) < 0)
		goto fail_free;
	if ((r = emu_uffd_open(e)) < 0)
		goto fail_unmap;
	e->epcm = mmap(NULL, e->page_count * sizeof *e->epcm, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	e->measure = malloc(sizeof(struct om_measure));
	if (e->epcm == MAP_FAILED || !e->measure) {
		r = tee_fail(OM_ENOMEM, "no memory for the EPCM");
		goto fail_close;
	}
	if ((r = emu_patch_map(e)) < 0 || (r = emu_stage_map(e)) < 0 || (r = publish(e)) < 0)
		goto fail_epcm;
	om_measure_ecreate(e->measure, tee_cpu_features(), ssa_frame_pages, size);
	*ret_enclave = &e->common;
	return 0;

fail_epcm:
	emu_stage_unmap(e);
	munmap(e->epcm, e->page_count * sizeof *e->epcm);
fail_close:
	free(e->measure);
	close(e->uffd);
fail_unmap:
	munmap((void *)(base - BELOW), size + BELOW);
fail_free:
	free(e);
	return r;
}

static int check_secinfo(const struct sgx_secinfo *s)
{
	uint64_t flags = s->flags, perms = flags & SGX_SECINFO_PERM_MASK;

	for (size_t i = 0; i < sizeof s->reserved; i++)
		if (s->reserved[i])
			return tee_fail(OM_ESGX, "EADD: #GP, reserved bytes of SECINFO");
	if (flags & ~(uint64_t)(SGX_SECINFO_PT_MASK | SGX_SECINFO_PERM_MASK))
		return tee_fail(OM_ESGX, "EADD: #GP, SECINFO.FLAGS 0x%llx", (unsigned long long)flags);
	if ((flags & SGX_SECINFO_PT_MASK) == SGX_SECINFO_TCS && perms == 0)
		return 0;
	if ((flags & SGX_SECINFO_PT_MASK) == SGX_SECINFO_REG && (perms & (E_R | E_W)) != E_W)
		return 0;
	return tee_fail(OM_ESGX, "EADD: #GP, SECINFO.FLAGS 0x%llx", (unsigned long long)flags);
}

/* @ret_content: the page as EADD leaves it, for the measurement. */
static int add_tcs(struct emu_enclave *e, uint64_t page, const uint8_t *source, struct sgx_tcs *ret_content)
{
	if (!source)
		memset(ret_content, 0, sizeof *ret_content);
	else
		memcpy(ret_content, source, sizeof *ret_content);
	if (!emu_tcs_addable(ret_content))
		return tee_fail(OM_ESGX, "EADD: #GP, reserved fields of the TCS at 0x%llx", (unsigned long long)page * SGX_PAGE_SIZE);
	return emu_tcs_add(e, page, ret_content);
}

/* Protection that the mapping's RW does not already give. One call, so that equal neighbours share a mapping. */
static int protect_added(struct emu_enclave *e, uint64_t offset, uint64_t length, uint64_t flags)
{
	int prot = (flags & E_R ? PROT_READ : 0) | (flags & E_W ? PROT_WRITE : 0) | (flags & E_X ? PROT_EXEC : 0);

	if (mprotect((void *)(e->common.base + offset), length, prot) != 0)
		return tee_fail(OM_ENOMEM, "mprotect of enclave pages: %s", strerror(errno));
	return 0;
}

static int add_pages(struct tee_enclave *enclave, uint64_t offset, const void *source, uint64_t length,
	const struct sgx_secinfo *secinfo, bool measure)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;
	const uint8_t *from = source, *page_at = (const uint8_t *)e->common.base + offset;
	bool tcs = (secinfo->flags & SGX_SECINFO_PT_MASK) == SGX_SECINFO_TCS;
	uint16_t entry = (uint16_t)(secinfo->flags | E_VALID);
	struct sgx_tcs content;
	int r;

	if (e->initialized)
		return tee_fail(OM_ESTATE, "EADD: #GP, the enclave is initialized");
	if ((r = check_secinfo(secinfo)) < 0)
		return r;
	for (uint64_t at = 0; at < length; at += SGX_PAGE_SIZE)
		if (atomic_load_explicit(&e->epcm[(offset + at) / SGX_PAGE_SIZE], memory_order_relaxed))
			return tee_fail(OM_EEXISTS, "EADD: page 0x%llx was added before",
				(unsigned long long)(offset + at));
	if (!tcs && from && (r = emu_uffd_copy(e->uffd, e->common.base + offset, from, length, false)) < 0)
		return tee_fail(OM_ENOMEM, "EADD at 0x%llx: %s", (unsigned long long)offset, strerror(-r));
	/* As EEXTEND, which reads the EPC: the source may be a file that is being written. Before the pages lose R. */
	for (uint64_t at = 0; !tcs && at < length; at += SGX_PAGE_SIZE)
		om_measure_page(e->measure, offset + at, from ? page_at + at : NULL, secinfo->flags, measure);
	if (!tcs && (secinfo->flags & E_PERMS) != (E_R | E_W)) {
		if ((r = protect_added(e, offset, length, secinfo->flags)) < 0)
			return r;
		entry |= E_OWN_PROT;
	}
	if (!tcs && (secinfo->flags & (E_R | E_W)) != (E_R | E_W))
		entry |= E_NO_TCS;
	if (!tcs && from) {
		entry |= E_PRESENT;
		atomic_fetch_add_explicit(&e->stat_present, length / SGX_PAGE_SIZE, memory_order_relaxed);
	}
	if ((secinfo->flags & E_X) && (offset + length) / SGX_PAGE_SIZE > e->exec_end)
		e->exec_end = (offset + length) / SGX_PAGE_SIZE;
	for (uint64_t at = 0; at < length; at += SGX_PAGE_SIZE) {
		uint64_t page = (offset + at) / SGX_PAGE_SIZE;

		if (tcs && (r = add_tcs(e, page, from ? from + at : NULL, &content)) < 0)
			return r;
		if (tcs)
			om_measure_page(e->measure, offset + at, (const uint8_t *)&content, secinfo->flags, measure);
		atomic_store_explicit(&e->epcm[page], entry, memory_order_release);
	}
	return 0;
}

/* What the host maps into ELRANGE is not the EPC's page, and an access to it faults. Page tables cannot tell the two apart,
 * so here nothing else can be mapped. From now on this layer itself uses userfaultfd alone: measured pages keep the protection
 * they have, and no page of a program loses R or gains X (docs/emulator.md). Older kernels do not know the call. */
static void seal(struct emu_enclave *e)
{
	if (e->platform->sealed && !e->watch_writes)
		e->sealed = syscall(EMU_SYS_MSEAL, e->common.base - BELOW, e->common.size + BELOW, 0) == 0;
}

static int init(struct tee_enclave *enclave, const struct sgx_sigstruct *sigstruct)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;
	int r;

	if (e->initialized)
		return tee_fail(OM_ESTATE, "EINIT: the enclave is initialized");
	om_measure_result(e->measure, e->secs.mrenclave);
	if ((r = emu_einit(e, sigstruct)) < 0)
		return r;
	e->secs.attributes.flags |= SGX_ATTR_INIT;
	if (!e->platform->strict)
		emu_patch_sites(e);
	seal(e);
	e->initialized = true;
	return 0;
}

static void destroy(struct tee_enclave *enclave)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;

	for (int i = 0; i < EMU_ENCLAVES_MAX; i++) {
		struct emu_enclave *mine = e;
		(void)atomic_compare_exchange_strong(&emu_enclaves[i], &mine, NULL);   /* one of them succeeds */
	}
	munmap((void *)(e->common.base - BELOW), e->common.size + BELOW);
	emu_stage_unmap(e);
	close(e->uffd);   /* after the mapping: a closed userfaultfd fails open */
	munmap(e->epcm, e->page_count * sizeof *e->epcm);
	for (int i = 0; i < EMU_TCS_TABLE; i++)
		free(atomic_load_explicit(&e->tcs_table[i], memory_order_relaxed));
	free(e->measure);
	free(e);
}

/* The emulator augments at the touch; there is nothing to gain by doing it ahead. */
static void augment_hint(struct tee_enclave *enclave, uint64_t offset, uint64_t length)
{
	(void)enclave;
	(void)offset;
	(void)length;
}

static void stats(const struct tee_enclave *enclave, struct tee_stats *s)
{
	struct emu_enclave *e = (struct emu_enclave *)enclave;

	memset(s, 0, sizeof *s);
	for (int i = 0; i < EMU_TCS_TABLE; i++) {
		struct emu_tcs *tcs = atomic_load_explicit(&e->tcs_table[i], memory_order_acquire);
		if (!tcs)
			continue;
		s->enter += atomic_load_explicit(&tcs->enters, memory_order_relaxed);
		s->resume += atomic_load_explicit(&tcs->resumes, memory_order_relaxed);
		s->aex += atomic_load_explicit(&tcs->aexes, memory_order_relaxed);
	}
	s->eaccept = atomic_load_explicit(&e->stat_accept, memory_order_relaxed);
	s->eacceptcopy = atomic_load_explicit(&e->stat_accept_copy, memory_order_relaxed);
	s->emodpe = atomic_load_explicit(&e->stat_modpe, memory_order_relaxed);
	s->eaug = atomic_load_explicit(&e->stat_aug, memory_order_relaxed);
	s->pages_resident = atomic_load_explicit(&e->stat_present, memory_order_relaxed);
}

static void close_platform(struct tee_platform *platform)
{
	OPENSSL_cleanse(platform->identity, 32);
	free(platform);
}

static const struct tee_cpu cpu = {
	.create = create, .add_pages = add_pages, .init = init, .destroy = destroy, .enter = emu_enter,
	.restrict_permissions = emu_restrict_permissions, .modify_types = emu_modify_types,
	.remove_pages = emu_remove_pages, .augment_hint = augment_hint,
	.thread_attach = emu_thread_attach, .thread_detach = emu_thread_detach,
	.report_ok = emu_report_ok, .stats = stats, .close = close_platform,
};

int tee_soft_open(const struct tee_soft_options *options, struct tee_platform **ret_platform)
{
	struct emu_platform *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return tee_fail(OM_ENOMEM, "no memory");
	p->common.cpu = &cpu;
	p->common.caps = (struct tee_capabilities){ .kind = TEE_SOFT, .name = "emulator", .lasting = true, .oracle = true, .edmm = true,
		.xfrm = tee_cpu_xfrm() & (options->xfrm ? options->xfrm : ~0ull),
		.elrange_max = 1ull << 40 };
	p->strict = options->strict;
	p->watch_writes = options->watch_writes;
	p->sealed = options->sealed;
	snprintf(p->common.description, sizeof p->common.description, "SGX2 emulator, no security boundary");
	r = OM_EINVAL;
	if (options->cost_profile && !(p->costs = emu_costs_find(options->cost_profile)))
		tee_fail(r, "no cost profile \"%s\"", options->cost_profile);
	else if ((r = emu_keys_load(p, options->platform_dir)) == 0 && (r = emu_signals_install()) == 0) {
		*ret_platform = &p->common;
		return 0;
	}
	free(p);
	return r;
}
