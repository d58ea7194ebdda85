/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is `key = value`; # begins a comment. Naming a key that may stand several times replaces its default
 * altogether, so a policy without a word about it keeps the default and one with a word means what it says.
 */
#include <string.h>
#include "evidence/accept/policy_text.h"

enum { SEEN_MRENCLAVE = 1, SEEN_ROOT = 2, SEEN_TCB = 4, SEEN_DEBUG = 8, SEEN_SVN = 16 };

static struct om_view trim(struct om_view v)
{
	while (v.size && (v.data[0] == ' ' || v.data[0] == '\t')) {
		v.data++;
		v.size--;
	}
	while (v.size && strchr(" \t\r", v.data[v.size - 1]) && v.data[v.size - 1])
		v.size--;
	return v;
}

static bool is(struct om_view v, const char *word)
{
	return v.size == strlen(word) && memcmp(v.data, word, v.size) == 0;
}

static int hex32(struct om_view v, uint8_t ret[32])
{
	static const char digits[] = "0123456789abcdef";

	if (v.size != 64)
		return OM_EINVAL;
	memset(ret, 0, 32);
	for (size_t i = 0; i < 64; i++) {
		const uint8_t c = v.data[i] >= 'A' && v.data[i] <= 'F' ? (uint8_t)(v.data[i] | 0x20) : v.data[i];
		const char *at = c ? strchr(digits, c) : NULL;

		if (!at)
			return OM_EINVAL;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - digits));
	}
	return 0;
}

static int set_mrenclave(struct om_policy *p, struct om_view value)
{
	if (is(value, "same")) {
		p->flags |= OM_POLICY_SAME;
		return 0;
	}
	if (p->mrenclave_count == OM_POLICY_MRENCLAVES_MAX)
		return OM_EOVERFLOW;
	return hex32(value, p->mrenclave[p->mrenclave_count++]);
}

static int set_root(struct om_policy *p, struct om_view value)
{
	uint8_t *to = p->root[p->root_count % OM_POLICY_ROOTS_MAX];

	if (p->root_count++ >= OM_POLICY_ROOTS_MAX)
		return OM_EOVERFLOW;
	if (is(value, "intel"))
		memcpy(to, om_intel_root, OM_ROOT_HASH_SIZE);
	else if (is(value, "emulated"))
		memcpy(to, om_emulated_root, OM_ROOT_HASH_SIZE);
	else
		return hex32(value, to);
	return 0;
}

static int set_tcb(struct om_policy *p, struct om_view value)
{
	for (enum om_tcb_status s = OM_TCB_UP_TO_DATE; s < OM_TCB_REVOKED; s++) {
		if (is(value, om_tcb_status_words(s))) {
			p->statuses = (uint16_t)(p->statuses | 1u << s);
			return 0;
		}
	}
	return OM_EINVAL;
}

static int set_svn(struct om_policy *p, struct om_view value)
{
	unsigned svn;

	if (value.size < 1 || value.size > 5 || !om_digits(value.data, (unsigned)value.size, &svn) || svn > 65535)
		return OM_EINVAL;
	p->svn_min = (uint16_t)svn;
	return 0;
}

/* First time a key is named: its default goes. */
static bool first(unsigned *seen, unsigned bit)
{
	const bool new = !(*seen & bit);

	*seen |= bit;
	return new;
}

static int set(struct om_policy *p, struct om_view key, struct om_view value, unsigned *seen)
{
	if (is(key, "mrenclave")) {
		if (first(seen, SEEN_MRENCLAVE))
			p->flags &= (uint16_t)~OM_POLICY_SAME;
		return set_mrenclave(p, value);
	}
	if (is(key, "root")) {
		if (first(seen, SEEN_ROOT))
			p->root_count = 0;
		return set_root(p, value);
	}
	if (is(key, "tcb")) {
		if (first(seen, SEEN_TCB))
			p->statuses = 0;
		return set_tcb(p, value);
	}
	if (is(key, "debug") && first(seen, SEEN_DEBUG) && (is(value, "yes") || is(value, "no"))) {
		p->flags &= (uint16_t)~OM_POLICY_DEBUG;
		if (is(value, "yes"))
			p->flags |= OM_POLICY_DEBUG;
		return 0;
	}
	if (is(key, "min-svn") && first(seen, SEEN_SVN))
		return set_svn(p, value);
	return OM_EINVAL;
}

static int parse_line(struct om_policy *p, struct om_view line, unsigned *seen)
{
	const uint8_t *mark = line.size ? memchr(line.data, '#', line.size) : NULL, *equals;

	if (mark)
		line.size = (size_t)(mark - line.data);
	line = trim(line);
	if (line.size == 0)
		return 0;
	equals = memchr(line.data, '=', line.size);
	if (!equals)
		return OM_EINVAL;
	return set(p, trim((struct om_view) { line.data, (size_t)(equals - line.data) }),
		trim((struct om_view) { equals + 1, line.size - (size_t)(equals + 1 - line.data) }), seen);
}

int om_policy_from_text(struct om_view text, struct om_policy *ret, unsigned *ret_line)
{
	uint8_t scratch[OM_POLICY_HEADER + 32 * (OM_POLICY_ROOTS_MAX + OM_POLICY_MRENCLAVES_MAX)];
	struct om_policy p;
	unsigned seen = 0, number = 0;
	size_t size;
	int error;

	*ret_line = 0;
	if (text.size >= 4 && memcmp(text.data, "OMPO", 4) == 0)
		return om_policy_decode(text.data, text.size, ret);
	om_policy_default(&p);
	while (text.size) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		const size_t length = end ? (size_t)(end - text.data) : text.size;

		number++;
		error = parse_line(&p, (struct om_view) { text.data, length }, &seen);
		if (error) {
			*ret_line = number;
			return error;
		}
		text.data += length + (end != NULL);
		text.size -= length + (end != NULL);
	}
	error = om_policy_encode(&p, scratch, sizeof scratch, &size); /* asks whether it is sound */
	if (!error)
		*ret = p;
	return error;
}
