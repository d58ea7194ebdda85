/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCT: filled in, signed, and given the two quotients that spare the CPU a division:
 * q1 = floor(s^2 / m), q2 = floor((s^3 - q1 s m) / m). Source: SDM 3D 35.14.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "internal.h"

/* BCD yyyymmdd. */
static uint32_t build_date(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t t = epoch ? (time_t)strtoll(epoch, NULL, 10) : 1735689600;   /* 2025-01-01 */
	struct tm tm;
	uint32_t decimal, bcd = 0;

	if (!gmtime_r(&t, &tm))
		return 0x20250101;
	decimal = (uint32_t)(tm.tm_year + 1900) * 10000 + (uint32_t)(tm.tm_mon + 1) * 100 + (uint32_t)tm.tm_mday;
	for (int shift = 0; shift < 32; shift += 4, decimal /= 10)
		bcd |= decimal % 10 << shift;
	return bcd;
}

static void fill(const struct sign_params *p, struct sgx_sigstruct *s)
{
	memset(s, 0, sizeof *s);
	memcpy(s->header, SGX_SIGSTRUCT_HEADER, 16);
	memcpy(s->header2, SGX_SIGSTRUCT_HEADER2, 16);
	s->date = build_date();
	s->exponent = 3;
	s->miscselect = p->miscselect;
	s->miscmask = p->miscmask;
	s->attributes = p->attributes;
	s->attributemask = p->attributemask;
	memcpy(s->enclavehash, p->mrenclave, 32);
	s->isvprodid = p->isvprodid;
	s->isvsvn = p->isvsvn;
}

static bool put_modulus(EVP_PKEY *key, struct sgx_sigstruct *s)
{
	BIGNUM *n = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) && BN_bn2lebinpad(n, s->modulus, 384) == 384;

	BN_free(n);
	return ok;
}

static bool put_signature(EVP_PKEY *key, struct sgx_sigstruct *s)
{
	uint8_t input[256], signature[384];
	size_t size = sizeof signature;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	memcpy(input, s, 128);
	memcpy(input + 128, &s->miscselect, 128);
	ok = md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) > 0 &&
		EVP_DigestSign(md, signature, &size, input, sizeof input) > 0 && size == sizeof signature;
	for (int i = 0; ok && i < 384; i++)
		s->signature[i] = signature[383 - i];
	EVP_MD_CTX_free(md);
	return ok;
}

static bool put_quotients(struct sgx_sigstruct *sig)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *s, *m, *t, *q, *r;
	bool ok;

	if (!ctx)
		return false;
	BN_CTX_start(ctx);
	s = BN_CTX_get(ctx), m = BN_CTX_get(ctx), t = BN_CTX_get(ctx), q = BN_CTX_get(ctx), r = BN_CTX_get(ctx);
	ok = r && BN_lebin2bn(sig->signature, 384, s) && BN_lebin2bn(sig->modulus, 384, m) &&
		BN_sqr(t, s, ctx) && BN_div(q, r, t, m, ctx) && BN_bn2lebinpad(q, sig->q1, 384) == 384 &&
		BN_mul(t, s, r, ctx) && BN_div(q, r, t, m, ctx) && BN_bn2lebinpad(q, sig->q2, 384) == 384;
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return ok;
}

int sign_sigstruct(const struct sign_params *params, const char *key_pem, struct sgx_sigstruct *ret_sigstruct)
{
	struct sgx_sigstruct s;
	EVP_PKEY *key;
	int r = sign_key_load(key_pem, &key);

	if (r < 0)
		return r;
	fill(params, &s);
	if (put_modulus(key, &s) && put_signature(key, &s) && put_quotients(&s))
		*ret_sigstruct = s;
	else
		r = sign_fail(OM_EINTERNAL, "libcrypto could not sign");
	EVP_PKEY_free(key);
	return r;
}

int sign_signer(const char *key_pem, uint8_t ret_mrsigner[32])
{
	struct sgx_sigstruct s;
	EVP_PKEY *key;
	int r = sign_key_load(key_pem, &key);

	if (r < 0)
		return r;
	if (put_modulus(key, &s))
		SHA256(s.modulus, sizeof s.modulus, ret_mrsigner);
	else
		r = sign_fail(OM_EINTERNAL, "libcrypto could not read the key");
	EVP_PKEY_free(key);
	return r;
}
