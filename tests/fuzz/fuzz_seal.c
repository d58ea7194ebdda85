/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals, as a host keeps them. Properties: what decodes encodes to the same head; nothing opens that this platform's key has not
 * sealed, and then the secret is zeros; and what it has sealed opens until a bit of it is another.
 */
#include "bytes.h"
#include "fuzz.h"
#include "sealfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t platform[16] = { 77 };     /* no seed is made with it */
	uint8_t again[OM_SEAL_SIZE], secret[OM_SEAL_SECRET], got[OM_SEAL_SECRET];
	struct om_seal s;
	uint32_t bit;

	if (om_seal_decode(data, size, &s))
		return 0;
	PROPERTY(size == OM_SEAL_SIZE && om_seal_open(data, platform, got) && om_all_zero(got, sizeof got));
	memcpy(secret, data + OM_SEAL_HEAD, sizeof secret);
	PROPERTY(!om_seal_make(&s, platform, secret, again));
	PROPERTY(!memcmp(again, data, OM_SEAL_HEAD));
	PROPERTY(!om_seal_open(again, platform, got) && !memcmp(got, secret, sizeof got));
	bit = (data[0] ^ data[OM_SEAL_HEAD] * 7u ^ data[OM_SEAL_SIZE - 1] << 3) % (8 * OM_SEAL_SIZE);
	again[bit / 8] ^= (uint8_t)(1 << bit % 8);
	PROPERTY(om_seal_open(again, platform, got) && om_all_zero(got, sizeof got));
	return 0;
}
