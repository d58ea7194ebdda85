/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The reader is stricter than RFC 8259 where signed collateral never uses the freedom: no escapes, no fractions, no
 * bytes above 0x7e. What the reader skips it checks as well.
 */
#include <string.h>
#include "evidence/parse/json.h"
#include "check.h"

void om_json_init(struct om_json *j, struct om_view text)
{
	static const uint8_t nothing[1];

	*j = (struct om_json) { .p = text.size ? text.data : nothing };
	j->end = j->p + text.size;
}

void om_json_fail(struct om_json *j, int error)
{
	if (!j->error)
		j->error = error;
	j->p = j->end;
}

/* Next byte that is no space; 0 at the end. */
static uint8_t next(struct om_json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t'))
		j->p++;
	return j->p < j->end ? *j->p : 0;
}

static bool take(struct om_json *j, uint8_t byte)
{
	if (j->error)
		return false;
	if (next(j) != byte) {
		om_json_fail(j, j->p == j->end ? OM_ETRUNCATED : OM_ETYPE);
		return false;
	}
	j->p++;
	return true;
}

static void open_container(struct om_json *j, uint8_t byte)
{
	if (!take(j, byte))
		return;
	if (j->depth == OM_JSON_DEPTH_MAX) {
		om_json_fail(j, OM_EOVERFLOW);
		return;
	}
	j->depth++;
	j->started &= ~(UINT32_C(1) << j->depth);
}

void om_json_object(struct om_json *j) { open_container(j, '{'); }
void om_json_array(struct om_json *j)  { open_container(j, '['); }

/* Between elements: closes the container, or takes the comma. True if an element follows. */
static bool another(struct om_json *j, uint8_t close)
{
	const uint32_t bit = UINT32_C(1) << j->depth;

	if (j->error)
		return false;
	if (next(j) == close) {
		j->p++;
		j->depth--;
		return false;
	}
	if (j->started & bit && !take(j, ','))
		return false;
	j->started |= bit;
	return true;
}

bool om_json_key(struct om_json *j, struct om_view *ret_key)
{
	struct om_view key;

	if (!another(j, '}'))
		return false;
	key = om_json_string(j);
	if (!take(j, ':'))
		return false;
	*ret_key = key;
	return true;
}

bool om_json_item(struct om_json *j) { return another(j, ']'); }

struct om_view om_json_string(struct om_json *j)
{
	struct om_view s = { j->end, 0 };
	const uint8_t *start;

	if (!take(j, '"'))
		return s;
	for (start = j->p; j->p < j->end && *j->p != '"'; j->p++) {
		if (*j->p < 0x20 || *j->p > 0x7e || *j->p == '\\') {
			om_json_fail(j, OM_EUNSUPPORTED);
			return s;
		}
	}
	if (j->p == j->end) {
		om_json_fail(j, OM_ETRUNCATED);
		return s;
	}
	s = (struct om_view) { start, (size_t)(j->p - start) };
	j->p++;
	return s;
}

uint64_t om_json_number(struct om_json *j, uint64_t max)
{
	const uint8_t first = next(j);
	uint64_t value = 0;

	if (j->error)
		return 0;
	if (first < '0' || first > '9') {
		om_json_fail(j, OM_ETYPE);
		return 0;
	}
	for (; j->p < j->end && *j->p >= '0' && *j->p <= '9'; j->p++) {
		const uint64_t d = (uint64_t)(*j->p - '0');

		uint64_t more;

		if (!om_mul_u64(value, 10, &more) || !om_add_u64(more, d, &more) || more > max) {
			om_json_fail(j, OM_EOVERFLOW);
			return 0;
		}
		value = more;
		if (first == '0' && j->p + 1 < j->end && j->p[1] >= '0' && j->p[1] <= '9')
			om_json_fail(j, OM_EINVAL); /* no leading zeros */
	}
	if (j->p < j->end && (*j->p == '.' || *j->p == 'e' || *j->p == 'E'))
		om_json_fail(j, OM_EUNSUPPORTED);
	return j->error ? 0 : value;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void om_json_hex(struct om_json *j, uint8_t *to, size_t size)
{
	const struct om_view s = om_json_string(j);

	memset(to, 0, size);
	if (j->error)
		return;
	if (s.size != 2 * size) {
		om_json_fail(j, OM_EINVAL);
		return;
	}
	for (size_t i = 0; i < size; i++) {
		const int high = hex_digit(s.data[2 * i]), low = hex_digit(s.data[2 * i + 1]);

		if (high < 0 || low < 0) {
			om_json_fail(j, OM_EINVAL);
			return;
		}
		to[i] = (uint8_t)(high << 4 | low);
	}
}

int64_t om_json_time(struct om_json *j)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	static const uint8_t at[6] = { 0, 5, 8, 11, 14, 17 };
	const struct om_view s = om_json_string(j);
	unsigned f[6];
	int64_t result;

	if (j->error)
		return 0;
	if (s.size != sizeof form - 1)
		goto bad;
	for (size_t i = 0; i < s.size; i++)
		if (form[i] != 'd' && s.data[i] != form[i])
			goto bad;
	for (unsigned i = 0; i < 6; i++)
		if (!om_digits(s.data + at[i], i ? 2 : 4, &f[i]))
			goto bad;
	result = om_time_of(f[0], f[1], f[2], f[3], f[4], f[5]);
	if (result != INT64_MIN)
		return result;
bad:
	om_json_fail(j, OM_EINVAL);
	return 0;
}

void om_json_once(struct om_json *j, unsigned *seen, unsigned bit)
{
	if (*seen & bit)
		om_json_fail(j, OM_EINVAL);
	*seen |= bit;
}

void om_json_require(struct om_json *j, unsigned seen, unsigned bits)
{
	if ((seen & bits) != bits)
		om_json_fail(j, OM_EINVAL);
}

bool om_json_is(struct om_view string, const char *word)
{
	return string.size == strlen(word) && memcmp(string.data, word, string.size) == 0;
}

static void skip_word(struct om_json *j, const char *word)
{
	const size_t size = strlen(word);

	if ((size_t)(j->end - j->p) < size || memcmp(j->p, word, size))
		om_json_fail(j, OM_ETYPE);
	else
		j->p += size;
}

void om_json_skip(struct om_json *j)
{
	struct om_view key;

	if (j->error)
		return;
	switch (next(j)) {
	case '{': /* depth bounds the recursion */
		om_json_object(j);
		while (om_json_key(j, &key))
			om_json_skip(j);
		break;
	case '[':
		om_json_array(j);
		while (om_json_item(j))
			om_json_skip(j);
		break;
	case '"': (void)om_json_string(j); break;
	case 't': skip_word(j, "true"); break;
	case 'f': skip_word(j, "false"); break;
	case 'n': skip_word(j, "null"); break;
	default:  (void)om_json_number(j, UINT64_MAX); break;
	}
}

struct om_view om_json_raw(struct om_json *j)
{
	const uint8_t *start;

	(void)next(j); /* only to stand at it: om_json_skip() looks at it */
	start = j->p;
	om_json_skip(j);
	return j->error ? (struct om_view) { j->end, 0 } : (struct om_view) { start, (size_t)(j->p - start) };
}

int om_json_end(struct om_json *j)
{
	if (!j->error && j->depth)
		om_json_fail(j, OM_ETRUNCATED);
	if (!j->error && next(j))
		om_json_fail(j, OM_ETRAILING);
	if (!j->error && j->p != j->end)
		om_json_fail(j, OM_ETRAILING);
	return j->error;
}
