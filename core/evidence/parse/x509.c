/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of certificates and CRLs into locals; nothing is trusted before om_x509_signed() and the checks of chain.c.
 */
#include <limits.h>
#include <string.h>
#include "evidence/parse/x509.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"

/* AlgorithmIdentifier ecdsa-with-SHA256, whole element. */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point. */
static const uint8_t p256_spki[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};
static const uint8_t oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t oid_constraints[] = { 0x55, 0x1d, 0x13 };
static const uint8_t oid_sgx[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

static void algorithm(struct om_der *d)
{
	if (!om_view_equal(om_der_element(d, OM_DER_SEQUENCE), OM_VIEW(ecdsa_sha256)))
		om_der_fail(d, OM_EUNSUPPORTED);
}

/* BIT STRING { SEQUENCE { r, s } } */
static void signature_value(struct om_der *d, uint8_t ret[64])
{
	struct om_view bits = om_der_content(d, OM_DER_BITS);
	struct om_der inner, pair;
	int error;

	memset(ret, 0, 64);
	if (d->error)
		return;
	if (bits.size < 1 || bits.data[0] != 0) {
		om_der_fail(d, OM_EINVAL);
		return;
	}
	om_der_init(&inner, (struct om_view) { bits.data + 1, bits.size - 1 });
	pair = om_der_enter(&inner, OM_DER_SEQUENCE);
	om_der_scalar(&pair, ret);
	om_der_scalar(&pair, ret + 32);
	error = om_der_end(&pair);
	if (!error)
		error = om_der_end(&inner);
	if (error)
		om_der_fail(d, error);
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

	while (om_der_peek(&list)) {
		error = extension(&list, c, &seen);
		if (error)
			return error;
	}
	error = om_der_end(&list);
	return error ? error : om_der_end(&wrapper);
}

static int tbs_certificate(struct om_x509 *c)
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
	algorithm(&d);
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
	if (c->spki.size != sizeof p256_spki + 64 || memcmp(c->spki.data, p256_spki, sizeof p256_spki))
		return OM_EUNSUPPORTED;
	memcpy(c->public, c->spki.data + sizeof p256_spki, 64);
	error = extensions(&d, c);
	return error ? error : om_der_end(&d);
}

/* SIGNED (RFC 5280, sections 4.1 and 5.1): what is signed, the algorithm, the signature; nothing behind it. */
static int signed_parts(struct om_view der, struct om_view *ret_tbs, uint8_t ret_signature[64])
{
	struct om_der outer, d;
	int error;

	om_der_init(&outer, der);
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	*ret_tbs = om_der_element(&d, OM_DER_SEQUENCE);
	algorithm(&d);
	signature_value(&d, ret_signature);
	error = om_der_end(&d);
	return error ? error : om_der_end(&outer);
}

int om_x509_parse(struct om_view der, struct om_x509 *ret)
{
	struct om_x509 c = { .path_length = UINT_MAX };
	int error = signed_parts(der, &c.tbs, c.signature);

	if (!error)
		error = tbs_certificate(&c);
	if (error)
		return error;
	*ret = c;
	return 0;
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

static int tbs_crl(struct om_crl *c)
{
	struct om_der outer, d, wrapper, list;
	struct om_view serial;
	int error;

	om_der_init(&outer, c->tbs);
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	if (om_der_number(&d, OM_DER_INTEGER, UINT64_MAX) != 1)
		om_der_fail(&d, OM_EVERSION);
	algorithm(&d);
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

int om_crl_parse(struct om_view der, struct om_crl *ret)
{
	struct om_crl c = { 0 };
	int error = signed_parts(der, &c.tbs, c.signature);

	if (!error)
		error = tbs_crl(&c);
	if (error)
		return error;
	*ret = c;
	return 0;
}

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
