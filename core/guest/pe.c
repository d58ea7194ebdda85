/* SPDX-License-Identifier: Apache-2.0 */
/* In the order of edk2: headers, sections by their place in the file, and what lies behind them. */
#include <stdbool.h>
#include "errors.h"
#include "guest/pe.h"

#define SECTIONS_MAX   96u      /* the format's own limit */
#define SECTION_SIZE   40u
#define PE32_PLUS      0x20bu
#define AT_CHECKSUM    64u      /* in the optional header, as those that follow */
#define AT_HEADERS     60u
#define AT_DIRECTORIES 108u     /* how many; each 8 bytes */
#define CERTIFICATES   4u

struct pe {
	const uint8_t *bytes;
	size_t size;
	uint32_t optional, headers, sections, section_count;   /* offsets, sizes */
	uint32_t certificates, certificates_size;              /* offset of the directory's entry, 0: none; size of the table */
};

static uint32_t u16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }

static bool within(const struct pe *pe, uint64_t offset, uint64_t size)
{
	return offset <= pe->size && size <= pe->size - offset;
}

static int read_headers(struct pe *pe)
{
	const uint8_t *b = pe->bytes;
	uint32_t at, optional_size, directories;

	if (!within(pe, 0, 64) || b[0] != 'M' || b[1] != 'Z')
		return OM_EIMAGE;
	at = u32(b + 60);
	if (!within(pe, at, 24 + AT_DIRECTORIES + 4) || u32(b + at) != 0x00004550)   /* "PE" */
		return OM_EIMAGE;
	pe->section_count = u16(b + at + 6);
	optional_size = u16(b + at + 20);
	pe->optional = at + 24;
	pe->headers = u32(b + pe->optional + AT_HEADERS);
	directories = u32(b + pe->optional + AT_DIRECTORIES);
	pe->sections = pe->optional + optional_size;
	if (u16(b + pe->optional) != PE32_PLUS || optional_size < AT_DIRECTORIES + 4 || directories > (optional_size - AT_DIRECTORIES - 4) / 8 ||
	    pe->section_count > SECTIONS_MAX || !within(pe, pe->headers, 0) ||
	    (uint64_t)pe->sections + pe->section_count * SECTION_SIZE > pe->headers)
		return OM_EIMAGE;
	if (directories > CERTIFICATES) {
		pe->certificates = pe->optional + AT_DIRECTORIES + 4 + 8 * CERTIFICATES;
		pe->certificates_size = u32(b + pe->certificates + 4);
	}
	return 0;
}

static void hash_headers(struct om_sha512 *h, const struct pe *pe)
{
	const uint32_t checksum = pe->optional + AT_CHECKSUM;
	uint32_t from = checksum + 4;

	om_sha512_update(h, pe->bytes, checksum);
	if (pe->certificates) {
		om_sha512_update(h, pe->bytes + from, pe->certificates - from);
		from = pe->certificates + 8;
	}
	om_sha512_update(h, pe->bytes + from, pe->headers - from);
}

/* The section that lies next in the file, from those that are not done; they are few. */
static const uint8_t *next_section(const struct pe *pe, bool done[SECTIONS_MAX])
{
	uint32_t best = SECTIONS_MAX;

	for (uint32_t i = 0; i < pe->section_count; i++)
		if (!done[i] && (best == SECTIONS_MAX ||
		    u32(pe->bytes + pe->sections + i * SECTION_SIZE + 20) < u32(pe->bytes + pe->sections + best * SECTION_SIZE + 20)))
			best = i;
	if (best == SECTIONS_MAX)
		return NULL;
	done[best] = true;
	return pe->bytes + pe->sections + best * SECTION_SIZE;
}

int om_pe_digest(const uint8_t *image, size_t size, uint8_t ret[OM_SHA384_SIZE])
{
	struct pe pe = { .bytes = image, .size = size };
	bool done[SECTIONS_MAX] = { false };
	const uint8_t *section;
	struct om_sha512 h;
	uint64_t hashed, free_from;

	if (read_headers(&pe))
		return OM_EIMAGE;
	om_sha384_init(&h);
	hash_headers(&h, &pe);
	hashed = free_from = pe.headers;
	while ((section = next_section(&pe, done))) {
		const uint32_t raw_size = u32(section + 16), raw = u32(section + 20);

		if (!raw_size)
			continue;
		/* A section in the headers, or in another, would bring what is left out back in. */
		if (raw < free_from || !within(&pe, raw, raw_size))
			return OM_EIMAGE;
		free_from = (uint64_t)raw + raw_size;
		om_sha512_update(&h, image + raw, raw_size);
		hashed += raw_size;
	}
	if (hashed + pe.certificates_size > size)
		return OM_EIMAGE;
	om_sha512_update(&h, image + hashed, size - hashed - pe.certificates_size);
	om_sha384_result(&h, ret);
	return 0;
}
