/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle as text, JSON:
 *
 *   {"optmig-collateral": 1, "name": "sgx-00606a000000-platform",
 *    "parts": {"tcb-info": {"from": URL, "time": SECONDS, "chain": HEADER, "data": BASE64}, ...}}
 *
 * An export is a list of such. Data and chains are what the service sent, byte by byte; what a verifier reads is made of them each time.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include "collateral/collateral.h"
#include "evidence/parse/collateral_text.h"
#include "util.h"

#define VERSION 1

const char *collateral_part_name(enum om_evidence_type type, unsigned part)
{
	static const char *const intel[COLLATERAL_PARTS] = { "root-crl", "pck-crl", "tcb-info", "qe-identity" };
	static const char *const amd[COLLATERAL_PARTS] = { "certificate", "cert-chain", "crl" };

	return part < COLLATERAL_PARTS ? (type == OM_EVIDENCE_SNP ? amd : intel)[part] : NULL;
}

static void part_done(struct collateral_part *p)
{
	free(p->url);
	free(p->chain);
	free(p->data);
	*p = (struct collateral_part) { 0 };
}

int collateral_part_set(struct collateral_part *part, const char *url, const char *chain, const void *data, size_t size, int64_t time)
{
	struct collateral_part p = { .url = strdup(url), .chain = chain ? strdup(chain) : NULL, .data = malloc(size + 1), .size = size, .time = time };

	if (!p.url || (chain && !p.chain) || !p.data || size > COLLATERAL_PART_MAX) {
		part_done(&p);
		return size > COLLATERAL_PART_MAX ? host_fail(OM_EOVERFLOW, "more than %u bytes", COLLATERAL_PART_MAX) : host_fail(OM_ENOMEM, "no memory");
	}
	memcpy(p.data, data, size);
	part_done(part);
	*part = p;
	return 0;
}

int collateral_part_copy(struct collateral_part *to, const struct collateral_part *from)
{
	return collateral_part_set(to, from->url, from->chain, from->data, from->size, from->time);
}

