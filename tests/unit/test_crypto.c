/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes, curves and secrets without vector files: SHA-256 in both implementations against OpenSSL in all ways of
 * cutting a message, ECDSA both ways against OpenSSL, published single values, wiping and comparing.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include "unit.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "strerror.h"

static void check_sha256(uint64_t features)
{
	uint8_t data[700], want[32], got[32];

	unit_random_bytes(data, sizeof data);
	for (size_t size = 0; size <= sizeof data; size++) {
		struct om_sha256 s;
		const size_t cut = size ? unit_random() % size : 0;

		SHA256(data, size, want);
		om_sha256_init(&s, features);
		om_sha256_update(&s, data, cut);
		om_sha256_result(&s, got); /* leaves the stream as it is */
		om_sha256_update(&s, data + cut, size - cut);
		om_sha256_result(&s, got);
		assert_memory_equal(got, want, 32);
	}
}

static void test_sha256(void **state)
{
	(void)state;
	check_sha256(0);
	if (unit_features() & OM_CPU_SHANI)
		check_sha256(OM_CPU_SHANI);
	else
		print_message("this CPU has no SHA extensions\n");
}

/* RFC 4231, cases 2 and 6 (a key longer than the block). */
static void test_hmac(void **state)
{
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t long_key[131], mac[32];
	uint8_t *want = unit_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", NULL);

	(void)state;
	om_hmac("Jefe", 4, "what do ya want for nothing?", 28, mac);
	assert_memory_equal(mac, want, 32);
	free(want);
	want = unit_hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", NULL);
	memset(long_key, 0xaa, sizeof long_key);
	om_hmac(long_key, sizeof long_key, text, sizeof text - 1, mac);
	assert_memory_equal(mac, want, 32);
	free(want);
}

static void test_hkdf_limit(void **state)
{
	static const uint8_t prk[32];
	static uint8_t out[OM_HKDF_OUTPUT_MAX + 1];

	(void)state;
	assert_int_equal(om_hkdf_expand(prk, "x", 1, out, OM_HKDF_OUTPUT_MAX), 0);
	assert_int_equal(om_hkdf_expand(prk, "x", 1, out, OM_HKDF_OUTPUT_MAX + 1), OM_EOVERFLOW);
}

static EVP_PKEY *openssl_key(const uint8_t public[64])
{
	uint8_t point[65] = { 4 };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)"prime256v1", 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(point + 1, public, 64);
	assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
	assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

/* r || s in DER, for OpenSSL. */
static size_t to_der(const uint8_t raw[64], uint8_t der[80])
{
	size_t at = 2;

	for (int half = 0; half < 2; half++) {
		const uint8_t *n = raw + 32 * half;
		size_t skip = 0;

		while (skip < 31 && !n[skip])
			skip++;
		der[at] = 2;
		der[at + 1] = (uint8_t)(32 - skip + (n[skip] >> 7));
		at += 2;
		if (n[skip] >> 7)
			der[at++] = 0;
		memcpy(der + at, n + skip, 32 - skip);
		at += 32 - skip;
	}
	der[0] = 0x30;
	der[1] = (uint8_t)(at - 2);
	return at;
}

static void test_ecdsa_sign(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		uint8_t seed[32], private[32], public[64], hash[32], signature[64], der[80];
		EVP_PKEY *key;
		EVP_PKEY_CTX *c;

		unit_random_bytes(seed, sizeof seed);
		unit_random_bytes(hash, sizeof hash);
		om_p256_derive(seed, private, public);
		assert_int_equal(om_p256_sign(private, hash, signature), 0);
		assert_int_equal(om_p256_verify(public, hash, signature), 0);
		key = openssl_key(public);
		c = EVP_PKEY_CTX_new(key, NULL);
		assert_int_equal(EVP_PKEY_verify_init(c), 1);
		assert_int_equal(EVP_PKEY_verify(c, der, to_der(signature, der), hash, sizeof hash), 1);
		EVP_PKEY_CTX_free(c);
		EVP_PKEY_free(key);
		signature[unit_random() % 64] ^= (uint8_t)(1u << unit_random() % 8);
		assert_int_equal(om_p256_verify(public, hash, signature), OM_EAUTH);
	}
}

/* The reduction of the seed at its edges: n - 2, n - 1, n, 2^256 - 1. */
static void test_ecdsa_derive(void **state)
{
	static const struct { const char *seed, *private; } cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000",
		  "0000000000000000000000000000000000000000000000000000000000000001" },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
		  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550" },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
		  "0000000000000000000000000000000000000000000000000000000000000001" },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		  "00000000ffffffff00000000000000004319055258e8617b0c46353d039cdab0" },
	};
	static const uint8_t zero[32];
	uint8_t hash[32] = { 1 }; /* not 0: BearSSL refuses the infinite point that 0 * G is, and no message hashes to 0 */
	uint8_t private[32], public[64], signature[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *seed = unit_hex(cases[i].seed, NULL), *want = unit_hex(cases[i].private, NULL);

		om_p256_derive(seed, private, public);
		assert_memory_equal(private, want, 32);
		assert_int_equal(om_p256_sign(private, hash, signature), 0);
		assert_int_equal(om_p256_verify(public, hash, signature), 0);
		free(seed);
		free(want);
	}
	assert_int_equal(om_p256_sign(zero, hash, signature), OM_EINVAL);
}

static void test_secrets(void **state)
{
	uint8_t a[40], b[40];

	(void)state;
	unit_random_bytes(a, sizeof a);
	memcpy(b, a, sizeof a);
	assert_true(om_equal(a, b, sizeof a));
	assert_true(om_equal(a, b, 0));
	for (size_t bit = 0; bit < sizeof a * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(om_equal(a, b, sizeof a));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	om_wipe(a, sizeof a);
	for (size_t i = 0; i < sizeof a; i++)
		assert_int_equal(a[i], 0);
}

static void test_errors(void **state)
{
	(void)state;
#define X(name, number, what, cure) \
	assert_int_equal(name, -(number)); \
	assert_string_equal(om_strerror(name), what); \
	assert_string_equal(om_errcure(name), cure); \
	assert_string_equal(om_errname(name), #name);
	OM_ERRORS(X)
#undef X
	assert_string_equal(om_strerror(0), "success");
	assert_non_null(om_strerror(-9999));
	assert_non_null(om_errcure(1));
	assert_non_null(om_errname(-9999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hkdf_limit),
		cmocka_unit_test(test_ecdsa_sign),
		cmocka_unit_test(test_ecdsa_derive),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
