/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCB info and QE identity. Properties: what is evaluated is a whole document by the plain reader's opinion too; every
 * status is one we know; a platform with higher versions is never below every level that a lower one reaches.
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
	if (!om_qe_identity_evaluate(text, OM_TEE_SGX, &qe, &a)) {
		whole(data, size);
		check(&a);
	}
	om_json_init(&j, text);
	om_json_skip(&j);
	PROPERTY(om_json_end(&j) <= 0 && j.depth <= OM_JSON_DEPTH_MAX);
	return 0;
}
