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

void sign_sigstruct_fill(const struct sign_params *p, struct sgx_sigstruct *s)
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

void sign_sigstruct_data(const struct sgx_sigstruct *s, uint8_t ret_data[SIGN_DATA_SIZE])
{
	memcpy(ret_data, s, 128);
	memcpy(ret_data + 128, &s->miscselect, 128);
}

static bool make_signature(EVP_PKEY *key, const struct sgx_sigstruct *s, uint8_t ret_signature[384])
{
	uint8_t input[SIGN_DATA_SIZE];
	size_t size = 384;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	sign_sigstruct_data(s, input);
	ok = md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) > 0 &&
		EVP_DigestSign(md, ret_signature, &size, input, sizeof input) > 0 && size == 384;
	EVP_MD_CTX_free(md);
	return ok;
}

static bool verifies(EVP_PKEY *key, const struct sgx_sigstruct *s, const uint8_t *signature, size_t size)
{
	uint8_t input[SIGN_DATA_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	sign_sigstruct_data(s, input);
	ok = md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) > 0 &&
		EVP_DigestVerify(md, signature, size, input, sizeof input) == 1;
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

int sign_sigstruct_complete(struct sgx_sigstruct *sigstruct, EVP_PKEY *key, const uint8_t *signature, size_t size)
{
	struct sgx_sigstruct s = *sigstruct;

	if (size != sizeof s.signature)
		return sign_fail(OM_EINVAL, "a signature has 384 bytes (openssl dgst -sha256 -sign KEY), this one %zu", size);
	if (!verifies(key, &s, signature, size))
		return sign_fail(OM_EAUTH, "the signature does not fit: by another key, or of another image or preparation");
	for (int i = 0; i < 384; i++)
		s.signature[i] = signature[383 - i];
	if (!put_modulus(key, &s) || !put_quotients(&s))
		return sign_fail(OM_EINTERNAL, "libcrypto could not compute with this key");
	*sigstruct = s;
	return 0;
}

/* The key that the structure itself names. */
static EVP_PKEY *named_key(const struct sgx_sigstruct *s)
{
	unsigned exponent = s->exponent;
	uint8_t modulus[384];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof modulus),
		OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	memcpy(modulus, s->modulus, sizeof modulus);   /* in the order of this CPU's bytes */
	if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);   /* key stays NULL on failure */
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool sign_sigstruct_holds(const struct sgx_sigstruct *s)
{
	EVP_PKEY *key = named_key(s);
	uint8_t signature[384];
	bool holds;

	for (int i = 0; i < 384; i++)
		signature[i] = s->signature[383 - i];
	holds = key && verifies(key, s, signature, sizeof signature);
	EVP_PKEY_free(key);
	return holds;
}

void sign_mrsigner(const struct sgx_sigstruct *s, uint8_t ret_mrsigner[32])
{
	SHA256(s->modulus, sizeof s->modulus, ret_mrsigner);
}

int sign_sigstruct(const struct sign_params *params, const char *key_pem, struct sgx_sigstruct *ret_sigstruct)
{
	struct sgx_sigstruct s;
	uint8_t signature[384];
	EVP_PKEY *key;
	int r = sign_key_load(key_pem, &key);

	if (r < 0)
		return r;
	sign_sigstruct_fill(params, &s);
	r = make_signature(key, &s, signature) ? sign_sigstruct_complete(&s, key, signature, sizeof signature) :
		sign_fail(OM_EINTERNAL, "libcrypto could not sign");
	if (r == 0)
		*ret_sigstruct = s;
	EVP_PKEY_free(key);
	return r;
}

int sign_signer(const char *key_pem, uint8_t ret_mrsigner[32])
{
	struct sgx_sigstruct s;
	EVP_PKEY *key;
	int r = sign_public_load(key_pem, &key);

	if (r < 0)
		return r;
	if (put_modulus(key, &s))
		sign_mrsigner(&s, ret_mrsigner);
	else
		r = sign_fail(OM_EINTERNAL, "libcrypto could not read the key");
	EVP_PKEY_free(key);
	return r;
}
