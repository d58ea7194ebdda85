/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of verifying a report (AMD 57230, 56860). A context carries what is known from one to the next; every step says
 * its reason before it can fail.
 *
 * The report's CPUID names the product (version 3 on), and the ARK pinned for just that product must vouch for the report.
 * A report of version 2 has no CPUID, so its product is the ARK's. Names in certificates say only one thing here: which of its two
 * kinds of CA the ARK made. That name is under the ARK's signature.
 *
 * A report is compared with its certificate field by field before the report's signature is checked. An old certificate of the same
 * chip is the common mistake, and "other TCB" helps where "bad signature" does not.
 *
 * The ARK's CRL names ASKs and ASVKs. It does not speak of leaves: all leaves have serial 0, and come from another issuer.
 */
#include <string.h>
#include "crypto/p384.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/authentic/snp.h"

const struct om_snp_root om_amd_roots[OM_AMD_ROOTS] = {
	{ OM_SNP_MILAN, {
		0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29, 0x30, 0x8c, 0xb5, 0xff, 0xa8, 0x95, 0xbd, 0xfb,
		0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b, 0xed, 0x8d, 0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9 } },
	{ OM_SNP_GENOA, {
		0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58, 0xee, 0x4d, 0x8d, 0xb5, 0xfc, 0xda, 0x9c, 0x64,
		0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a, 0x9c, 0xeb, 0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31 } },
	{ OM_SNP_TURIN, {
		0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9, 0xa5, 0x03, 0x56, 0xf9, 0x24, 0x3f, 0x6f, 0xe0,
		0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03, 0xf5, 0x3f, 0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08 } },
};
#define DEMO { \
		0xe8, 0xe0, 0x61, 0xfd, 0x88, 0xf0, 0x4b, 0x9f, 0x2c, 0x89, 0x69, 0x94, 0x51, 0x48, 0x34, 0xa7, \
		0xc8, 0x1b, 0xa8, 0xc8, 0x63, 0x94, 0x2a, 0x23, 0x46, 0x99, 0x1f, 0x44, 0x53, 0x62, 0x20, 0x10 }
const struct om_snp_root om_snp_demo_roots[OM_AMD_ROOTS] = {
	{ OM_SNP_MILAN, DEMO }, { OM_SNP_GENOA, DEMO }, { OM_SNP_TURIN, DEMO },
};

#define CHAIN 3
enum { VEK, CA, ARK };

struct context {
	const struct om_snp_input *in;
	uint8_t bytes[CHAIN][OM_X509_MAX];   /* of certificates that came in PEM */
	struct om_x509 cert[CHAIN];
	struct om_snp_certificate vek;
	struct om_snp_result r;
	enum om_attest_reason reason;
};

static int no(struct context *c, enum om_attest_reason reason, int error)
{
	c->reason = reason;
	return error;
}

/* 1. The report parses. */
static int parse_report(struct context *c)
{
	const int error = om_snp_report_parse(c->in->report, &c->r.report);

	if (error)
		return no(c, error == OM_EVERSION ? OM_WHY_SNP_VERSION : OM_WHY_SNP_FORMAT, OM_EQUOTE);
	return 0;
}

/* Next certificate, in DER where it lies or in PEM through a buffer. */
static int next_certificate(struct om_view *chain, uint8_t buffer[OM_X509_MAX], struct om_x509 *ret)
{
	struct om_view der;
	struct om_der d;
	int error;

	while (chain->size && (*chain->data == '\n' || *chain->data == '\r'))
		*chain = (struct om_view) { chain->data + 1, chain->size - 1 }; /* of PEM that ended */
	om_der_init(&d, *chain);
	if (om_der_peek(&d) == OM_DER_SEQUENCE) {
		der = om_der_element(&d, OM_DER_SEQUENCE);
		*chain = (struct om_view) { d.p, om_der_left(&d) };
		error = d.error;
	} else {
		error = om_pem_next(chain, buffer, OM_X509_MAX, &der);
	}
	return error ? error : om_x509_parse_amd(der, ret);
}

