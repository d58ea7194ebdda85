/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "cursor.h"
#include "guest/firmware.h"

#define BEHIND_TABLE 32u
#define ENTRY_HEAD   18u        /* u16 size, GUID, behind the data */
#define VERSION      1u
#define HASH_ROOM    176u       /* the table of kernel hashes */

typedef uint8_t guid[16];
static const guid footer_guid     = { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45, 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };
static const guid sev_guid        = { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc };
static const guid tdx_guid        = { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2 };
static const guid hash_table_guid = { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54 };
static const guid reset_guid      = { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e };

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* A header that lies so many bytes before the end: signature, u32 size, u32 version, u32 count. */
static int open_metadata(const struct om_firmware *fw, uint32_t before_end, const char signature[4], struct om_get *c, uint32_t *ret_count)
{
	const uint8_t *found;
	uint32_t version;

	if (before_end > fw->size)
		return OM_ETRUNCATED;
	om_get_init(c, fw->bytes + fw->size - before_end, before_end);
	found = om_get_view(c, 4);
	om_get_skip(c, 4);
	version = om_get_u32(c);
	*ret_count = om_get_u32(c);
	if (c->error)
		return c->error;
	if (memcmp(found, signature, 4) != 0)
		return OM_EIMAGE;
	if (version != VERSION)
		return OM_EVERSION;
	return *ret_count > OM_FIRMWARE_SECTIONS_MAX ? OM_EOVERFLOW : 0;
}

static int read_sev(struct om_firmware *fw, uint32_t before_end)
{
	struct om_get c;
	int error = open_metadata(fw, before_end, "ASEV", &c, &fw->sev_count);

	if (error)
		return error;
	for (uint32_t i = 0; i < fw->sev_count; i++) {
		struct om_sev_section *s = &fw->sev[i];

		s->gpa = om_get_u32(&c);
		s->size = om_get_u32(&c);
		s->type = om_get_u32(&c);
		if (c.error)
			return c.error;
		if (s->gpa % OM_GUEST_PAGE || s->size % OM_GUEST_PAGE || s->gpa > UINT32_MAX - s->size)
			return OM_EIMAGE;
	}
	fw->has_sev = true;
	return 0;
}

static int read_tdx(struct om_firmware *fw, uint32_t before_end)
{
	struct om_get c;
	int error = open_metadata(fw, before_end, "TDVF", &c, &fw->tdx_count);

	if (error)
		return error;
	for (uint32_t i = 0; i < fw->tdx_count; i++) {
		struct om_tdx_section *s = &fw->tdx[i];

		s->offset = om_get_u32(&c);
		s->raw_size = om_get_u32(&c);
		s->gpa = om_get_u64(&c);
		s->size = om_get_u64(&c);
		s->type = om_get_u32(&c);
		s->attributes = om_get_u32(&c);
		if (c.error)
			return c.error;
		if (s->gpa % OM_GUEST_PAGE || s->size % OM_GUEST_PAGE || s->size > OM_FIRMWARE_SIZE_MAX || s->raw_size > s->size)
			return OM_EIMAGE;
		/* An image that was cut down to its end lacks what its sections name: measuring them says so. */
	}
	fw->has_tdx = true;
	return 0;
}

static int take_entry(struct om_firmware *fw, const uint8_t *name, const uint8_t *data, size_t size)
{
	if (memcmp(name, sev_guid, sizeof(guid)) == 0)
		return size >= 4 ? read_sev(fw, le32(data)) : OM_EIMAGE;
	if (memcmp(name, tdx_guid, sizeof(guid)) == 0)
		return size >= 4 ? read_tdx(fw, le32(data)) : OM_EIMAGE;
	if (memcmp(name, hash_table_guid, sizeof(guid)) == 0) {
		if (size < 8)
			return OM_EIMAGE;
		fw->hash_table_gpa = le32(data);
		fw->has_hash_table = fw->hash_table_gpa != 0 && le32(data + 4) >= HASH_ROOM;    /* an image without the feature has zeros */
	}
	if (memcmp(name, reset_guid, sizeof(guid)) == 0) {
		if (size < 4)
			return OM_EIMAGE;
		fw->reset_eip = le32(data);
		fw->has_reset = true;
	}
	return 0;
}

int om_firmware_open(const uint8_t *bytes, size_t size, struct om_firmware *ret)
{
	struct om_firmware fw = { .bytes = bytes, .size = size };
	const uint8_t *end, *start;
	uint16_t all;

	if (size < OM_GUEST_PAGE || size % OM_GUEST_PAGE || size > OM_FIRMWARE_SIZE_MAX)
		return OM_EIMAGE;
	end = bytes + size - BEHIND_TABLE - ENTRY_HEAD;
	all = le16(end);
	if (memcmp(end + 2, footer_guid, sizeof(guid)) != 0 || all < ENTRY_HEAD || (size_t)all - ENTRY_HEAD > (size_t)(end - bytes))
		return OM_EIMAGE;
	start = end - (all - ENTRY_HEAD);
	while (end > start) {
		uint16_t entry;
		int error;

		if (end - start < (ptrdiff_t)ENTRY_HEAD)
			return OM_EIMAGE;
		entry = le16(end - ENTRY_HEAD);
		if (entry < ENTRY_HEAD || entry > end - start)
			return OM_EIMAGE;
		error = take_entry(&fw, end - sizeof(guid), end - entry, entry - ENTRY_HEAD);
		if (error)
			return error;
		end -= entry;
	}
	*ret = fw;
	return 0;
}
