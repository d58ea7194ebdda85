/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCB info (version 3; version 2 for SGX, as Intel's older service has it) and QE identity (version 2): the signed JSON that says
 * how security versions of a platform, its TDX module and its quoting enclave are to be judged. Parsing and judging only; signatures
 * are checked by verify.c before.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_TCB_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_TCB_H

#include "evidence/parse/quote.h"
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
	X(OM_TCB_REVOKED,                             7, "Revoked") \
	/* never in a document: a TD that was launched under an old module runs under a new one now */ \
	X(OM_TCB_TD_RELAUNCH_ADVISED,                 8, "TDRelaunchAdvised") \
	X(OM_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION,   9, "TDRelaunchAdvisedConfigurationNeeded")
enum om_tcb_status {
	OM_TCB_UNKNOWN = 0,   /* below every level listed */
#define X(name, number, word) name = (number),
	OM_TCB_STATUSES(X)
#undef X
};
#define OM_ADVISORIES_MAX 64

/* "UpToDate", ..., "Unknown". */
const char *om_tcb_status_words(enum om_tcb_status status);

/* Advisories of one or several levels, each once. */
struct om_advisories {
	uint32_t number[OM_ADVISORIES_MAX];        /* 289 for INTEL-SA-00289; 0 for one of another form */
	unsigned count;
};

struct om_tcb_result {
	enum om_tcb_status status;                 /* TCB info for TDX: platform and module together */
	enum om_tcb_status module_status;          /* the TDX module's own; UpToDate where it has none */
	enum om_tcb_status relaunch;               /* status if the QE is UpToDate; Unknown: as om_tcb_merge() says */
	int64_t  issued, next_update;
	int64_t  tcb_date;                         /* the oldest of the levels used */
	uint32_t evaluation;                       /* tcbEvaluationDataNumber */
	struct om_advisories advisories;           /* of the levels used */
};

/*
 * @td: of a quote of a trust domain; NULL for an enclave's.
 * Return: 0; errors of om_json; OM_EVERSION; OM_EIDENTITY: it is about other platforms than this, or about the other TEE;
 * OM_ENOTFOUND: it does not know the TDX module, or knows it otherwise. No level reached is no error: the status is Unknown.
 */
__attribute__((warn_unused_result))
int om_tcb_info_evaluate(struct om_view json, const struct om_pck *pck, const struct om_td_body *td, struct om_tcb_result *ret);
/*
 * @tee: whose quoting enclave it must be about: "QE" for SGX, "TD_QE" for TDX. Intel signs others as well (QAE, QVE).
 * Return: the same; OM_EIDENTITY: it is about another enclave, or the report is not that quoting enclave's.
 */
__attribute__((warn_unused_result))
int om_qe_identity_evaluate(struct om_view json, enum om_tee tee, const struct sgx_report_body *qe, struct om_tcb_result *ret);

/* Intel's rule for a platform and a part of it, TDX module or QE: if that is outdated, so is the platform. */
enum om_tcb_status om_tcb_merge(enum om_tcb_status platform, enum om_tcb_status part);
/* All together. */
enum om_tcb_status om_tcb_conclude(const struct om_tcb_result *platform, const struct om_tcb_result *qe);
/* False, and nothing is added, if they do not fit. */
__attribute__((warn_unused_result)) bool om_advisories_add(struct om_advisories *to, const struct om_advisories *more);

#endif