/* Is the ARK pinned at all? If so for the report's product, that is the product; one key may be pinned for several. */
static bool pinned(struct context *c)
{
	const struct om_snp_report *r = &c->r.report;
	const enum om_snp_product named = om_snp_product_of(r->family, r->model);
	bool known = false;

	om_sha256(c->cert[ARK].spki.data, c->cert[ARK].spki.size, c->r.root);
	for (size_t i = 0; i < c->in->root_count && c->r.product == OM_SNP_UNKNOWN; i++) {
		const struct om_snp_root *root = &c->in->roots[i];
		const bool old = root->product == OM_SNP_MILAN || root->product == OM_SNP_GENOA;

		if (!om_equal(c->r.root, root->hash, sizeof c->r.root))
			continue;
		known = true;
		if (r->version == 2 ? old : root->product == named)
			c->r.product = root->product;
	}
	return known;
}

/* 2. Three certificates, the last of them pinned, each signed by the next. */
static int verify_chain(struct context *c)
{
	static const enum om_x509_key keys[CHAIN] = { OM_X509_P384, OM_X509_RSA, OM_X509_RSA };
	struct om_view rest = c->in->chain, der;

	for (unsigned i = 0; i < CHAIN; i++)
		if (next_certificate(&rest, c->bytes[i], &c->cert[i]) || c->cert[i].key != keys[i])
			return no(c, OM_WHY_SNP_CHAIN, OM_EQUOTE);
	if (om_pem_next(&rest, NULL, 0, &der) != OM_ENOTFOUND)
		return no(c, OM_WHY_SNP_CHAIN, OM_EQUOTE);
	if (!pinned(c))
		return no(c, OM_WHY_ROOT, OM_EPOLICY);
	for (unsigned i = CHAIN; i-- > 0;) {
		const struct om_x509 *x = &c->cert[i], *issuer = &c->cert[i == ARK ? ARK : i + 1];

		if (!om_x509_may_issue(issuer, x, i == VEK ? 0 : 1) || om_x509_signed_amd(x->tbs, x->amd_signature, issuer))
			return no(c, OM_WHY_SNP_CHAIN, OM_EQUOTE);
		if (c->in->now < x->not_before || c->in->now > x->not_after)
			return no(c, OM_WHY_CERT_TIME, OM_EEXPIRED);
		if (c->r.valid_until > x->not_after)
			c->r.valid_until = x->not_after;
	}
	return c->cert[VEK].ca ? no(c, OM_WHY_SNP_CHAIN, OM_EQUOTE) : 0;
}

/* 3. The ARK has not revoked the CA. */
static int verify_crl(struct context *c)
{
	const struct om_x509 *ark = &c->cert[ARK];
	struct om_crl crl;

	if (!c->in->crl.size)
		return c->in->crl_optional ? 0 : no(c, OM_WHY_SNP_NO_CRL, OM_EQUOTE);
	if (om_crl_parse_amd(c->in->crl, &crl) || !om_view_equal(crl.issuer, ark->subject) || !(ark->usage & OM_X509_CRL_SIGN) ||
	    om_x509_signed_amd(crl.tbs, crl.amd_signature, ark))
		return no(c, OM_WHY_CRL, OM_EQUOTE);
	if (c->in->now < crl.this_update || c->in->now > crl.next_update)
		return no(c, OM_WHY_CRL_TIME, OM_EEXPIRED);
	if (om_crl_revokes(&crl, c->cert[CA].serial) || om_crl_revokes(&crl, ark->serial))
		return no(c, OM_WHY_REVOKED, OM_EREVOKED);
	if (c->r.valid_until > crl.next_update)
		c->r.valid_until = crl.next_update;
	c->r.crl_checked = true;
	return 0;
}

/* 4. The processor is of the product that the ARK vouches for. */
static int check_product(struct context *c)
{
	if (c->r.product != OM_SNP_UNKNOWN)
		return 0;
	return no(c, c->r.report.version == 2 ? OM_WHY_SNP_VERSION : OM_WHY_SNP_PRODUCT, OM_EQUOTE);
}

/* Is the CA's commonName that of an ASVK? */
static bool is_asvk(const struct om_x509 *ca)
{
	static const uint8_t common_name[] = { 0x55, 0x04, 0x03 };
	static const char prefix[] = "SEV-VLEK-";
	struct om_der outer, name;
	bool found = false;

	om_der_init(&outer, ca->subject);
	name = om_der_enter(&outer, OM_DER_SEQUENCE);
	while (om_der_peek(&name)) {
		struct om_der set = om_der_enter(&name, 0x31), pair = om_der_enter(&set, OM_DER_SEQUENCE);
		const struct om_view oid = om_der_content(&pair, OM_DER_OID);
		const struct om_view value = om_der_content(&pair, om_der_peek(&pair));

		if (om_der_end(&pair) || om_der_end(&set))
			return false;
		if (om_view_equal(oid, OM_VIEW(common_name)))
			found = value.size >= sizeof prefix - 1 && !memcmp(value.data, prefix, sizeof prefix - 1);
	}
	return found && !om_der_end(&name);
}

