/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM: all implementations against OpenSSL and BearSSL at every length around the block, step and record
 * sizes; in place and out of place, at every alignment; forgeries are refused and leave nothing behind.
 */
#include <bearssl_aead.h>
#include <openssl/evp.h>
#include "unit.h"
#include "crypto/gcm.h"

#define SIZE_MAX_TESTED 70000
#define GUARD 64

static void openssl_seal(const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
	const uint8_t *in, size_t size, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_size), 1);
	assert_int_equal(EVP_EncryptUpdate(c, out, &n, in, (int)size), 1);
	assert_int_equal(EVP_EncryptFinal_ex(c, out, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(c);
}

static void bearssl_seal(const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
	const uint8_t *in, size_t size, uint8_t *out, uint8_t *tag)
{
	br_aes_ct64_ctr_keys keys;
	br_gcm_context c;

	br_aes_ct64_ctr_init(&keys, key, 32);
	br_gcm_init(&c, &keys.vtable, br_ghash_ctmul64);
	br_gcm_reset(&c, nonce, 12);
	br_gcm_aad_inject(&c, aad, aad_size);
	br_gcm_flip(&c);
	memcpy(out, in, size);
	br_gcm_run(&c, 1, out, size);
	br_gcm_get_tag(&c, tag);
}

static uint8_t in_buffer[SIZE_MAX_TESTED + 2 * GUARD], out_buffer[SIZE_MAX_TESTED + 2 * GUARD];
static uint8_t want[SIZE_MAX_TESTED], want2[SIZE_MAX_TESTED];

static bool all(const uint8_t *p, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* One length and alignment through everything. */
static void round_trip(uint64_t features, size_t size, size_t aad_size, size_t shift)
{
	uint8_t key[32], nonce[12], aad[100], tag[16], want_tag[16], want_tag2[16];
	uint8_t *in = in_buffer + GUARD + shift % 33, *out = out_buffer + GUARD + shift % 61;
	struct om_gcm g;

	unit_random_bytes(key, sizeof key);
	unit_random_bytes(nonce, sizeof nonce);
	unit_random_bytes(aad, sizeof aad);
	unit_random_bytes(in, size);
	openssl_seal(key, nonce, aad, aad_size, in, size, want, want_tag);
	bearssl_seal(key, nonce, aad, aad_size, in, size, want2, want_tag2);
	assert_memory_equal(want_tag, want_tag2, 16);

	om_gcm_init(&g, key, features);
	memset(out_buffer, 0xa5, sizeof out_buffer);
	assert_int_equal(om_gcm_seal(&g, nonce, aad, aad_size, in, size, out, tag), 0);
	assert_memory_equal(tag, want_tag, 16);
	assert_memory_equal(out, want, size);
	assert_true(all(out_buffer, (size_t)(out - out_buffer), 0xa5));
	assert_true(all(out + size, (size_t)(out_buffer + sizeof out_buffer - out) - size, 0xa5));

	/* in place, back again */
	assert_int_equal(om_gcm_open(&g, nonce, aad, aad_size, out, size, out, tag), 0);
	assert_memory_equal(out, in, size);
	assert_int_equal(om_gcm_seal(&g, nonce, aad, aad_size, out, size, out, tag), 0);
	assert_memory_equal(out, want, size);

	/* a forgery anywhere is refused, and the output wiped */
	tag[unit_random() % 16] ^= (uint8_t)(1u << unit_random() % 8);
	assert_int_equal(om_gcm_open(&g, nonce, aad, aad_size, out, size, in, tag), OM_EAUTH);
	assert_true(all(in, size, 0));
	if (size) {
		out[unit_random() % size] ^= (uint8_t)(1u << unit_random() % 8);
		assert_int_equal(om_gcm_open(&g, nonce, aad, aad_size, out, size, out, want_tag), OM_EAUTH);
		assert_true(all(out, size, 0));
	}
	if (aad_size) {
		memcpy(out, want, size);
		aad[unit_random() % aad_size] ^= 1;
		assert_int_equal(om_gcm_open(&g, nonce, aad, aad_size, out, size, out, want_tag), OM_EAUTH);
	}
}

static void sweep(uint64_t features)
{
	static const size_t sizes[] = { 4096, 4097, 16384, 65535, 65536, 65536 + 255, SIZE_MAX_TESTED };

	for (size_t size = 0; size <= 800; size++)
		round_trip(features, size, size % 53, size);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		round_trip(features, sizes[i], i * 13, i);
	for (int i = 0; i < 300; i++)
		round_trip(features, unit_random() % 9000, unit_random() % 100, unit_random() % 100);
}

static void test_aesni(void **state) { (void)state; sweep(0); }

static void test_vaes(void **state)
{
	(void)state;
	if ((unit_features() & UNIT_VAES) != UNIT_VAES) {
		print_message("this CPU has no VAES\n");
		return;
	}
	sweep(UNIT_VAES);
}

static void test_vaes256(void **state)
{
	(void)state;
	if ((unit_features() & UNIT_VAES256) != UNIT_VAES256) {
		print_message("this CPU has no VAES\n");
		return;
	}
	sweep(UNIT_VAES256);
}

/* One half of the claim does not choose VAES. */
static void test_choice(void **state)
{
	static const uint8_t key[32];
	struct om_gcm g;

	(void)state;
	om_gcm_init(&g, key, OM_CPU_VAES);
	assert_int_equal(g.vaes, 0);
	om_gcm_init(&g, key, OM_CPU_AVX512);
	assert_int_equal(g.vaes, 0);
	om_gcm_init(&g, key, OM_CPU_AVX512 | OM_CPU_AVX2 | OM_CPU_AESNI);
	assert_int_equal(g.vaes, 0);
	om_gcm_init(&g, key, UNIT_VAES256);
	assert_int_equal(g.vaes, 256);
	om_gcm_init(&g, key, UNIT_VAES | UNIT_VAES256);
	assert_int_equal(g.vaes, 512);
}

static void test_limits(void **state)
{
	static const uint8_t key[32], nonce[12];
	struct om_gcm g;
	uint8_t tag[16], byte = 0;

	(void)state;
	om_gcm_init(&g, key, 0);
	assert_int_equal(om_gcm_seal(&g, nonce, NULL, 0, &byte, OM_GCM_SIZE_MAX + 1, &byte, tag), OM_EOVERFLOW);
	assert_int_equal(om_gcm_open(&g, nonce, NULL, 0, &byte, OM_GCM_SIZE_MAX + 1, &byte, tag), OM_EOVERFLOW);
	assert_int_equal(om_gcm_seal(&g, nonce, NULL, 0, NULL, 0, NULL, tag), 0);
	assert_int_equal(om_gcm_open(&g, nonce, NULL, 0, NULL, 0, NULL, tag), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_aesni),
		cmocka_unit_test(test_vaes),
		cmocka_unit_test(test_vaes256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
