/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports and evidence for the program (rt/io/attestation.c shows them as files).
 *
 * The migration engine speaks through the same report data (mig/evidence.c): it says "I am the destination of this session, fresh and
 * waiting". So does the part that talks to the program's owner (owner.c): "this key is mine". A program may sign what its clients ask it
 * to sign, and they may ask for just that. So the runtime's own report data end in a label each, and no report with such a label is
 * made for the program, neither for the quoting service nor for an enclave of its choice.
 */
#include <stdalign.h>
#include "crypto/wipe.h"
#include "rt/internal.h"
#include "rt/libmem.h"
#include "sgx_arch.h"
#include "unlock/unlock.h"

/* What EREPORT demands of its operands. */
struct operands {
	alignas(SGX_TARGETINFO_ALIGN) struct sgx_targetinfo target;
	alignas(SGX_REPORT_ALIGN) struct sgx_report report;
	alignas(SGX_REPORTDATA_ALIGN) uint8_t data[SGX_REPORTDATA_SIZE];
};

static_assert(sizeof RT_ENGINE_LABEL - 1 == SGX_REPORTDATA_SIZE / 2, "it is the half that no hash of the engine's takes");

/* The second halves that are not for programs. */
static const char *const reserved[] = { RT_ENGINE_LABEL, OM_UNLOCK_LABEL };

static bool is_reserved(const uint8_t data[SGX_REPORTDATA_SIZE])
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (om_equal(data + SGX_REPORTDATA_SIZE / 2, reserved[i], SGX_REPORTDATA_SIZE / 2))
			return true;
	return false;
}

static long make_report(const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORTDATA_SIZE], struct sgx_report *ret)
{
	struct operands o;

	for (size_t i = 0; i < sizeof target->reserved3; i++)
		if (target->reserved3[i])
			return -EINVAL;                /* EREPORT would fault */
	o.target = *target;
	memcpy(o.data, data, sizeof o.data);
	rt_ereport(&o.target, o.data, &o.report);
	*ret = o.report;
	return 0;
}

long rt_attest_report(const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORTDATA_SIZE], struct sgx_report *ret)
{
	return is_reserved(data) ? -EPERM : make_report(target, data, ret);
}

void rt_attest_target(struct sgx_targetinfo *ret)
{
	struct operands o = { .data = { 0 } };

	rt_ereport(&o.target, o.data, &o.report);
	*ret = (struct sgx_targetinfo) { .attributes = o.report.body.attributes, .cet_attributes = o.report.body.cet_attributes,
		.configsvn = o.report.body.configsvn, .miscselect = o.report.body.miscselect };
	memcpy(ret->measurement, o.report.body.mrenclave, sizeof ret->measurement);
	memcpy(ret->configid, o.report.body.configid, sizeof ret->configid);
}

static long call_host(enum om_hostcall op, uint64_t size)
{
	const uint64_t arg[6] = { size };

	return rt_hostcall(op, 0, 0, arg);
}

static RT_UNTRUSTED uint8_t *transfer_data(void)
{
	return (RT_UNTRUSTED uint8_t *)rt_tbuf(rt_self()) + OM_TBUF_DATA;
}

long rt_attest_type(void)
{
	const long type = call_host(OM_HC_QUOTE_TARGET, 0);

	return type > 0 && type < INT32_MAX ? type : -EACCES;
}

long rt_attest_evidence(const uint8_t data[SGX_REPORTDATA_SIZE], const RT_UNTRUSTED void **ret_untrusted, size_t most)
{
	return is_reserved(data) ? -EPERM : rt_attest_own(data, ret_untrusted, most);
}

long rt_attest_own(const uint8_t data[SGX_REPORTDATA_SIZE], const RT_UNTRUSTED void **ret_untrusted, size_t most)
{
	struct sgx_targetinfo target;
	struct sgx_report report;
	long size;

	rt_ub_reset();
	if (call_host(OM_HC_QUOTE_TARGET, 0) < 0)
		return -EACCES;
	rt_ub_get(&target, transfer_data(), sizeof target);
	size = make_report(&target, data, &report);
	if (size < 0)
		return size == -EINVAL ? -EACCES : size;
	rt_ub_put(transfer_data(), &report, sizeof report);
	size = call_host(OM_HC_QUOTE, sizeof report);
	if (size <= 0 || (size_t)size > most)
		return -EACCES;
	*ret_untrusted = transfer_data();
	return size;
}
