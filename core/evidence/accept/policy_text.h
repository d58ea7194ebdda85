/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readable form of an attestation policy, for tools (docs/spec/policy.md):
 *
 *     # who may receive this program's state
 *     mrenclave = same
 *     mrenclave = 1f0c...64 hexadecimal digits
 *     root = intel
 *     debug = no
 *     min-svn = 2
 *     tcb = UpToDate
 *     tcb = SWHardeningNeeded
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_TEXT_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_TEXT_H

#include "evidence/accept/policy.h"

/*
 * @text: the readable form, or the bytes of policy.h, told apart by their magic.
 * Return: 0; OM_EINVAL with *ret_line the line (from 1; 0: the policy as a whole could never be satisfied); OM_EOVERFLOW:
 * more entries than fit.
 */
__attribute__((warn_unused_result))
int om_policy_from_text(struct om_view text, struct om_policy *ret, unsigned *ret_line);

#endif
