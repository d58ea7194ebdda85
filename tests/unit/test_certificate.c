/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with evidence, as OpenSSL and our own parser read them. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "unit.h"
#include "evidence/parse/tagged.h"
#include "evidence/parse/x509.h"
#include "evidence/write/certificate.h"

static uint8_t private[32], public[64];

static X509 *read_back(const uint8_t *der, size_t size)
{
	const uint8_t *at = der;
	X509 *x = d2i_X509(NULL, &at, (long)size);

	assert_non_null(x);
	assert_ptr_equal(at, der + size);
	return x;
}

static void test_certificate(void **state)
{
	uint8_t evidence[9000], buffer[sizeof evidence + OM_CERTIFICATE_OVERHEAD], spki[OM_SPKI_SIZE], *again = NULL;
	struct om_certificate c = { .private = private, .public = public, .name = "a program", .evidence = { evidence, 0 } };
	ASN1_OBJECT *oid = OBJ_txt2obj(OM_TAGGED_OID, 1);
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof evidence; i++)
		evidence[i] = (uint8_t)(i * 13);
	om_spki_write(public, spki);
	for (unsigned n = 0; n < 300; n++) {
		X509 *x;
		X509_EXTENSION *e;

		/* Keys and serials with leading zeros and high bits, evidence with lengths of every encoding. */
		memset(c.serial, (int)n, sizeof c.serial);
		c.evidence.size = n < 10 ? n * 1000 : n;
		private[5] = (uint8_t)n;
		om_p256_derive(private, private, public);
		om_spki_write(public, spki);
		assert_int_equal(om_certificate_write(&c, buffer, c.evidence.size + OM_CERTIFICATE_OVERHEAD, &size), 0);
		x = read_back(buffer, size);
		assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
		assert_int_equal(X509_get_version(x), 2);
		assert_int_equal(X509_check_ca(x), 0);
		assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
		assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER | XKU_SSL_CLIENT);
		assert_int_equal(i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &again), OM_SPKI_SIZE);
		assert_memory_equal(again, spki, OM_SPKI_SIZE);
		OPENSSL_free(again);
		again = NULL;
		e = X509_get_ext(x, X509_get_ext_by_OBJ(x, oid, -1));
		assert_non_null(e);
		assert_int_equal(ASN1_STRING_length(X509_EXTENSION_get_data(e)), c.evidence.size);
		assert_memory_equal(ASN1_STRING_get0_data(X509_EXTENSION_get_data(e)), evidence, c.evidence.size);
		X509_free(x);
	}
	for (size_t room = 0; room < size; room++)
		assert_int_equal(om_certificate_write(&c, buffer, room, &(size_t){ 0 }), OM_EOVERFLOW);
	c.private = (const uint8_t[32]){ 0 };
	assert_int_equal(om_certificate_write(&c, buffer, sizeof buffer, &size), OM_EINVAL);
	ASN1_OBJECT_free(oid);
}

static void test_key(void **state)
{
	char pem[OM_EC_KEY_PEM_MAX], short_one[10];
	uint8_t spki[OM_SPKI_SIZE], *der = NULL;
	size_t size;
	EVP_PKEY *key;
	BIO *bio;

	(void)state;
	assert_int_equal(om_ec_key_write(private, public, pem, sizeof pem, &size), 0);
	bio = BIO_new_mem_buf(pem, (int)size);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(key);
	om_spki_write(public, spki);
	assert_int_equal(i2d_PUBKEY(key, &der), OM_SPKI_SIZE);
	assert_memory_equal(der, spki, OM_SPKI_SIZE);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	BIO_free(bio);
	assert_int_equal(om_ec_key_write(private, public, short_one, sizeof short_one, &size), OM_EOVERFLOW);
}

static void test_pem(void **state)
{
	static uint8_t der[5000], back[5000];
	static char pem[OM_PEM_ROOM(5000)];
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof der; i++)
		der[i] = (uint8_t)(i * 31 >> 3);
	for (size_t n = 1; n <= sizeof der; n += n < 100 ? 1 : 333) {
		struct om_view text, found;

		assert_int_equal(om_pem_write((struct om_view) { der, n }, "CERTIFICATE", pem, OM_PEM_ROOM(n), &size), 0);
		text = (struct om_view) { (const uint8_t *)pem, size };
		assert_int_equal(om_pem_next(&text, back, sizeof back, &found), 0);
		assert_int_equal(found.size, n);
		assert_memory_equal(found.data, der, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_certificate), cmocka_unit_test(test_key), cmocka_unit_test(test_pem) };

	memset(private, 0x77, sizeof private);
	om_p256_derive(private, private, public);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
