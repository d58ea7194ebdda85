/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AMD's evidence needs, without vector files: SHA-384 and SHA-512, ECDSA P-384 and RSASSA-PSS in both directions
 * against OpenSSL, published single values, and every structural fault of a PSS encoding.
 */
#include <openssl/core_names.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include "unit.h"
#include "crypto/p384.h"
#include "crypto/rsa.h"
#include "crypto/sha512.h"

static void test_sha512(void **state)
{
	uint8_t data[1100], want[64], got[64];

	(void)state;
	unit_random_bytes(data, sizeof data);
	for (size_t size = 0; size <= sizeof data; size++) {
		struct om_sha512 s;
		const size_t cut = size ? unit_random() % size : 0;

		SHA512(data, size, want);
		om_sha512_init(&s);
		om_sha512_update(&s, data, cut);
		om_sha512_result(&s, got); /* leaves the stream as it is */
		om_sha512_update(&s, data + cut, size - cut);
		om_sha512_result(&s, got);
		assert_memory_equal(got, want, 64);
		SHA384(data, size, want);
		om_sha384(data, size, got);
		assert_memory_equal(got, want, 48);
	}
}

/* FIPS 180-4's examples: "abc", and 112 letters. */
static void test_sha512_published(void **state)
{
	static const char two_blocks[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
	static const struct { const char *text; bool wide; const char *hash; } cases[] = {
		{ "abc", false, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
		{ "abc", true, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
		{ two_blocks, false, "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039" },
		{ two_blocks, true, "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
			"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t hash[64], *want = unit_hex(cases[i].hash, NULL);

		(cases[i].wide ? om_sha512 : om_sha384)(cases[i].text, strlen(cases[i].text), hash);
		assert_memory_equal(hash, want, cases[i].wide ? 64 : 48);
		free(want);
	}
}

static EVP_PKEY *openssl_ec(const uint8_t public[96])
{
	uint8_t point[97] = { 4 };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)"secp384r1", 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(point + 1, public, 96);
	assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
	assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

/* r || s in DER, for OpenSSL. */
static size_t to_der(const uint8_t raw[96], uint8_t der[112])
{
	size_t at = 2;

	for (int half = 0; half < 2; half++) {
		const uint8_t *n = raw + 48 * half;
		size_t skip = 0;

		while (skip < 47 && !n[skip])
			skip++;
		der[at] = 2;
		der[at + 1] = (uint8_t)(48 - skip + (n[skip] >> 7));
		at += 2;
		if (n[skip] >> 7)
			der[at++] = 0;
		memcpy(der + at, n + skip, 48 - skip);
		at += 48 - skip;
	}
	der[0] = 0x30;
	der[1] = (uint8_t)(at - 2);
	return at;
}

static void test_p384_sign(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		uint8_t seed[48], private[48], public[96], hash[48], signature[96], der[112];
		EVP_PKEY *key;
		EVP_PKEY_CTX *c;

		unit_random_bytes(seed, sizeof seed);
		unit_random_bytes(hash, sizeof hash);
		om_p384_derive(seed, private, public);
		assert_int_equal(om_p384_sign(private, hash, signature), 0);
		assert_int_equal(om_p384_verify(public, hash, signature), 0);
		key = openssl_ec(public);
		c = EVP_PKEY_CTX_new(key, NULL);
		assert_int_equal(EVP_PKEY_verify_init(c), 1);
		assert_int_equal(EVP_PKEY_verify(c, der, to_der(signature, der), hash, sizeof hash), 1);
		EVP_PKEY_CTX_free(c);
		EVP_PKEY_free(key);
		signature[unit_random() % 96] ^= (uint8_t)(1u << unit_random() % 8);
		assert_int_equal(om_p384_verify(public, hash, signature), OM_EAUTH);
	}
}

/* RFC 6979, A.2.6: P-384 with SHA-384, message "sample". */
static void test_p384_published(void **state)
{
	uint8_t *private = unit_hex("6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5", NULL);
	uint8_t *want = unit_hex("94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
		"99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8", NULL);
	uint8_t hash[48], signature[96];

	(void)state;
	om_sha384("sample", 6, hash);
	assert_int_equal(om_p384_sign(private, hash, signature), 0);
	assert_memory_equal(signature, want, 96);
	free(private);
	free(want);
}

/* The reduction of the seed at its edges: 0, n - 2, n - 1, 2^384 - 1. */
static void test_p384_derive(void **state)
{
	static const char n_less_2[] = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52971";
	static const char n_less_1[] = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52972";
	static const char zero[] = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";
	static const char one[] = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001";
	static const char most[] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	static const char most_reduced[] = "000000000000000000000000000000000000000000000000389cb27e0bc8d220a7e5f24db74f58851313e695333ad68e";
	static const struct { const char *seed, *private; } cases[] = {
		{ zero, one }, { n_less_2, n_less_1 }, { n_less_1, one }, { most, most_reduced },
	};
	static const uint8_t nothing[48];
	uint8_t hash[48] = { 1 }, private[48], public[96], signature[96];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *seed = unit_hex(cases[i].seed, NULL), *want = unit_hex(cases[i].private, NULL);

		om_p384_derive(seed, private, public);
		assert_memory_equal(private, want, 48);
		assert_int_equal(om_p384_sign(private, hash, signature), 0);
		assert_int_equal(om_p384_verify(public, hash, signature), 0);
		free(seed);
		free(want);
	}
	assert_int_equal(om_p384_sign(nothing, hash, signature), OM_EINVAL);
}

/* r, s of 0, n, n + 1, 2^384 - 1; the key no point: zero, or one coordinate altered. */
static void test_p384_refused(void **state)
{
	uint8_t seed[48] = { 5 }, private[48], public[96], hash[48] = { 9 }, signature[96], bad[96], key[96];
	uint8_t *n = unit_hex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", NULL);

	(void)state;
	om_p384_derive(seed, private, public);
	assert_int_equal(om_p384_sign(private, hash, signature), 0);
	for (int half = 0; half < 2; half++) {
		memcpy(bad, signature, 96);
		memset(bad + 48 * half, 0, 48);
		assert_int_equal(om_p384_verify(public, hash, bad), OM_EAUTH);
		memcpy(bad + 48 * half, n, 48);
		assert_int_equal(om_p384_verify(public, hash, bad), OM_EAUTH);
		bad[48 * half + 47]++;
		assert_int_equal(om_p384_verify(public, hash, bad), OM_EAUTH);
		memset(bad + 48 * half, 0xff, 48);
		assert_int_equal(om_p384_verify(public, hash, bad), OM_EAUTH);
		memcpy(key, public, 96);
		key[48 * half] ^= 1;
		assert_int_equal(om_p384_verify(key, hash, signature), OM_EAUTH);
	}
	memset(key, 0, sizeof key);
	assert_int_equal(om_p384_verify(key, hash, signature), OM_EAUTH);
	free(n);
}

/* A fresh key of 4096 bits from OpenSSL. */
static struct { EVP_PKEY *openssl; uint8_t modulus[512]; struct om_rsa_private private; } rsa;

static void rsa_number(const char *name, uint8_t *to, size_t size)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(rsa.openssl, name, &n), 1);
	assert_int_equal(BN_bn2binpad(n, to, (int)size), (int)size);
	BN_clear_free(n);
}

