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
