/* SPDX-License-Identifier: Apache-2.0 */
/* PLATFORM:ID[,guest=MEASUREMENT]. See the header. */
#include <string.h>
#include "evidence/accept/ticket_text.h"

#define SIZE_BIT(size) (UINT64_C(1) << ((size) - 1))

static const char masked_word[] = "masked";
static const char guest_word[] = "guest=";

/* ID sizes that a platform has: a chip id is 64 bytes, Turin's 8; a platform instance id 16. */
static const struct platform { const char *word; uint8_t type; uint64_t sizes; } platforms[] = {
	{ "sgx", OM_EVIDENCE_SGX, SIZE_BIT(16) }, { "snp", OM_EVIDENCE_SNP, SIZE_BIT(8) | SIZE_BIT(64) }, { "tdx", OM_EVIDENCE_TDX, SIZE_BIT(16) },
	{ "demo", OM_EVIDENCE_DEMO, SIZE_BIT(8) | SIZE_BIT(16) | SIZE_BIT(64) },
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool om_hex_decode(const char *text, size_t length, uint8_t *ret, size_t size)
{
	if (length != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const struct platform *platform_named(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (strlen(platforms[i].word) == length && memcmp(platforms[i].word, text, length) == 0)
			return &platforms[i];
	return NULL;
}

static bool is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

static bool any_bit(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return any != 0;
}

static const char *read_id(const struct platform *p, const char *text, size_t length, struct om_place *place)
{
	if (is(text, length, "any")) {
		place->flags |= OM_PLACE_ANY_ID;
		return NULL;
	}
	if (is(text, length, masked_word))
		return "this platform shows no id: unmask it, or write :any if every machine of that kind will do";
	if (length % 2 || length < 2 || length > 2 * sizeof place->id || !(p->sizes & SIZE_BIT(length / 2)) ||
	    !om_hex_decode(text, length, place->id, length / 2))
		return "no id of that platform: 32 hexadecimal digits for sgx and tdx, 128 or 16 for snp, or any";
	return any_bit(place->id, sizeof place->id) ? NULL : "an id of zeros names no machine: a platform that shows it is masked";
}

static const char *read_guest(const struct platform *p, const char *text, struct om_place *place)
{
	const size_t word = sizeof guest_word - 1;

	if (strncmp(text, guest_word, word) != 0 || !om_hex_decode(text + word, strlen(text + word), place->guest, sizeof place->guest))
		return "behind the id comes nothing, or guest= and the 96 hexadecimal digits of a launch measurement or MRTD";
	if (p->type == OM_EVIDENCE_SGX)
		return "an SGX enclave runs in no measured guest: leave guest out";
	place->flags |= OM_PLACE_GUEST;
	return any_bit(place->guest, sizeof place->guest) ? NULL : "a measurement of zeros names no guest";
}

const char *om_place_from_text(const char *text, struct om_place *ret)
{
	const char *colon = strchr(text, ':'), *comma = strchr(text, ',');
	const size_t name = colon ? (size_t)(colon - text) : strlen(text);
	const struct platform *p = platform_named(text, name);
	struct om_place place = { 0 };
	const char *words;

	if (!p)
		return "no such platform: there are sgx, snp, tdx and demo";
	if (!colon || (comma && comma < colon))
		return "which machine? PLATFORM:ID, or PLATFORM:any if every one that the policy accepts will do";
	place.platform = p->type;
	words = read_id(p, colon + 1, comma ? (size_t)(comma - colon - 1) : strlen(colon + 1), &place);
	if (!words && comma)
		words = read_guest(p, comma + 1, &place);
	if (!words)
		*ret = place;
	return words;
}

static char *put(char *to, const char *words)
{
	while (*words)
		*to++ = *words++;
	*to = 0;
	return to;
}

static char *put_hex(char *to, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = 0;
	return to;
}

/* The shortest that this platform has and that leaves out zeros only. */
static size_t id_size(const struct platform *p, const uint8_t id[OM_CHIP_ID_SIZE])
{
	for (size_t size = 8; size < OM_CHIP_ID_SIZE; size *= 2)
		if (p->sizes & SIZE_BIT(size) && !any_bit(id + size, OM_CHIP_ID_SIZE - size))
			return size;
	return OM_CHIP_ID_SIZE;
}

void om_place_text(const struct om_place *place, char ret[OM_PLACE_TEXT_MAX])
{
	const struct platform *p = NULL;
	char *to = ret;

	static_assert(OM_PLACE_TEXT_MAX > 6 + 2 * OM_CHIP_ID_SIZE + 7 + 2 * OM_MEASUREMENT_SIZE, "the longest text fits");
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (platforms[i].type == place->platform)
			p = &platforms[i];
	*to = 0;
	if (!p)
		return;
	to = put(put(to, p->word), ":");
	if (place->flags & OM_PLACE_ANY_ID)
		to = put(to, "any");
	else if (!any_bit(place->id, sizeof place->id))
		to = put(to, masked_word);
	else
		to = put_hex(to, place->id, id_size(p, place->id));
	if (place->flags & OM_PLACE_GUEST)
		(void)put_hex(put(put(to, ","), guest_word), place->guest, sizeof place->guest);
}

void om_identity_text(const struct om_platform_identity *identity, char ret[OM_PLACE_TEXT_MAX])
{
	struct om_place place = { .platform = identity->platform };

	memcpy(place.id, identity->id, sizeof place.id);
	memcpy(place.guest, identity->guest, sizeof place.guest);
	if (any_bit(place.guest, sizeof place.guest))
		place.flags = OM_PLACE_GUEST;
	om_place_text(&place, ret);
}

const char *om_identity_from_text(const char *text, struct om_platform_identity *ret)
{
	char unmasked[OM_PLACE_TEXT_MAX];
	const char *colon = strchr(text, ':'), *words;
	const bool masked = colon && strncmp(colon + 1, masked_word, sizeof masked_word - 1) == 0;
	struct om_place place = { 0 };
	char *to;

	if (masked && strlen(text) < sizeof unmasked - 8) {
		memcpy(unmasked, text, (size_t)(colon + 1 - text));
		to = put(unmasked + (colon + 1 - text), "any");
		(void)put(to, colon + sizeof masked_word);
		text = unmasked;
	}
	words = om_place_from_text(text, &place);
	if (!words && place.flags & OM_PLACE_ANY_ID && !masked)
		words = "any is no machine: the id of one is needed";
	if (words)
		return words;
	memset(ret, 0, sizeof *ret);
	ret->platform = place.platform;
	memcpy(ret->id, place.id, sizeof ret->id);
	memcpy(ret->guest, place.guest, sizeof ret->guest);
	return NULL;
}
