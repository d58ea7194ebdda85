/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_HOST_JSON_TEXT_H
#define OPTMIG_HOST_JSON_TEXT_H

#include <jansson.h>

/* A member that is a text; "" if there is none, or it is something else, or @object is NULL. The object's own. */
static inline const char *json_text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

#endif
