/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral that everybody can make, for verifiers. No platform is opened, for clients have none. */
#include <stdlib.h>
#include "evidence/demo/quote_build.h"
#include "evidence/parse/envelope.h"
#include "../base.h"
#include "../tee.h"

/* The demonstration's authorities are the same everywhere; which machine's quote it is does not matter to them. */
static int demo(int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	const uint8_t any[32] = { 0 };
	struct om_platform *p = malloc(sizeof *p);
	int r;

	if (!p)
		return tee_fail(OM_ENOMEM, "no memory");
	om_platform_init(p, any, NULL);
	r = om_platform_collateral(p, now, buffer, buffer_size, ret_size);
	free(p);
	return r == OM_EOVERFLOW ? tee_fail(OM_ENOMEM, "collateral takes up to %d bytes", OM_COLLATERAL_MAX) : r;
}

int tee_collateral_public(const uint8_t *evidence, size_t evidence_size, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	const unsigned type = evidence_size < OM_ENVELOPE_HEAD ? 0 : evidence[0] | (unsigned)evidence[1] << 8;

	if (!om_evidence_type_words(type))
		return tee_fail(OM_ETYPE, "evidence of an unknown type");
	if (type != OM_EVIDENCE_DEMO)
		return tee_fail(OM_EUNSUPPORTED, "the maker of %s has to be asked", om_evidence_type_words(type));
	return demo(now, buffer, buffer_size, ret_size);
}
