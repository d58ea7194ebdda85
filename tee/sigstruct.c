/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EINIT asks of a SIGSTRUCT by itself, before it looks at the enclave. The emulator's EINIT asks it, and so does whoever judges
 * an image before there is an enclave. Source: SDM 3D 38.3, EINIT.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>
#include "bytes.h"
#include "sigstruct.h"

bool tee_sigstruct_formed(const struct sgx_sigstruct *s)
{
	return memcmp(s->header, SGX_SIGSTRUCT_HEADER, 16) == 0 && memcmp(s->header2, SGX_SIGSTRUCT_HEADER2, 16) == 0 &&
		(s->vendor == 0 || s->vendor == 0x8086) && s->exponent == 3 &&
		om_all_zero(s->reserved1, sizeof s->reserved1) && om_all_zero(s->reserved2, sizeof s->reserved2) &&
		om_all_zero(s->reserved3, sizeof s->reserved3) && om_all_zero(s->reserved4, sizeof s->reserved4);
}

/* The CPU is given q1 = floor(s^2 / m) and q2 = floor((s^3 - q1 s m) / m), so that it need not divide; and refuses
 * if they are wrong. */
static bool quotients_ok(const struct sgx_sigstruct *sig)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *s, *m, *q1, *q2, *t, *q, *r;
	bool ok = false;

	if (!ctx)
		return false;
	BN_CTX_start(ctx);
	s = BN_CTX_get(ctx), m = BN_CTX_get(ctx), q1 = BN_CTX_get(ctx), q2 = BN_CTX_get(ctx);
	t = BN_CTX_get(ctx), q = BN_CTX_get(ctx), r = BN_CTX_get(ctx);
	if (r && BN_lebin2bn(sig->signature, 384, s) && BN_lebin2bn(sig->modulus, 384, m) &&
	    BN_lebin2bn(sig->q1, 384, q1) && BN_lebin2bn(sig->q2, 384, q2) &&
	    BN_sqr(t, s, ctx) && BN_div(q, r, t, m, ctx) && BN_cmp(q, q1) == 0 &&
	    BN_mul(t, s, r, ctx) && BN_div(q, r, t, m, ctx) && BN_cmp(q, q2) == 0)
		ok = true;
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *public_key(const struct sgx_sigstruct *sig)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_lebin2bn(sig->modulus, 384, NULL), *e = BN_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build && n && e && ctx && BN_set_word(e, sig->exponent) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
	    (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(ctx) > 0)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);   /* key stays NULL on failure */
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

static bool signature_ok(const struct sgx_sigstruct *sig)
{
	uint8_t signed_part[128 + 128], signature[384];
	EVP_PKEY *key = public_key(sig);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	memcpy(signed_part, sig, 128);
	memcpy(signed_part + 128, &sig->miscselect, 128);
	for (int i = 0; i < 384; i++)
		signature[i] = sig->signature[383 - i];
	ok = key && md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) > 0 &&
		EVP_DigestVerify(md, signature, sizeof signature, signed_part, sizeof signed_part) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return ok;
}

bool tee_sigstruct_signed(const struct sgx_sigstruct *sig)
{
	return signature_ok(sig) && quotients_ok(sig);
}
