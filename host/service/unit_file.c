/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's file becomes the object that unit_read() judges: numbers and flags as the texts that they are written as. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cc/toml.h"
#include "strerror.h"
#include "unit.h"
#include "util.h"

#define TABLE_PREFIX "environment."

struct reading { json_t *object; const char *problem; };

/* Return: nonzero without memory, or with a problem. */
static int take(void *context, const struct cc_toml *what)
{
	struct reading *r = context;
	json_t *table;

	if (strncmp(what->key, TABLE_PREFIX, strlen(TABLE_PREFIX)) == 0 && what->kind == CC_TOML_VALUE) {
		table = json_object_get(r->object, "environment");
		if (!table) {
			table = json_object();
			json_object_set_new(r->object, "environment", table);
		}
		return json_object_set_new(table, what->key + strlen(TABLE_PREFIX), json_string(what->value));
	}
	switch (what->kind) {
	case CC_TOML_VALUE:
		return json_object_set_new(r->object, what->key, json_string(what->value));
	case CC_TOML_LIST:
		return json_object_set_new(r->object, what->key, json_array());
	case CC_TOML_ITEM:
		if (!what->name)
			return json_array_append_new(json_object_get(r->object, what->key), json_string(what->value));
		break;
	default:
		break;
	}
	r->problem = "a value is a text or a list of texts; the environment is a table of texts";
	return 1;
}

/* What root starts must be root's to write. */
static int check_file(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return host_fail(errno == ENOENT ? OM_ENOTFOUND : OM_EIO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return host_fail(OM_EINVAL, "%s is no file", path);
	if ((status.st_uid != geteuid() && status.st_uid != 0) || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s: others may write to it (chmod go-w)", path);
	return status.st_size <= UNIT_FILE_MAX ? 0 : host_fail(OM_EOVERFLOW, "%s: more than %u bytes", path, UNIT_FILE_MAX);
}

/* NAME of ".../NAME.toml" */
static int name_of(const char *path, char name[UNIT_NAME_MAX])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const size_t length = strlen(base), ending = strlen(".toml");

	if (length <= ending || length - ending >= UNIT_NAME_MAX || strcmp(base + length - ending, ".toml"))
		return host_fail(OM_EINVAL, "%s: a unit's file is NAME.toml", path);
	snprintf(name, UNIT_NAME_MAX, "%.*s", (int)(length - ending), base);
	return 0;
}

int unit_file_read(const char *path, struct unit *ret)
{
	struct reading r = { 0 };
	char name[UNIT_NAME_MAX], problem[256] = "", words[400];
	const char *own;
	int error = check_file(path);

	if (!error)
		error = name_of(path, name);
	if (error)
		return error;
	r.object = json_object();
	if (cc_toml_read(path, take, &r, problem, sizeof problem)) {
		json_decref(r.object);
		return host_fail(OM_EINVAL, "%s: %s", path, *problem ? problem : r.problem ? r.problem : "no text of UTF-8");
	}
	own = json_string_value(json_object_get(r.object, "name"));
	if (own && strcmp(own, name))
		error = host_fail(OM_EINVAL, "its name is \"%.60s\", and the file's \"%s\"", own, name);
	else
		json_object_set_new(r.object, "name", json_string(name));
	if (!error)
		error = unit_read(r.object, ret);
	json_decref(r.object);
	if (!error)
		return 0;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(error, "%s: %s", path, words);
}
