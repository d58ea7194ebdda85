/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER is written by Mbed TLS's ASN.1 writer, from the end to the beginning, keys and PEM by BearSSL. The first failure sticks.
 */
#include <bearssl_pem.h>
#include <bearssl_x509.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/write/certificate.h"

#define CONSTRUCTED (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define CONTEXT(n)  (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | (n))
#define DIGITAL_SIGNATURE 0x80

static const char oid_evidence[] = "\x67\x81\x05\x05\x04\x09";               /* 2.23.133.5.4.9 */

struct out { uint8_t *p, *start, *end; bool failed; };

/* Bytes written so far, counted from the end. */
static size_t written(const struct out *o) { return (size_t)(o->end - o->p); }

static void check(struct out *o, int result) { o->failed = o->failed || result < 0; }

static void put(struct out *o, const void *bytes, size_t size)
{
	check(o, mbedtls_asn1_write_raw_buffer(&o->p, o->start, bytes, size));
}

/* Makes what has been written since `mark` the content of an element. */
static void wrap(struct out *o, size_t mark, uint8_t tag)
{
	check(o, mbedtls_asn1_write_len(&o->p, o->start, written(o) - mark));
	check(o, mbedtls_asn1_write_tag(&o->p, o->start, tag));
}

static void put_oid(struct out *o, const char *oid, size_t size)
{
	check(o, mbedtls_asn1_write_oid(&o->p, o->start, oid, size));
}
#define OID(o, oid) put_oid(o, oid, sizeof(oid) - 1)

/* A non-negative number, big-endian. */
static void put_number(struct out *o, const uint8_t *number, size_t size)
{
	const size_t mark = written(o);

	while (size > 1 && !number[0])
		number++, size--;
	put(o, number, size);
	if (number[0] & 0x80)
		put(o, "", 1);
	wrap(o, mark, MBEDTLS_ASN1_INTEGER);
}

static void put_algorithm(struct out *o)
{
	const size_t mark = written(o);

	OID(o, MBEDTLS_OID_ECDSA_SHA256);
	wrap(o, mark, CONSTRUCTED);
}

static void put_name(struct out *o, const char *name)
{
	const size_t mark = written(o);

	check(o, mbedtls_asn1_write_utf8_string(&o->p, o->start, name, strlen(name)));
	OID(o, MBEDTLS_OID_AT_CN);
	wrap(o, mark, CONSTRUCTED);
	wrap(o, mark, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET);
	wrap(o, mark, CONSTRUCTED);
}

static void put_time(struct out *o, const char *time)
{
	const size_t mark = written(o);

	put(o, time, strlen(time));
	wrap(o, mark, MBEDTLS_ASN1_UTC_TIME);
}

static void put_spki(struct out *o, const uint8_t public[OM_P256_PUBLIC])
{
	const size_t mark = written(o);
	size_t algorithm;

	put(o, public, OM_P256_PUBLIC);
	put(o, "\0\4", 2);                         /* no unused bits; an uncompressed point */
	wrap(o, mark, MBEDTLS_ASN1_BIT_STRING);
	algorithm = written(o);
	OID(o, MBEDTLS_OID_EC_GRP_SECP256R1);
	OID(o, MBEDTLS_OID_EC_ALG_UNRESTRICTED);
	wrap(o, algorithm, CONSTRUCTED);
	wrap(o, mark, CONSTRUCTED);
}

/* An extension whose value has been written since `mark`. */
static void end_extension(struct out *o, size_t mark, const char *oid, size_t oid_size, bool critical)
{
	wrap(o, mark, MBEDTLS_ASN1_OCTET_STRING);
	if (critical)
		check(o, mbedtls_asn1_write_bool(&o->p, o->start, 1));
	put_oid(o, oid, oid_size);
	wrap(o, mark, CONSTRUCTED);
}
#define END_EXTENSION(o, mark, oid, critical) end_extension(o, mark, oid, sizeof(oid) - 1, critical)

static void put_extensions(struct out *o, const struct om_certificate *c)
{
	const size_t all = written(o);
	size_t mark = all;

	put(o, c->evidence.data, c->evidence.size);
	END_EXTENSION(o, mark, oid_evidence, false);
	mark = written(o);
	OID(o, MBEDTLS_OID_CLIENT_AUTH);
	OID(o, MBEDTLS_OID_SERVER_AUTH);
	wrap(o, mark, CONSTRUCTED);
	END_EXTENSION(o, mark, MBEDTLS_OID_EXTENDED_KEY_USAGE, false);
	mark = written(o);
	check(o, mbedtls_asn1_write_named_bitstring(&o->p, o->start, (const uint8_t[]){ DIGITAL_SIGNATURE }, 8));
	END_EXTENSION(o, mark, MBEDTLS_OID_KEY_USAGE, true);
	mark = written(o);
	wrap(o, mark, CONSTRUCTED);                /* not a CA */
	END_EXTENSION(o, mark, MBEDTLS_OID_BASIC_CONSTRAINTS, true);
	wrap(o, all, CONSTRUCTED);
	wrap(o, all, CONTEXT(3));
}

