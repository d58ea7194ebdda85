/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question per function and one reason per question. TCBs are compared component by component: as a number, a high
 * microcode would make up for an old firmware.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "evidence/accept/snp.h"

void om_snp_rules_default(struct om_snp_rules *r)
{
	memset(r, 0, sizeof *r);
	r->policy_clear = OM_SNP_POLICY_DEBUG | OM_SNP_POLICY_MIGRATE_MA;
}

static enum om_attest_reason guest_policy(const struct om_snp_report *r, const struct om_snp_rules *rules)
{
	const uint64_t bits = r->policy & ~(OM_SNP_POLICY_ABI_MAJOR | OM_SNP_POLICY_ABI_MINOR);
	const unsigned abi = (unsigned)(r->policy & 0xffff), abi_min = rules->abi_major * 256u + rules->abi_minor;

	if (bits & rules->policy_clear & OM_SNP_POLICY_DEBUG)
		return OM_WHY_SNP_DEBUG;
	if (bits & rules->policy_clear & OM_SNP_POLICY_MIGRATE_MA)
		return OM_WHY_SNP_AGENT;
	if (bits & rules->policy_clear || ~bits & rules->policy_set || abi < abi_min)
		return OM_WHY_SNP_POLICY;
	return OM_WHY_NONE;
}

static enum om_attest_reason platform(const struct om_snp_result *v, const struct om_snp_rules *rules)
{
	const struct om_snp_tcb *have = &v->reported, *want;

	if (v->report.key == OM_SNP_VLEK && !rules->vlek)
		return OM_WHY_SNP_VLEK;
	if (v->product <= OM_SNP_UNKNOWN || v->product >= OM_SNP_PRODUCTS)
		return OM_WHY_SNP_PRODUCT;
	want = &rules->min_tcb[v->product];
	if (have->fmc < want->fmc || have->boot_loader < want->boot_loader || have->tee < want->tee || have->snp < want->snp ||
	    have->microcode < want->microcode)
		return OM_WHY_SNP_OLD_TCB;
	if (v->report.platform_info & rules->platform_clear || ~v->report.platform_info & rules->platform_set)
		return OM_WHY_SNP_PLATFORM;
	if (v->chip_masked && rules->chip_known)
		return OM_WHY_SNP_MASKED;
	return OM_WHY_NONE;
}

static bool measured(const struct om_snp_report *r, const struct om_snp_rules *rules)
{
	for (size_t i = 0; i < rules->measurement_count; i++)
		if (om_equal(r->measurement, rules->measurements[i], sizeof r->measurement))
			return true;
	return rules->measurement_count == 0;
}

/* An author's digest counts only if the report says that there is an author. */
static bool identified(const struct om_snp_report *r, const struct om_snp_rules *rules)
{
	if (rules->id_key && !om_equal(r->id_key_digest, rules->id_key, sizeof r->id_key_digest))
		return false;
	return !rules->author_key ||
		(r->author_key_enabled && om_equal(r->author_key_digest, rules->author_key, sizeof r->author_key_digest));
}

static enum om_attest_reason guest(const struct om_snp_report *r, const struct om_snp_rules *rules)
{
	if (r->vmpl > rules->vmpl_max)
		return OM_WHY_SNP_VMPL;
	if (!measured(r, rules))
		return OM_WHY_SNP_MEASUREMENT;
	if (!identified(r, rules))
		return OM_WHY_SNP_IDENTITY;
	if (r->guest_svn < rules->guest_svn_min)
		return OM_WHY_SNP_GUEST_SVN;
	return OM_WHY_NONE;
}

int om_snp_accept(const struct om_snp_result *v, const struct om_snp_rules *rules, enum om_attest_reason *ret_reason)
{
	enum om_attest_reason why = guest_policy(&v->report, rules);

	if (why == OM_WHY_NONE)
		why = platform(v, rules);
	if (why == OM_WHY_NONE)
		why = guest(&v->report, rules);
	if (why == OM_WHY_NONE && rules->report_data && !om_equal(v->report.report_data, rules->report_data, sizeof v->report.report_data))
		why = OM_WHY_REPORT_DATA;
	*ret_reason = why;
	return why == OM_WHY_NONE ? 0 : why == OM_WHY_REPORT_DATA ? OM_EAUTH : OM_EPOLICY;
}
