/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes, envelopes of evidence and collateral. Properties: what was accepted lies inside the input and accounts for every byte of it,
 * in versions 4 and 5 for every byte up to the end of the signature, and what follows changes nothing; an envelope and collateral that
 * decode encode to the same bytes; no guest's report data names a report body but by the hash; collateral as services send it becomes
 * one that decodes; a refusal of any evidence is in words that end.
 */
#include "fuzz.h"
#include "evidence/accept/refusal.h"
#include "evidence/parse/collateral_text.h"
#include "evidence/parse/envelope.h"

static void quote(const uint8_t *data, size_t size)
{
	static const size_t bodies[] = { 0, sizeof(struct sgx_report_body), OM_TD_BODY_10, OM_TD_BODY_15 };
	static struct om_quote q, again;
	const uint8_t *body;
	size_t used;

	memset(&q, 0, sizeof q);
	memset(&again, 0, sizeof again);
	if (om_quote_parse(data, size, &q))
		return;
	PROPERTY(q.size <= size && (q.version != 3 || q.size == size));
	INSIDE(q.signed_part);
	INSIDE(q.qe_report);
	INSIDE(q.qe_auth);
	INSIDE(q.chain);
	PROPERTY((q.kind == OM_BODY_SGX) == (q.tee == OM_TEE_SGX));
	used = OM_QUOTE_HEADER + (q.version == 5 ? OM_QUOTE_DESCRIPTOR : 0) + bodies[q.kind];
	PROPERTY(q.signed_part.data == data && q.signed_part.size == used);
	used += 4 + 64 + 64 + (q.version > 3 ? OM_QUOTE_WRAPPER : 0) + sizeof q.qe_body + 64 + 2 + q.qe_auth.size + 2 + 4 + q.chain.size;
	PROPERTY(used == q.size);
	PROPERTY(q.chain.size == 0 || q.chain.data + q.chain.size == data + q.size);
	body = data + OM_QUOTE_HEADER + (q.version == 5 ? OM_QUOTE_DESCRIPTOR : 0);
	if (q.tee == OM_TEE_SGX)
		PROPERTY(!memcmp(&q.body, body, sizeof q.body));
	else
		PROPERTY(!memcmp(q.td.reportdata, body + 0x208, 64) && !memcmp(q.td.mrtd, body + 0x88, OM_TD_HASH));
	PROPERTY(!om_quote_parse(data, q.size, &again) && !memcmp(&q, &again, sizeof q));
}

/* Input is a document, a chain and a list in turn: none may be read past its end, and what is made of it is of its form. */
static void texts(const uint8_t *data, size_t size)
{
	static uint8_t buffer[OM_COLLATERAL_MAX];
	const struct om_view text = { data, size };
	struct om_view got;
	uint8_t signature[64];

	if (!om_collateral_document(text, "tcbInfo", &got, signature)) {
		INSIDE(got);
		PROPERTY(got.size);
	}
	if (!om_collateral_chain(text, buffer, sizeof buffer, &got))
		PROPERTY(got.data == buffer && got.size <= size && !memcmp(buffer, "-----BEGIN", 10));
	if (!om_collateral_crl(text, buffer, sizeof buffer, &got))
		PROPERTY(got.size >= 2 && got.data[0] == OM_DER_SEQUENCE);
}

static void envelope(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_EVIDENCE_MAX];
	uint8_t report_data[OM_EVIDENCE_DATA_SIZE];
	size_t again_size = 0;
	struct om_envelope e;

	if (om_envelope_parse((struct om_view) { data, size }, &e))
		return;
	INSIDE(e.platform);
	PROPERTY(e.platform.size > 0 && OM_ENVELOPE_HEAD + e.platform.size + e.body_bytes.size == size);
	PROPERTY(!om_envelope_encode(e.type, e.platform, e.body_bytes, again, sizeof again, &again_size));
	PROPERTY(again_size == size && !memcmp(again, data, size));
	memset(report_data, data[size - 1], sizeof report_data);
	PROPERTY(!om_envelope_bound(&e, report_data));
	if (!om_evidence_of_guest(e.type))
		return;
	INSIDE(e.body_bytes);
	om_envelope_report_data(e.type, e.body_bytes.data, report_data);
	PROPERTY(om_envelope_bound(&e, report_data));
}

static void collateral(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_COLLATERAL_MAX];
	struct om_collateral c;
	size_t again_size = 0;

	if (om_collateral_decode(data, size, &c))
		return;
	INSIDE(c.root_crl);
	INSIDE(c.qe_signature);
	PROPERTY(!om_collateral_encode(&c, again, sizeof again, &again_size));
	PROPERTY(again_size == size && !memcmp(again, data, size));
}

static void refusal(const uint8_t *data, size_t size)
{
	static const struct sgx_report_body own;
	char words[OM_REFUSAL_MAX];

	for (int i = 0; i < 2; i++) {
		om_refusal_words(NULL, 0, &own, (struct om_view) { data, size }, i ? OM_WHY_ROOT : OM_WHY_PLATFORM, words);
		PROPERTY(words[0] && !words[sizeof words - 1]);
		for (const char *c = words; *c; c++)
			PROPERTY(*c >= ' ' && *c <= '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	quote(data, size);
	envelope(data, size);
	collateral(data, size);
	texts(data, size);
	refusal(data, size);
	return 0;
}