void collateral_bundle_done(struct collateral_bundle *b)
{
	for (unsigned i = 0; i < COLLATERAL_PARTS; i++)
		part_done(&b->part[i]);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static json_t *base64(const struct collateral_part *p)
{
	char *text = malloc(p->size / 3 * 4 + 8);
	json_t *value = NULL;

	if (text) {
		EVP_EncodeBlock((unsigned char *)text, p->data, (int)p->size);
		value = json_string(text);
	}
	free(text);
	return value;
}

/* Base64 without line ends, padded. EVP_DecodeBlock() counts the padding as bytes. */
static int from_base64(const char *text, size_t length, uint8_t **ret, size_t *ret_size)
{
	uint8_t *data = malloc(length / 4 * 3 + 4);
	int size;

	if (!data)
		return host_fail(OM_ENOMEM, "no memory");
	size = length % 4 ? -1 : EVP_DecodeBlock(data, (const unsigned char *)text, (int)length);
	if (size < 0) {
		free(data);
		return host_fail(OM_EINVAL, "a part's data is not base64");
	}
	for (size_t i = length; size && i > length - 2 && text[i - 1] == '='; i--)
		size--;
	*ret = data;
	*ret_size = (size_t)size;
	return 0;
}

int collateral_bundle_encode(const struct collateral_bundle *b, char **ret_text, size_t *ret_size)
{
	char name[COLLATERAL_NAME_MAX];
	json_t *parts = json_object(), *all;
	char *text;

	collateral_name(&b->subject, name);
	for (unsigned i = 0; i < COLLATERAL_PARTS; i++) {
		const struct collateral_part *p = &b->part[i];
		json_t *one;

		if (!p->data)
			continue;
		one = json_pack("{s:s, s:I, s:o}", "from", p->url, "time", (json_int_t)p->time, "data", base64(p));
		if (one && p->chain)
			json_object_set_new(one, "chain", json_string(p->chain));
		json_object_set_new(parts, collateral_part_name(b->subject.type, i), one);
	}
	all = json_pack("{s:i, s:s, s:o}", "optmig-collateral", VERSION, "name", name, "parts", parts);
	text = all ? json_dumps(all, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	json_decref(all);
	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	*ret_text = text;
	*ret_size = strlen(text);
	return 0;
}

static int decode_part(const json_t *value, struct collateral_part *ret)
{
	const json_t *data = json_object_get(value, "data"), *time = json_object_get(value, "time");
	const char *from = json_string_value(json_object_get(value, "from")), *chain = json_string_value(json_object_get(value, "chain"));
	uint8_t *bytes;
	size_t size;
	int error;

	if (!from || !json_is_string(data) || !json_is_integer(time))
		return host_fail(OM_EINVAL, "a part lacks from, time or data");
	error = from_base64(json_string_value(data), json_string_length(data), &bytes, &size);
	if (error)
		return error;
	error = collateral_part_set(ret, from, chain, bytes, size, json_integer_value(time));
	free(bytes);
	return error;
}

static int decode_one(const json_t *all, struct collateral_bundle *b)
{
	const json_t *parts = json_object_get(all, "parts");
	const char *name = json_string_value(json_object_get(all, "name"));
	int error;

	if (json_integer_value(json_object_get(all, "optmig-collateral")) != VERSION || !name || !json_is_object(parts))
		return host_fail(OM_EINVAL, "no bundle of collateral, or of another version");
	error = collateral_name_parse(name, &b->subject);
	for (unsigned i = 0; i < COLLATERAL_PARTS && !error; i++) {
		const char *which = collateral_part_name(b->subject.type, i);
		const json_t *part = which ? json_object_get(parts, which) : NULL;

		if (part)
			error = decode_part(part, &b->part[i]);
	}
	return error;
}

int collateral_bundles_decode(const char *text, size_t size, int (*each)(void *context, struct collateral_bundle *b), void *context)
{
	json_error_t wrong;
	json_t *all = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
	const size_t count = json_is_array(all) ? json_array_size(all) : 1;
	int error = all ? 0 : host_fail(OM_EINVAL, "no collateral: line %d: %s", wrong.line, wrong.text);

	for (size_t i = 0; i < count && !error; i++) {
		struct collateral_bundle b = { 0 };

		error = decode_one(json_is_array(all) ? json_array_get(all, i) : all, &b);
		if (!error)
			error = each(context, &b);
		collateral_bundle_done(&b);
	}
	json_decref(all);
	return error;
}

/* ---- the verifiers' form ------------------------------------------------------------------------------------ */

static struct om_view text_of(const char *text)
{
	return (struct om_view) { (const uint8_t *)text, text ? strlen(text) : 0 };
}

static struct om_view data_of(const struct collateral_part *p)
{
	return (struct om_view) { p->data, p->size };
}

static int form_intel(const struct collateral_bundle *b, uint8_t *buffer, size_t size, size_t *ret_size)
{
	const struct collateral_part *p = b->part;
	const struct om_collateral_texts texts = {
		.root_crl = data_of(&p[COLLATERAL_ROOT_CRL]), .pck_crl = data_of(&p[COLLATERAL_PCK_CRL]),
		.tcb_chain = text_of(p[COLLATERAL_TCB_INFO].chain), .tcb_info = data_of(&p[COLLATERAL_TCB_INFO]),
		.qe_chain = text_of(p[COLLATERAL_QE_IDENTITY].chain), .qe_identity = data_of(&p[COLLATERAL_QE_IDENTITY]),
	};

	return om_collateral_from_texts(&texts, buffer, size, ret_size);
}

static int form_amd(const struct collateral_bundle *b, uint8_t *buffer, size_t size, size_t *ret_size)
{
	const struct collateral_part *vek = &b->part[COLLATERAL_VEK], *cas = &b->part[COLLATERAL_CAS];
	uint8_t crl[OM_COLLATERAL_MAX], *chain = malloc(vek->size + cas->size + 1);
	struct om_view list = { 0 };
	int error = 0;

	if (!chain)
		return OM_ENOMEM;
	memcpy(chain, vek->data, vek->size);
	memcpy(chain + vek->size, cas->data, cas->size);
	if (b->part[COLLATERAL_CRL].data)
		error = om_collateral_crl(data_of(&b->part[COLLATERAL_CRL]), crl, sizeof crl, &list);
	if (!error)
		error = om_snp_collateral_encode((struct om_view) { chain, vek->size + cas->size }, list, buffer, size, ret_size);
	free(chain);
	return error;
}

int collateral_bundle_form(const struct collateral_bundle *b, uint8_t *buffer, size_t size, size_t *ret_size)
{
	const unsigned must = b->subject.type == OM_EVIDENCE_SNP ? COLLATERAL_CRL : COLLATERAL_PARTS;
	int error;

	for (unsigned i = 0; i < must; i++) {
		const struct collateral_part *p = &b->part[i];
		const char *name = collateral_part_name(b->subject.type, i);

		if (!p->data || !p->size)
			return host_fail(OM_ENOTFOUND, "there is no %s", name);
		if (b->subject.type != OM_EVIDENCE_SNP && i != COLLATERAL_ROOT_CRL && !p->chain)
			return host_fail(OM_ENOTFOUND, "%s came without the certificates of its issuer", name);
	}
	error = b->subject.type == OM_EVIDENCE_SNP ? form_amd(b, buffer, size, ret_size) : form_intel(b, buffer, size, ret_size);
	return error ? host_fail(error, "it is malformed") : 0;
}
