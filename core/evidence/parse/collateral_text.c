/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The beginning of the text shows its form: "-----BEGIN" is PEM, two hexadecimal digits are hexadecimal, all else is DER. (A list
 * in DER is so long that its second byte is 0x8x, which is no hexadecimal digit.)
 */
#include <string.h>
#include "evidence/parse/collateral_text.h"
#include "evidence/parse/json.h"
#include "evidence/parse/x509.h"

static bool is_filling(uint8_t c) { return c == 0 || c == '\n' || c == '\r' || c == ' ' || c == '\t'; }

static struct om_view trim(struct om_view text)
{
	while (text.size && is_filling(text.data[text.size - 1]))
		text.size--;
	return text;
}

static bool begins(struct om_view text, const char *word)
{
	return text.size >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

static unsigned hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10u : c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

static int from_hex(struct om_view text, uint8_t *buffer, size_t buffer_size, struct om_view *ret)
{
	text = trim(text);
	if (text.size % 2)
		return OM_EINVAL;
	if (text.size / 2 > buffer_size)
		return OM_EOVERFLOW;
	for (size_t i = 0; i < text.size; i += 2) {
		const unsigned high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);

		if (high > 15 || low > 15)
			return OM_EINVAL;
		buffer[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret = (struct om_view) { buffer, text.size / 2 };
	return 0;
}

/* One whole element; its length says where it ends, since its last bytes may look like filling. */
static int one_element(struct om_view bytes, struct om_view *ret_der)
{
	struct om_der d;
	struct om_view der;

	om_der_init(&d, bytes);
	der = om_der_element(&d, OM_DER_SEQUENCE);
	if (d.error)
		return d.error;
	for (size_t i = der.size; i < bytes.size; i++)
		if (!is_filling(bytes.data[i]))
			return OM_ETRAILING;
	*ret_der = der;
	return 0;
}

int om_collateral_crl(struct om_view text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der)
{
	struct om_view der, decoded;
	int error;

	if (begins(text, "-----BEGIN")) {
		text = trim(text);
		error = om_pem_crl(&text, buffer, buffer_size, &decoded);
		if (!error && trim(text).size)
			error = OM_ETRAILING;
	} else if (text.size >= 2 && hex_digit(text.data[0]) < 16 && hex_digit(text.data[1]) < 16) {
		error = from_hex(text, buffer, buffer_size, &decoded);
	} else {
		error = text.size > buffer_size ? OM_EOVERFLOW : 0;
		if (!error && text.size)
			memcpy(buffer, text.data, text.size);
		decoded = (struct om_view) { buffer, text.size };
	}
	if (!error)
		error = one_element(decoded, &der);
	if (error)
		return error;
	*ret_der = der;
	return 0;
}

int om_collateral_chain(struct om_view text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_pem)
{
	const bool encoded = begins(text, "-----BEGIN%20");
	size_t size = 0;

	text = trim(text);
	if (!begins(text, "-----BEGIN"))
		return OM_EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (encoded && c == '%') {
			if (text.size - i < 3 || hex_digit(text.data[i + 1]) > 15 || hex_digit(text.data[i + 2]) > 15)
				return OM_EINVAL;
			c = (uint8_t)(hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
			i += 2;
		}
		if (size == buffer_size)
			return OM_EOVERFLOW;
		buffer[size++] = c;
	}
	*ret_pem = trim((struct om_view) { buffer, size });
	return 0;
}

int om_collateral_document(struct om_view text, const char *name, struct om_view *ret_object, uint8_t ret_signature[64])
{
	struct om_view key, object = { 0 };
	uint8_t signature[64];
	bool signature_seen = false;
	struct om_json j;
	int error;

	om_json_init(&j, trim(text));
	om_json_object(&j);
	while (om_json_key(&j, &key)) {
		if (!object.size && om_json_is(key, name)) {
			object = om_json_raw(&j);
		} else if (!signature_seen && om_json_is(key, "signature")) {
			om_json_hex(&j, signature, sizeof signature);
			signature_seen = true;
		} else {
			om_json_skip(&j);
		}
	}
	error = om_json_end(&j);
	if (error)
		return error;
	if (!object.size || !signature_seen)
		return OM_ENOTFOUND;
	*ret_object = object;
	memcpy(ret_signature, signature, sizeof signature);
	return 0;
}

int om_collateral_from_texts(const struct om_collateral_texts *texts, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t scratch[OM_COLLATERAL_MAX], tcb_signature[64], qe_signature[64];
	struct om_collateral c = { .tcb_signature = OM_VIEW(tcb_signature), .qe_signature = OM_VIEW(qe_signature) };
	const struct {
		int (*convert)(struct om_view, uint8_t *, size_t, struct om_view *);
		struct om_view text, *to;
	} parts[] = {
		{ om_collateral_crl, texts->root_crl, &c.root_crl }, { om_collateral_crl, texts->pck_crl, &c.pck_crl },
		{ om_collateral_chain, texts->tcb_chain, &c.tcb_chain }, { om_collateral_chain, texts->qe_chain, &c.qe_chain },
	};
	size_t used = 0;
	int error = 0;

	for (size_t i = 0; !error && i < sizeof parts / sizeof *parts; i++) {
		error = parts[i].convert(parts[i].text, scratch + used, sizeof scratch - used, parts[i].to);
		if (!error)
			used += parts[i].to->size;
	}
	if (!error)
		error = om_collateral_document(texts->tcb_info, "tcbInfo", &c.tcb_info, tcb_signature);
	if (!error)
		error = om_collateral_document(texts->qe_identity, "enclaveIdentity", &c.qe_identity, qe_signature);
	return error ? error : om_collateral_encode(&c, buffer, buffer_size, ret_size);
}
