/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that another host's optmigd sends: as a request, and as an answer. Properties: what is accepted is of the closed list, and has nothing
 * in it but what is known; decoded again it is the same; a unit in it is one.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "errors.h"
#include "service/unit.h"
#include "service/wire.h"

static void check_request(json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));
	const json_t *arguments = json_object_get(request, "arguments"), *unit = json_object_get(arguments, "unit");
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *again;
	struct unit u;

	PROPERTY(command && text);
	PROPERTY(strcmp(command, "receive") == 0 || strcmp(command, "receive-end") == 0 || strcmp(command, "status") == 0 || strcmp(command, "host") == 0 || strcmp(command, "overview") == 0);
	PROPERTY((strcmp(command, "host") == 0 || strcmp(command, "overview") == 0) == (arguments == NULL) && json_object_size(arguments) <= 1);
	if (strlen(text) <= WIRE_BODY_MAX) {
		PROPERTY(wire_request(text, strlen(text), &again) == 0 && json_equal(request, again));
		json_decref(again);
	}
	if (unit) {
		PROPERTY(unit_read(unit, &u) == 0 && unit_name_ok(u.name) && *u.image);
		unit_done(&u);
	} else if (arguments) {
		PROPERTY(unit_name_ok(json_string_value(json_object_get(arguments, "name"))));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = NULL;
	int error = wire_request((const char *)data, size, &object);

	PROPERTY(error <= 0 && (error != 0) == (object == NULL));
	if (!error)
		check_request(object);
	json_decref(object);
	object = NULL;
	error = wire_answer((const char *)data, size, 200, &object);
	PROPERTY(error <= 0 && (error != 0) == (object == NULL));
	PROPERTY(error || json_is_object(json_object_get(object, "return")) || json_is_object(json_object_get(object, "error")));
	json_decref(object);
	return 0;
}