static int make_rsa(void **state)
{
	(void)state;
	rsa.openssl = EVP_RSA_gen(4096);
	assert_non_null(rsa.openssl);
	rsa_number(OSSL_PKEY_PARAM_RSA_N, rsa.modulus, 512);
	rsa_number(OSSL_PKEY_PARAM_RSA_FACTOR1, rsa.private.p, 256);
	rsa_number(OSSL_PKEY_PARAM_RSA_FACTOR2, rsa.private.q, 256);
	rsa_number(OSSL_PKEY_PARAM_RSA_EXPONENT1, rsa.private.dp, 256);
	rsa_number(OSSL_PKEY_PARAM_RSA_EXPONENT2, rsa.private.dq, 256);
	rsa_number(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, rsa.private.iq, 256);
	return 0;
}

static int free_rsa(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa.openssl);
	return 0;
}

static EVP_PKEY_CTX *pss(int (*init)(EVP_PKEY_CTX *), int salt)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.openssl, NULL);

	assert_int_equal(init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha384()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_sha384()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, salt), 1);
	return c;
}

static void test_pss_sign(void **state)
{
	uint8_t hash[48], salt[48], signature[512];
	size_t size = sizeof signature;
	EVP_PKEY_CTX *c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		unit_random_bytes(hash, sizeof hash);
		unit_random_bytes(salt, sizeof salt);
		assert_int_equal(om_rsa_pss_sign(&rsa.private, hash, salt, signature), 0);
		assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), 0);
		c = pss(EVP_PKEY_verify_init, 48);
		assert_int_equal(EVP_PKEY_verify(c, signature, sizeof signature, hash, sizeof hash), 1);
		EVP_PKEY_CTX_free(c);
		signature[unit_random() % 512] ^= (uint8_t)(1u << unit_random() % 8);
		assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), OM_EAUTH);
	}
	for (int length = 0; length <= 64; length += 16) {
		c = pss(EVP_PKEY_sign_init, length);
		assert_int_equal(EVP_PKEY_sign(c, signature, &size, hash, sizeof hash), 1);
		EVP_PKEY_CTX_free(c);
		assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), length == 48 ? 0 : OM_EAUTH);
	}
}

