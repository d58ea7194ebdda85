/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCB info (version 3) and QE identity (version 2): the signed JSON that says how a platform's and a quoting enclave's
 * security versions are to be judged. Parsing only; signatures are checked by verify.c before.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_TCB_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_TCB_H

#include "evidence/parse/x509.h"
#include "sgx_arch.h"

/* Numbers are stable: they are bits in policies. */
#define OM_TCB_STATUSES(X) \
	X(OM_TCB_UP_TO_DATE,                          1, "UpToDate") \
	X(OM_TCB_SW_HARDENING_NEEDED,                 2, "SWHardeningNeeded") \
	X(OM_TCB_CONFIGURATION_NEEDED,                3, "ConfigurationNeeded") \
	X(OM_TCB_CONFIGURATION_AND_SW_HARDENING,      4, "ConfigurationAndSWHardeningNeeded") \
	X(OM_TCB_OUT_OF_DATE,                         5, "OutOfDate") \
	X(OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,    6, "OutOfDateConfigurationNeeded") \
	X(OM_TCB_REVOKED,                             7, "Revoked")
enum om_tcb_status {
	OM_TCB_UNKNOWN = 0,   /* below every level listed */
#define X(name, number, word) name = (number),
	OM_TCB_STATUSES(X)
#undef X
};
#define OM_ADVISORIES_MAX 64

/* "UpToDate", ..., "Unknown". */
const char *om_tcb_status_words(enum om_tcb_status status);

struct om_tcb_result {
	enum om_tcb_status status;
	int64_t  issued, next_update, tcb_date;
	uint32_t evaluation;                       /* tcbEvaluationDataNumber */
	uint32_t advisory[OM_ADVISORIES_MAX];      /* 289 for INTEL-SA-00289 */
	unsigned advisory_count;
};

/* Return: 0; errors of om_json; OM_EVERSION; OM_EIDENTITY: it is about other platforms than this. */
__attribute__((warn_unused_result))
int om_tcb_info_evaluate(struct om_view json, const struct om_pck *pck, struct om_tcb_result *ret);
/* Return: the same; OM_EIDENTITY: the report is not that quoting enclave's. */
__attribute__((warn_unused_result))
int om_qe_identity_evaluate(struct om_view json, const struct sgx_report_body *qe, struct om_tcb_result *ret);

/* Intel's rule for both together: an outdated QE makes the platform outdated. */
enum om_tcb_status om_tcb_merge(enum om_tcb_status platform, enum om_tcb_status qe);

#endif
