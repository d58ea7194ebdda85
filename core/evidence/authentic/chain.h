/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate chains as DCAP has them: PEM, leaf first, pinned root last.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_CHAIN_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_CHAIN_H

#include "evidence/authentic/verify.h"

/* Certificates decoded from PEM and what they say; the structures point into the bytes. */
struct om_chain {
	uint8_t bytes[OM_X509_CHAIN_MAX][OM_X509_MAX];
	struct om_x509 cert[OM_X509_CHAIN_MAX];   /* leaf first */
	unsigned count;
};

/*
 * Decodes exactly `count` certificates and verifies: signatures and names from the root down, CA flags, path lengths
 * and key usage, validity at `now`, root pinned. *valid_until is lowered to the first end of validity.
 * Return: 0, or OM_E* with *ret_reason.
 */
__attribute__((warn_unused_result))
int om_chain_verify(struct om_chain *chain, struct om_view pem, unsigned count, const struct om_attest_input *in,
	int64_t *valid_until, enum om_attest_reason *ret_reason);

#endif
