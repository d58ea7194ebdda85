/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. A field that we interpret may stand once only and must be there; others are skipped.
 */
#include <string.h>
#include "evidence/authentic/levels.h"

static enum om_tcb_status status_of(struct om_json *j)
{
	const struct om_view word = om_json_string(j);

#define X(name, number, text) if (name <= OM_TCB_REVOKED && om_json_is(word, text)) return name;
	OM_TCB_STATUSES(X)
#undef X
	om_json_fail(j, OM_EINVAL);
	return OM_TCB_UNKNOWN;
}

static bool add_advisory(struct om_advisories *to, uint32_t number)
{
	for (unsigned i = 0; i < to->count; i++)
		if (to->number[i] == number)
			return true;
	if (to->count == OM_ADVISORIES_MAX)
		return false;
	to->number[to->count++] = number;
	return true;
}

bool om_advisories_add(struct om_advisories *to, const struct om_advisories *more)
{
	struct om_advisories all = *to;

	for (unsigned i = 0; i < more->count; i++)
		if (!add_advisory(&all, more->number[i]))
			return false;
	*to = all;
	return true;
}

enum { SEEN_TCB = 1, SEEN_STATUS = 2, SEEN_DATE = 4, SEEN_ADVISORIES = 8 };

static void component(struct om_json *j, uint8_t *ret_svn)
{
	struct om_view key;
	unsigned seen = 0;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "svn")) {
			om_json_once(j, &seen, 1);
			*ret_svn = (uint8_t)om_json_number(j, 255);
		} else {
			om_json_skip(j);
		}
	}
	om_json_require(j, seen, 1);
}

static void components(struct om_json *j, uint8_t svn[OM_TCB_COMPONENTS])
{
	unsigned count = 0;

	om_json_array(j);
	while (om_json_item(j)) {
		if (count == OM_TCB_COMPONENTS)
			om_json_fail(j, OM_EOVERFLOW);
		else
			component(j, &svn[count++]);
	}
	if (count != OM_TCB_COMPONENTS)
		om_json_fail(j, OM_EINVAL);
}

/* "sgxtcbcomp01svn" of version 2. Return: 0 to 15, or OM_TCB_COMPONENTS. */
static unsigned flat_component(struct om_view key)
{
	static const char form[] = "sgxtcbcompNNsvn";
	unsigned number = 0;

	if (key.size != sizeof form - 1 || memcmp(key.data, form, 10) || memcmp(key.data + 12, form + 12, 3) ||
	    !om_digits(key.data + 10, 2, &number) || number < 1 || number > OM_TCB_COMPONENTS)
		return OM_TCB_COMPONENTS;
	return number - 1;
}

static void platform_tcb(struct om_json *j, struct om_level *l)
{
	enum { SEEN_SGX = 1, SEEN_PCE = 2, SEEN_TDX = 4, SEEN_FLAT = 8 /* 16 bits */, ALL_FLAT = 0xffff * SEEN_FLAT };
	struct om_view key;
	unsigned seen = 0, flat;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "sgxtcbcomponents")) {
			om_json_once(j, &seen, SEEN_SGX);
			components(j, l->sgx);
		} else if (om_json_is(key, "tdxtcbcomponents")) {
			om_json_once(j, &seen, SEEN_TDX);
			components(j, l->tdx);
		} else if (om_json_is(key, "pcesvn")) {
			om_json_once(j, &seen, SEEN_PCE);
			l->pce_svn = (uint16_t)om_json_number(j, 65535);
		} else if ((flat = flat_component(key)) < OM_TCB_COMPONENTS) {
			om_json_once(j, &seen, (unsigned)SEEN_FLAT << flat);
			l->sgx[flat] = (uint8_t)om_json_number(j, 255);
		} else {
			om_json_skip(j);
		}
	}
	om_json_require(j, seen, SEEN_PCE);
	if (seen & ALL_FLAT)
		om_json_require(j, seen, ALL_FLAT);
	l->forms = (seen & ALL_FLAT ? OM_FORM_FLAT : 0) | (seen & SEEN_SGX ? OM_FORM_SGX : 0) | (seen & SEEN_TDX ? OM_FORM_TDX : 0);
}

static void isv_tcb(struct om_json *j, struct om_level *l)
{
	struct om_view key;
	unsigned seen = 0;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "isvsvn")) {
			om_json_once(j, &seen, 1);
			l->isv_svn = (uint16_t)om_json_number(j, 65535);
		} else {
			om_json_skip(j);
		}
	}
	om_json_require(j, seen, 1);
}

static void advisories(struct om_json *j, struct om_advisories *a)
{
	static const char prefix[] = "INTEL-SA-";

	om_json_array(j);
	while (om_json_item(j)) {
		const struct om_view s = om_json_string(j);
		unsigned number = 0;

		if (s.size == sizeof prefix - 1 + 5 && !memcmp(s.data, prefix, sizeof prefix - 1) &&
		    !om_digits(s.data + sizeof prefix - 1, 5, &number))
			number = 0;
		if (!j->error && !add_advisory(a, number))
			om_json_fail(j, OM_EOVERFLOW);
	}
}

static void level(struct om_json *j, void (*tcb)(struct om_json *, struct om_level *), struct om_level *l)
{
	struct om_view key;
	unsigned seen = 0;

	memset(l, 0, sizeof *l);
	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "tcb")) {
			om_json_once(j, &seen, SEEN_TCB);
			tcb(j, l);
		} else if (om_json_is(key, "tcbStatus")) {
			om_json_once(j, &seen, SEEN_STATUS);
			l->status = status_of(j);
		} else if (om_json_is(key, "tcbDate")) {
			om_json_once(j, &seen, SEEN_DATE);
			l->date = om_json_time(j);
		} else if (om_json_is(key, "advisoryIDs")) {
			om_json_once(j, &seen, SEEN_ADVISORIES);
			advisories(j, &l->advisories);
		} else {
			om_json_skip(j);
		}
	}
	om_json_require(j, seen, SEEN_TCB | SEEN_STATUS | SEEN_DATE);
}

void om_level_platform(struct om_json *j, struct om_level *ret) { level(j, platform_tcb, ret); }
void om_level_isv(struct om_json *j, struct om_level *ret)      { level(j, isv_tcb, ret); }
