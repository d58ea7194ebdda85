/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of quote verification ("Intel SGX DCAP Orientation Guide", quote verification flow). A context carries
 * views and results from one to the next; every step says its reason before it can fail.
 */
#include <string.h>
#include "evidence/authentic/chain.h"
#include "evidence/authentic/verify.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"

const uint8_t om_intel_root[OM_ROOT_HASH_SIZE] = {
	0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91, 0x86, 0x06, 0x8a, 0x7f, 0xc1,
	0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35, 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e,
};
const uint8_t om_emulated_root[OM_ROOT_HASH_SIZE] = {
	0xc3, 0x33, 0x2c, 0x7d, 0xa8, 0x29, 0x9d, 0xc1, 0xd7, 0xd7, 0x89, 0x6a, 0x3f, 0xb7, 0x4f, 0xc1,
	0x10, 0xe6, 0x62, 0xcf, 0x8d, 0x29, 0xa4, 0xdd, 0x87, 0xaf, 0x4c, 0x4b, 0xff, 0x7f, 0x79, 0xad,
};

const char *om_attest_reason_words(enum om_attest_reason reason)
{
	switch (reason) {
#define X(name, number, words) case name: return words;
	OM_ATTEST_REASONS(X)
#undef X
	default: return "unknown reason";
	}
}

struct context {
	const struct om_attest_input *in;
	struct om_quote quote;
	struct om_collateral collateral;
	struct om_chain chain;          /* PCK, CA, root; then reused for the signing chains */
	uint8_t pck_key[64], root_key[64];
	uint8_t root_spki[128];
	size_t root_spki_size;
	struct om_pck pck;
	struct om_crl root_crl;
	struct om_tcb_result tcb, qe;
	int64_t valid_until;
	enum om_attest_reason reason;
};

static int no(struct context *c, enum om_attest_reason reason, int error)
{
	c->reason = reason;
	return error;
}

/* 1. PCK certificate chain up to a pinned root; keep what later steps need. */
static int verify_pck_chain(struct context *c)
{
	const struct om_x509 *pck = &c->chain.cert[0], *root = &c->chain.cert[2];
	int error = om_chain_verify(&c->chain, c->quote.chain, 3, c->in, &c->valid_until, &c->reason);

	if (error)
		return error;
	if (om_pck_parse(pck->sgx, &c->pck) || root->spki.size > sizeof c->root_spki)
		return no(c, OM_WHY_PCK_CHAIN, OM_EQUOTE);
	memcpy(c->pck_key, pck->public, sizeof c->pck_key);
	memcpy(c->root_key, root->public, sizeof c->root_key);
	memcpy(c->root_spki, root->spki.data, root->spki.size);
	c->root_spki_size = root->spki.size;
	return 0;
}

static int verify_crl(struct context *c, struct om_view der, const struct om_x509 *issuer, struct om_crl *ret)
{
	if (om_crl_parse(der, ret) || !om_view_equal(ret->issuer, issuer->subject) ||
	    !(issuer->usage & OM_X509_CRL_SIGN) || om_x509_signed(ret->tbs, ret->signature, issuer->public))
		return no(c, OM_WHY_CRL, OM_EQUOTE);
	if (c->in->now < ret->this_update || c->in->now > ret->next_update)
		return no(c, OM_WHY_CRL_TIME, OM_EEXPIRED);
	if (c->valid_until > ret->next_update)
		c->valid_until = ret->next_update;
	return 0;
}

/* 2. Neither the PCK nor its CA is revoked. */
static int verify_crls(struct context *c)
{
	struct om_crl pck_crl;
	int error = verify_crl(c, c->collateral.root_crl, &c->chain.cert[2], &c->root_crl);

	if (!error)
		error = verify_crl(c, c->collateral.pck_crl, &c->chain.cert[1], &pck_crl);
	if (error)
		return error;
	if (om_crl_revokes(&c->root_crl, c->chain.cert[1].serial) || om_crl_revokes(&pck_crl, c->chain.cert[0].serial))
		return no(c, OM_WHY_REVOKED, OM_EREVOKED);
	return 0;
}

/* 3. A signed document: its signer's chain ends in the same root, is not revoked, and the signature holds. */
static int verify_document(struct context *c, struct om_view pem, struct om_view json, struct om_view signature,
	enum om_attest_reason reason)
{
	const struct om_x509 *root = &c->chain.cert[1];
	int error = om_chain_verify(&c->chain, pem, 2, c->in, &c->valid_until, &c->reason);

	if (error)
		return c->reason == OM_WHY_PCK_CHAIN ? no(c, reason, error) : error;
	if (root->spki.size != c->root_spki_size || memcmp(root->spki.data, c->root_spki, root->spki.size))
		return no(c, reason, OM_EQUOTE);
	if (om_crl_revokes(&c->root_crl, c->chain.cert[0].serial))
		return no(c, OM_WHY_REVOKED, OM_EREVOKED);
	if (om_x509_signed(json, signature.data, c->chain.cert[0].public))
		return no(c, reason, OM_EQUOTE);
	return 0;
}

