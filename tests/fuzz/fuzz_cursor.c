/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors, driven by the input: even bytes choose operations, odd ones sizes. Properties: the position stays inside,
 * errors stick, what a writer wrote a reader reads.
 */
#include "fuzz.h"
#include "cursor.h"

static void read_some(const uint8_t *data, size_t size)
{
	struct om_get g;
	uint8_t to[256];
	int first = 0;

	om_get_init(&g, data, size);
	for (size_t i = 0; i + 1 < size; i += 2) {
		const size_t n = data[i + 1];

		switch (data[i] % 8) {
		case 0: (void)om_get_u8(&g); break;
		case 1: (void)om_get_u16(&g); break;
		case 2: (void)om_get_u32(&g); break;
		case 3: (void)om_get_u64(&g); break;
		case 4: om_get_bytes(&g, to, n); break;
		case 5: om_get_skip(&g, n); break;
		case 6: om_get_zeros(&g, n); break;
		default: PROPERTY(om_get_view(&g, n) || g.error); break;
		}
		if (!first)
			first = g.error;
		PROPERTY(g.error == first);
		PROPERTY(om_get_left(&g) <= size);
		PROPERTY(!g.error || om_get_left(&g) == 0);
	}
	PROPERTY(om_get_end(&g) == first || (!first && om_get_end(&g) == OM_ETRAILING));
}

static void write_and_read(const uint8_t *data, size_t size)
{
	uint8_t buffer[64];
	struct om_put p;
	struct om_get g;
	size_t count;

	om_put_init(&p, buffer, size ? data[0] % sizeof buffer : 0);
	for (count = 0; count + 9 < size; count += 9) {
		uint64_t value;

		memcpy(&value, data + count + 1, sizeof value);
		if (data[count] & 1)
			om_put_u64(&p, value);
		else
			om_put_u16(&p, (uint16_t)value);
		if (om_put_end(&p))
			break;
	}
	PROPERTY(om_put_size(&p) <= sizeof buffer);
	om_get_init(&g, buffer, om_put_size(&p));
	for (size_t i = 0; i < count; i += 9) {
		uint64_t value;

		memcpy(&value, data + i + 1, sizeof value);
		if (data[i] & 1)
			PROPERTY(om_get_u64(&g) == value);
		else
			PROPERTY(om_get_u16(&g) == (uint16_t)value);
	}
	PROPERTY(om_get_end(&g) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_some(data, size);
	write_and_read(data, size);
	return 0;
}
