/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>
#include <time.h>
#include "crypto/wipe.h"
#include "evidence/authentic/lineage.h"
#include "evidence/parse/tagged.h"
#include "util.h"
#include "verify/certificate.h"

int verify_certificate_read(struct om_view file, X509 **ret)
{
	BIO *bio = BIO_new_mem_buf(file.data, (int)file.size);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	const uint8_t *at = file.data;

	if (!x)
		x = d2i_X509(NULL, &at, (long)file.size);
	BIO_free(bio);
	if (!x)
		return host_fail(OM_EINVAL, "this is no certificate, neither in PEM nor in DER");
	*ret = x;
	return 0;
}

/* The content of the extension; size 0: there is none, or several. */
static struct om_view extension(X509 *x)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(OM_TAGGED_OID, 1);
	const int at = oid ? X509_get_ext_by_OBJ(x, oid, -1) : -1;
	const bool several = at >= 0 && X509_get_ext_by_OBJ(x, oid, at) >= 0;
	const ASN1_OCTET_STRING *data = at >= 0 && !several ? X509_EXTENSION_get_data(X509_get_ext(x, at)) : NULL;

	ASN1_OBJECT_free(oid);
	return data ? (struct om_view) { ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data) } : (struct om_view) { 0 };
}

static bool names_key(X509 *x, const struct om_claims *claims)
{
	uint8_t hash[SHA512_DIGEST_LENGTH], *spki = NULL;
	const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);

	if (size <= 0)
		return false;
	if (claims->algorithm == OM_HASH_SHA256)
		SHA256(spki, (size_t)size, hash);
	else if (claims->algorithm == OM_HASH_SHA384)
		SHA384(spki, (size_t)size, hash);
	else
		SHA512(spki, (size_t)size, hash);
	OPENSSL_free(spki);
	return om_equal(hash, claims->pubkey_hash.data, claims->pubkey_hash.size);
}

static int refused(struct verify_verdict *ret, int error, enum om_attest_reason reason)
{
	*ret = (struct verify_verdict) { .error = error, .reason = reason };
	return 0;
}

/* Clocks of two machines differ. */
#define CLOCK_SLACK 300

/* The date counts if it is the runtime's word. */
static enum om_attest_reason judge_age(const struct verify_request *request, const struct verify_verdict *verdict)
{
	const int64_t made = (int64_t)verdict->instance.made;

	if (!request->max_age)
		return OM_WHY_NONE;
	if (!verdict->has_instance || made <= 0)
		return OM_WHY_AGE_NONE;
	if (made > request->now)
		return made - request->now > CLOCK_SLACK ? OM_WHY_AGE_FUTURE : OM_WHY_NONE;
	return request->now - made > request->max_age ? OM_WHY_AGE : OM_WHY_NONE;
}

static enum om_attest_reason judge_lineage(const struct verify_request *request, const struct verify_verdict *verdict)
{
	if (!request->lineage)
		return OM_WHY_NONE;
	if (!verdict->has_lineage)
		return OM_WHY_LINEAGE_NONE;
	return om_equal(request->lineage, verdict->lineage.public, sizeof verdict->lineage.public) ? OM_WHY_NONE : OM_WHY_LINEAGE;
}

/* The evidence is accepted, and is over these claims: do they say what is demanded? */
static void judge_claims(const struct verify_request *request, const struct om_claims *claims, struct verify_verdict *ret)
{
	const int forged = om_lineage_verify(claims);
	enum om_attest_reason reason = forged && forged != OM_ENOTFOUND ? OM_WHY_LINEAGE_FORGED : OM_WHY_NONE;

	if (!reason) {
		ret->has_lineage = claims->has_lineage;
		ret->lineage = claims->lineage;
		ret->has_instance = ret->has_lineage || ret->fresh;
		ret->instance = claims->instance;
		reason = judge_lineage(request, ret);
	}
	if (!reason)
		reason = judge_age(request, ret);
	if (!reason)
		return;
	ret->error = OM_EAUTH;
	ret->reason = reason;
}

/* By the dates in it. Whoever makes it chooses them: what is refused here says itself that it is over. */
static bool in_force(X509 *x, int64_t now)
{
	time_t at = (time_t)now;

	return X509_cmp_time(X509_get0_notBefore(x), &at) < 0 && X509_cmp_time(X509_get0_notAfter(x), &at) > 0;
}

int verify_certificate(const struct verify_request *request, X509 *x, struct om_view nonce, struct verify_verdict *ret)
{
	struct verify_request of_evidence = *request;
	const struct om_view content = extension(x);
	struct om_tagged tagged;
	struct om_claims claims;
	uint8_t data[SGX_REPORTDATA_SIZE];
	int error;

	if (!content.size)
		return refused(ret, OM_EAUTH, OM_WHY_NO_EVIDENCE);
	if (om_tagged_parse(content, &tagged) || om_claims_parse(tagged.claims, &claims))
		return refused(ret, OM_EQUOTE, OM_WHY_EVIDENCE_FORMAT);
	if (X509_verify(x, X509_get0_pubkey(x)) != 1 || !names_key(x, &claims))
		return refused(ret, OM_EAUTH, OM_WHY_CERTIFICATE_KEY);
	if (!in_force(x, request->now))
		return refused(ret, OM_EEXPIRED, OM_WHY_CERTIFICATE_TIME);
	if (nonce.size && (claims.nonce.size != nonce.size || !om_equal(claims.nonce.data, nonce.data, nonce.size)))
		return refused(ret, OM_EAUTH, OM_WHY_NONCE);
	of_evidence.evidence = tagged.evidence;
	error = verify_judge(&of_evidence, ret);
	if (error || ret->error)
		return error;
	om_claims_report_data(tagged.claims, data);
	if (!om_equal(data, ret->peer.body.reportdata, sizeof data)) {
		ret->error = OM_EAUTH;
		ret->reason = OM_WHY_CERTIFICATE_KEY;
		return 0;
	}
	judge_claims(request, &claims, ret);
	return 0;
}

int verify_fresh(const struct verify_request *request, X509 *x, struct om_view bytes, struct om_view nonce, struct verify_verdict *ret)
{
	struct verify_request of_evidence = *request;
	struct om_tagged tagged;
	struct om_claims claims;
	uint8_t data[SGX_REPORTDATA_SIZE];
	int error;

	if (om_tagged_parse(bytes, &tagged) || om_claims_parse(tagged.claims, &claims) || !claims.has_instance)
		return refused(ret, OM_EQUOTE, OM_WHY_EVIDENCE_FORMAT);
	if (!nonce.size || claims.nonce.size != nonce.size || !om_equal(claims.nonce.data, nonce.data, nonce.size))
		return refused(ret, OM_EAUTH, OM_WHY_NONCE);
	if (!names_key(x, &claims))
		return refused(ret, OM_EAUTH, OM_WHY_CERTIFICATE_KEY);
	of_evidence.evidence = tagged.evidence;
	error = verify_judge(&of_evidence, ret);
	if (error || ret->error)
		return error;
	om_fresh_report_data(tagged.claims, data);
	if (!om_equal(data, ret->peer.body.reportdata, sizeof data)) {
		ret->error = OM_EAUTH;
		ret->reason = OM_WHY_FRESH;
		return 0;
	}
	ret->fresh = true;
	judge_claims(request, &claims, ret);
	return 0;
}