/* 5. The kind of key that the report names is the kind that its certificate and the CA are of. */
static int check_key(struct context *c)
{
	if (om_snp_certificate_parse(c->cert[VEK].extensions, &c->vek) || c->vek.turin != (c->r.product == OM_SNP_TURIN))
		return no(c, OM_WHY_SNP_CERTIFICATE, OM_EQUOTE);
	if (c->vek.key != c->r.report.key || is_asvk(&c->cert[CA]) != (c->vek.key == OM_SNP_VLEK))
		return no(c, OM_WHY_SNP_KEY, OM_EQUOTE);
	if (c->vek.csp.size)
		memcpy(c->r.csp, c->vek.csp.data, c->vek.csp.size);
	return 0;
}

/* 6. The reported TCB is the one that this key was derived for. Firmware in use (current) may be newer. */
static int check_tcb(struct context *c)
{
	const struct om_snp_report *r = &c->r.report;
	struct om_snp_tcb of_key;

	if (om_snp_tcb_decode(r->reported_tcb, c->r.product, &c->r.reported) ||
	    om_snp_tcb_decode(r->current_tcb, c->r.product, &c->r.current) ||
	    om_snp_tcb_decode(r->committed_tcb, c->r.product, &c->r.committed) ||
	    om_snp_tcb_decode(r->launch_tcb, c->r.product, &c->r.launch))
		return no(c, OM_WHY_SNP_FORMAT, OM_EQUOTE);
	if (om_snp_tcb_decode(c->vek.tcb, c->r.product, &of_key))
		return no(c, OM_WHY_SNP_CERTIFICATE, OM_EQUOTE);
	if (of_key.fmc != c->r.reported.fmc || of_key.boot_loader != c->r.reported.boot_loader || of_key.tee != c->r.reported.tee ||
	    of_key.snp != c->r.reported.snp || of_key.microcode != c->r.reported.microcode)
		return no(c, OM_WHY_SNP_TCB, OM_EQUOTE);
	return 0;
}

/* 7. The chip is the one that the key belongs to. A machine may mask it: then only the key tells. */
static int check_chip(struct context *c)
{
	static const uint8_t zero[OM_SNP_HWID_MAX];
	const struct om_snp_report *r = &c->r.report;

	c->r.chip_masked = !memcmp(r->chip_id, zero, sizeof zero);
	if (c->r.product == OM_SNP_TURIN && memcmp(r->chip_id + OM_SNP_HWID_TURIN, zero, sizeof zero - OM_SNP_HWID_TURIN))
		return no(c, OM_WHY_SNP_CHIP, OM_EQUOTE);
	if (c->vek.key == OM_SNP_VLEK) {
		memcpy(c->r.chip, r->chip_id, sizeof c->r.chip);
		return 0;
	}
	if (!c->r.chip_masked && memcmp(r->chip_id, c->vek.hwid, sizeof c->vek.hwid))
		return no(c, OM_WHY_SNP_CHIP, OM_EQUOTE);
	memcpy(c->r.chip, c->vek.hwid, sizeof c->r.chip);
	return 0;
}

/* 8. The key has signed the report. */
static int verify_signature(struct context *c)
{
	uint8_t hash[OM_SHA384_SIZE];

	om_sha384(c->in->report.data, OM_SNP_REPORT_SIGNED, hash);
	if (om_p384_verify(c->cert[VEK].amd_key.data, hash, c->r.report.signature))
		return no(c, OM_WHY_SNP_SIGNATURE, OM_EQUOTE);
	return 0;
}

int om_snp_verify(const struct om_snp_input *in, struct om_snp_result *ret_result, enum om_attest_reason *ret_reason)
{
	struct context c = { .in = in, .r.valid_until = INT64_MAX };
	int error = parse_report(&c);

	if (!error)
		error = verify_chain(&c);
	if (!error)
		error = verify_crl(&c);
	if (!error)
		error = check_product(&c);
	if (!error)
		error = check_key(&c);
	if (!error)
		error = check_tcb(&c);
	if (!error)
		error = check_chip(&c);
	if (!error)
		error = verify_signature(&c);
	*ret_reason = error ? c.reason : OM_WHY_NONE;
	if (!error)
		*ret_result = c.r;
	return error;
}
