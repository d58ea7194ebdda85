/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements, items and grants. Properties: what decodes encodes to the same bytes; items that were checked are walked to their end, and
 * lie in the input; a grant that nobody has signed, and a box that nobody has sealed, are good for nothing; one that somebody has
 * sealed is good for its own question.
 */
#include "fuzz.h"
#include "unlock/unlock.h"

static void statement(struct om_view input)
{
	static uint8_t again[OM_UNLOCK_STATEMENT_MAX];
	static struct om_unlock_statement s;
	size_t size;

	if (om_unlock_statement_decode(input, &s))
		return;
	PROPERTY(!om_unlock_statement_encode(&s, again, sizeof again, &size));
	PROPERTY(size == input.size && !memcmp(again, input.data, size));
}

static void items(struct om_view input)
{
	static uint8_t again[1 << 20];
	struct om_view at = input;
	struct om_unlock_item item;
	struct om_put put;

	if (input.size > sizeof again || om_unlock_items_check(input))
		return;
	om_put_init(&put, again, sizeof again);
	while (om_unlock_item_next(&at, &item))
		PROPERTY(!om_unlock_item_put(&put, &item));
	PROPERTY(at.size == 0 && om_put_size(&put) == input.size && !memcmp(again, input.data, input.size));
}

/* What is sealed for a question opens for it, as what it is, and for nothing else. */
static void sealed(enum om_unlock_box kind, struct om_view input)
{
	static uint8_t box[OM_UNLOCK_BOX(OM_UNLOCK_BODY_MAX)], body[OM_UNLOCK_BODY_MAX];
	const uint8_t to[32] = { 7 }, from[32] = { 8 }, hash[32] = { 1 }, other[32] = { 2 };
	const enum om_unlock_box wrong = kind == OM_UNLOCK_BOX_GRANT ? OM_UNLOCK_BOX_PACKAGE : OM_UNLOCK_BOX_GRANT;
	uint8_t public[32];
	struct om_view sealed_box;
	size_t size;

	if (input.size > 4096 || input.size % 32)        /* curves are slow */
		return;
	om_x25519_public(to, public);
	PROPERTY(!om_unlock_box_seal(kind, hash, public, from, input, box, sizeof box, &size, NULL));
	sealed_box = (struct om_view) { box, size };
	PROPERTY(!om_unlock_box_open(kind, hash, to, sealed_box, body, sizeof body, &size, NULL));
	PROPERTY(size == input.size && !memcmp(body, input.data, size));
	PROPERTY(om_unlock_box_open(wrong, hash, to, sealed_box, body, sizeof body, &size, NULL));
	PROPERTY(om_unlock_box_open(kind, other, to, sealed_box, body, sizeof body, &size, NULL));
	PROPERTY(om_unlock_box_open(kind, hash, from, sealed_box, body, sizeof body, &size, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t private[32], owner[64], body[OM_UNLOCK_BODY_MAX];
	const struct om_view input = { data, size };
	const uint8_t seed[32] = { 99 }, hash[32] = { 1 };       /* no seed is made with them */
	struct om_view box;
	size_t used;

	if (!owner[0])
		om_p256_derive(seed, private, owner);
	statement(input);
	items(input);
	PROPERTY(om_unlock_grant_check(input, hash, owner, &box));
	for (enum om_unlock_box kind = OM_UNLOCK_BOX_GRANT; kind <= OM_UNLOCK_BOX_PACKAGE; kind++) {
		PROPERTY(om_unlock_box_open(kind, hash, seed, input, body, sizeof body, &used, NULL));
		sealed(kind, input);
	}
	return 0;
}
