/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry lets a program do: as options and in entry.json.
 *
 *     { "version": 1, "mrenclave": "64 digits", "added": 1790000000, "user": "www-data", "ports": ["80/tcp", "8000-8010"],
 *       "owners": ["www-data:www-data"] }
 *
 * Every member must be there, and no other: a member that this version does not know may be a restriction. Accounts are kept by name, as
 * they were given, and looked up when they are used.
 */
#include <ctype.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store.h"
#include "util.h"

#define ENTRY_VERSION 1

/* ---- ports ------------------------------------------------------------------------------------------------ */

static int parse_port(const char *text, uint16_t *ret_port)
{
	uint64_t port;

	if (!isdigit((unsigned char)*text) || host_parse_u64(text, 1, 65535, &port))
		return OM_EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* PORT[-PORT][/tcp|/udp]; `text` is written into. */
static int parse_ports_element(char *text, struct store_ports *ret_ports)
{
	struct store_ports p = { .protocols = STORE_TCP | STORE_UDP };
	char *protocol = strchr(text, '/'), *last;

	if (protocol) {
		*protocol++ = 0;
		if (strcmp(protocol, "tcp") && strcmp(protocol, "udp"))
			return OM_EINVAL;
		p.protocols = *protocol == 't' ? STORE_TCP : STORE_UDP;
	}
	last = strchr(text, '-');
	if (last)
		*last++ = 0;
	if (parse_port(text, &p.first) || parse_port(last ? last : text, &p.last) || p.last < p.first)
		return OM_EINVAL;
	*ret_ports = p;
	return 0;
}

static int add_ports(const char *text, size_t length, struct store_rights *rights)
{
	char element[32];

	if (rights->port_count == STORE_PORTS_MAX)
		return host_fail(OM_EINVAL, "at most %u ranges of ports", STORE_PORTS_MAX);
	snprintf(element, sizeof element, "%.*s", (int)length, text);
	if (length >= sizeof element || parse_ports_element(element, &rights->ports[rights->port_count]))
		return host_fail(OM_EINVAL, "\"%.*s\" is not PORT[-PORT][/tcp|/udp]", (int)(length < 80 ? length : 80), text);
	rights->port_count++;
	return 0;
}

void store_ports_format(const struct store_ports *ports, char *ret_text, size_t size)
{
	const char *protocol = ports->protocols == STORE_TCP ? "/tcp" : ports->protocols == STORE_UDP ? "/udp" : "";

	if (ports->first == ports->last)
		snprintf(ret_text, size, "%u%s", ports->first, protocol);
	else
		snprintf(ret_text, size, "%u-%u%s", ports->first, ports->last, protocol);
}

/* ---- accounts --------------------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* What an account may be called; also what may stand in a list. Numbers are below (uid_t)-1, which means none. */
static bool account_ok(const char *text, size_t length)
{
	if (length == 0 || length >= STORE_ACCOUNT_MAX || *text == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-$", text[i]))
			return false;
	return true;
}

static int parse_id(const char *text, uint32_t *ret_id)
{
	uint64_t id;

	if (host_parse_u64(text, 0, UINT32_MAX - 1, &id))
		return host_fail(OM_EINVAL, "%s is not the number of an account", text);
	*ret_id = (uint32_t)id;
	return 0;
}

static int user_id(const char *name, uid_t *ret_uid)
{
	const struct passwd *account;

	if (is_number(name))
		return parse_id(name, ret_uid);
	account = getpwnam(name);
	if (!account)
		return host_fail(OM_ENOTFOUND, "there is no user %s here; make the account, or name another", name);
	*ret_uid = account->pw_uid;
	return 0;
}

static int group_id(const char *name, gid_t *ret_gid)
{
	const struct group *group;

	if (is_number(name))
		return parse_id(name, ret_gid);
	group = getgrnam(name);
	if (!group)
		return host_fail(OM_ENOTFOUND, "there is no group %s here; make it, or name another", name);
	*ret_gid = group->gr_gid;
	return 0;
}

int store_user_ids(const struct store_rights *rights, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *account = getpwnam(rights->user);

	if (!account)
		return host_fail(OM_ENOTFOUND, "there is no user %s here, as whom the program is to run; make the account, or name another",
			rights->user);
	*ret_uid = account->pw_uid;
	*ret_gid = account->pw_gid;
	return 0;
}

static int owner_exists(const struct store_owner *owner)
{
	uid_t uid;
	gid_t gid;
	int error = owner->user[0] ? user_id(owner->user, &uid) : 0;

	return error || !owner->group[0] ? error : group_id(owner->group, &gid);
}

/* Form only. "" is fine: none. */
static int take_user(const char *text, struct store_rights *rights)
{
	if (*text && (!account_ok(text, strlen(text)) || is_number(text)))
		return host_fail(OM_EINVAL, "\"%.80s\" is not the name of a user", text);
	snprintf(rights->user, sizeof rights->user, "%s", text);
	return 0;
}

static int add_owner(const char *text, size_t length, struct store_rights *rights)
{
	const char *colon = memchr(text, ':', length);
	size_t user = colon ? (size_t)(colon - text) : length, group = colon ? length - user - 1 : 0;
	struct store_owner *owner = &rights->owners[rights->owner_count];

	if (rights->owner_count == STORE_OWNERS_MAX)
		return host_fail(OM_EINVAL, "at most %u owners", STORE_OWNERS_MAX);
	if ((user && !account_ok(text, user)) || (group && !account_ok(colon + 1, group)) || (colon ? !group : !user))
		return host_fail(OM_EINVAL, "\"%.*s\" is not USER, USER:GROUP or :GROUP", (int)(length < 80 ? length : 80), text);
	snprintf(owner->user, sizeof owner->user, "%.*s", (int)user, text);
	snprintf(owner->group, sizeof owner->group, "%.*s", (int)group, colon ? colon + 1 : "");
	rights->owner_count++;
	return 0;
}

void store_owner_format(const struct store_owner *owner, char *ret_text, size_t size)
{
	snprintf(ret_text, size, owner->group[0] ? "%s:%s" : "%s", owner->user, owner->group);
}

/* ---- options ---------------------------------------------------------------------------------------------- */

static int each(const char *list, int (*add)(const char *text, size_t length, struct store_rights *rights), struct store_rights *rights)
{
	for (;;) {
		size_t length = strcspn(list, ",");
		int error = add(list, length, rights);

		if (error || !list[length])
			return error;
		list += length + 1;
	}
}

int store_user_parse(const char *text, struct store_rights *rights)
{
	struct store_rights r = *rights;
	int error = take_user(text, &r);
	uid_t uid;
	gid_t gid;

	if (!error && !*text)
		error = host_fail(OM_EINVAL, "the name of a user is missing");
	if (!error)
		error = store_user_ids(&r, &uid, &gid);
	if (!error && uid == 0)
		error = host_fail(OM_EINVAL, "%s has every right; name the account that the program is to have", text);
	if (!error)
		*rights = r;
	return error;
}

int store_ports_parse(const char *text, struct store_rights *rights)
{
	struct store_rights r = *rights;
	int error;

	r.port_count = 0;
	error = each(text, add_ports, &r);
	if (!error)
		*rights = r;
	return error;
}

int store_owners_parse(const char *text, struct store_rights *rights)
{
	struct store_rights r = *rights;
	int error;

	r.owner_count = 0;
	error = each(text, add_owner, &r);
	for (uint32_t i = 0; i < r.owner_count && !error; i++)
		error = owner_exists(&r.owners[i]);
	if (!error)
		*rights = r;
	return error;
}

/* ---- entry.json ------------------------------------------------------------------------------------------- */

static json_t *ports_json(const struct store_rights *rights)
{
	json_t *list = json_array();
	char text[80];

	for (uint32_t i = 0; i < rights->port_count; i++) {
		store_ports_format(&rights->ports[i], text, sizeof text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *owners_json(const struct store_rights *rights)
{
	json_t *list = json_array();
	char text[80];

	for (uint32_t i = 0; i < rights->owner_count; i++) {
		store_owner_format(&rights->owners[i], text, sizeof text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

int store_entry_encode(const struct store_entry *entry, char **ret_text, size_t *ret_size)
{
	char hex[65];
	json_t *object;
	char *text;

	host_hash_text(entry->mrenclave, hex);
	object = json_pack("{si ss sI ss so so}", "version", ENTRY_VERSION, "mrenclave", hex, "added", (json_int_t)entry->added_s,
		"user", entry->rights.user, "ports", ports_json(&entry->rights), "owners", owners_json(&entry->rights));
	text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
	json_decref(object);
	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	*ret_text = text;
	*ret_size = strlen(text);
	return 0;
}

static int decode_list(const json_t *list, int (*add)(const char *text, size_t length, struct store_rights *rights),
	struct store_rights *rights)
{
	int error = 0;

	for (size_t i = 0; i < json_array_size(list) && !error; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		error = text ? add(text, strlen(text), rights) : host_fail(OM_EINVAL, "its lists hold strings");
	}
	return error;
}

static int decode_object(const json_t *object, struct store_entry *entry)
{
	const char *hex = NULL, *user = NULL;
	json_t *ports = NULL, *owners = NULL;
	struct store_entry e = *entry;
	json_int_t version = 0, added = 0;
	json_error_t problem;
	int error;

	if (json_unpack((json_t *)(uintptr_t)object, "{sI}", "version", &version) == 0 && version != ENTRY_VERSION)
		return host_fail(OM_EVERSION, "it is of version %lld, known is %d", (long long)version, ENTRY_VERSION);
	if (json_unpack_ex((json_t *)(uintptr_t)object, &problem, JSON_STRICT, "{sI ss sI ss so so}", "version", &version, "mrenclave", &hex,
			"added", &added, "user", &user, "ports", &ports, "owners", &owners))
		return host_fail(OM_EINVAL, "%s", problem.text);
	if (!store_name_parse(hex, e.mrenclave) || added < 0 || !json_is_array(ports) || !json_is_array(owners))
		return host_fail(OM_EINVAL, "a member has a wrong value");
	e.added_s = added;
	e.rights = (struct store_rights){ 0 };
	error = take_user(user, &e.rights);
	if (!error)
		error = decode_list(ports, add_ports, &e.rights);
	if (!error)
		error = decode_list(owners, add_owner, &e.rights);
	if (!error)
		*entry = e;
	return error;
}

int store_entry_decode(const char *text, size_t size, struct store_entry *entry)
{
	json_error_t problem;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
	int error = object ? decode_object(object, entry) : host_fail(OM_EINVAL, "%s", problem.text);

	json_decref(object);
	return error;
}
