/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "evidence/accept/facts.h"
#include "crypto/wipe.h"

void om_facts_of_sgx(enum om_evidence_type type, const struct om_attest_result *result, struct om_platform_facts *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->type = type;
	memcpy(ret->root, result->root, sizeof ret->root);
	ret->root_kind = om_equal(result->root, om_intel_root, OM_ROOT_HASH_SIZE) ? OM_ROOT_MAKER :
		om_equal(result->root, om_emulated_root, OM_ROOT_HASH_SIZE) ? OM_ROOT_DEMO : OM_ROOT_OTHER;
	ret->status = result->status;
	ret->tcb_date = result->tcb_date;
	ret->evaluation = result->evaluation;
	memcpy(ret->platform_instance, result->platform, sizeof ret->platform_instance);
}

void om_facts_of_tdx(const struct om_attest_result *result, struct om_platform_facts *ret)
{
	om_facts_of_sgx(OM_EVIDENCE_TDX, result, ret);
	ret->tdx.attributes = result->td.attributes;
	memcpy(ret->tdx.mrtd, result->td.mrtd, sizeof ret->tdx.mrtd);
	memcpy(ret->tdx.rtmr, result->td.rtmr, sizeof ret->tdx.rtmr);
}

static bool is_root_of(const struct om_snp_root roots[OM_AMD_ROOTS], const struct om_snp_result *result)
{
	for (unsigned i = 0; i < OM_AMD_ROOTS; i++)
		if (roots[i].product == result->product && om_equal(roots[i].hash, result->root, OM_ROOT_HASH_SIZE))
			return true;
	return false;
}

void om_facts_of_snp(const struct om_snp_result *result, struct om_platform_facts *ret)
{
	static const enum om_amd_product products[OM_SNP_PRODUCTS] = {
		[OM_SNP_MILAN] = OM_AMD_MILAN, [OM_SNP_GENOA] = OM_AMD_GENOA, [OM_SNP_TURIN] = OM_AMD_TURIN,
	};

	memset(ret, 0, sizeof *ret);
	ret->type = OM_EVIDENCE_SNP;
	memcpy(ret->root, result->root, sizeof ret->root);
	ret->root_kind = is_root_of(om_amd_roots, result) ? OM_ROOT_MAKER : is_root_of(om_snp_demo_roots, result) ? OM_ROOT_DEMO : OM_ROOT_OTHER;
	ret->snp.product = products[result->product];
	ret->snp.fmc = result->reported.fmc;
	ret->snp.bootloader = result->reported.boot_loader;
	ret->snp.tee = result->reported.tee;
	ret->snp.snp = result->reported.snp;
	ret->snp.microcode = result->reported.microcode;
	ret->snp.vlek = result->report.key == OM_SNP_VLEK;
	ret->snp.vmpl = (uint8_t)(result->report.vmpl < 255 ? result->report.vmpl : 255);
	ret->snp.policy = result->report.policy;
	memcpy(ret->snp.measurement, result->report.measurement, sizeof ret->snp.measurement);
	memcpy(ret->snp.id_key, result->report.id_key_digest, sizeof ret->snp.id_key);
	if (result->report.author_key_enabled)   /* else the field is not the firmware's word for anything */
		memcpy(ret->snp.author_key, result->report.author_key_digest, sizeof ret->snp.author_key);
	memcpy(ret->snp.family, result->report.family_id, sizeof ret->snp.family);
	memcpy(ret->snp.image, result->report.image_id, sizeof ret->snp.image);
	ret->snp.guest_svn = result->report.guest_svn;
	if (!result->chip_masked)
		memcpy(ret->snp.chip_id, result->chip, sizeof ret->snp.chip_id);
}

void om_facts_identity(const struct om_platform_facts *facts, struct om_platform_identity *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->platform = (uint8_t)(facts->root_kind == OM_ROOT_DEMO ? OM_EVIDENCE_DEMO : facts->type);
	if (facts->type == OM_EVIDENCE_SNP) {
		memcpy(ret->id, facts->snp.chip_id, sizeof ret->id);
		memcpy(ret->guest, facts->snp.measurement, sizeof ret->guest);
		return;
	}
	memcpy(ret->id, facts->platform_instance, sizeof facts->platform_instance);
	if (facts->type == OM_EVIDENCE_TDX)
		memcpy(ret->guest, facts->tdx.mrtd, sizeof ret->guest);
}

const char *om_facts_platform(const struct om_platform_facts *facts)
{
	const bool demo = facts->root_kind == OM_ROOT_DEMO;

	switch (facts->type) {
	case OM_EVIDENCE_SNP: return demo ? "emulated SNP guest" : "SNP guest";
	case OM_EVIDENCE_TDX: return demo ? "emulated TDX guest" : "TDX guest";
	default:              return demo ? "emulated platform" : "SGX platform";
	}
}
