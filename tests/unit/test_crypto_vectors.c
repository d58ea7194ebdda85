/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Project Wycheproof's vectors for AES-256-GCM, AES-128-CMAC, HKDF-SHA256, X25519, ECDSA P-256 and P-384, RSASSA-PSS, and
 * SHA-384 and SHA-512 by way of HMAC.
 */
#include <jansson.h>
#include "unit.h"
#include "crypto/cmac.h"
#include "crypto/ec.h"
#include "crypto/gcm.h"
#include "crypto/p384.h"
#include "crypto/rsa.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"

static const char *string(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }
static long number(json_t *object, const char *key) { return (long)json_integer_value(json_object_get(object, key)); }

typedef bool (*case_fn)(json_t *group, json_t *test);

/* Runs every case; `fits` picks the groups. The case function returns whether the operation was accepted. */
static void run(const char *file, bool (*fits)(json_t *group), case_fn fn)
{
	const char *path = unit_vector_path(file);
	json_t *root, *group, *test;
	size_t i, j, count = 0;

	if (!path)
		skip();
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		if (fits && !fits(group))
			continue;
		json_array_foreach(json_object_get(group, "tests"), j, test) {
			const char *result = string(test, "result");
			const bool accepted = fn(group, test);

			if (strcmp(result, "acceptable") && accepted != !strcmp(result, "valid"))
				fail_msg("%s case %ld: %s, expected %s", file, number(test, "tcId"), accepted ? "valid" : "invalid", result);
			count++;
		}
	}
	json_decref(root);
	print_message("%s: %zu cases\n", file, count);
	assert_true(count > 20);
}

static bool gcm_fits(json_t *group)
{
	return number(group, "keySize") == 256 && number(group, "ivSize") == 96 && number(group, "tagSize") == 128;
}

static bool gcm_with(json_t *test, uint64_t features)
{
	size_t aad_size, size;
	uint8_t *key = unit_hex(string(test, "key"), NULL), *iv = unit_hex(string(test, "iv"), NULL);
	uint8_t *aad = unit_hex(string(test, "aad"), &aad_size), *msg = unit_hex(string(test, "msg"), &size);
	uint8_t *ct = unit_hex(string(test, "ct"), NULL), *tag = unit_hex(string(test, "tag"), NULL);
	uint8_t *out = malloc(size + 1), out_tag[16];
	struct om_gcm g;
	bool good;

	om_gcm_init(&g, key, features);
	good = !om_gcm_open(&g, iv, aad, aad_size, ct, size, out, tag);
	if (good) {
		assert_memory_equal(out, msg, size);
		assert_int_equal(om_gcm_seal(&g, iv, aad, aad_size, msg, size, out, out_tag), 0);
		assert_memory_equal(out, ct, size);
		assert_memory_equal(out_tag, tag, 16);
	}
	free(key); free(iv); free(aad); free(msg); free(ct); free(tag); free(out);
	return good;
}

static bool gcm_case(json_t *group, json_t *test)
{
	const bool good = gcm_with(test, 0);

	(void)group;
	if ((unit_features() & UNIT_VAES) == UNIT_VAES)
		assert_int_equal(gcm_with(test, UNIT_VAES), good);
	return good;
}

static bool cmac_fits(json_t *group) { return number(group, "keySize") == 128 && number(group, "tagSize") == 128; }
static bool cmac_case(json_t *group, json_t *test)
{
	size_t size;
	uint8_t *key = unit_hex(string(test, "key"), NULL), *msg = unit_hex(string(test, "msg"), &size);
	uint8_t *tag = unit_hex(string(test, "tag"), NULL), mac[16];
	bool good;

	(void)group;
	om_cmac(key, msg, size, mac);
	good = !memcmp(mac, tag, 16);
	free(key); free(msg); free(tag);
	return good;
}

static bool hkdf_case(json_t *group, json_t *test)
{
	const size_t size = (size_t)number(test, "size");
	size_t secret_size, salt_size, info_size;
	uint8_t *secret = unit_hex(string(test, "ikm"), &secret_size), *salt = unit_hex(string(test, "salt"), &salt_size);
	uint8_t *info = unit_hex(string(test, "info"), &info_size), *want = unit_hex(string(test, "okm"), NULL);
	uint8_t *out = malloc(size + 1);
	bool good;

	(void)group;
	good = !om_hkdf(salt, salt_size, secret, secret_size, info, info_size, out, size);
	if (good)
		assert_memory_equal(out, want, size);
	free(secret); free(salt); free(info); free(want); free(out);
	return good;
}

/* Results of zero are "acceptable" to Wycheproof and errors to us; everything else must match. */
static bool x25519_case(json_t *group, json_t *test)
{
	static const uint8_t zero[32];
	uint8_t *public = unit_hex(string(test, "public"), NULL), *private = unit_hex(string(test, "private"), NULL);
	uint8_t *want = unit_hex(string(test, "shared"), NULL), shared[32];
	const int error = om_x25519(private, public, shared);

	(void)group;
	assert_int_equal(error, memcmp(want, zero, 32) ? 0 : OM_EAUTH);
	if (!error)
		assert_memory_equal(shared, want, 32);
	free(public); free(private); free(want);
	return !error;
}

