/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as an entry.json of the image store, and as the options that fill one. Properties: what is decoded has the form that the store
 * promises, is encoded and decoded to the same again, and each of its lists is one that the options take; what is refused changes nothing.
 */
#include <jansson.h>
#include <stdlib.h>
#include "fuzz.h"
#include "errors.h"
#include "store/store.h"

static bool same(const struct store_entry *a, const struct store_entry *b)
{
	return memcmp(a->mrenclave, b->mrenclave, 32) == 0 && a->added_s == b->added_s && memcmp(&a->rights, &b->rights, sizeof a->rights) == 0;
}

static void check_form(const struct store_rights *r)
{
	struct store_rights by_option = { 0 };
	char text[80];

	PROPERTY(r->port_count <= STORE_PORTS_MAX && r->owner_count <= STORE_OWNERS_MAX);
	PROPERTY(memchr(r->user, 0, sizeof r->user));
	for (uint32_t i = 0; i < r->port_count; i++) {
		PROPERTY(r->ports[i].first > 0 && r->ports[i].first <= r->ports[i].last);
		PROPERTY(r->ports[i].protocols >= STORE_TCP && r->ports[i].protocols <= (STORE_TCP | STORE_UDP));
		store_ports_format(&r->ports[i], text, sizeof text);
		PROPERTY(store_ports_parse(text, &by_option) == 0 && by_option.port_count == 1);
		PROPERTY(memcmp(&by_option.ports[0], &r->ports[i], sizeof r->ports[i]) == 0);
	}
	for (uint32_t i = 0; i < r->owner_count; i++)
		PROPERTY(r->owners[i].user[0] || r->owners[i].group[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct store_entry before = { .added_s = 7, .rights = { .port_count = 1 } };
	struct store_entry entry = before, again = { 0 };
	struct store_rights rights = before.rights;
	char *text, *options;
	size_t length;

	if (store_entry_decode((const char *)data, size, &entry)) {
		PROPERTY(same(&entry, &before));
	} else {
		check_form(&entry.rights);
		PROPERTY(store_entry_encode(&entry, &text, &length) == 0 && length < STORE_ENTRY_MAX);
		PROPERTY(store_entry_decode(text, length, &again) == 0 && same(&entry, &again));
		free(text);
	}
	options = strndup((const char *)data, size);
	if (!options)
		return 0;
	if (store_ports_parse(options, &rights))
		PROPERTY(memcmp(&rights, &before.rights, sizeof rights) == 0);
	else
		check_form(&rights);
	free(options);
	return 0;
}
