/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes what other hosts send. */
#include <string.h>
#include "unit.h"
#include "util.h"
#include "wire.h"

static int load(const char *text, size_t size, size_t most, json_t **ret)
{
	json_error_t problem;
	json_t *object;

	if (size > most)
		return host_fail(OM_EOVERFLOW, "more than %zu bytes", most);
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
	if (!json_is_object(object)) {
		json_decref(object);
		return host_fail(OM_EINVAL, "not a JSON object: %s", object ? "another value" : problem.text);
	}
	*ret = object;
	return 0;
}

/* One argument, which is a unit or its name. */
static int arguments_of(const json_t *arguments, const char *wanted, json_t **ret)
{
	const json_t *value = json_object_get(arguments, wanted);
	struct unit unit;
	int error = 0;

	if (!json_is_object(arguments) || json_object_size(arguments) != 1 || !value)
		return host_fail(OM_EINVAL, "one argument is wanted: \"%s\"", wanted);
	if (strcmp(wanted, "unit") == 0) {
		error = unit_read(value, &unit);
		if (!error) {
			*ret = json_pack("{sO}", "unit", unit.object);
			unit_done(&unit);
		}
		return error;
	}
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value) || !unit_name_ok(json_string_value(value)))
		return host_fail(OM_EINVAL, "that is no name of a unit");
	*ret = json_pack("{ss}", "name", json_string_value(value));
	return 0;
}

static int decode(const json_t *object, json_t **ret)
{
	static const struct { const char *name, *argument; } commands[] = {
		{ "receive", "unit" }, { "receive-end", "name" }, { "status", "name" }, { "host", NULL },
		{ "overview", NULL } };
	const char *name = json_string_value(json_object_get(object, "command"));
	const json_t *given = json_object_get(object, "arguments");
	json_t *arguments = NULL;
	int error = 0;

	if (!name || json_object_size(object) != (given ? 2 : 1))
		return host_fail(OM_EINVAL, "a request has a \"command\" and perhaps \"arguments\", nothing else");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].argument)
			error = arguments_of(given, commands[i].argument, &arguments);
		else if (given && (!json_is_object(given) || json_object_size(given)))
			error = host_fail(OM_EINVAL, "\"%s\" has no arguments", commands[i].name);
		if (!error)
			*ret = arguments ? json_pack("{ss so}", "command", commands[i].name, "arguments", arguments) :
				json_pack("{ss}", "command", commands[i].name);
		return error;
	}
	return host_fail(OM_EPERM, "no command \"%.60s\" is for other hosts", name);
}

int wire_request(const char *text, size_t size, json_t **ret)
{
	json_t *object;
	int error = load(text, size, WIRE_BODY_MAX, &object);

	if (error)
		return error;
	error = decode(object, ret);
	json_decref(object);
	return error;
}

int wire_answer(const char *text, size_t size, long status, json_t **ret)
{
	const json_t *error, *value;
	json_t *object;

	if (load(text, size, WIRE_ANSWER_MAX, &object))
		return host_fail(OM_EHOST, "what answers there is no optmigd (HTTP status %ld)", status);
	error = json_object_get(object, "error");
	value = json_object_get(object, "return");
	if (json_object_size(object) != 1 || (!json_is_object(error) && !json_is_object(value))) {
		json_decref(object);
		return host_fail(OM_EHOST, "its answer is neither yes nor no (HTTP status %ld)", status);
	}
	*ret = object;
	return 0;
}