static void put_tbs(struct out *o, const struct om_certificate *c)
{
	uint8_t serial[sizeof c->serial];
	size_t mark;

	memcpy(serial, c->serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40;     /* positive, and always as long */
	put_extensions(o, c);
	put_spki(o, c->public);
	put_name(o, c->name);
	mark = written(o);
	put_time(o, "491231235959Z");
	put_time(o, "000101000000Z");
	wrap(o, mark, CONSTRUCTED);
	put_name(o, c->name);
	put_algorithm(o);
	put_number(o, serial, sizeof serial);
	mark = written(o);
	check(o, mbedtls_asn1_write_int(&o->p, o->start, 2)); /* version 3 */
	wrap(o, mark, CONTEXT(0));
	wrap(o, 0, CONSTRUCTED);
}

static void put_signature(struct out *o, const uint8_t signature[OM_P256_SIGNATURE])
{
	const size_t mark = written(o);

	put_number(o, signature + 32, 32);
	put_number(o, signature, 32);
	wrap(o, mark, CONSTRUCTED);
	put(o, "", 1);
	wrap(o, mark, MBEDTLS_ASN1_BIT_STRING);
	put_algorithm(o);
}

static void out_init(struct out *o, uint8_t *start, uint8_t *end)
{
	*o = (struct out) { .p = end, .start = start, .end = end };
}

void om_spki_write(const uint8_t public[OM_P256_PUBLIC], uint8_t ret[OM_SPKI_SIZE])
{
	struct out o;

	out_init(&o, ret, ret + OM_SPKI_SIZE);
	put_spki(&o, public);
}

int om_certificate_write(const struct om_certificate *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	/* The signature comes last, and is made of what is before it: so it gets its own place at the end, and tbs is moved before it. */
	const size_t room = 96;
	uint8_t signature[OM_P256_SIGNATURE], hash[32];
	struct out tbs, tail, whole;

	if (buffer_size < room || strlen(c->name) > 64)
		return OM_EOVERFLOW;
	out_init(&tbs, buffer, buffer + buffer_size - room);
	put_tbs(&tbs, c);
	if (tbs.failed)
		return OM_EOVERFLOW;
	om_sha256(tbs.p, written(&tbs), hash);
	if (om_p256_sign(c->private, hash, signature))
		return OM_EINVAL;
	out_init(&tail, buffer + buffer_size - room, buffer + buffer_size);
	put_signature(&tail, signature);
	memmove(tail.p - written(&tbs), tbs.p, written(&tbs));
	whole = (struct out) { .p = tail.p - written(&tbs), .start = buffer, .end = buffer + buffer_size, .failed = tail.failed };
	wrap(&whole, 0, CONSTRUCTED);
	if (whole.failed)
		return OM_EOVERFLOW;
	*ret_size = written(&whole);
	memmove(buffer, whole.p, *ret_size);
	return 0;
}

int om_pem_write(struct om_view der, const char *words, char *buffer, size_t buffer_size, size_t *ret_size)
{
	*ret_size = br_pem_encode(NULL, der.data, der.size, words, BR_PEM_LINE64);
	if (*ret_size >= buffer_size)
		return OM_EOVERFLOW;
	br_pem_encode(buffer, der.data, der.size, words, BR_PEM_LINE64);
	return 0;
}

int om_ec_key_write(const uint8_t private[OM_P256_SIZE], const uint8_t public[OM_P256_PUBLIC], char *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t scalar[OM_P256_SIZE], point[1 + OM_P256_PUBLIC] = { 4 }, der[200];
	const br_ec_private_key key = { .curve = BR_EC_secp256r1, .x = scalar, .xlen = sizeof scalar };
	const br_ec_public_key public_key = { .curve = BR_EC_secp256r1, .q = point, .qlen = sizeof point };
	size_t size;
	int error;

	memcpy(scalar, private, sizeof scalar);
	memcpy(point + 1, public, OM_P256_PUBLIC);
	size = br_encode_ec_pkcs8_der(NULL, &key, &public_key);
	error = size > sizeof der ? OM_EOVERFLOW : 0;
	if (!error) {
		br_encode_ec_pkcs8_der(der, &key, &public_key);
		error = om_pem_write((struct om_view) { der, size }, "PRIVATE KEY", buffer, buffer_size, ret_size);
	}
	om_wipe(scalar, sizeof scalar);
	om_wipe(der, sizeof der);
	return error;
}
