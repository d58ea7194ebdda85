/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCB info and QE identity. Properties: what is evaluated is a whole document by the plain reader's opinion too; every
 * status is one we know; a platform with higher versions is never below every level that a lower one reaches. The same for a trust
 * domain on it, and every advice to launch it anew is one about an outdated module.
 */
#include "fuzz.h"
#include "evidence/parse/json.h"
#include "evidence/demo/quote_build.h"
#include "evidence/authentic/tcb.h"

static void whole(const uint8_t *data, size_t size)
{
	struct om_json j;

	om_json_init(&j, (struct om_view) { data, size });
	om_json_skip(&j);
	PROPERTY(!om_json_end(&j));
}

static void check(const struct om_tcb_result *r)
{
	PROPERTY(r->status <= OM_TCB_REVOKED);
	PROPERTY(r->advisories.count <= OM_ADVISORIES_MAX);
	PROPERTY(r->status != OM_TCB_UNKNOWN || r->advisories.count == 0);
	PROPERTY(om_tcb_merge(r->status, OM_TCB_UP_TO_DATE) == r->status);
}

/* TDX: one module, low and high versions of everything else. */
static void trust_domain(struct om_view text, const struct om_pck *low, const struct om_pck *high)
{
	static const struct om_td_body old = { .tee_tcb_svn = { 4, 1, 2 }, .tee_tcb_svn_2 = { 5, 1, 3 } };
	static struct om_td_body new;
	struct om_tcb_result a, b;

	memset(new.tee_tcb_svn, 255, sizeof new.tee_tcb_svn);
	new.tee_tcb_svn[1] = 1;
	if (om_tcb_info_evaluate(text, low, &old, &a))
		return;
	whole(text.data, text.size);
	check(&a);
	PROPERTY(a.relaunch == OM_TCB_UNKNOWN || (a.relaunch > OM_TCB_REVOKED && a.module_status == OM_TCB_OUT_OF_DATE));
	PROPERTY(!om_tcb_info_evaluate(text, high, &new, &b));
	check(&b);
	PROPERTY(b.relaunch == OM_TCB_UNKNOWN); /* it says nothing about now */
	PROPERTY(a.status == OM_TCB_UNKNOWN || b.status != OM_TCB_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct om_view text = { data, size };
	struct om_pck low = { .fmspc = { 0xe0, 0, 0, 0, 0, 1 } }, high = low;
	struct sgx_report_body qe = { .attributes = { 0x15, 3 }, .isvprodid = 1, .isvsvn = 5 };
	struct om_tcb_result a, b;
	static struct om_platform platform; /* whose QE the seeds describe */
	struct om_json j;

	if (!platform.qe_svn)
		om_platform_init(&platform, qe.mrenclave, NULL);
	memcpy(qe.mrsigner, platform.qe_mrsigner, sizeof qe.mrsigner);
	memset(low.svn, 1, sizeof low.svn);
	low.pce_svn = 1;
	memset(high.svn, 255, sizeof high.svn);
	high.pce_svn = 65535;
	if (!om_tcb_info_evaluate(text, &low, NULL, &a)) {
		whole(data, size);
		check(&a);
		PROPERTY(!om_tcb_info_evaluate(text, &high, NULL, &b));
		check(&b);
		PROPERTY(a.status == OM_TCB_UNKNOWN || b.status != OM_TCB_UNKNOWN);
	}
	trust_domain(text, &low, &high);
	if (!om_qe_identity_evaluate(text, OM_TEE_SGX, &qe, &a)) {
		whole(data, size);
		check(&a);
		PROPERTY(om_qe_identity_evaluate(text, OM_TEE_TDX, &qe, &b)); /* one document is about one of them */
	}
	om_json_init(&j, text);
	om_json_skip(&j);
	PROPERTY(om_json_end(&j) <= 0 && j.depth <= OM_JSON_DEPTH_MAX);
	return 0;
}
