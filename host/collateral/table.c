/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate table that a host may hand to its guest with an extended report (AMD 56421): entries of {GUID, u32 offset, u32 length},
 * little-endian, closed by one of zeros; offsets from the table's start. The GUIDs stand in the order in which they are written.
 */
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "collateral/collateral.h"
#include "util.h"

#define ENTRY 24
#define ENTRIES_MAX 64

enum slot { SLOT_VCEK, SLOT_VLEK, SLOT_ASK, SLOT_ARK, SLOT_CRL, SLOTS };
static const uint8_t guids[SLOTS][16] = {
	[SLOT_VCEK] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd },
	[SLOT_VLEK] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
	[SLOT_ASK]  = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 },
	[SLOT_ARK]  = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae },
	[SLOT_CRL]  = { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea },
};

static uint32_t u32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int decode(struct om_view table, struct om_view ret[SLOTS])
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		const uint8_t *entry = table.data + i * ENTRY;
		uint32_t offset, length;

		if (table.size < ENTRY || i * ENTRY > table.size - ENTRY)
			return host_fail(OM_EINVAL, "the certificate table does not end");
		if (om_all_zero(entry, ENTRY))
			return 0;
		offset = u32(entry + 16);
		length = u32(entry + 20);
		if (offset > table.size || length > table.size - offset)
			return host_fail(OM_EINVAL, "the certificate table points outside of itself");
		for (unsigned k = 0; k < SLOTS; k++) {
			if (memcmp(entry, guids[k], 16))
				continue;
			if (ret[k].size)
				return host_fail(OM_EINVAL, "the certificate table has the same entry twice");
			ret[k] = (struct om_view) { table.data + offset, length };
		}
	}
	return host_fail(OM_EINVAL, "the certificate table has more than %d entries", ENTRIES_MAX);
}

int collateral_table(struct om_view table, const char *from, int64_t time, struct collateral_bundle *b)
{
	struct om_view found[SLOTS] = { { 0 } }, key;
	uint8_t *cas;
	int error = decode(table, found);

	if (error)
		return error;
	key = found[b->subject.key == OM_SNP_VLEK ? SLOT_VLEK : SLOT_VCEK];
	if (!key.size)
		return host_fail(OM_ENOTFOUND, "the certificate table has no certificate of the report's key (%s)", b->subject.key == OM_SNP_VLEK ? "VLEK" : "VCEK");
	error = collateral_part_set(&b->part[COLLATERAL_VEK], from, NULL, key.data, key.size, time);
	if (!error && found[SLOT_ASK].size && found[SLOT_ARK].size) {
		cas = malloc(found[SLOT_ASK].size + found[SLOT_ARK].size);
		if (!cas)
			return host_fail(OM_ENOMEM, "no memory");
		memcpy(cas, found[SLOT_ASK].data, found[SLOT_ASK].size);
		memcpy(cas + found[SLOT_ASK].size, found[SLOT_ARK].data, found[SLOT_ARK].size);
		error = collateral_part_set(&b->part[COLLATERAL_CAS], from, NULL, cas, found[SLOT_ASK].size + found[SLOT_ARK].size, time);
		free(cas);
	}
	if (!error && found[SLOT_CRL].size)
		error = collateral_part_set(&b->part[COLLATERAL_CRL], from, NULL, found[SLOT_CRL].data, found[SLOT_CRL].size, time);
	return error;
}
