/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM (RFC 7468), strict form, certificates and revocation lists only.
 */
#include <string.h>
#include "evidence/parse/x509.h"

/* How a text of a kind begins and ends. */
struct label { const char *begin, *end; };
static const struct label certificate = { "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----" };
static const struct label crl = { "-----BEGIN X509 CRL-----", "-----END X509 CRL-----" };

static void skip_line_ends(struct om_view *t)
{
	while (t->size && (*t->data == '\n' || *t->data == '\r')) {
		t->data++;
		t->size--;
	}
}

static bool skip_word(struct om_view *t, const char *word)
{
	const size_t size = strlen(word);

	if (t->size < size || memcmp(t->data, word, size))
		return false;
	t->data += size;
	t->size -= size;
	return true;
}

/* 0 to 63; 64 for the padding; 255 for anything else. */
static unsigned digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 64 : 255;
}

/* Four digits to up to three bytes. Return: how many, or 0 if they are no good. */
static unsigned decode_group(const uint8_t group[4], uint8_t ret[3])
{
	uint32_t bits = 0;
	unsigned padding = 0;

	for (unsigned i = 0; i < 4; i++) {
		const unsigned value = digit(group[i]);

		if (value == 255 || (value == 64 && i < 2) || (padding && value != 64))
			return 0;
		padding += value == 64;
		bits = bits << 6 | (value & 63);
	}
	for (unsigned i = 0; i < 3; i++)
		ret[i] = (uint8_t)(bits >> (16 - 8 * i));
	/* bits behind the data are zero in the one valid encoding */
	if ((padding == 1 && ret[2]) || (padding == 2 && (ret[1] || ret[2])))
		return 0;
	return 3 - padding;
}

static int next(const struct label *label, struct om_view *text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der)
{
	struct om_view t = *text;
	size_t size = 0;
	bool last = false;

	skip_line_ends(&t);
	if (t.size == 0 || (t.size == 1 && *t.data == 0))
		return OM_ENOTFOUND;
	if (!skip_word(&t, label->begin))
		return OM_EINVAL;
	for (;;) {
		uint8_t bytes[3];
		unsigned count;

		skip_line_ends(&t);
		if (skip_word(&t, label->end))
			break;
		if (last || t.size < 4)
			return OM_EINVAL;
		count = decode_group(t.data, bytes);
		if (count == 0)
			return OM_EINVAL;
		last = count < 3;
		t.data += 4;
		t.size -= 4;
		if (count > buffer_size - size)
			return OM_EOVERFLOW;
		memcpy(buffer + size, bytes, count);
		size += count;
	}
	*ret_der = (struct om_view) { buffer, size };
	*text = t;
	return 0;
}

int om_pem_next(struct om_view *text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der)
{
	return next(&certificate, text, buffer, buffer_size, ret_der);
}

int om_pem_crl(struct om_view *text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der)
{
	return next(&crl, text, buffer, buffer_size, ret_der);
}
