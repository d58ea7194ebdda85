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
	struct om_advisories advisories;
	enum om_tcb_status status;
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
	/* The same number twice: verifiers that read one or the other must come to the same. */
	if (memcmp(c->pck.svn, c->pck.cpu_svn, sizeof c->pck.svn))
		return no(c, OM_WHY_PCK_SVN, OM_EQUOTE);
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

/* 3. Who signs documents: the chain ends in the same root and is not revoked. */
static int verify_signer(struct context *c, struct om_view pem, enum om_attest_reason reason)
{
	const struct om_x509 *root = &c->chain.cert[1];
	int error = om_chain_verify(&c->chain, pem, 2, c->in, &c->valid_until, &c->reason);

	if (error)
		return c->reason == OM_WHY_PCK_CHAIN ? no(c, reason, error) : error;
	if (root->spki.size != c->root_spki_size || memcmp(root->spki.data, c->root_spki, root->spki.size))
		return no(c, reason, OM_EQUOTE);
	if (om_crl_revokes(&c->root_crl, c->chain.cert[0].serial))
		return no(c, OM_WHY_REVOKED, OM_EREVOKED);
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

/* 4. TCB info: authentic, in force, about this platform and TDX module. */
static int verify_tcb_info(struct context *c)
{
	const struct om_collateral *l = &c->collateral;
	const struct om_td_body *td = c->quote.tee == OM_TEE_TDX ? &c->quote.td : NULL;
	int error = verify_signer(c, l->tcb_chain, OM_WHY_TCB_INFO);

	if (error)
		return error;
	if (om_x509_signed(l->tcb_info, l->tcb_signature.data, c->chain.cert[0].public))
		return no(c, OM_WHY_TCB_INFO, OM_EQUOTE);
	error = om_tcb_info_evaluate(l->tcb_info, &c->pck, td, &c->tcb);
	if (error)
		return no(c, error == OM_ENOTFOUND ? OM_WHY_TDX_MODULE : OM_WHY_TCB_INFO, OM_EQUOTE);
	return check_times(c, &c->tcb);
}

/* 5. QE identity: the same, about this QE. Its signer is nearly always the one that has just been verified. */
static int verify_qe_identity(struct context *c)
{
	const struct om_collateral *l = &c->collateral;
	int error = om_view_equal(l->qe_chain, l->tcb_chain) ? 0 : verify_signer(c, l->qe_chain, OM_WHY_QE_IDENTITY);

	if (error)
		return error;
	if (om_x509_signed(l->qe_identity, l->qe_signature.data, c->chain.cert[0].public) ||
	    om_qe_identity_evaluate(l->qe_identity, c->quote.tee, &c->quote.qe_body, &c->qe))
		return no(c, OM_WHY_QE_IDENTITY, OM_EQUOTE);
	return check_times(c, &c->qe);
}

/* 7. What platform, TDX module and QE are together: nothing that their maker has given up. */
static int verify_status(struct context *c)
{
	c->advisories = c->tcb.advisories;
	if (!om_advisories_add(&c->advisories, &c->qe.advisories))
		return no(c, OM_WHY_QE_IDENTITY, OM_EQUOTE);
	c->status = om_tcb_conclude(&c->tcb, &c->qe);
	if (c->status == OM_TCB_REVOKED)
		return no(c, OM_WHY_REVOKED, OM_EREVOKED);
	if (c->status == OM_TCB_UNKNOWN)
		return no(c, OM_WHY_TCB_LEVEL, OM_EPOLICY);
	return 0;
}

/* 6. The PCK vouches for the QE, the QE for the attestation key, that for the quote. */
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
	ret->tee = c->quote.tee;
	ret->quote_version = c->quote.version;
	ret->kind = c->quote.kind;
	ret->body = c->quote.body;
	ret->td = c->quote.td;
	om_sha256(c->root_spki, c->root_spki_size, ret->root);
	memcpy(ret->fmspc, c->pck.fmspc, sizeof ret->fmspc);
	memcpy(ret->platform, c->pck.instance, sizeof ret->platform);
	ret->pce_svn = c->pck.pce_svn;
	ret->status = c->status;
	ret->platform_status = c->tcb.status;
	ret->module_status = c->tcb.module_status;
	ret->qe_status = c->qe.status;
	ret->tcb_date = c->tcb.tcb_date < c->qe.tcb_date ? c->tcb.tcb_date : c->qe.tcb_date;
	ret->evaluation = c->tcb.evaluation < c->qe.evaluation ? c->tcb.evaluation : c->qe.evaluation;
	ret->tcb_evaluation = c->tcb.evaluation;
	ret->qe_evaluation = c->qe.evaluation;
	ret->tcb_issued = c->tcb.issued;
	ret->qe_issued = c->qe.issued;
	ret->valid_until = c->valid_until;
	ret->advisories = c->advisories;
}

/* 0. Everything has its form, and the quote is of the TEE that the caller asks about. */
static int parse(struct context *c)
{
	const struct om_attest_input *in = c->in;
	const int error = om_quote_parse(in->quote.data, in->quote.size, &c->quote);

	if (error == OM_EVERSION || error == OM_EUNSUPPORTED)
		return no(c, OM_WHY_QUOTE_UNSUPPORTED, OM_EQUOTE);
	if (error)
		return no(c, OM_WHY_QUOTE_FORMAT, OM_EQUOTE);
	if (c->quote.tee != in->tee)
		return no(c, in->tee == OM_TEE_TDX ? OM_WHY_NOT_TD : OM_WHY_TEE, OM_EPOLICY);
	if (om_collateral_decode(in->collateral.data, in->collateral.size, &c->collateral))
		return no(c, OM_WHY_COLLATERAL_FORMAT, OM_EQUOTE);
	return 0;
}

int om_attest_verify(const struct om_attest_input *in, struct om_attest_result *ret_result, enum om_attest_reason *ret_reason)
{
	static int (*const steps[])(struct context *) = {
		parse, verify_pck_chain, verify_crls, verify_tcb_info, verify_qe_identity, verify_signatures, verify_status,
	};
	struct context c = { .in = in, .valid_until = INT64_MAX };
	int error = 0;

	for (size_t i = 0; !error && i < sizeof steps / sizeof *steps; i++)
		error = steps[i](&c);
	*ret_reason = error ? c.reason : OM_WHY_NONE;
	if (!error)
		commit(&c, ret_result);
	return error;
}
