/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, CRLs, Intel's extension, and PEM around them. Properties: views lie inside the input; times are real;
 * a CRL revokes nothing it does not contain; PEM that decodes consumes its text and yields no more than it holds.
 */
#include "fuzz.h"
#include "evidence/parse/x509.h"

static void certificate(const uint8_t *data, size_t size)
{
	struct om_x509 c;
	struct om_pck p;

	if (om_x509_parse((struct om_view) { data, size }, &c))
		return;
	INSIDE(c.tbs);
	INSIDE(c.issuer);
	INSIDE(c.subject);
	INSIDE(c.serial);
	INSIDE(c.spki);
	INSIDE(c.sgx);
	PROPERTY(c.serial.size >= 1 && c.spki.size == 91);
	PROPERTY(!memcmp(c.public, c.spki.data + 27, 64));
	PROPERTY(c.not_before > -INT64_C(1000000000) && c.not_after < INT64_C(260000000000));
	PROPERTY(c.ca || c.path_length == UINT32_MAX);
	if (c.sgx.size)
		(void)!om_pck_parse(c.sgx, &p); /* any answer will do, but no crash */
}

static void crl(const uint8_t *data, size_t size)
{
	static const uint8_t longer_than_any[64] = { 1 };
	struct om_crl c;

	if (om_crl_parse((struct om_view) { data, size }, &c))
		return;
	INSIDE(c.tbs);
	INSIDE(c.issuer);
	INSIDE(c.revoked);
	if (c.revoked.size < sizeof longer_than_any)
		PROPERTY(!om_crl_revokes(&c, (struct om_view) { longer_than_any, sizeof longer_than_any }));
}

static void pem(const uint8_t *data, size_t size)
{
	uint8_t buffer[OM_X509_MAX];
	struct om_view text = { data, size }, der;

	while (!om_pem_next(&text, buffer, sizeof buffer, &der)) {
		INSIDE(text);
		PROPERTY(der.data == buffer && der.size <= sizeof buffer && der.size <= size);
		certificate(der.data, der.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct om_pck p;

	certificate(data, size);
	crl(data, size);
	pem(data, size);
	(void)!om_pck_parse((struct om_view) { data, size }, &p); /* any answer will do, but no crash */
	return 0;
}
