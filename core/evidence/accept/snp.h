/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a verified SEV-SNP report acceptable? Rules are plain data; whoever has a policy fills them in.
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_SNP_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_SNP_H

#include "evidence/authentic/snp.h"

struct om_snp_rules {
	uint64_t policy_set, policy_clear;      /* bits of the guest's POLICY; those of the ABI do not count */
	uint64_t platform_set, platform_clear;  /* bits of PLATFORM_INFO */
	uint8_t abi_major, abi_minor;           /* at least; what the guest demanded of the firmware at its launch */
	uint8_t vmpl_max;
	bool vlek;                              /* a cloud provider's key will do */
	bool chip_known;                        /* a masked chip will not */
	uint32_t guest_svn_min;
	struct om_snp_tcb min_tcb[OM_SNP_PRODUCTS];   /* by product: each component of the reported TCB at least this */
	const uint8_t (*measurements)[48];      /* launch digests allowed; none: any */
	size_t measurement_count;
	const uint8_t *id_key, *author_key;     /* digests of 48 bytes demanded; NULL: any, or none at all */
	const uint8_t *report_data;             /* 64 bytes demanded; NULL: any */
};

/* No debugging, no migration agent, VMPL 0, a VCEK; everything else as it comes. */
void om_snp_rules_default(struct om_snp_rules *r);
/* Return: 0, or OM_EPOLICY (OM_EAUTH for the report data) with the reason. */
__attribute__((warn_unused_result))
int om_snp_accept(const struct om_snp_result *result, const struct om_snp_rules *rules, enum om_attest_reason *ret_reason);

#endif
