/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether collateral is the maker's, about its subject, and in force. The verdict that counts is the enclave's, over evidence. This verdict only keeps
 * collateral that an enclave would refuse from taking the place of collateral that it would accept. The rules are the verifiers'
 * (core/evidence/authentic), applied where there is no evidence: signatures, chains up to the same roots, dates. What a TCB is worth is not judged.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "collateral/collateral.h"
#include "crypto/sha256.h"
#include "evidence/authentic/chain.h"
#include "evidence/authentic/snp.h"
#include "evidence/parse/collateral_text.h"
#include "util.h"

struct judging {
	const struct collateral_bundle *b;
	struct collateral_verdict verdict;
	struct om_crl list;                     /* the root's */
};

static int refuse(const char *part, const char *words)
{
	return host_fail(OM_EQUOTE, "%s: %s", part, words);
}

static void within(struct judging *j, int64_t from, int64_t until)
{
	if (j->verdict.from < from)
		j->verdict.from = from;
	if (j->verdict.until > until)
		j->verdict.until = until;
}

/* ---- Intel ------------------------------------------------------------------------------------------------- */

static bool is_intel_root(const struct om_x509 *root)
{
	uint8_t hash[OM_ROOT_HASH_SIZE];

	om_sha256(root->spki.data, root->spki.size, hash);
	return memcmp(hash, om_intel_root, sizeof hash) == 0;
}

/* Issuer and root of a part, from its header. Dates are kept, not judged: what has expired is still known for what it is. */
static int issuers(struct judging *j, const char *part, struct om_view pem, struct om_chain *c)
{
	struct om_view der;

	for (c->count = 0; c->count < 2; c->count++)
		if (om_pem_next(&pem, c->bytes[c->count], sizeof c->bytes[0], &der) || om_x509_parse(der, &c->cert[c->count]))
			return refuse(part, "the certificates of its issuer are malformed");
	if (om_pem_next(&pem, NULL, 0, &der) != OM_ENOTFOUND)
		return refuse(part, "there are more certificates of its issuer than there should be");
	if (!is_intel_root(&c->cert[1]))
		return host_fail(OM_EPOLICY, "%s: its certificates lead to another root than Intel's", part);
	for (unsigned i = 0; i < 2; i++) {
		if (!om_x509_may_issue(&c->cert[1], &c->cert[i], 0) || om_x509_signed(c->cert[i].tbs, c->cert[i].signature, c->cert[1].public))
			return refuse(part, "the certificate of its issuer is not signed by Intel's root");
		within(j, c->cert[i].not_before, c->cert[i].not_after);
	}
	return 0;
}

static int list_of(struct judging *j, const char *part, struct om_view der, const struct om_x509 *issuer, struct om_crl *ret)
{
	if (om_crl_parse(der, ret) || !om_view_equal(ret->issuer, issuer->subject) || !(issuer->usage & OM_X509_CRL_SIGN) ||
	    om_x509_signed(ret->tbs, ret->signature, issuer->public))
		return refuse(part, "it is not signed by its issuer");
	within(j, ret->this_update, ret->next_update);
	return 0;
}

/* The chain as it stands in the header, decoded. */
static int chain_of(const struct collateral_part *p, const char *name, uint8_t *buffer, size_t size, struct om_view *ret)
{
	return om_collateral_chain((struct om_view) { (const uint8_t *)p->chain, strlen(p->chain) }, buffer, size, ret) ?
		refuse(name, "the certificates of its issuer are malformed") : 0;
}

static int judge_lists(struct judging *j, const struct om_collateral *c, struct om_chain *chain)
{
	const struct collateral_subject *s = &j->b->subject;
	const char *authority = s->processor ? "Processor CA" : "Platform CA";
	uint8_t pem[2 * OM_X509_MAX * 2];
	struct om_view text;
	struct om_crl pck;
	int error = chain_of(&j->b->part[COLLATERAL_PCK_CRL], "pck-crl", pem, sizeof pem, &text);

	if (!error)
		error = issuers(j, "pck-crl", text, chain);
	if (!error && !(chain->cert[0].ca && memmem(chain->cert[0].subject.data, chain->cert[0].subject.size, authority, strlen(authority))))
		error = refuse("pck-crl", s->processor ? "it is not of the Processor CA" : "it is not of the Platform CA");
	if (!error)
		error = list_of(j, "root-crl", c->root_crl, &chain->cert[1], &j->list);
	if (!error)
		error = list_of(j, "pck-crl", c->pck_crl, &chain->cert[0], &pck);
	if (error)
		return error;
	j->verdict.root_crl = j->list.this_update;
	j->verdict.key_crl = pck.this_update;
	return om_crl_revokes(&j->list, chain->cert[0].serial) ? host_fail(OM_EREVOKED, "pck-crl: the certificate of its issuer is revoked") : 0;
}

