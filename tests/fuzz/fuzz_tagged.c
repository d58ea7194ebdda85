/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence in certificates and from endpoints: what is accepted has one form, so that it is written again as it was read. */
#include "fuzz.h"
#include "evidence/authentic/lineage.h"
#include "evidence/parse/tagged.h"

static void claims_are_canonical(struct om_view bytes, const struct om_claims *claims)
{
	uint8_t again[OM_CLAIMS_MAX];
	size_t size;

	(void)om_lineage_verify(claims);
	if (claims->nonce.size > OM_NONCE_MAX)
		return;
	PROPERTY(!om_claims_encode(claims, again, sizeof again, &size));
	/* Their order is free, and a nonce of no bytes is none. */
	PROPERTY(size == bytes.size || !claims->nonce.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct om_view bytes = { data, size };
	struct om_claims claims;
	struct om_tagged tagged;

	if (!om_claims_parse(bytes, &claims))
		claims_are_canonical(bytes, &claims);
	if (!om_tagged_parse(bytes, &tagged) && !om_claims_parse(tagged.claims, &claims))
		claims_are_canonical(tagged.claims, &claims);
	return 0;
}
