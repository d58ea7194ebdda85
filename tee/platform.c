/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of the TEE contract: chooses a CPU and its evidence, and checks what all CPUs demand alike. Everything else is a call
 * through one of the two tables; an enclave knows its platform, so no global says which one runs.
 */
#include <stdio.h>
#include <string.h>
#include "evidence/guest/identity.h"
#include "evidence/guest/source.h"
#include "tables.h"

static int pair(int error, const struct tee_evidence *evidence, struct tee_platform **platform)
{
	if (error == 0)
		(*platform)->evidence = evidence;
	return error;
}

/* Takes the source over. */
static int open_in_guest(const struct tee_soft_options *soft, struct guest_source *source, struct tee_platform **ret_platform)
{
	struct tee_platform *p;
	int r = tee_soft_open(soft, &p);

	if (r < 0) {
		guest_source_close(source);
		return r;
	}
	r = tee_guest_adopt(p, source);
	if (r < 0)
		tee_platform_close(p);
	else
		*ret_platform = p;
	return r;
}

/* Evidence that proves nothing. In a guest that could have better the keys are no less secret for it. */
/* @guest: this is one, without evidence, and @no_guest says why. */
static int open_demo(const struct tee_soft_options *soft, const char *no_hardware, bool guest, const char *no_guest, struct tee_platform **ret_platform)
{
	struct tee_platform *p;
	bool shared;
	int r = pair(tee_soft_open(soft, &p), &tee_demo, &p);

	if (r < 0)
		return r;
	if (guest && !soft->platform_dir) {
		r = guest_identity_of_boot(p->identity, &shared);
		p->caps.lasting = false;
	}
	snprintf(p->no_guest, sizeof p->no_guest, "%s", no_guest);
	snprintf(p->description, sizeof p->description, "SGX2 emulator, no security boundary; %s: %s",
		guest ? "no evidence" : "no hardware", guest ? no_guest : no_hardware);
	if (r < 0)
		tee_platform_close(p);
	else
		*ret_platform = p;
	return r;
}

/* Where there is no hardware. */
static int open_soft(enum tee_kind kind, const struct tee_soft_options *soft, const char *no_hardware, struct tee_platform **ret_platform)
{
	struct guest_source *source;
	char words[256];
	int r = guest_source_open(&source);

	if (r == 0)
		r = open_in_guest(soft, source, ret_platform);
	if (r == 0 || kind == TEE_GUEST)
		return r;
	snprintf(words, sizeof words, "%s", tee_last_error());
	return open_demo(soft, no_hardware, r != OM_EUNSUPPORTED, words, ret_platform);
}

int tee_platform_open(enum tee_kind kind, const struct tee_soft_options *soft, struct tee_platform **ret_platform)
{
	static const struct tee_soft_options defaults;
	const char *why;

	if (!soft)
		soft = &defaults;
	if (soft->guest)
		return open_in_guest(soft, soft->guest, ret_platform);
	if (kind == TEE_SOFT)
		return pair(tee_soft_open(soft, ret_platform), &tee_demo, ret_platform);
	why = kind == TEE_GUEST ? "not asked for" : tee_hw_unavailable();
	if (!why)
		return pair(tee_hw_open(ret_platform), &tee_dcap, ret_platform);
	if (kind == TEE_HW)
		return tee_fail(OM_ENOSGX, "%s", why);
	return open_soft(kind, soft, why, ret_platform);
}

void tee_platform_close(struct tee_platform *platform)
{
	if (!platform)
		return;
	tee_guest_free(platform->guest);
	platform->cpu->close(platform);
}

void tee_platform_capabilities(const struct tee_platform *platform, struct tee_capabilities *ret_caps)
{
	*ret_caps = platform->caps;
}

const char *tee_platform_describe(const struct tee_platform *platform)
{
	return platform->description;
}

/* Offsets and lengths of every call on an enclave: page-aligned and inside ELRANGE. */
static int check_range(const struct tee_enclave *enclave, uint64_t offset, uint64_t length)
{
	if (((offset | length) & (SGX_PAGE_SIZE - 1)) || offset > enclave->size || length > enclave->size - offset)
		return tee_fail(OM_EINVAL, "pages [0x%llx, +0x%llx) are not inside ELRANGE", (unsigned long long)offset,
			(unsigned long long)length);
	return 0;
}

int tee_create(struct tee_platform *platform, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *attributes, uint32_t miscselect, struct tee_enclave **ret_enclave)
{
	if (size < 2 * SGX_PAGE_SIZE || (size & (size - 1)) || (base & (size - 1)))
		return tee_fail(OM_EINVAL, "ECREATE: ELRANGE must be a power of two, aligned to its size");
	return platform->cpu->create(platform, base, size, ssa_frame_pages, attributes, miscselect, ret_enclave);
}

