/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a unit. The table of keys says of each key what it holds and what its text must be. The object that is kept has no other keys.
 */
#include <stdio.h>
#include <string.h>
#include "move/report.h"
#include "move/units.h"
#include "unit.h"
#include "util.h"

#define STOP_NS_DEFAULT 90000000000u

bool unit_name_ok(const char *name)
{
	const size_t length = strlen(name);

	return length > 0 && length < UNIT_NAME_MAX && *name != '.' &&
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

/* ---- values: each reader takes a text that is there --------------------------------------------------------------------------------- */

static int read_name(struct unit *u, const char *text)
{
	if (!unit_name_ok(text))
		return host_fail(OM_EINVAL, "a name is 1 to %u letters, digits, \"-\", \"_\" and \".\", and begins with no \".\"", UNIT_NAME_MAX - 1);
	u->name = text;
	return 0;
}

static int read_image(struct unit *u, const char *text)
{
	if (strchr(text, '/') && *text != '/')
		return host_fail(OM_EINVAL, "\"%s\": an image is a file with its whole path, or is in the image store (optmig image ls)", text);
	u->image = text;
	return *text ? 0 : host_fail(OM_EINVAL, "no image is named");
}

/* Whether accounts exist is asked where they are used: unit_check_accounts(). */
static bool accounts_ok(const char *text, const char *more)
{
	char set[80];

	snprintf(set, sizeof set, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.$%s", more);
	return *text && *text != '-' && strspn(text, set) == strlen(text);
}

static int read_user(struct unit *u, const char *text)
{
	u->user = text;
	return accounts_ok(text, "") ? 0 : host_fail(OM_EINVAL, "\"%.60s\" is no name of an account", text);
}

/* PORT[-PORT],...: their order is judged by who uses them. */
static int read_ports(struct unit *u, const char *text)
{
	const size_t digits = strspn(text, "0123456789-,");

	u->ports = text;
	return digits > 0 && !text[digits] && *text != '-' && *text != ',' ? 0 :
		host_fail(OM_EINVAL, "\"%.60s\" are no ports: 80,7000-7010", text);
}

static int read_owners(struct unit *u, const char *text)
{
	u->owners = text;
	return accounts_ok(text, ":,") ? 0 : host_fail(OM_EINVAL, "\"%.60s\" are no owners: USER, USER:GROUP, :GROUP, with commas between them", text);
}

static int read_path(const char **ret, const char *text)
{
	*ret = text;
	return *text == '/' ? 0 : host_fail(OM_EINVAL, "\"%s\" is no whole path", text);
}

static int read_directory(struct unit *u, const char *text)
{
	return read_path(&u->directory, text);
}

static int read_output(struct unit *u, const char *text)
{
	return read_path(&u->output, text);
}

static int read_start(struct unit *u, const char *text)
{
	u->at_boot = strcmp(text, "boot") == 0;
	return u->at_boot || strcmp(text, "order") == 0 ? 0 : host_fail(OM_EINVAL, "\"%s\"; there are order and boot", text);
}

static int read_restart(struct unit *u, const char *text)
{
	u->fresh = strcmp(text, "fresh") == 0;
	return u->fresh || strcmp(text, "never") == 0 ? 0 : host_fail(OM_EINVAL, "\"%s\"; there are never and fresh", text);
}

static int read_move(struct unit *u, const char *text)
{
	static const char *const words[] = { "live", "stop", "never" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], text) == 0) {
			u->move = (enum unit_move)i;
			return 0;
		}
	return host_fail(OM_EINVAL, "\"%s\"; there are live, stop and never", text);
}

static int read_mode(struct unit *u, const char *text)
{
	uint32_t mode;

	u->mode = text;
	return move_mode_parse(text, &mode);
}

static int read_downtime(struct unit *u, const char *text)
{
	return move_parse_duration(text, &u->downtime_ns);
}

static int read_bandwidth(struct unit *u, const char *text)
{
	return move_parse_rate(text, &u->bandwidth);
}

static int read_memory(struct unit *u, const char *text)
{
	return move_parse_rate(text, &u->memory_bytes);
}

static int read_stop(struct unit *u, const char *text)
{
	return move_parse_duration(text, &u->stop_ns);
}

static int read_stop_kill(struct unit *u, const char *text)
{
	u->stop_kill = strcmp(text, "true") == 0;
	return u->stop_kill || strcmp(text, "false") == 0 ? 0 : host_fail(OM_EINVAL, "\"%s\"; there are true and false", text);
}

enum kind { TEXT, LIST, TABLE };