static int check_times(struct context *c, const struct om_tcb_result *r)
{
	if (c->in->now < r->issued || c->in->now > r->next_update)
		return no(c, OM_WHY_COLLATERAL_TIME, OM_EEXPIRED);
	if (c->valid_until > r->next_update)
		c->valid_until = r->next_update;
	return 0;
}

/* 4. TCB info and QE identity: authentic, in force, about this platform and this QE. */
static int verify_tcb(struct context *c)
{
	const struct om_collateral *l = &c->collateral;
	int error = verify_document(c, l->tcb_chain, l->tcb_info, l->tcb_signature, OM_WHY_TCB_INFO);

	if (error)
		return error;
	if (om_tcb_info_evaluate(l->tcb_info, &c->pck, &c->tcb))
		return no(c, OM_WHY_TCB_INFO, OM_EQUOTE);
	error = check_times(c, &c->tcb);
	if (!error)
		error = verify_document(c, l->qe_chain, l->qe_identity, l->qe_signature, OM_WHY_QE_IDENTITY);
	if (error)
		return error;
	if (om_qe_identity_evaluate(l->qe_identity, &c->quote.qe_body, &c->qe))
		return no(c, OM_WHY_QE_IDENTITY, OM_EQUOTE);
	return check_times(c, &c->qe);
}

/* 5. The PCK vouches for the QE, the QE for the attestation key, that for the quote. */
static int verify_signatures(struct context *c)
{
	static const uint8_t zero[32];
	const struct om_quote *q = &c->quote;
	struct om_sha256 hash;
	uint8_t bound[32];

	if (om_x509_signed(q->qe_report, q->qe_signature, c->pck_key))
		return no(c, OM_WHY_QE_REPORT, OM_EQUOTE);
	om_sha256_init(&hash, 0);
	om_sha256_update(&hash, q->attestation_key, 64);
	om_sha256_update(&hash, q->qe_auth.data, q->qe_auth.size);
	om_sha256_result(&hash, bound);
	if (!om_equal(bound, q->qe_body.reportdata, 32) || !om_equal(zero, q->qe_body.reportdata + 32, 32))
		return no(c, OM_WHY_QE_BINDING, OM_EQUOTE);
	if (om_x509_signed(q->signed_part, q->signature, q->attestation_key))
		return no(c, OM_WHY_QUOTE_SIGNATURE, OM_EQUOTE);
	return 0;
}

static void commit(const struct context *c, struct om_attest_result *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->body = c->quote.body;
	om_sha256(c->root_spki, c->root_spki_size, ret->root);
	memcpy(ret->fmspc, c->pck.fmspc, sizeof ret->fmspc);
	ret->pce_svn = c->pck.pce_svn;
	ret->platform_status = c->tcb.status;
	ret->qe_status = c->qe.status;
	ret->status = om_tcb_merge(c->tcb.status, c->qe.status);
	ret->tcb_date = c->tcb.tcb_date < c->qe.tcb_date ? c->tcb.tcb_date : c->qe.tcb_date;
	ret->evaluation = c->tcb.evaluation < c->qe.evaluation ? c->tcb.evaluation : c->qe.evaluation;
	ret->valid_until = c->valid_until;
	memcpy(ret->advisory, c->tcb.advisory, sizeof ret->advisory);
	ret->advisory_count = c->tcb.advisory_count;
}

int om_attest_verify(const struct om_attest_input *in, struct om_attest_result *ret_result, enum om_attest_reason *ret_reason)
{
	struct context c = { .in = in, .valid_until = INT64_MAX };
	int error;

	if (om_quote_parse(in->quote.data, in->quote.size, &c.quote))
		error = no(&c, OM_WHY_QUOTE_FORMAT, OM_EQUOTE);
	else if (om_collateral_decode(in->collateral.data, in->collateral.size, &c.collateral))
		error = no(&c, OM_WHY_COLLATERAL_FORMAT, OM_EQUOTE);
	else
		error = verify_pck_chain(&c);
	if (!error)
		error = verify_crls(&c);
	if (!error)
		error = verify_tcb(&c);
	if (!error)
		error = verify_signatures(&c);
	if (!error && om_tcb_merge(c.tcb.status, c.qe.status) == OM_TCB_REVOKED)
		error = no(&c, OM_WHY_REVOKED, OM_EREVOKED);
	*ret_reason = error ? c.reason : OM_WHY_NONE;
	if (!error)
		commit(&c, ret_result);
	return error;
}

const char *om_attest_platform(const struct om_attest_result *result)
{
	return memcmp(result->root, om_emulated_root, sizeof result->root) == 0 ? "emulated platform" : "SGX platform";
}