static bool date(const json_t *object, const char *name, int64_t *ret)
{
	const char *text = json_string_value(json_object_get(object, name)), *end;
	struct tm tm = { 0 };

	end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
	if (!end || *end)
		return false;
	*ret = timegm(&tm);
	return true;
}

/* Is it about the subject? TCB info of version 2 has no id: it is of SGX. */
static bool about(const struct judging *j, unsigned part, const json_t *object)
{
	const bool td = j->b->subject.type == OM_EVIDENCE_TDX;
	const char *id = json_string_value(json_object_get(object, "id")), *fmspc = json_string_value(json_object_get(object, "fmspc"));
	uint8_t bytes[6];
	size_t size;

	if (part == COLLATERAL_QE_IDENTITY)
		return id && strcmp(id, td ? "TD_QE" : "QE") == 0;
	if (id ? strcmp(id, td ? "TDX" : "SGX") != 0 : td)
		return false;
	return fmspc && collateral_hex(fmspc, strlen(fmspc), bytes, sizeof bytes, &size) && size == 6 && memcmp(bytes, j->b->subject.fmspc, 6) == 0;
}

static int judge_document(struct judging *j, unsigned part, struct om_view text, struct om_view chain_text, const uint8_t *signature, struct om_chain *chain)
{
	const char *name = collateral_part_name(j->b->subject.type, part);
	int64_t issued, next;
	json_t *object;
	uint32_t number;
	int error = issuers(j, name, chain_text, chain);

	if (error)
		return error;
	if (chain->cert[0].ca || !(chain->cert[0].usage & OM_X509_DIGITAL_SIGNATURE) || om_x509_signed(text, signature, chain->cert[0].public))
		return refuse(name, "its signature does not hold");
	if (om_crl_revokes(&j->list, chain->cert[0].serial))
		return host_fail(OM_EREVOKED, "%s: the certificate of its signer is revoked", name);
	object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	if (!object || !date(object, "issueDate", &issued) || !date(object, "nextUpdate", &next))
		error = refuse(name, "it does not say when it was issued");
	else if (!about(j, part, object))
		error = refuse(name, "it is about another platform or TEE than what was asked for");
	number = (uint32_t)json_integer_value(json_object_get(object, "tcbEvaluationDataNumber"));
	json_decref(object);
	if (error)
		return error;
	within(j, issued, next);
	if (part == COLLATERAL_TCB_INFO || number < j->verdict.evaluation)
		j->verdict.evaluation = number;
	return 0;
}

static int judge_intel(struct judging *j, const uint8_t *form, size_t size)
{
	struct om_chain *chain = malloc(sizeof *chain);
	struct om_collateral c;
	int error = chain ? 0 : host_fail(OM_ENOMEM, "no memory");

	if (!error && om_collateral_decode(form, size, &c))
		error = host_fail(OM_EQUOTE, "it is malformed");
	if (!error)
		error = judge_lists(j, &c, chain);
	if (!error)
		error = judge_document(j, COLLATERAL_TCB_INFO, c.tcb_info, c.tcb_chain, c.tcb_signature.data, chain);
	if (!error)
		error = judge_document(j, COLLATERAL_QE_IDENTITY, c.qe_identity, c.qe_chain, c.qe_signature.data, chain);
	free(chain);
	return error;
}

/* ---- AMD --------------------------------------------------------------------------------------------------- */

enum { VEK, CA, ARK, AMD_CHAIN };

/* In DER where it lies, or in PEM. */
static int next(struct om_view *chain, uint8_t buffer[OM_X509_MAX], struct om_x509 *ret)
{
	struct om_view der;
	struct om_der d;

	while (chain->size && (*chain->data == '\n' || *chain->data == '\r'))
		*chain = (struct om_view) { chain->data + 1, chain->size - 1 };
	om_der_init(&d, *chain);
	if (om_der_peek(&d) == OM_DER_SEQUENCE) {
		der = om_der_element(&d, OM_DER_SEQUENCE);
		*chain = (struct om_view) { d.p, om_der_left(&d) };
		if (d.error)
			return d.error;
	} else if (om_pem_next(chain, buffer, OM_X509_MAX, &der)) {
		return OM_EINVAL;
	}
	return om_x509_parse_amd(der, ret);
}

