/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies, as bytes and as text. Properties: what decodes encodes to the same bytes; no policy accepts a revoked platform, or a debug
 * enclave together with a production one.
 */
#include "fuzz.h"
#include "evidence/accept/policy_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_POLICY_HEADER + 32 * (OM_POLICY_ROOTS_MAX + OM_POLICY_MRENCLAVES_MAX)];
	uint8_t roots[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE];
	struct sgx_report_body own = { .attributes = { SGX_ATTR_INIT | SGX_ATTR_MODE64BIT, 3 } };
	struct om_attest_result peer = { .body = own, .status = OM_TCB_REVOKED };
	enum om_attest_reason reason;
	struct om_policy p;
	size_t again_size = 0;
	unsigned line;

	if (!om_policy_from_text((struct om_view) { data, size }, &p, &line))
		PROPERTY(!om_policy_encode(&p, again, sizeof again, &again_size));
	if (om_policy_decode(data, size, &p))
		return 0;
	PROPERTY(!om_policy_encode(&p, again, sizeof again, &again_size));
	PROPERTY(size == 0 || (again_size == size && !memcmp(again, data, size)));
	PROPERTY(om_policy_roots(&p, &own, roots) == p.root_count);
	PROPERTY(om_policy_check(&p, &own, &peer, &reason) && reason != OM_WHY_NONE);
	peer.status = OM_TCB_UP_TO_DATE;
	peer.body.attributes.flags |= SGX_ATTR_DEBUG;
	PROPERTY(om_policy_check(&p, &own, &peer, &reason) && reason != OM_WHY_NONE);
	return 0;
}