static bool ecdsa_case(json_t *group, json_t *test)
{
	size_t size, signature_size;
	uint8_t *public = unit_hex(string(json_object_get(group, "publicKey"), "uncompressed"), NULL);
	uint8_t *msg = unit_hex(string(test, "msg"), &size), *signature = unit_hex(string(test, "sig"), &signature_size);
	uint8_t hash[32];
	bool good;

	om_sha256(msg, size, hash);
	good = signature_size == OM_P256_SIGNATURE && !om_p256_verify(public + 1, hash, signature);
	free(public); free(msg); free(signature);
	return good;
}

static bool p384_case(json_t *group, json_t *test)
{
	size_t size, signature_size;
	uint8_t *public = unit_hex(string(json_object_get(group, "publicKey"), "uncompressed"), NULL);
	uint8_t *msg = unit_hex(string(test, "msg"), &size), *signature = unit_hex(string(test, "sig"), &signature_size);
	uint8_t hash[48];
	bool good;

	om_sha384(msg, size, hash);
	good = signature_size == OM_P384_SIGNATURE && !om_p384_verify(public + 1, hash, signature);
	free(public); free(msg); free(signature);
	return good;
}

static bool pss_case(json_t *group, json_t *test)
{
	size_t modulus_size, size, signature_size;
	uint8_t *modulus = unit_hex(string(json_object_get(group, "publicKey"), "modulus"), &modulus_size);
	uint8_t *msg = unit_hex(string(test, "msg"), &size), *signature = unit_hex(string(test, "sig"), &signature_size);
	uint8_t hash[48];
	bool good;

	assert_int_equal(modulus_size, 1 + OM_RSA_SIZE); /* a sign byte in front */
	assert_string_equal(string(json_object_get(group, "publicKey"), "publicExponent"), "010001");
	om_sha384(msg, size, hash);
	good = signature_size == OM_RSA_SIZE && !om_rsa_pss_verify(modulus + 1, hash, signature);
	free(modulus); free(msg); free(signature);
	return good;
}

/* HMAC (RFC 2104) over a hash of this block size: there are no vectors for the hashes alone. */
static bool hmac_holds(json_t *group, json_t *test, size_t hash_size, void (*hash)(const void *, size_t, uint8_t *))
{
	const size_t tag_size = (size_t)number(group, "tagSize") / 8;
	size_t key_size, size;
	uint8_t *key = unit_hex(string(test, "key"), &key_size), *msg = unit_hex(string(test, "msg"), &size);
	uint8_t *tag = unit_hex(string(test, "tag"), NULL), *inner = calloc(1, OM_SHA512_BLOCK + size);
	uint8_t outer[OM_SHA512_BLOCK + OM_SHA512_SIZE] = { 0 }, mac[OM_SHA512_SIZE];
	bool good;

	assert_true(key_size <= OM_SHA512_BLOCK && tag_size <= hash_size);
	memcpy(inner, key, key_size);
	memcpy(outer, key, key_size);
	for (size_t i = 0; i < OM_SHA512_BLOCK; i++) {
		inner[i] ^= 0x36;
		outer[i] ^= 0x5c;
	}
	memcpy(inner + OM_SHA512_BLOCK, msg, size);
	hash(inner, OM_SHA512_BLOCK + size, outer + OM_SHA512_BLOCK);
	hash(outer, OM_SHA512_BLOCK + hash_size, mac);
	good = !memcmp(mac, tag, tag_size);
	free(key); free(msg); free(tag); free(inner);
	return good;
}
static bool hmac384_case(json_t *group, json_t *test) { return hmac_holds(group, test, OM_SHA384_SIZE, om_sha384); }
static bool hmac512_case(json_t *group, json_t *test) { return hmac_holds(group, test, OM_SHA512_SIZE, om_sha512); }

static void test_gcm(void **state)    { (void)state; run("wycheproof_aes_gcm_test.json", gcm_fits, gcm_case); }
static void test_cmac(void **state)   { (void)state; run("wycheproof_aes_cmac_test.json", cmac_fits, cmac_case); }
static void test_hkdf(void **state)   { (void)state; run("wycheproof_hkdf_sha256_test.json", NULL, hkdf_case); }
static void test_x25519(void **state) { (void)state; run("wycheproof_x25519_test.json", NULL, x25519_case); }
static void test_ecdsa(void **state)  { (void)state; run("wycheproof_ecdsa_secp256r1_sha256_p1363_test.json", NULL, ecdsa_case); }
static void test_p384(void **state)   { (void)state; run("wycheproof_ecdsa_secp384r1_sha384_p1363_test.json", NULL, p384_case); }
static void test_pss(void **state)    { (void)state; run("wycheproof_rsa_pss_4096_sha384_mgf1_48_test.json", NULL, pss_case); }
static void test_sha384(void **state) { (void)state; run("wycheproof_hmac_sha384_test.json", NULL, hmac384_case); }
static void test_sha512(void **state) { (void)state; run("wycheproof_hmac_sha512_test.json", NULL, hmac512_case); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm),
		cmocka_unit_test(test_cmac),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_x25519),
		cmocka_unit_test(test_ecdsa),
		cmocka_unit_test(test_p384),
		cmocka_unit_test(test_pss),
		cmocka_unit_test(test_sha384),
		cmocka_unit_test(test_sha512),
	};

	if (!unit_vector_path("wycheproof_aes_gcm_test.json"))
		return UNIT_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
