/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes and collateral. Properties: what was accepted lies inside the input and accounts for every byte of it;
 * collateral that decodes encodes to the same bytes.
 */
#include "fuzz.h"
#include "evidence/parse/quote.h"

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
	collateral(data, size);
	return 0;
}
