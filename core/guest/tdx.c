/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "crypto/sha512.h"
#include "cursor.h"
#include "guest/pe.h"
#include "guest/tdx.h"

#define RECORD 128u
#define CHUNK  256u             /* of a page, for each MR.EXTEND */

static void put_record(struct om_sha512 *h, const char *name, uint64_t gpa)
{
	uint8_t record[RECORD] = { 0 };
	struct om_put c;

	memcpy(record, name, strlen(name));
	om_put_init(&c, record + 16, 8);
	om_put_u64(&c, gpa);
	om_sha512_update(h, record, sizeof record);
}

static void add_page(struct om_sha512 *h, const struct om_tdx_section *s, uint64_t at)
{
	if (!(s->attributes & OM_TDX_AUGMENT))
		put_record(h, "MEM.PAGE.ADD", s->gpa + at);
}

/* What the section has no bytes for is zero. */
static void extend_page(struct om_sha512 *h, const struct om_firmware *fw, const struct om_tdx_section *s, uint64_t at)
{
	static const uint8_t zero[CHUNK];

	if (!(s->attributes & OM_TDX_EXTEND))
		return;
	for (uint64_t i = at; i < at + OM_GUEST_PAGE; i += CHUNK) {
		put_record(h, "MR.EXTEND", s->gpa + i);
		om_sha512_update(h, i < s->raw_size ? fw->bytes + s->offset + i : zero, CHUNK);
	}
}

int om_tdx_mrtd(const struct om_firmware *fw, bool two_passes, uint8_t ret[OM_TDX_MEASURE_SIZE])
{
	struct om_sha512 h;

	if (!fw->has_tdx)
		return OM_EIMAGE;
	om_sha384_init(&h);
	for (uint32_t i = 0; i < fw->tdx_count; i++) {
		const struct om_tdx_section *s = &fw->tdx[i];

		if (s->raw_size % CHUNK || s->offset > fw->size || s->raw_size > fw->size - s->offset)
			return OM_EIMAGE;
		for (uint64_t at = 0; at < s->size; at += OM_GUEST_PAGE) {
			add_page(&h, s, at);
			if (!two_passes)
				extend_page(&h, fw, s, at);
		}
		for (uint64_t at = 0; two_passes && at < s->size; at += OM_GUEST_PAGE)
			extend_page(&h, fw, s, at);
	}
	om_sha384_result(&h, ret);
	return 0;
}

static void extend(uint8_t rtmr[OM_TDX_MEASURE_SIZE], const uint8_t event[OM_TDX_MEASURE_SIZE])
{
	uint8_t both[2 * OM_TDX_MEASURE_SIZE];

	memcpy(both, rtmr, OM_TDX_MEASURE_SIZE);
	memcpy(both + OM_TDX_MEASURE_SIZE, event, OM_TDX_MEASURE_SIZE);
	om_sha384(both, sizeof both, rtmr);
}

static void extend_text(uint8_t rtmr[OM_TDX_MEASURE_SIZE], const void *text, size_t size)
{
	uint8_t event[OM_TDX_MEASURE_SIZE];

	om_sha384(text, size, event);
	extend(rtmr, event);
}

int om_tdx_rtmr1(const uint8_t *kernel, size_t kernel_size, uint8_t ret[OM_TDX_MEASURE_SIZE])
{
	static const char calling[] = "Calling EFI Application from Boot Option", leaving[] = "Exit Boot Services Invocation",
		left[] = "Exit Boot Services Returned with Success";
	static const uint8_t separator[4];
	uint8_t event[OM_TDX_MEASURE_SIZE];
	int error = om_pe_digest(kernel, kernel_size, event);

	if (error)
		return error;
	memset(ret, 0, OM_TDX_MEASURE_SIZE);
	extend(ret, event);
	extend_text(ret, calling, sizeof calling - 1);
	extend_text(ret, separator, sizeof separator);
	extend_text(ret, leaving, sizeof leaving - 1);
	extend_text(ret, left, sizeof left - 1);
	return 0;
}

static void add_wide(struct om_sha512 *h, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		om_sha512_update(h, (const uint8_t[2]){ (uint8_t)text[i], 0 }, 2);
}

void om_tdx_rtmr2(const char *command_line, const void *initrd, size_t initrd_size, uint8_t ret[OM_TDX_MEASURE_SIZE])
{
	static const char behind[] = " initrd=initrd";
	uint8_t event[OM_TDX_MEASURE_SIZE];
	struct om_sha512 h;

	om_sha384_init(&h);
	add_wide(&h, command_line, strlen(command_line));
	add_wide(&h, behind, initrd_size > 0 ? sizeof behind : 0);
	if (initrd_size == 0)
		add_wide(&h, "", 1);
	om_sha384_result(&h, event);
	memset(ret, 0, OM_TDX_MEASURE_SIZE);
	extend(ret, event);
	if (initrd_size > 0) {
		om_sha384(initrd, initrd_size, event);
		extend(ret, event);
	}
}
