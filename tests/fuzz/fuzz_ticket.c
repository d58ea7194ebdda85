/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets, delegations and places as text. Properties: what decodes encodes to the same bytes, and no other bytes say the same; a ticket
 * that nobody has signed is good for nothing; what a text says is sound and is printed again.
 */
#include "fuzz.h"
#include "crypto/ec.h"
#include "evidence/accept/ticket_text.h"

static void text(struct om_view input)
{
	static char line[512], again[OM_PLACE_TEXT_MAX];
	struct om_platform_identity identity;
	struct om_place p, q;

	if (input.size >= sizeof line)
		return;
	memcpy(line, input.data, input.size);
	line[input.size] = 0;
	if (!om_place_from_text(line, &p)) {
		om_place_text(&p, again);
		PROPERTY(!om_place_from_text(again, &q) && !memcmp(&p, &q, sizeof p));
	}
	if (!om_identity_from_text(line, &identity)) {
		om_identity_text(&identity, again);
		PROPERTY(*again);
	}
}

static void delegation(struct om_view input)
{
	static uint8_t again[OM_DELEGATION_MAX];
	static struct om_delegation d;
	uint8_t hash[32];
	size_t size;

	if (om_delegation_decode(input, &d, NULL))
		return;
	PROPERTY(!om_delegation_encode(&d, again, sizeof again, &size, hash));
	PROPERTY(size + OM_TICKET_SIGNATURE == input.size && !memcmp(again, input.data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_TICKET_MAX], private[32], owner[64];
	static struct om_ticket t;
	const struct om_view input = { data, size };
	const uint8_t seed[32] = { 99 };           /* no seed is signed with it */
	struct om_ticket_case c = { .owner = owner, .now = 1 };
	enum om_attest_reason why = OM_WHY_NONE;
	struct om_view given;
	uint8_t hash[32];
	size_t again_size;

	text(input);
	delegation(input);
	if (!owner[0])
		om_p256_derive(seed, private, owner);
	if (om_ticket_decode(input, &t, NULL, &given)) {
		PROPERTY(om_ticket_judge(input, &c, &why) && why != OM_WHY_NONE);
		return 0;
	}
	PROPERTY(!om_ticket_encode(&t, given, again, sizeof again, &again_size, hash));
	PROPERTY(again_size + OM_TICKET_SIGNATURE == size && !memcmp(again, data, again_size));
	PROPERTY(om_ticket_judge(input, &c, &why) && (why == OM_WHY_TICKET_SIGNATURE || why == OM_WHY_DELEGATION_SIGNATURE));
	return 0;
}
