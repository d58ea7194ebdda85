/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies, as bytes and as text, and signed lists of guests. Properties: what decodes encodes to the same bytes; what a text says is
 * sound; no policy accepts a revoked platform, a debug enclave together with a production one, a debug guest, or one that it does not
 * list; no list is accepted that nobody has signed.
 */
#include "fuzz.h"
#include "evidence/accept/policy_text.h"

static void text(struct om_view input)
{
	static uint8_t bytes[OM_POLICY_BYTES_MAX];
	struct om_policy_error error = { 0, NULL };
	struct om_policy p;
	size_t size;

	if (om_policy_from_text(input, 0, &p, &error))
		PROPERTY(error.words && error.line <= input.size + 1);
	else
		PROPERTY(!om_policy_encode(&p, bytes, sizeof bytes, &size) && !om_policy_fault(&p, NULL));
}

/* What is printed says the same. The text has no words for one platform of two under their maker's root, nor for statuses of SNP alone. */
static void print(const struct om_policy *p)
{
	static char text[32768];
	static uint8_t bytes[OM_POLICY_BYTES_MAX], again[OM_POLICY_BYTES_MAX];
	const unsigned intel = OM_PLATFORM_BIT(OM_EVIDENCE_SGX) | OM_PLATFORM_BIT(OM_EVIDENCE_TDX);
	const size_t length = om_policy_to_text(p, text, sizeof text);
	struct om_policy_error error;
	struct om_policy back;
	size_t size, again_size;

	PROPERTY(length > 0 && length < sizeof text);
	if (p->not_before > OM_POLICY_LAST_DATE || p->floors.sgx_date > OM_POLICY_LAST_DATE || p->floors.tdx_date > OM_POLICY_LAST_DATE ||
	    p->floors.evaluation > OM_POLICY_LAST_EVALUATION)
		return;
	if ((p->makers & intel && (p->makers & intel) != (p->platforms & intel)) || p->platforms == OM_PLATFORM_BIT(OM_EVIDENCE_SNP))
		return;
	PROPERTY(!om_policy_from_text((struct om_view) { (const uint8_t *)text, length }, 0, &back, &error));
	PROPERTY(!om_policy_encode(p, bytes, sizeof bytes, &size) && !om_policy_encode(&back, again, sizeof again, &again_size));
	PROPERTY(size == again_size && !memcmp(bytes, again, size));
}

/* A guest that no policy of this input can name: its measurement, and its keys, are the input's first bytes turned over. */
static void judge(const struct om_policy *p, const uint8_t *data, size_t size)
{
	struct sgx_report_body own = { .attributes = { SGX_ATTR_INIT | SGX_ATTR_MODE64BIT, 3 } }, peer = own;
	struct om_platform_facts facts = { .type = OM_EVIDENCE_SGX, .root_kind = OM_ROOT_MAKER, .status = OM_TCB_REVOKED };
	uint8_t roots[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE];
	enum om_attest_reason reason;

	for (enum om_evidence_type t = OM_EVIDENCE_SGX; t <= OM_EVIDENCE_DEMO; t++) {
		const size_t count = om_policy_roots(p, t, roots);

		PROPERTY(count <= OM_POLICY_ROOTS_MAX + 1);
		for (size_t i = 0; i < count && t != OM_EVIDENCE_DEMO; i++)
			PROPERTY(memcmp(roots[i], om_emulated_root, OM_ROOT_HASH_SIZE) != 0);
	}
	PROPERTY(om_policy_check(p, NULL, &own, &peer, &facts, &reason) && reason != OM_WHY_NONE);
	facts.status = OM_TCB_UP_TO_DATE;
	peer.attributes.flags |= SGX_ATTR_DEBUG;
	PROPERTY(om_policy_check(p, NULL, &own, &peer, &facts, &reason) && reason != OM_WHY_NONE);
	peer = own;
	facts.snp.product = OM_AMD_GENOA;
	facts.snp.bootloader = facts.snp.tee = facts.snp.snp = facts.snp.microcode = 255;
	facts.tdx.attributes = OM_TD_SEPT_VE_DISABLE;
	for (size_t i = 0; i < sizeof facts.snp.measurement; i++)
		facts.snp.measurement[i] = facts.tdx.mrtd[i] = facts.snp.id_key[i] = facts.snp.author_key[i] = i < size ? (uint8_t)~data[i] : 0xa5;
	facts.snp.guest_svn = UINT32_MAX;
	for (facts.type = OM_EVIDENCE_SNP; facts.type <= OM_EVIDENCE_TDX; facts.type++)
		PROPERTY(om_policy_check(p, NULL, &own, &peer, &facts, &reason) && reason != OM_WHY_NONE);
}

static void list(struct om_view input, const struct om_policy *p)
{
	static struct om_guest_list l;
	enum om_attest_reason reason;

	PROPERTY(om_guest_list_accept(input, p->guest_signer, p->guest_signer_count, 0, &l, &reason) && reason != OM_WHY_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_POLICY_BYTES_MAX];
	static struct om_policy none;
	const struct om_view input = { data, size };
	struct om_policy p;
	size_t again_size = 0;

	text(input);
	list(input, &none);
	if (om_policy_decode(data, size, &p))
		return 0;
	PROPERTY(!om_policy_encode(&p, again, sizeof again, &again_size));
	PROPERTY(size == 0 || (again_size == size && !memcmp(again, data, size)));
	print(&p);
	judge(&p, data, size);
	return 0;
}
