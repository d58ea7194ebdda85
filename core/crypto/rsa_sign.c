/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing with PSS, for demonstration roots and tests. Never in an enclave.
 */
#include <bearssl_rsa.h>
#include <string.h>
#include "crypto/rsa.h"
#include "crypto/wipe.h"

int om_rsa_pss_sign(const struct om_rsa_private *private, const uint8_t hash[OM_SHA384_SIZE], const uint8_t salt[OM_PSS_SALT],
	uint8_t ret_signature[OM_RSA_SIZE])
{
	struct om_rsa_private k = *private; /* BearSSL's key has no const */
	const br_rsa_private_key key = {
		.n_bitlen = 8 * OM_RSA_SIZE,
		.p = k.p, .plen = sizeof k.p, .q = k.q, .qlen = sizeof k.q,
		.dp = k.dp, .dplen = sizeof k.dp, .dq = k.dq, .dqlen = sizeof k.dq, .iq = k.iq, .iqlen = sizeof k.iq,
	};
	uint8_t em[OM_RSA_SIZE] = { 0 };
	uint8_t *h = em + OM_PSS_BLOCK;
	uint32_t good;

	/* EMSA-PSS-ENCODE (9.1.1) */
	om_pss_hash(hash, salt, h);
	em[OM_PSS_BLOCK - OM_PSS_SALT - 1] = 1;
	memcpy(em + OM_PSS_BLOCK - OM_PSS_SALT, salt, OM_PSS_SALT);
	om_pss_mask(h, em);
	em[0] &= 0x7f;
	em[OM_RSA_SIZE - 1] = 0xbc;
	good = br_rsa_i62_private(em, &key);
	om_wipe(&k, sizeof k);
	if (!good)
		return OM_EINVAL;
	memcpy(ret_signature, em, sizeof em);
	return 0;
}
