/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes, envelopes of evidence and collateral. Properties: what was accepted lies inside the input and accounts for every byte of it;
 * an envelope and collateral that
 * decode encode to the same bytes; no guest's report data names a report body but by the hash.
 */
#include "fuzz.h"
#include "evidence/parse/envelope.h"

static void quote(const uint8_t *data, size_t size)
{
	struct om_quote q;

	if (om_quote_parse(data, size, &q))
		return;
	INSIDE(q.signed_part);
	INSIDE(q.qe_report);
	INSIDE(q.qe_auth);
	INSIDE(q.chain);
	PROPERTY(OM_QUOTE_MIN + q.qe_auth.size + q.chain.size == size);
	PROPERTY(!memcmp(&q.body, data + OM_QUOTE_HEADER, sizeof q.body));
	PROPERTY(q.chain.size == 0 || q.chain.data + q.chain.size == data + size);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	quote(data, size);
	envelope(data, size);
	collateral(data, size);
	return 0;
}
