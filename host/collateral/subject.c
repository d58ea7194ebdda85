/* SPDX-License-Identifier: Apache-2.0 */
/* Which platform evidence is of, as far as its maker's services ask. Nothing here is trusted: a wrong subject finds wrong collateral. */
#include <stdio.h>
#include <string.h>
#include "collateral/collateral.h"
#include "evidence/authentic/bare.h"
#include "evidence/parse/quote.h"
#include "bytes.h"
#include "util.h"

static const char *const products[OM_SNP_PRODUCTS] = { [OM_SNP_MILAN] = "milan", [OM_SNP_GENOA] = "genoa", [OM_SNP_TURIN] = "turin" };

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool collateral_hex(const char *text, size_t length, uint8_t *ret, size_t room, size_t *ret_size)
{
	if (length % 2 || length / 2 > room)
		return false;
	for (size_t i = 0; i < length; i += 2) {
		const int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_size = length / 2;
	return true;
}

static int of_quote(struct om_view quote, enum om_evidence_type type, struct collateral_subject *s)
{
	static const char processor[] = "Processor CA";
	uint8_t bytes[OM_X509_MAX];
	struct om_quote q;
	struct om_view der;
	struct om_x509 pck;
	struct om_pck says;

	if (om_quote_parse(quote.data, quote.size, &q) || om_pem_next(&q.chain, bytes, sizeof bytes, &der) || om_x509_parse(der, &pck) ||
	    om_pck_parse(pck.sgx, &says))
		return host_fail(OM_EINVAL, "the quote, or the certificate of its platform, cannot be read");
	s->type = q.tee == OM_TEE_TDX ? OM_EVIDENCE_TDX : OM_EVIDENCE_SGX;
	if (type && s->type != type)
		return host_fail(OM_EINVAL, "the quote is of another TEE than the evidence says");
	memcpy(s->fmspc, says.fmspc, sizeof s->fmspc);
	s->processor = memmem(pck.issuer.data, pck.issuer.size, processor, sizeof processor - 1) != NULL;
	return 0;
}

static int of_report(struct om_view report, struct collateral_subject *s)
{
	struct om_snp_report r;
	const int error = om_snp_report_parse(report, &r);

	if (error)
		return host_fail(error, "the security processor's report cannot be read");
	s->type = OM_EVIDENCE_SNP;
	s->key = r.key;
	/* Version 2 does not say which; its layout is that of Milan and Genoa, and collateral_find() looks for both. */
	s->product = r.version == 2 ? OM_SNP_MILAN : om_snp_product_of(r.family, r.model);
	if (s->product == OM_SNP_UNKNOWN)
		return host_fail(OM_EUNSUPPORTED, "the report is of a processor that is not known here");
	memcpy(s->tcb, r.reported_tcb, sizeof s->tcb);
	if (r.key == OM_SNP_VLEK)
		return 0;
	if (om_all_zero(r.chip_id, sizeof r.chip_id))
		return host_fail(OM_EUNSUPPORTED, "the report masks its chip, so nobody can be asked for its certificate: unmask it, or import the certificate table");
	memcpy(s->hwid, r.chip_id, sizeof s->hwid);
	return 0;
}

int collateral_subject_of(struct om_view evidence, struct collateral_subject *ret)
{
	struct collateral_subject s = { 0 };
	struct om_envelope e;
	int error;

	if (evidence.size == OM_SNP_REPORT_SIZE) {
		error = of_report(evidence, &s);
	} else if (om_quote_is_bare(evidence)) {
		error = of_quote(evidence, 0, &s);
	} else if ((error = om_envelope_parse(evidence, &e)) != 0) {
		return host_fail(error, "no evidence: neither an envelope, nor a quote, nor a report of 1,184 bytes");
	} else if (e.type == OM_EVIDENCE_DEMO) {
		return host_fail(OM_EUNSUPPORTED, "evidence of the demonstration needs no collateral but what everybody can make");
	} else {
		error = e.type == OM_EVIDENCE_SNP ? of_report(e.platform, &s) : of_quote(e.platform, e.type, &s);
	}
	if (!error)
		*ret = s;
	return error;
}

/* @to: 2 * size + 1 bytes. */
static void digits(char *to, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

void collateral_name(const struct collateral_subject *s, char ret[COLLATERAL_NAME_MAX])
{
	char hex[2 * OM_SNP_HWID_MAX + 1], tcb[2 * OM_SNP_TCB_SIZE + 1];

	if (s->type != OM_EVIDENCE_SNP) {
		digits(hex, s->fmspc, sizeof s->fmspc);
		snprintf(ret, COLLATERAL_NAME_MAX, "%s-%s-%s%s", s->type == OM_EVIDENCE_TDX ? "tdx" : "sgx", hex, s->processor ? "processor" : "platform",
			s->early ? "-early" : "");
		return;
	}
	digits(tcb, s->tcb, sizeof s->tcb);
	digits(hex, s->hwid, s->product == OM_SNP_TURIN ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX);
	if (s->key == OM_SNP_VLEK)
		snprintf(ret, COLLATERAL_NAME_MAX, "snp-%s-vlek-%s", products[s->product], tcb);
	else
		snprintf(ret, COLLATERAL_NAME_MAX, "snp-%s-vcek-%s-%s", products[s->product], hex, tcb);
}

/* The next piece between dashes. */
static const char *piece(const char **at, size_t *ret_length)
{
	const char *begin = *at, *end = strchrnul(begin, '-');

	*ret_length = (size_t)(end - begin);
	*at = *end ? end + 1 : end;
	return begin;
}

static bool is(const char *piece, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(piece, word, length) == 0;
}

static bool parse_intel(const char *at, struct collateral_subject *s)
{
	size_t length, size;
	const char *p = piece(&at, &length);

	if (!collateral_hex(p, length, s->fmspc, sizeof s->fmspc, &size) || size != sizeof s->fmspc)
		return false;
	p = piece(&at, &length);
	s->processor = is(p, length, "processor");
	if (!s->processor && !is(p, length, "platform"))
		return false;
	p = piece(&at, &length);
	s->early = is(p, length, "early");
	return (s->early || !length) && !*at;
}

static bool parse_amd(const char *at, struct collateral_subject *s)
{
	size_t length, size;
	const char *p = piece(&at, &length);

	for (unsigned i = OM_SNP_MILAN; i < OM_SNP_PRODUCTS; i++)
		if (is(p, length, products[i]))
			s->product = (enum om_snp_product)i;
	p = piece(&at, &length);
	s->key = is(p, length, "vlek") ? OM_SNP_VLEK : OM_SNP_VCEK;
	if (!s->product || (s->key == OM_SNP_VCEK && !is(p, length, "vcek")))
		return false;
	if (s->key == OM_SNP_VCEK) {
		p = piece(&at, &length);
		if (!collateral_hex(p, length, s->hwid, sizeof s->hwid, &size) ||
		    size != (s->product == OM_SNP_TURIN ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX))
			return false;
	}
	p = piece(&at, &length);
	return collateral_hex(p, length, s->tcb, sizeof s->tcb, &size) && size == sizeof s->tcb && !*at;
}

int collateral_name_parse(const char *name, struct collateral_subject *ret)
{
	struct collateral_subject s = { 0 };
	const char *at = name;
	size_t length;
	const char *p = piece(&at, &length);
	bool good = false;

	if (*name && name[strlen(name) - 1] == '-')
		length = 0;            /* a last piece that is none */
	if (is(p, length, "sgx") || is(p, length, "tdx")) {
		s.type = *p == 's' ? OM_EVIDENCE_SGX : OM_EVIDENCE_TDX;
		good = parse_intel(at, &s);
	} else if (is(p, length, "snp")) {
		s.type = OM_EVIDENCE_SNP;
		good = parse_amd(at, &s);
	}
	if (!good)
		return host_fail(OM_EINVAL, "\"%.200s\" names no platform: sgx-FMSPC-platform, sgx-FMSPC-processor, tdx-FMSPC-platform, snp-PRODUCT-vcek-HWID-TCB or snp-PRODUCT-vlek-TCB",
			name);
	*ret = s;
	return 0;
}