/* Signs an encoding as it stands: the private operation without the padding. */
static void sign_raw(const uint8_t em[512], uint8_t signature[512])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.openssl, NULL);
	size_t size = 512;

	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(c, signature, &size, em, 512), 1);
	EVP_PKEY_CTX_free(c);
}

/* An encoding with one byte before the mask altered, or none (at = -1); the trailer is byte 511. */
static void encode(const uint8_t hash[48], int at, uint8_t alter, uint8_t em[512])
{
	const uint8_t salt[48] = { 0x55 };

	memset(em, 0, 512);
	em[OM_PSS_BLOCK - 49] = 1;
	memcpy(em + OM_PSS_BLOCK - 48, salt, 48);
	om_pss_hash(hash, salt, em + OM_PSS_BLOCK);
	if (at >= 0 && at < OM_PSS_BLOCK)
		em[at] ^= alter;
	om_pss_mask(em + OM_PSS_BLOCK, em);
	em[0] &= 0x7f;
	em[511] = 0xbc;
	if (at >= OM_PSS_BLOCK)
		em[at] ^= alter;
}

static void test_pss_encoding(void **state)
{
	uint8_t hash[48] = { 3 }, em[512], signature[512];

	(void)state;
	encode(hash, -1, 0, em);
	sign_raw(em, signature);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), 0);
	/* every part: filling, the 01, salt, H, trailer */
	for (int at = 0; at < 512; at += at > 405 && at < 420 ? 1 : 29) {
		encode(hash, at, 0x20, em);
		sign_raw(em, signature);
		assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), OM_EAUTH);
	}
	encode(hash, 511, 0x01, em);
	sign_raw(em, signature);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), OM_EAUTH);
}

/* A signature not below the modulus, zero, one; a modulus too short or even. */
static void test_pss_numbers(void **state)
{
	uint8_t hash[48] = { 3 }, salt[48] = { 4 }, signature[512], bad[512], modulus[512];
	struct om_rsa_private even = rsa.private;

	(void)state;
	assert_int_equal(om_rsa_pss_sign(&rsa.private, hash, salt, signature), 0);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, signature), 0);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, rsa.modulus), OM_EAUTH);
	memset(bad, 0xff, sizeof bad);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, bad), OM_EAUTH);
	memset(bad, 0, sizeof bad);
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, bad), OM_EAUTH);
	bad[511] = 1;
	assert_int_equal(om_rsa_pss_verify(rsa.modulus, hash, bad), OM_EAUTH);
	memcpy(modulus, rsa.modulus, sizeof modulus);
	modulus[0] &= 0x7f;
	assert_int_equal(om_rsa_pss_verify(modulus, hash, signature), OM_EAUTH);
	memcpy(modulus, rsa.modulus, sizeof modulus);
	modulus[511] ^= 1;
	assert_int_equal(om_rsa_pss_verify(modulus, hash, signature), OM_EAUTH);
	memset(modulus, 0, sizeof modulus);
	assert_int_equal(om_rsa_pss_verify(modulus, hash, signature), OM_EAUTH);
	even.p[255] ^= 1;
	assert_int_equal(om_rsa_pss_sign(&even, hash, salt, bad), OM_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha512),
		cmocka_unit_test(test_sha512_published),
		cmocka_unit_test(test_p384_sign),
		cmocka_unit_test(test_p384_published),
		cmocka_unit_test(test_p384_derive),
		cmocka_unit_test(test_p384_refused),
		cmocka_unit_test(test_pss_sign),
		cmocka_unit_test(test_pss_encoding),
		cmocka_unit_test(test_pss_numbers),
	};

	return cmocka_run_group_tests(tests, make_rsa, free_rsa);
}
