/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of certificates and CRLs into locals; nothing is trusted before om_x509_signed() and the checks of chain.c.
 */
#include <limits.h>
#include <string.h>
#include "evidence/parse/x509.h"
#include "crypto/ec.h"
#include "crypto/rsa.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"

/* AlgorithmIdentifier ecdsa-with-SHA256, whole element. */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point. */
static const uint8_t p256_spki[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};
/* The two ways to write RSASSA-PSS with SHA-384, MGF1 with SHA-384, 48 bytes of salt: trailerField written out, or left out. */
static const uint8_t pss_sha384_trailer[] = {
	0x30, 0x46, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x39,
	0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
	0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
	0xa2, 0x03, 0x02, 0x01, 0x30, 0xa3, 0x03, 0x02, 0x01, 0x01,
};
static const uint8_t pss_sha384[] = {
	0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34,
	0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
	0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
	0xa2, 0x03, 0x02, 0x01, 0x30,
};
/* The same as p256_spki for P-384; and an RSA key of 4096 bits, up to the modulus and behind it (exponent 65537). */
static const uint8_t p384_spki[] = {
	0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
	0x03, 0x62, 0x00, 0x04,
};
static const uint8_t rsa_spki[] = {
	0x30, 0x82, 0x02, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
	0x03, 0x82, 0x02, 0x0f, 0x00, 0x30, 0x82, 0x02, 0x0a, 0x02, 0x82, 0x02, 0x01, 0x00,
};
static const uint8_t rsa_exponent[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
static const uint8_t oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t oid_constraints[] = { 0x55, 0x1d, 0x13 };
static const uint8_t oid_sgx[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

/* What a certificate or CRL may be signed with, and what for: everything below is told which profile it reads. */
enum profile { INTEL, AMD };

static struct om_view algorithm(struct om_der *d, enum profile profile)
{
	const struct om_view id = om_der_element(d, OM_DER_SEQUENCE);
	const bool good = profile == INTEL ? om_view_equal(id, OM_VIEW(ecdsa_sha256)) :
		om_view_equal(id, OM_VIEW(pss_sha384)) || om_view_equal(id, OM_VIEW(pss_sha384_trailer));

	if (!good)
		om_der_fail(d, OM_EUNSUPPORTED);
	return id;
}

int om_x509_ecdsa(struct om_view der, uint8_t ret_signature[64])
{
	uint8_t signature[64];
	struct om_der d, pair;
	int error;

	om_der_init(&d, der);
	pair = om_der_enter(&d, OM_DER_SEQUENCE);
	om_der_scalar(&pair, signature);
	om_der_scalar(&pair, signature + 32);
	error = om_der_end(&pair);
	if (!error)
		error = om_der_end(&d);
	if (error)
		return error;
	memcpy(ret_signature, signature, sizeof signature);
	return 0;
}

/* What a BIT STRING of whole bytes holds. */
static struct om_view whole_bytes(struct om_der *d)
{
	struct om_view bits = om_der_content(d, OM_DER_BITS);

	if (!d->error && (bits.size < 1 || bits.data[0] != 0))
		om_der_fail(d, OM_EINVAL);
	return d->error ? (struct om_view) { d->end, 0 } : (struct om_view) { bits.data + 1, bits.size - 1 };
}

static int constraints(struct om_view value, struct om_x509 *c)
{
	struct om_der d, inner;
	int error;

	om_der_init(&d, value);
	inner = om_der_enter(&d, OM_DER_SEQUENCE);
	c->ca = om_der_flag(&inner);
	if (om_der_peek(&inner) == OM_DER_INTEGER) {
		c->path_length = (unsigned)om_der_number(&inner, OM_DER_INTEGER, 255);
		if (!c->ca)
			om_der_fail(&inner, OM_EINVAL);
	}
	error = om_der_end(&inner);
	return error ? error : om_der_end(&d);
}

static int key_usage(struct om_view value, struct om_x509 *c)
{
	struct om_der d;
	struct om_view bits;

	om_der_init(&d, value);
	bits = om_der_content(&d, OM_DER_BITS);
	if (!d.error && (bits.size < 2 || bits.size > 3 || bits.data[0] > 7))
		om_der_fail(&d, OM_EINVAL);
	if (!d.error)
		c->usage = bits.data[1];
	return om_der_end(&d);
}

/* One Extension. Those we interpret may stand only once. */
static int extension(struct om_der *list, struct om_x509 *c, unsigned *seen)
{
	struct om_der d = om_der_enter(list, OM_DER_SEQUENCE);
	const struct om_view oid = om_der_content(&d, OM_DER_OID);
	const bool critical = om_der_flag(&d);
	const struct om_view value = om_der_content(&d, OM_DER_OCTETS);
	unsigned bit = 0;
	int error = om_der_end(&d);

	if (error)
		return error;
	if (om_view_equal(oid, OM_VIEW(oid_constraints))) {
		bit = 1;
		error = constraints(value, c);
	} else if (om_view_equal(oid, OM_VIEW(oid_key_usage))) {
		bit = 2;
		error = key_usage(value, c);
	} else if (om_view_equal(oid, OM_VIEW(oid_sgx))) {
		bit = 4;
		c->sgx = value;
	} else if (critical) {
		return OM_EUNSUPPORTED;
	}
	if (*seen & bit)
		return OM_EINVAL;
	*seen |= bit;
	return error;
}

static int extensions(struct om_der *tbs, struct om_x509 *c)
{
	struct om_der wrapper = om_der_enter(tbs, OM_DER_CONTEXT(3));
	struct om_der list = om_der_enter(&wrapper, OM_DER_SEQUENCE);
	unsigned seen = 0;
	int error;

	c->extensions = (struct om_view) { list.p, om_der_left(&list) };
	while (om_der_peek(&list)) {
		error = extension(&list, c, &seen);
		if (error)
			return error;
	}
	error = om_der_end(&list);
	return error ? error : om_der_end(&wrapper);
}

/* The key that the profile allows, out of its SubjectPublicKeyInfo. */
static int public_key(struct om_x509 *c, enum profile profile)
{
	const struct om_view v = c->spki;

	if (profile == INTEL) {
		if (v.size != sizeof p256_spki + sizeof c->public || memcmp(v.data, p256_spki, sizeof p256_spki))
			return OM_EUNSUPPORTED;
		memcpy(c->public, v.data + sizeof p256_spki, sizeof c->public);
		c->key = OM_X509_P256;
		return 0;
	}
	if (v.size == sizeof p384_spki + 96 && !memcmp(v.data, p384_spki, sizeof p384_spki)) {
		c->amd_key = (struct om_view) { v.data + sizeof p384_spki, 96 };
		c->key = OM_X509_P384;
		return 0;
	}
	if (v.size != sizeof rsa_spki + OM_RSA_SIZE + sizeof rsa_exponent || memcmp(v.data, rsa_spki, sizeof rsa_spki) ||
	    v.data[sizeof rsa_spki] < 0x80 || memcmp(v.data + sizeof rsa_spki + OM_RSA_SIZE, rsa_exponent, sizeof rsa_exponent))
		return OM_EUNSUPPORTED;
	c->amd_key = (struct om_view) { v.data + sizeof rsa_spki, OM_RSA_SIZE };
	c->key = OM_X509_RSA;
	return 0;
}

/* @id: the algorithm named outside the signed part, which must be the one inside (RFC 5280, 4.1.1.2). */
static int tbs_certificate(struct om_x509 *c, enum profile profile, struct om_view id)
{
	struct om_der outer, d, inner;
	int error;

	om_der_init(&outer, c->tbs);
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	inner = om_der_enter(&d, OM_DER_CONTEXT(0));
	if (om_der_number(&inner, OM_DER_INTEGER, UINT64_MAX) != 2 || om_der_end(&inner))
		om_der_fail(&d, OM_EVERSION);
	c->serial = om_der_content(&d, OM_DER_INTEGER);
	if (!d.error && (c->serial.size < 1 || c->serial.size > 21) /* 20 bytes and a sign: Intel has such */)
		om_der_fail(&d, OM_EINVAL);
	if (!om_view_equal(algorithm(&d, profile), id))
		om_der_fail(&d, OM_EINVAL);
	c->issuer = om_der_element(&d, OM_DER_SEQUENCE);
	inner = om_der_enter(&d, OM_DER_SEQUENCE);
	c->not_before = om_der_time(&inner);
	c->not_after = om_der_time(&inner);
	error = om_der_end(&inner);
	if (error)
		return error;
	c->subject = om_der_element(&d, OM_DER_SEQUENCE);
	c->spki = om_der_element(&d, OM_DER_SEQUENCE);
	if (d.error)
		return d.error;
	error = public_key(c, profile);
	if (!error)
		error = extensions(&d, c);
	return error ? error : om_der_end(&d);
}

/* SIGNED (RFC 5280, sections 4.1 and 5.1): what is signed, the algorithm, the signature; nothing behind it. */
struct signed_parts { struct om_view tbs, id, signature; };

static int take_apart(struct om_view der, enum profile profile, struct signed_parts *ret)
{
	struct om_der outer, d;
	int error;

	om_der_init(&outer, der);
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	ret->tbs = om_der_element(&d, OM_DER_SEQUENCE);
	ret->id = algorithm(&d, profile);
	ret->signature = whole_bytes(&d);
	if (profile == AMD && !d.error && ret->signature.size != OM_RSA_SIZE)
		om_der_fail(&d, OM_EINVAL);
	error = om_der_end(&d);
	return error ? error : om_der_end(&outer);
}

static int parse_certificate(struct om_view der, enum profile profile, struct om_x509 *ret)
{
	struct om_x509 c = { .path_length = UINT_MAX };
	struct signed_parts parts;
	int error = take_apart(der, profile, &parts);

	if (!error && profile == INTEL)
		error = om_x509_ecdsa(parts.signature, c.signature);
	if (error)
		return error;
	c.tbs = parts.tbs;
	if (profile == AMD)
		c.amd_signature = parts.signature;
	error = tbs_certificate(&c, profile, parts.id);
	if (error)
		return error;
	*ret = c;
	return 0;
}

int om_x509_parse(struct om_view der, struct om_x509 *ret) { return parse_certificate(der, INTEL, ret); }
int om_x509_parse_amd(struct om_view der, struct om_x509 *ret) { return parse_certificate(der, AMD, ret); }

bool om_x509_may_issue(const struct om_x509 *issuer, const struct om_x509 *subject, unsigned below)
{
	return issuer->ca && issuer->usage & OM_X509_CERT_SIGN && issuer->path_length >= below &&
		om_view_equal(issuer->subject, subject->issuer);
}

/* Extensions of a CRL or of its entries: none is interpreted, so none may be critical. */
static int ignore_extensions(struct om_der *list)
{
	while (om_der_peek(list)) {
		struct om_der d = om_der_enter(list, OM_DER_SEQUENCE);
		int error;

		(void)om_der_content(&d, OM_DER_OID); /* errors stick to d */
		if (om_der_flag(&d))
			return OM_EUNSUPPORTED;
		(void)om_der_content(&d, OM_DER_OCTETS);
		error = om_der_end(&d);
		if (error)
			return error;
	}
	return om_der_end(list);
}

static int revoked_entry(struct om_der *list, struct om_view *ret_serial)
{
	struct om_der d = om_der_enter(list, OM_DER_SEQUENCE);
	struct om_der inner;
	int error;

	*ret_serial = om_der_content(&d, OM_DER_INTEGER);
	(void)om_der_time(&d); /* errors stick to d */
	if (om_der_peek(&d) == OM_DER_SEQUENCE) {
		inner = om_der_enter(&d, OM_DER_SEQUENCE);
		error = ignore_extensions(&inner);
		if (error)
			return error;
	}
	return om_der_end(&d);
}

static int tbs_crl(struct om_crl *c, enum profile profile, struct om_view id)
{
	struct om_der outer, d, wrapper, list;
	struct om_view serial;
	int error;

	om_der_init(&outer, c->tbs);
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	if (om_der_number(&d, OM_DER_INTEGER, UINT64_MAX) != 1)
		om_der_fail(&d, OM_EVERSION);
	if (!om_view_equal(algorithm(&d, profile), id))
		om_der_fail(&d, OM_EINVAL);
	c->issuer = om_der_element(&d, OM_DER_SEQUENCE);
	c->this_update = om_der_time(&d);
	c->next_update = om_der_time(&d);
	if (om_der_peek(&d) == OM_DER_SEQUENCE)
		c->revoked = om_der_content(&d, OM_DER_SEQUENCE);
	om_der_init(&list, c->revoked);
	while (om_der_peek(&list)) {
		error = revoked_entry(&list, &serial);
		if (error)
			return error;
	}
	wrapper = om_der_enter(&d, OM_DER_CONTEXT(0));
	list = om_der_enter(&wrapper, OM_DER_SEQUENCE);
	error = ignore_extensions(&list);
	if (!error)
		error = om_der_end(&wrapper);
	return error ? error : om_der_end(&d);
}

static int parse_crl(struct om_view der, enum profile profile, struct om_crl *ret)
{
	struct om_crl c = { 0 };
	struct signed_parts parts;
	int error = take_apart(der, profile, &parts);

	if (!error && profile == INTEL)
		error = om_x509_ecdsa(parts.signature, c.signature);
	if (error)
		return error;
	c.tbs = parts.tbs;
	if (profile == AMD)
		c.amd_signature = parts.signature;
	error = tbs_crl(&c, profile, parts.id);
	if (error)
		return error;
	*ret = c;
	return 0;
}

int om_crl_parse(struct om_view der, struct om_crl *ret) { return parse_crl(der, INTEL, ret); }
int om_crl_parse_amd(struct om_view der, struct om_crl *ret) { return parse_crl(der, AMD, ret); }

bool om_crl_revokes(const struct om_crl *crl, struct om_view serial)
{
	struct om_der list;
	struct om_view entry;

	om_der_init(&list, crl->revoked);
	while (om_der_peek(&list))
		if (revoked_entry(&list, &entry) || om_view_equal(entry, serial))
			return true; /* an entry that does not parse cannot occur any more; if it does, nobody is trusted */
	return false;
}

int om_x509_signed(struct om_view tbs, const uint8_t signature[64], const uint8_t public[64])
{
	uint8_t hash[32];

	om_sha256(tbs.data, tbs.size, hash);
	return om_p256_verify(public, hash, signature);
}

int om_x509_signed_amd(struct om_view tbs, struct om_view signature, const struct om_x509 *issuer)
{
	uint8_t hash[OM_SHA384_SIZE];

	if (issuer->key != OM_X509_RSA || signature.size != OM_RSA_SIZE)
		return OM_EAUTH;
	om_sha384(tbs.data, tbs.size, hash);
	return om_rsa_pss_verify(issuer->amd_key.data, hash, signature.data);
}
