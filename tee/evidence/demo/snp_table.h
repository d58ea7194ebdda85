/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TEE_EVIDENCE_DEMO_SNP_TABLE_H
#define OPTMIG_TEE_EVIDENCE_DEMO_SNP_TABLE_H

#include "evidence/demo/snp_build.h"

/*
 * What the pretended machine's host hands to its guests with a report: VCEK or VLEK, ASK or ASVK, ARK, and the list in force at `now`, as a certificate table
 * (AMD 56421). Return: 0, or OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int om_snp_machine_table(const struct om_snp_machine *m, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
