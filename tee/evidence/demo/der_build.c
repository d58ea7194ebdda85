/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. A length is put in when its element is closed, moving the content as far as the length needs.
 */
#include <string.h>
#include <time.h>
#include "evidence/demo/der_build.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"

void om_out_bytes(struct om_der_out *o, const void *bytes, size_t size)
{
	if (o->overflow || size > o->max - o->size) {
		o->overflow = true;
		return;
	}
	if (size)
		memcpy(o->data + o->size, bytes, size);
	o->size += size;
}

static void byte(struct om_der_out *o, unsigned value)
{
	const uint8_t b = (uint8_t)value;

	om_out_bytes(o, &b, 1);
}

size_t om_out_open(struct om_der_out *o, uint8_t tag)
{
	byte(o, tag);
	byte(o, 0);
	return o->size;
}

void om_out_close(struct om_der_out *o, size_t opened)
{
	const size_t content = o->size - opened;
	const size_t more = content < 0x80 ? 0 : content < 0x100 ? 1 : 2;
	static const uint8_t room[2];

	om_out_bytes(o, room, more);
	if (o->overflow || content > 0xffff) {
		o->overflow = true;
		return;
	}
	memmove(o->data + opened + more, o->data + opened, content);
	if (more == 0) {
		o->data[opened - 1] = (uint8_t)content;
		return;
	}
	o->data[opened - 1] = (uint8_t)(0x80 | more);
	for (size_t i = 0; i < more; i++)
		o->data[opened + i] = (uint8_t)(content >> 8 * (more - 1 - i));
}

void om_out_element(struct om_der_out *o, uint8_t tag, const void *content, size_t size)
{
	const size_t opened = om_out_open(o, tag);

	om_out_bytes(o, content, size);
	om_out_close(o, opened);
}

void om_out_number(struct om_der_out *o, uint8_t tag, const uint8_t *big_endian, size_t size)
{
	const size_t opened = om_out_open(o, tag);

	while (size > 1 && *big_endian == 0) {
		big_endian++;
		size--;
	}
	if (*big_endian >= 0x80)
		byte(o, 0);
	om_out_bytes(o, big_endian, size);
	om_out_close(o, opened);
}

void om_out_small(struct om_der_out *o, uint8_t tag, unsigned value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	om_out_number(o, tag, bytes, sizeof bytes);
}

void om_out_time(struct om_der_out *o, int64_t seconds)
{
	const time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 70 || tm.tm_year >= 150) { /* two digits reach to 2049 */
		o->overflow = true;
		return;
	}
	om_out_element(o, OM_DER_UTC_TIME, text, strftime(text, sizeof text, "%y%m%d%H%M%SZ", &tm));
}

void om_out_algorithm(struct om_der_out *o)
{
	static const uint8_t ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	const size_t opened = om_out_open(o, OM_DER_SEQUENCE);

	om_out_element(o, OM_DER_OID, ecdsa_sha256, sizeof ecdsa_sha256);
	om_out_close(o, opened);
}

void om_out_signed(struct om_der_out *o, struct om_view tbs, const uint8_t private[32])
{
	uint8_t hash[32], signature[64];
	const size_t whole = om_out_open(o, OM_DER_SEQUENCE);
	size_t bits, pair;

	om_sha256(tbs.data, tbs.size, hash);
	if (om_p256_sign(private, hash, signature)) {
		o->overflow = true;
		return;
	}
	om_out_bytes(o, tbs.data, tbs.size);
	om_out_algorithm(o);
	bits = om_out_open(o, OM_DER_BITS);
	byte(o, 0);
	pair = om_out_open(o, OM_DER_SEQUENCE);
	om_out_number(o, OM_DER_INTEGER, signature, 32);
	om_out_number(o, OM_DER_INTEGER, signature + 32, 32);
	om_out_close(o, pair);
	om_out_close(o, bits);
	om_out_close(o, whole);
}

void om_out_pem(struct om_der_out *o, struct om_view der)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char begin[] = "-----BEGIN CERTIFICATE-----\n", end[] = "-----END CERTIFICATE-----\n";

	om_out_bytes(o, begin, sizeof begin - 1);
	for (size_t i = 0; i < der.size; i += 3) {
		const size_t left = der.size - i;
		const unsigned bits = (unsigned)der.data[i] << 16 | (left > 1 ? (unsigned)der.data[i + 1] << 8 : 0) |
			(left > 2 ? der.data[i + 2] : 0u);

		byte(o, (unsigned char)digits[bits >> 18]);
		byte(o, (unsigned char)digits[bits >> 12 & 63]);
		byte(o, left > 1 ? (unsigned char)digits[bits >> 6 & 63] : '=');
		byte(o, left > 2 ? (unsigned char)digits[bits & 63] : '=');
		if (i % 48 == 45 || left <= 3)
			byte(o, '\n');
	}
	om_out_bytes(o, end, sizeof end - 1);
}
