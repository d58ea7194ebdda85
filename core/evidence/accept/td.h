/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no policy may accept of a trust domain. Which ones it accepts beyond that is written in the policy: MRTD, RTMRs, MRSEAM,
 * SEPT_VE_DISABLE, MIGRATABLE, TCB status, floors.
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_TD_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_TD_H

#include "evidence/authentic/verify.h"

/*
 * @td: an authentic result. Return: 0 and *ret_reason = OM_WHY_NONE; OM_EDEBUG: any attribute that gives the TD to its host;
 * OM_EPOLICY: no trust domain's quote at all.
 */
__attribute__((warn_unused_result)) int om_td_check(const struct om_attest_result *td, enum om_attest_reason *ret_reason);

#endif
