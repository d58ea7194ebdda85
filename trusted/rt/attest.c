/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports and evidence for the program (rt/io/attestation.c shows them as files).
 *
 * The migration engine speaks through the same report data (engine/evidence.c): it says "I am the destination of this session, fresh and
 * waiting". So does the part that talks to the program's owner (owner.c): "this key is mine". A program may sign what its clients ask it
 * to sign, and they may ask for just these words. So the runtime's own report data end in labels. No report with such a label is
 * made for the program, neither for the quoting service nor for an enclave of its choice.
 */
#include <stdalign.h>
#include "crypto/wipe.h"
#include "evidence/parse/tagged.h"
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

/* Who else speaks. Each label is the half that no hash takes. */
static const char labels[][SGX_REPORTDATA_SIZE / 2] = { RT_ENGINE_LABEL, OM_FRESH_LABEL, OM_UNLOCK_LABEL };

static_assert(sizeof RT_ENGINE_LABEL - 1 == sizeof labels[0] && sizeof OM_FRESH_LABEL - 1 == sizeof labels[0] &&
	sizeof OM_UNLOCK_LABEL - 1 == sizeof labels[0], "the whole half");

static bool of_runtime(const uint8_t data[SGX_REPORTDATA_SIZE])
{
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (om_equal(data + SGX_REPORTDATA_SIZE / 2, labels[i], sizeof labels[i]))
			return true;
	return false;
}

long rt_attest_report_own(const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORTDATA_SIZE], struct sgx_report *ret)
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
	return of_runtime(data) ? -EPERM : rt_attest_report_own(target, data, ret);
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

long rt_attest_quoting(struct sgx_targetinfo *ret)
{
	rt_ub_reset();
	if (call_host(OM_HC_QUOTE_TARGET, 0) < 0)
		return -EACCES;
	rt_ub_get(ret, transfer_data(), sizeof *ret);
	return 0;
}

long rt_attest_quote(const struct sgx_report *report, size_t most)
{
	long size;

	rt_ub_put(transfer_data(), report, sizeof *report);
	size = call_host(OM_HC_QUOTE, sizeof *report);
	return size <= 0 || (size_t)size > most ? -EACCES : size;
}

long rt_attest_evidence(const uint8_t data[SGX_REPORTDATA_SIZE], const RT_UNTRUSTED void **ret_untrusted, size_t most)
{
	return of_runtime(data) ? -EPERM : rt_attest_own(data, ret_untrusted, most);
}

long rt_attest_own(const uint8_t data[SGX_REPORTDATA_SIZE], const RT_UNTRUSTED void **ret_untrusted, size_t most)
{
	struct sgx_targetinfo target;
	struct sgx_report report;
	long size = rt_attest_quoting(&target);

	if (size)
		return size;
	size = rt_attest_report_own(&target, data, &report);
	if (size < 0)
		return size == -EINVAL ? -EACCES : size;
	*ret_untrusted = transfer_data();
	return rt_attest_quote(&report, most);
}