static const struct key {
	const char *name;
	enum kind kind;
	bool at_once;                   /* a change of it is heeded while the program runs */
	int (*read)(struct unit *unit, const char *text);       /* NULL: any text */
} keys[] = {
	{ "name", TEXT, false, read_name },
	{ "image", TEXT, false, read_image },
	{ "arguments", LIST, false, NULL },
	{ "environment", TABLE, false, NULL },
	{ "user", TEXT, false, read_user },
	{ "ports", TEXT, false, read_ports },
	{ "owners", TEXT, false, read_owners },
	{ "move-address", LIST, false, NULL },
	{ "directory", TEXT, false, read_directory },
	{ "output", TEXT, false, read_output },
	{ "start", TEXT, true, read_start },
	{ "restart", TEXT, true, read_restart },
	{ "move", TEXT, true, read_move },
	{ "mode", TEXT, true, read_mode },
	{ "downtime-limit", TEXT, true, read_downtime },
	{ "bandwidth", TEXT, true, read_bandwidth },
	{ "memory", TEXT, true, read_memory },
	{ "stop-timeout", TEXT, true, read_stop },
	{ "stop-kill", TEXT, true, read_stop_kill },
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[KEY_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < KEY_COUNT; i++)
		names[i] = keys[i].name;
	nearest = host_did_you_mean(name, names);
	return host_fail(OM_EINVAL, "a unit has no key \"%.60s\"%s%s%s", name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static int check_text(const char *key, const json_t *value)
{
	if (!json_is_string(value))
		return host_fail(OM_EINVAL, "%s: a text is wanted here", key);
	if (json_string_length(value) >= UNIT_TEXT_MAX)
		return host_fail(OM_EINVAL, "%s: a text of more than %u bytes", key, UNIT_TEXT_MAX - 1);
	return strlen(json_string_value(value)) == json_string_length(value) ? 0 : host_fail(OM_EINVAL, "%s: a text with a NUL in it", key);
}

static int check_list(const char *key, const json_t *list)
{
	if (!json_is_array(list))
		return host_fail(OM_EINVAL, "%s: a list of texts is wanted here", key);
	if (json_array_size(list) > UNIT_LIST_MAX)
		return host_fail(OM_EINVAL, "%s: more than %u texts", key, UNIT_LIST_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		int error = check_text(key, json_array_get(list, i));

		if (error)
			return error;
	}
	return 0;
}

static int check_table(const char *key, const json_t *table)
{
	const char *name;
	json_t *value;

	if (!json_is_object(table))
		return host_fail(OM_EINVAL, "%s: a table of texts is wanted here", key);
	if (json_object_size(table) > UNIT_LIST_MAX)
		return host_fail(OM_EINVAL, "%s: more than %u entries", key, UNIT_LIST_MAX);
	json_object_foreach((json_t *)(uintptr_t)table, name, value) {
		int error = check_text(key, value);

		if (error)
			return error;
		if (!*name || strchr(name, '=') || strlen(name) >= UNIT_TEXT_MAX)
			return host_fail(OM_EINVAL, "%s: \"%.60s\" is no name of a variable", key, name);
	}
	return 0;
}

/* Who reads it must not be surprised: an option of `optmig receive`. */
static int check_moves(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!strchr(text, '/') || !strchr(text, '@') || *text == '-')
			return host_fail(OM_EINVAL, "move-address: \"%.100s\" is not ADDRESS/PREFIX@INTERFACE", text);
	}
	return json_array_size(list) <= 8 ? 0 : host_fail(OM_EINVAL, "move-address: at most 8 addresses can move along");
}

static int read_one(const char *name, const json_t *value, struct unit *u)
{
	const struct key *key = find(name);
	char words[400];
	int error;

	if (!key)
		return unknown(name);
	if (key->kind == LIST)
		return check_list(name, value);
	if (key->kind == TABLE)
		return check_table(name, value);
	error = check_text(name, value);
	if (error || !key->read)
		return error;
	error = key->read(u, json_string_value(value));
	if (!error)
		return 0;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(OM_EINVAL, "%s: %s", name, words);
}

/* What does not go together. */
static int check_whole(const struct unit *u)
{
	if (!u->name)
		return host_fail(OM_EINVAL, "a unit without a name");
	if (!u->image)
		return host_fail(OM_EINVAL, "%s: of which image? (image = \"...\")", u->name);
	if ((u->ports || u->owners) && !u->user)
		return host_fail(OM_EINVAL, "%s: ports and owners go with user", u->name);
	return check_moves(u->move_addresses);
}

int unit_read(const json_t *object, struct unit *ret)
{
	struct unit u = { .stop_ns = STOP_NS_DEFAULT, .stop_kill = true };
	const char *name;
	json_t *value;
	int error = 0;

	if (!json_is_object(object))
		return host_fail(OM_EINVAL, "a unit is an object");
	u.object = json_deep_copy(object);
	if (!u.object)
		return host_fail(OM_ENOMEM, "no memory");
	json_object_foreach(u.object, name, value) {
		error = read_one(name, value, &u);
		if (error)
			break;
	}
	u.arguments = json_object_get(u.object, "arguments");
	u.environment = json_object_get(u.object, "environment");
	u.move_addresses = json_object_get(u.object, "move-address");
	if (!error)
		error = check_whole(&u);
	if (error) {
		unit_done(&u);
		return error;
	}
	*ret = u;
	return 0;
}

void unit_done(struct unit *unit)
{
	json_decref(unit->object);
	*unit = (struct unit){ 0 };
}

void unit_compare(const struct unit *a, const struct unit *b, json_t **ret_now, json_t **ret_later)
{
	*ret_now = json_array();
	*ret_later = json_array();
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const json_t *old = a ? json_object_get(a->object, keys[i].name) : NULL, *new = json_object_get(b->object, keys[i].name);

		if (old == new || (old && new && json_equal(old, new)))
			continue;
		json_array_append_new(keys[i].at_once ? *ret_now : *ret_later, json_string(keys[i].name));
	}
}