int tee_add_pages(struct tee_enclave *enclave, uint64_t offset, const void *source, uint64_t length,
	const struct sgx_secinfo *secinfo, bool measure)
{
	int r = check_range(enclave, offset, length);

	return r < 0 ? r : enclave->platform->cpu->add_pages(enclave, offset, source, length, secinfo, measure);
}

int tee_init(struct tee_enclave *enclave, const struct sgx_sigstruct *sigstruct)
{
	return enclave->platform->cpu->init(enclave, sigstruct);
}

void tee_destroy(struct tee_enclave *enclave)
{
	if (enclave)
		enclave->platform->cpu->destroy(enclave);
}

int tee_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
	uint64_t r8, uint64_t r9, struct tee_run *run)
{
	return enclave->platform->cpu->enter(enclave, leaf, rdi, rsi, rdx, r8, r9, run);
}

int tee_thread_attach(struct tee_platform *platform)
{
	return platform->cpu->thread_attach(platform);
}

void tee_thread_detach(struct tee_platform *platform)
{
	platform->cpu->thread_detach(platform);
}

int tee_restrict_permissions(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t permissions,
	uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->cpu->restrict_permissions(enclave, offset, length, permissions,
		ret_done);
}

int tee_modify_types(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t page_type,
	uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->cpu->modify_types(enclave, offset, length, page_type, ret_done);
}

int tee_remove_pages(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->cpu->remove_pages(enclave, offset, length, ret_done);
}

void tee_augment_hint(struct tee_enclave *enclave, uint64_t offset, uint64_t length)
{
	if (check_range(enclave, offset, length) == 0)
		enclave->platform->cpu->augment_hint(enclave, offset, length);
}

int tee_evidence_target(struct tee_platform *platform, struct sgx_targetinfo *ret_target)
{
	const int r = platform->evidence->target(platform, ret_target);

	return r < 0 ? r : (int)platform->evidence->type;
}

int tee_evidence_id(struct tee_platform *platform, uint8_t *ret_type, uint8_t ret_id[TEE_ID_SIZE])
{
	if (!platform->evidence->id)
		return tee_fail(OM_EUNSUPPORTED, "only a quote of this machine names it");
	*ret_type = (uint8_t)(tee_guest_emulated(platform) ? OM_EVIDENCE_DEMO : platform->evidence->type);
	return platform->evidence->id(platform, ret_id);
}

/* The platform's own part is asked for where it will stand, behind the type. */
int tee_evidence(struct tee_platform *platform, const struct sgx_report *report, uint8_t *evidence, size_t evidence_size,
	size_t *ret_size)
{
	const enum om_evidence_type type = platform->evidence->type;
	const size_t rest = om_evidence_of_guest(type) ? sizeof report->body : 0;
	struct om_view own = { evidence + OM_ENVELOPE_HEAD, 0 };
	int r;

	if (evidence_size < OM_ENVELOPE_HEAD + rest) {
		*ret_size = OM_EVIDENCE_MAX;
		return tee_fail(OM_ENOMEM, "evidence takes up to %d bytes", OM_EVIDENCE_MAX);
	}
	r = platform->evidence->evidence(platform, report, evidence + OM_ENVELOPE_HEAD, evidence_size - OM_ENVELOPE_HEAD - rest, &own.size);
	*ret_size = own.size + OM_ENVELOPE_HEAD + rest;
	if (r < 0)
		return r;
	r = om_envelope_encode(type, own, (struct om_view) { (const uint8_t *)&report->body, rest }, evidence, evidence_size, ret_size);
	return r < 0 ? tee_fail(r, "evidence of %zu bytes is more than an envelope holds", own.size) : 0;
}

/* By the type of the evidence: it may be of another kind of platform than this one. */
int tee_collateral(struct tee_platform *platform, const uint8_t *evidence, size_t evidence_size, int64_t now, uint8_t *buffer,
	size_t buffer_size, size_t *ret_size)
{
	static const struct tee_evidence *const makers[] = { &tee_dcap, &tee_snp, &tee_tdx, &tee_demo };
	struct om_envelope e;
	int r = om_envelope_parse((struct om_view) { evidence, evidence_size }, &e);

	if (r < 0)
		return tee_fail(r, r == OM_ETYPE ? "evidence of an unknown type" : "malformed evidence");
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (makers[i]->type == e.type)
			return makers[i]->collateral(platform, e.platform.data, e.platform.size, now, buffer, buffer_size, ret_size);
	return tee_fail(OM_EUNSUPPORTED, "nobody here has collateral for evidence of %s", om_evidence_type_words(e.type));
}

void tee_stats_get(const struct tee_enclave *enclave, struct tee_stats *ret_stats)
{
	enclave->platform->cpu->stats(enclave, ret_stats);
}
