/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: decoding with every field checked, and the decision. The order of the checks is the order in which reasons
 * are most useful to people.
 */
#include <string.h>
#include "evidence/accept/policy.h"
#include "crypto/wipe.h"
#include "cursor.h"

#define STATUS_BITS 0xfeu   /* every status but Unknown */
#define STATUS_BIT(status) (1u << (status))

void om_policy_default(struct om_policy *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->flags = OM_POLICY_SAME | OM_POLICY_DEBUG;
	ret->statuses = STATUS_BIT(OM_TCB_UP_TO_DATE) | STATUS_BIT(OM_TCB_SW_HARDENING_NEEDED);
	ret->root_count = 1;
	memcpy(ret->root[0], om_intel_root, OM_ROOT_HASH_SIZE);
}

/* Revoked can never be accepted; and a policy that nobody satisfies is a mistake. */
static bool is_sound(const struct om_policy *p)
{
	return !(p->flags & ~(OM_POLICY_SAME | OM_POLICY_DEBUG)) && p->statuses &&
		!(p->statuses & ~(STATUS_BITS & ~STATUS_BIT(OM_TCB_REVOKED))) &&
		(p->flags & OM_POLICY_SAME || p->mrenclave_count) && p->root_count &&
		p->root_count <= OM_POLICY_ROOTS_MAX && p->mrenclave_count <= OM_POLICY_MRENCLAVES_MAX;
}

int om_policy_decode(const uint8_t *data, size_t size, struct om_policy *ret)
{
	struct om_policy p = { 0 };
	struct om_get g;
	int error;

	if (size == 0) {
		om_policy_default(ret);
		return 0;
	}
	om_get_init(&g, data, size);
	if (om_get_u32(&g) != OM_POLICY_MAGIC)
		om_get_fail(&g, OM_ETYPE);
	if (om_get_u16(&g) != OM_POLICY_VERSION)
		om_get_fail(&g, OM_EVERSION);
	p.flags = om_get_u16(&g);
	p.svn_min = om_get_u16(&g);
	p.statuses = om_get_u16(&g);
	p.root_count = om_get_u16(&g);
	p.mrenclave_count = om_get_u16(&g);
	om_get_zeros(&g, 8);
	if (p.root_count > OM_POLICY_ROOTS_MAX || p.mrenclave_count > OM_POLICY_MRENCLAVES_MAX)
		om_get_fail(&g, OM_EINVAL);
	if (!g.error) {
		om_get_bytes(&g, p.root, p.root_count * sizeof p.root[0]);
		om_get_bytes(&g, p.mrenclave, p.mrenclave_count * sizeof p.mrenclave[0]);
	}
	error = om_get_end(&g);
	if (!error && !is_sound(&p))
		error = OM_EINVAL;
	if (error)
		return error;
	*ret = p;
	return 0;
}

int om_policy_encode(const struct om_policy *p, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	struct om_put put;

	if (!is_sound(p))
		return OM_EINVAL;
	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_POLICY_MAGIC);
	om_put_u16(&put, OM_POLICY_VERSION);
	om_put_u16(&put, p->flags);
	om_put_u16(&put, p->svn_min);
	om_put_u16(&put, p->statuses);
	om_put_u16(&put, (uint16_t)p->root_count);
	om_put_u16(&put, (uint16_t)p->mrenclave_count);
	om_put_zeros(&put, 8);
	om_put_bytes(&put, p->root, p->root_count * sizeof p->root[0]);
	om_put_bytes(&put, p->mrenclave, p->mrenclave_count * sizeof p->mrenclave[0]);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}

static bool is_debug(const struct sgx_report_body *body) { return (body->attributes.flags & SGX_ATTR_DEBUG) != 0; }

size_t om_policy_roots(const struct om_policy *p, const struct sgx_report_body *own, uint8_t ret[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE])
{
	size_t count = p->root_count;

	memcpy(ret, p->root, count * OM_ROOT_HASH_SIZE);
	if (is_debug(own))
		memcpy(ret[count++], om_emulated_root, OM_ROOT_HASH_SIZE);
	return count;
}

static bool known_program(const struct om_policy *p, const uint8_t own[32], const uint8_t peer[32])
{
	if (p->flags & OM_POLICY_SAME && om_equal(own, peer, 32))
		return true;
	for (unsigned i = 0; i < p->mrenclave_count; i++)
		if (om_equal(p->mrenclave[i], peer, 32))
			return true;
	return false;
}

int om_policy_check(const struct om_policy *p, const struct sgx_report_body *own, const struct om_attest_result *peer,
	enum om_attest_reason *ret_reason)
{
	const uint64_t needed = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT;
	const struct sgx_report_body *body = &peer->body;

	*ret_reason = OM_WHY_NOT_INITIALIZED;
	if ((body->attributes.flags & needed) != needed)
		return OM_EPOLICY;
	*ret_reason = OM_WHY_MRENCLAVE;
	if (!known_program(p, own->mrenclave, body->mrenclave))
		return OM_EIDENTITY;
	*ret_reason = OM_WHY_DEBUG;
	if (is_debug(own) != is_debug(body) || (is_debug(body) && !(p->flags & OM_POLICY_DEBUG)))
		return OM_EDEBUG;
	*ret_reason = OM_WHY_SVN;
	if (body->isvsvn < p->svn_min)
		return OM_EPOLICY;
	*ret_reason = OM_WHY_TCB_STATUS;
	if (!(p->statuses & STATUS_BIT(peer->status)))
		return OM_EPOLICY;
	*ret_reason = OM_WHY_NONE;
	return 0;
}

int om_attest_peer(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own,
	struct om_view quote, struct om_view collateral, int64_t now, const uint8_t report_data[SGX_REPORTDATA_SIZE],
	struct om_attest_result *ret_result, enum om_attest_reason *ret_reason)
{
	uint8_t roots[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE];
	struct om_attest_input in = { .quote = quote, .collateral = collateral, .now = now, .roots = roots };
	struct om_attest_result result;
	struct om_policy p;
	int error;

	*ret_reason = OM_WHY_POLICY_FORMAT;
	if (om_policy_decode(policy, policy_size, &p))
		return OM_EPOLICY;
	in.root_count = om_policy_roots(&p, own, roots);
	error = om_attest_verify(&in, &result, ret_reason);
	if (error)
		return error;
	error = om_policy_check(&p, own, &result, ret_reason);
	if (error)
		return error;
	if (!om_equal(result.body.reportdata, report_data, SGX_REPORTDATA_SIZE)) {
		*ret_reason = OM_WHY_REPORT_DATA;
		return OM_EAUTH;
	}
	*ret_result = result;
	return 0;
}
