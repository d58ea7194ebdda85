/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "evidence/parse/collateral_text.h"
#include "evidence/parse/x509.h"
#include "vectors/dcap_files.h"

bool dcap_fmspc(struct om_view quote, uint8_t ret[6])
{
	uint8_t bytes[OM_X509_MAX];
	struct om_quote q;
	struct om_view der;
	struct om_x509 cert;
	struct om_pck pck;

	if (om_quote_parse(quote.data, quote.size, &q) || om_pem_next(&q.chain, bytes, sizeof bytes, &der) ||
	    om_x509_parse(der, &cert) || om_pck_parse(cert.sgx, &pck))
		return false;
	memcpy(ret, pck.fmspc, 6);
	return true;
}

static const json_t *platform_of(const json_t *collection, const uint8_t fmspc[6])
{
	const json_t *list = json_object_get(collection, "platforms");
	char name[13];

	for (int i = 0; i < 6; i++)
		snprintf(name + 2 * i, 3, "%02x", fmspc[i]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		const char *s = json_string_value(json_object_get(p, "fmspc"));

		if (s && strcasecmp(s, name) == 0)
			return p;
	}
	return NULL;
}

/* A copy of exactly that size, which the caller frees. */
static struct om_view copy(const void *data, size_t size)
{
	uint8_t *to = size ? malloc(size) : NULL;

	if (to)
		memcpy(to, data, size);
	return (struct om_view) { to, to ? size : 0 };
}

static struct om_view document(const json_t *c, const char *name, const char *object, const char *signature)
{
	const char *body = json_string_value(json_object_get(c, object)), *digits = json_string_value(json_object_get(c, signature));
	char *text = NULL;

	if (!body || !digits || asprintf(&text, "{\"%s\":%s,\"signature\":\"%s\"}", name, body, digits) < 0)
		return (struct om_view) { NULL, 0 };
	return (struct om_view) { (const uint8_t *)text, strlen(text) };
}

static struct om_view member(const json_t *c, const char *name)
{
	const json_t *value = json_object_get(c, name);

	return copy(json_string_value(value), json_string_length(value));
}

static struct om_view of_collection(const json_t *c, enum dcap_part part, const uint8_t fmspc[6])
{
	const bool many = json_object_get(c, "platforms") != NULL;
	const json_t *p = many ? platform_of(c, fmspc) : c;

	switch (part) {
	case DCAP_TCB_INFO:    return many ? member(p, "tcbInfo") : document(c, "tcbInfo", "tcb_info", "tcb_info_signature");
	case DCAP_TCB_CHAIN:   return member(p, many ? "tcbInfoIssuerChain" : "tcb_info_issuer_chain");
	case DCAP_QE_IDENTITY: return many ? member(c, "qeIdentity") :
		document(c, "enclaveIdentity", "qe_identity", "qe_identity_signature");
	case DCAP_QE_CHAIN:    return member(c, many ? "qeIdentityIssuerChain" : "qe_identity_issuer_chain");
	case DCAP_PCK_CRL:     return member(c, many ? "pckCrl" : "pck_crl");
	default:               return member(c, many ? "rootCaCrl" : "root_ca_crl");
	}
}

static struct om_view part_of(struct om_view file, enum dcap_part part, const uint8_t fmspc[6])
{
	json_t *c = json_loadb((const char *)file.data, file.size, JSON_DISABLE_EOF_CHECK, NULL);
	struct om_view text;

	if (c && (json_object_get(c, "platforms") || json_object_get(c, "tcb_info")))
		text = of_collection(c, part, fmspc);
	else
		text = copy(file.data, file.size);
	json_decref(c);
	return text;
}

int dcap_collateral(const struct om_view *files, size_t count, const uint8_t fmspc[6], uint8_t *buffer, size_t *ret_size)
{
	struct om_view parts[DCAP_PARTS];
	int error = 0;

	for (unsigned i = 0; i < DCAP_PARTS; i++) {
		parts[i] = part_of(files[count == 1 ? 0 : i], (enum dcap_part)i, fmspc);
		if (!parts[i].size)
			error = OM_ENOTFOUND;
	}
	const struct om_collateral_texts texts = {
		.root_crl = parts[DCAP_ROOT_CRL], .pck_crl = parts[DCAP_PCK_CRL],
		.tcb_chain = parts[DCAP_TCB_CHAIN], .tcb_info = parts[DCAP_TCB_INFO],
		.qe_chain = parts[DCAP_QE_CHAIN], .qe_identity = parts[DCAP_QE_IDENTITY],
	};
	if (!error)
		error = om_collateral_from_texts(&texts, buffer, OM_COLLATERAL_MAX, ret_size);
	for (unsigned i = 0; i < DCAP_PARTS; i++)
		free((void *)(uintptr_t)parts[i].data);
	return error;
}
