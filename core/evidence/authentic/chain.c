/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path validation (RFC 5280, 6.1, reduced to what the profile allows). The root is pinned by the hash of its key and
 * must still be a well-formed, self-signed, valid certificate.
 */
#include "evidence/authentic/chain.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"

static int decode(struct om_chain *chain, struct om_view pem, unsigned count)
{
	struct om_view der;
	int error;

	for (chain->count = 0; chain->count < count; chain->count++) {
		const unsigned i = chain->count;

		error = om_pem_next(&pem, chain->bytes[i], sizeof chain->bytes[i], &der);
		if (!error)
			error = om_x509_parse(der, &chain->cert[i]);
		if (error)
			return error;
	}
	return om_pem_next(&pem, NULL, 0, &der) == OM_ENOTFOUND ? 0 : OM_ETRAILING;
}

static bool pinned(const struct om_x509 *root, const struct om_attest_input *in)
{
	uint8_t hash[OM_ROOT_HASH_SIZE];

	om_sha256(root->spki.data, root->spki.size, hash);
	for (size_t i = 0; i < in->root_count; i++)
		if (om_equal(hash, in->roots[i], sizeof hash))
			return true;
	return false;
}

int om_chain_verify(struct om_chain *chain, struct om_view pem, unsigned count, const struct om_attest_input *in,
	int64_t *valid_until, enum om_attest_reason *ret_reason)
{
	const struct om_x509 *root;

	*ret_reason = OM_WHY_PCK_CHAIN;
	if (count < 2 || count > OM_X509_CHAIN_MAX || decode(chain, pem, count))
		return OM_EQUOTE;
	root = &chain->cert[count - 1];
	if (!pinned(root, in)) {
		*ret_reason = OM_WHY_ROOT;
		return OM_EPOLICY;
	}
	for (unsigned i = count; i-- > 0;) {
		const struct om_x509 *c = &chain->cert[i];
		const struct om_x509 *issuer = i == count - 1 ? root : &chain->cert[i + 1];
		const unsigned below = i == count - 1 ? count - 2 : i;

		if (!om_x509_may_issue(issuer, c, below) || om_x509_signed(c->tbs, c->signature, issuer->public))
			return OM_EQUOTE;
		if (in->now < c->not_before || in->now > c->not_after) {
			*ret_reason = OM_WHY_CERT_TIME;
			return OM_EEXPIRED;
		}
		if (*valid_until > c->not_after)
			*valid_until = c->not_after;
	}
	if (chain->cert[0].ca || !(chain->cert[0].usage & OM_X509_DIGITAL_SIGNATURE))
		return OM_EQUOTE;
	return 0;
}
