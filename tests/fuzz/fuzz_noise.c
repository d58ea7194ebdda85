/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake messages from a stranger. Properties: an initiator never finishes with somebody who has not seen its
 * message; a failed session has forgotten its secrets.
 */
#include "fuzz.h"
#include "noise.h"

static void check_wiped(const struct om_noise *s)
{
	static const uint8_t zero[32];

	if (s->state == OM_NOISE_FAILED)
		PROPERTY(!memcmp(s->private, zero, 32) && !memcmp(s->chaining_key, zero, 32));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t ephemeral[32] = { 1, 2, 3 };
	uint8_t message[64], payload[512];
	struct om_noise s;
	size_t n;

	om_noise_init(&s, OM_NOISE_INITIATOR, ephemeral, "p", 1);
	PROPERTY(!om_noise_write(&s, NULL, 0, message, sizeof message, &n));
	PROPERTY(om_noise_read(&s, data, size, payload, sizeof payload, &n));
	PROPERTY(s.state != OM_NOISE_DONE);
	check_wiped(&s);
	om_noise_init(&s, OM_NOISE_RESPONDER, ephemeral, "p", 1);
	if (!om_noise_read(&s, data, size, payload, sizeof payload, &n)) {
		PROPERTY(n == size - OM_NOISE_OVERHEAD_1);
		if (!om_noise_write(&s, NULL, 0, message, sizeof message, &n))
			PROPERTY(s.state == OM_NOISE_DONE && n == OM_NOISE_OVERHEAD_2);
	}
	check_wiped(&s);
	return 0;
}
