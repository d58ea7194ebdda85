/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. One function, header(), decodes tags and lengths. No other function sees what it refuses.
 */
#include <string.h>
#include "evidence/parse/der.h"

void om_der_init(struct om_der *d, struct om_view input)
{
	static const uint8_t nothing[1];

	d->p = input.size ? input.data : nothing;
	d->end = d->p + input.size;
	d->error = 0;
}

void om_der_fail(struct om_der *d, int error)
{
	if (!d->error)
		d->error = error;
	d->p = d->end;
}

uint8_t om_der_peek(const struct om_der *d)
{
	return d->error || d->p == d->end ? 0 : *d->p;
}

/* Size of header and of content of the element at d->p, both inside the input. */
static bool header(struct om_der *d, uint8_t tag, size_t *ret_header, size_t *ret_content)
{
	const size_t left = (size_t)(d->end - d->p);
	size_t content, bytes;

	if (d->error)
		return false;
	if (left < 2) {
		om_der_fail(d, OM_ETRUNCATED);
		return false;
	}
	if (d->p[0] != tag) {
		om_der_fail(d, OM_ETYPE);
		return false;
	}
	content = d->p[1];
	bytes = 0;
	if (content >= 0x80) {
		bytes = content & 0x7f;
		if (bytes == 0 || bytes > 3 || left < 2 + bytes) {
			om_der_fail(d, bytes == 0 || bytes > 3 ? OM_EOVERFLOW : OM_ETRUNCATED);
			return false;
		}
		content = 0;
		for (size_t i = 0; i < bytes; i++)
			content = content << 8 | d->p[2 + i];
		/* the shortest form is the only one */
		if (content < 0x80 || content >> 8 * (bytes - 1) == 0) {
			om_der_fail(d, OM_EINVAL);
			return false;
		}
	}
	if (content > left - 2 - bytes) {
		om_der_fail(d, OM_ETRUNCATED);
		return false;
	}
	*ret_header = 2 + bytes;
	*ret_content = content;
	return true;
}

struct om_view om_der_element(struct om_der *d, uint8_t tag)
{
	struct om_view view = { d->end, 0 };
	size_t head, content;

	if (header(d, tag, &head, &content)) {
		view = (struct om_view) { d->p, head + content };
		d->p += view.size;
	}
	return view;
}

struct om_view om_der_content(struct om_der *d, uint8_t tag)
{
	struct om_view view = { d->end, 0 };
	size_t head, content;

	if (header(d, tag, &head, &content)) {
		view = (struct om_view) { d->p + head, content };
		d->p += head + content;
	}
	return view;
}

struct om_der om_der_enter(struct om_der *d, uint8_t tag)
{
	struct om_der inner;

	om_der_init(&inner, om_der_content(d, tag));
	if (d->error)
		om_der_fail(&inner, d->error);
	return inner;
}

/* Content of a non-negative number without its sign byte. */
static struct om_view magnitude(struct om_der *d, uint8_t tag)
{
	struct om_view n = om_der_content(d, tag);

	if (d->error)
		return n;
	if (n.size == 0 || n.data[0] >= 0x80 || (n.size > 1 && n.data[0] == 0 && n.data[1] < 0x80)) {
		om_der_fail(d, OM_EINVAL);
		return (struct om_view) { d->end, 0 };
	}
	if (n.size > 1 && n.data[0] == 0)
		n = (struct om_view) { n.data + 1, n.size - 1 };
	return n;
}

uint64_t om_der_number(struct om_der *d, uint8_t tag, uint64_t max)
{
	const struct om_view n = magnitude(d, tag);
	uint64_t value = 0;

	if (n.size > sizeof value) {
		om_der_fail(d, OM_EOVERFLOW);
		return 0;
	}
	for (size_t i = 0; i < n.size; i++)
		value = value << 8 | n.data[i];
	if (value > max) {
		om_der_fail(d, OM_EOVERFLOW);
		return 0;
	}
	return value;
}

void om_der_scalar(struct om_der *d, uint8_t ret[32])
{
	const struct om_view n = magnitude(d, OM_DER_INTEGER);

	memset(ret, 0, 32);
	if (n.size > 32)
		om_der_fail(d, OM_EOVERFLOW);
	else if (n.size)
		memcpy(ret + 32 - n.size, n.data, n.size);
}

bool om_der_flag(struct om_der *d)
{
	struct om_view v;

	if (om_der_peek(d) != OM_DER_BOOLEAN)
		return false;
	v = om_der_content(d, OM_DER_BOOLEAN);
	if (v.size != 1 || v.data[0] != 0xff) /* FALSE is the default, and defaults are not written */
		om_der_fail(d, OM_EINVAL);
	return !d->error;
}

bool om_digits(const uint8_t *from, unsigned count, unsigned *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		if (from[i] < '0' || from[i] > '9')
			return false;
		value = value * 10 + (from[i] - '0');
	}
	*ret = value;
	return true;
}

int64_t om_time_of(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
	static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int64_t n;

	if (year < 1950 || year > 9999 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
		return INT64_MIN;
	if (day > days[month - 1] + (leap && month == 2 ? 1u : 0u))
		return INT64_MIN;
	/* days before the year, with its leap days, less those before 1970 */
	n = (int64_t)365 * year + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - (365 * 1970 + 492 - 19 + 4);
	for (unsigned m = 1; m < month; m++)
		n += days[m - 1] + (leap && m == 2);
	n += day - 1;
	return ((n * 24 + hour) * 60 + minute) * 60 + second;
}

int64_t om_der_time(struct om_der *d)
{
	const uint8_t tag = om_der_peek(d) == OM_DER_TIME ? OM_DER_TIME : OM_DER_UTC_TIME;
	const unsigned year_digits = tag == OM_DER_TIME ? 4 : 2;
	const struct om_view v = om_der_content(d, tag);
	unsigned year, f[5];
	int64_t result;

	if (d->error)
		return 0;
	if (v.size != year_digits + 11 || v.data[v.size - 1] != 'Z' || !om_digits(v.data, year_digits, &year)) {
		om_der_fail(d, OM_EINVAL);
		return 0;
	}
	for (unsigned i = 0; i < 5; i++) {
		if (!om_digits(v.data + year_digits + 2 * i, 2, &f[i])) {
			om_der_fail(d, OM_EINVAL);
			return 0;
		}
	}
	if (tag == OM_DER_UTC_TIME)
		year += year < 50 ? 2000 : 1900;
	result = om_time_of(year, f[0], f[1], f[2], f[3], f[4]);
	if (result == INT64_MIN) {
		om_der_fail(d, OM_EINVAL);
		return 0;
	}
	return result;
}

int om_der_end(const struct om_der *d)
{
	if (d->error)
		return d->error;
	return d->p == d->end ? 0 : OM_ETRAILING;
}
