/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readable form of an attestation policy, for tools (docs/spec/policy.md):
 *
 *     # who may receive this program's state
 *     platform = sgx
 *     platform = snp
 *     min-tcb = snp:genoa bootloader=9 tee=0 snp=23 microcode=72
 *     guest = snp:5f0c...96 hexadecimal digits, vmpl=0
 *     signer = 1f0c...64 hexadecimal digits
 *     min-svn = 2
 *     debug = no
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_TEXT_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_TEXT_H

#include "evidence/accept/policy.h"

struct om_policy_error {
	unsigned line;       /* from 1; 0: nothing that the text says, but what it leaves out */
	const char *words;   /* what is wrong and the cure */
};

/*
 * @text: the readable form, or the bytes of policy.h, told apart by their magic.
 * @not_before: seconds since 1970, if the text does not name that key; 0: none.
 * Return: 0; OM_EINVAL with *ret_error; the errors of om_policy_decode() with words, too.
 */
__attribute__((warn_unused_result))
int om_policy_from_text(struct om_view text, uint64_t not_before, struct om_policy *ret, struct om_policy_error *ret_error);

#define OM_POLICY_LAST_DATE 253402300799u   /* 9999-12-31T23:59:59Z: the last that a text can say */
#define OM_POLICY_LAST_EVALUATION 999999999u
/* The way back: the text, with a NUL, as far as it fits. Return: its length, which may be `size` or more. */
size_t om_policy_to_text(const struct om_policy *p, char *buffer, size_t size);
/* The lines of guests only. Return: the same. */
size_t om_guests_to_text(const struct om_guests *guests, char *buffer, size_t size);

#endif
