/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/authentic/bare.h"
#include "evidence/authentic/verify.h"

#define IS_ECDSA(type) ((type) == 2 || (type) == 3)   /* at offset 2 of a quote */

/*
 * Versions 4 and 5 go on with the TEE, 0 or 0x81. The envelope of a demo quote of version 3 begins with the same four bytes as a quote of version 4 whose key
 * is of the other curve; there the quote's own kind of key stands at that place.
 */
bool om_quote_is_bare(struct om_view q)
{
	if (q.size < OM_QUOTE_HEADER || q.data[1] != 0 || q.data[3] != 0 || !IS_ECDSA(q.data[2]))
		return false;
	return q.data[0] == 3 || ((q.data[0] == 4 || q.data[0] == 5) && !IS_ECDSA(q.data[4]));
}

/* The last certificate of the quote's chain. */
static bool leads_to_demo(struct om_view quote)
{
	uint8_t bytes[OM_X509_MAX], hash[OM_ROOT_HASH_SIZE] = { 0 };
	struct om_view der, pem;
	struct om_quote q;
	struct om_x509 x;

	if (om_quote_parse(quote.data, quote.size, &q))
		return false;
	pem = q.chain;
	for (int i = 0; i < OM_X509_CHAIN_MAX && !om_pem_next(&pem, bytes, sizeof bytes, &der); i++) {
		if (om_x509_parse(der, &x))
			return false;
		om_sha256(x.spki.data, x.spki.size, hash);
	}
	return om_equal(hash, om_emulated_root, sizeof hash);
}

int om_quote_wrap(struct om_view quote, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	return om_envelope_encode(leads_to_demo(quote) ? OM_EVIDENCE_DEMO : OM_EVIDENCE_SGX, quote, (struct om_view) { 0 }, buffer, buffer_size,
		ret_size);
}