static bool is_ark(const struct om_x509 *ark, enum om_snp_product product)
{
	uint8_t hash[OM_ROOT_HASH_SIZE];

	om_sha256(ark->spki.data, ark->spki.size, hash);
	for (unsigned i = 0; i < OM_AMD_ROOTS; i++)
		if (om_amd_roots[i].product == product && memcmp(om_amd_roots[i].hash, hash, sizeof hash) == 0)
			return true;
	return false;
}

static int judge_key(const struct collateral_subject *s, const struct om_x509 *vek)
{
	struct om_snp_certificate says;

	if (om_snp_certificate_parse(vek->extensions, &says) || says.turin != (s->product == OM_SNP_TURIN) || says.key != s->key)
		return refuse("certificate", "it is not of such a processor's key");
	if (memcmp(says.tcb, s->tcb, sizeof says.tcb) || (s->key == OM_SNP_VCEK && memcmp(says.hwid, s->hwid, sizeof says.hwid)))
		return refuse("certificate", "it is of another chip or TCB than what was asked for");
	return 0;
}

static int judge_amd_list(struct judging *j, struct om_view der, const struct om_x509 *cert)
{
	struct om_crl list;

	if (!der.size)
		return 0;
	if (om_crl_parse_amd(der, &list) || !om_view_equal(list.issuer, cert[ARK].subject) || om_x509_signed_amd(list.tbs, list.amd_signature, &cert[ARK]))
		return refuse("crl", "it is not signed by AMD's root");
	within(j, list.this_update, list.next_update);
	j->verdict.root_crl = list.this_update;
	return om_crl_revokes(&list, cert[CA].serial) ? host_fail(OM_EREVOKED, "cert-chain: the certificate of the key's issuer is revoked") : 0;
}

static int judge_amd(struct judging *j, const uint8_t *form, size_t size)
{
	uint8_t (*bytes)[OM_X509_MAX] = malloc(AMD_CHAIN * sizeof *bytes);
	struct om_x509 cert[AMD_CHAIN];
	struct om_view chain, list;
	int error = bytes ? 0 : host_fail(OM_ENOMEM, "no memory");

	if (!error && om_snp_collateral_decode((struct om_view) { form, size }, &chain, &list))
		error = host_fail(OM_EQUOTE, "it is malformed");
	for (unsigned i = 0; i < AMD_CHAIN && !error; i++)
		if (next(&chain, bytes[i], &cert[i]))
			error = refuse(i ? "cert-chain" : "certificate", "it is malformed");
	if (!error && !is_ark(&cert[ARK], j->b->subject.product))
		error = host_fail(OM_EPOLICY, "cert-chain: its root is not AMD's for this product");
	for (unsigned i = 0; i < AMD_CHAIN && !error; i++) {
		const struct om_x509 *issuer = &cert[i == ARK ? ARK : i + 1];

		if (!om_x509_may_issue(issuer, &cert[i], i == VEK ? 0 : 1) || om_x509_signed_amd(cert[i].tbs, cert[i].amd_signature, issuer))
			error = refuse(i ? "cert-chain" : "certificate", "it is not signed by its issuer");
		within(j, cert[i].not_before, cert[i].not_after);
	}
	if (!error)
		error = judge_key(&j->b->subject, &cert[VEK]);
	if (!error)
		error = judge_amd_list(j, list, cert);
	free(bytes);
	return error;
}

static void day(int64_t seconds, char ret[32])
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		*ret = 0;
}

int collateral_judge(const struct collateral_bundle *b, int64_t now, struct collateral_verdict *ret)
{
	struct judging j = { .b = b, .verdict = { .from = INT64_MIN, .until = INT64_MAX } };
	uint8_t *form = malloc(OM_COLLATERAL_MAX);
	char from[32], until[32];
	size_t size;
	int error = form ? collateral_bundle_form(b, form, OM_COLLATERAL_MAX, &size) : host_fail(OM_ENOMEM, "no memory");

	if (!error)
		error = b->subject.type == OM_EVIDENCE_SNP ? judge_amd(&j, form, size) : judge_intel(&j, form, size);
	free(form);
	if (error)
		return error;
	*ret = j.verdict;
	day(j.verdict.from, from);
	day(j.verdict.until, until);
	if (j.verdict.from > j.verdict.until)
		return host_fail(OM_EEXPIRED, "its parts are in force at no common date: the youngest from %s, the oldest until %s", from, until);
	if (now < j.verdict.from || now > j.verdict.until)
		return host_fail(OM_EEXPIRED, "it is in force from %s to %s only", from, until);
	return 0;
}
