/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sgx_default_qcnl.conf, as it lies on machines with Intel's quoting library: JSON, but with comments to the line's end and around which people leave
 * commas (one begins a line that was commented out together with the one before it). Such text is made JSON first: comments become spaces, and of commas
 * only those stay that stand between two values. Machines set up before 2022 have KEY=VALUE lines instead.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collateral/fetch.h"
#include "util.h"

#define QCNL_MAX 65536u

/* Comments, outside of strings, become spaces. */
static void drop_comments(char *text, size_t size)
{
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '/' && i + 1 < size && text[i + 1] == '/') {
			while (i < size && text[i] != '\n')
				text[i++] = ' ';
		} else if (text[i] == '/' && i + 1 < size && text[i + 1] == '*') {
			while (i < size && !(text[i] == '*' && i + 1 < size && text[i + 1] == '/'))
				text[i++] = ' ';
			for (unsigned k = 0; k < 2 && i + k < size; k++)
				text[i + k] = ' ';
		}
	}
}

static bool opens(char c) { return c == 0 || c == '{' || c == '[' || c == ','; }
static bool closes(char c) { return c == 0 || c == '}' || c == ']'; }

/* The next character that is no space; 0 at the end. */
static char after(const char *text, size_t size, size_t i)
{
	while (i < size && isspace((unsigned char)text[i]))
		i++;
	return i < size ? text[i] : 0;
}

static void drop_commas(char *text, size_t size)
{
	bool in_string = false;
	char before = 0;                        /* the last that was no space */

	for (size_t i = 0; i < size; i++) {
		if (in_string && text[i] == '\\') {
			i++;
			continue;
		}
		if (text[i] == '"')
			in_string = !in_string;
		if (!in_string && text[i] == ',' && (opens(before) || closes(after(text, size, i + 1))))
			text[i] = ' ';
		if (!isspace((unsigned char)text[i]))
			before = text[i];
	}
}

static int set_url(const char *value, char to[COLLATERAL_URL_MAX])
{
	const size_t length = strlen(value);
	const bool open = length && value[length - 1] != '/';

	if (strncmp(value, "https://", 8) && strncmp(value, "http://", 7))
		return host_fail(OM_EINVAL, "\"%.100s\" is no address of a service (https://...)", value);
	if (length + open >= COLLATERAL_URL_MAX)
		return host_fail(OM_EINVAL, "an address of a service is too long");
	snprintf(to, COLLATERAL_URL_MAX, "%s%s", value, open ? "/" : "");
	return 0;
}

static void set_number(const json_t *value, unsigned most, unsigned *to)
{
	const json_int_t n = json_integer_value(value);

	if (json_is_integer(value) && n >= 0 && n <= (json_int_t)most)
		*to = (unsigned)n;
}

/* collateral_service is where all but PCK certificates comes from, if it is set. */
static int take(const json_t *all, struct collateral_services *to)
{
	const char *service = json_string_value(json_object_get(all, "collateral_service"));
	const char *feed = json_string_value(json_object_get(all, "tcb_update_type"));
	const json_t *secure = json_object_get(all, "use_secure_cert");

	if (!service)
		service = json_string_value(json_object_get(all, "pccs_url"));
	if (json_is_false(secure))
		to->insecure = true;
	if (feed)
		to->early = strcasecmp(feed, "early") == 0;
	set_number(json_object_get(all, "retry_times"), 20, &to->retries);
	set_number(json_object_get(all, "retry_delay"), 300, &to->delay_s);
	return service ? set_url(service, to->intel) : 0;
}

static int parse_lines(char *text, struct collateral_services *to)
{
	char *rest = text;
	int error = 0;

	for (char *line; !error && (line = strsep(&rest, "\r\n"));) {
		char *value = strchr(line, '=');

		if (*line == '#' || !value)
			continue;
		*value++ = 0;
		if (strcasecmp(line, "PCCS_URL") == 0)
			error = set_url(value, to->intel);
		else if (strcasecmp(line, "USE_SECURE_CERT") == 0 && strcasecmp(value, "false") == 0)
			to->insecure = true;
	}
	return error;
}

int qcnl_parse(const char *text, size_t size, struct collateral_services *services)
{
	char *copy = malloc(size + 1);
	struct collateral_services s = *services;
	json_error_t wrong;
	json_t *all;
	char first;
	int error;

	if (!copy)
		return host_fail(OM_ENOMEM, "no memory");
	memcpy(copy, text, size);
	copy[size] = 0;
	drop_comments(copy, size);
	first = after(copy, size, 0);
	if (first && first != '{' && strchr(copy, '=')) {
		memcpy(copy, text, size); /* addresses have // in them, and no quotes here */
		error = parse_lines(copy, &s);
	} else {
		drop_commas(copy, size);
		all = json_loadb(copy, size, 0, &wrong);
		error = json_is_object(all) ? take(all, &s) : host_fail(OM_EINVAL, "line %d: %s", all ? 1 : wrong.line, all ? "no object" : wrong.text);
		json_decref(all);
	}
	free(copy);
	if (!error)
		*services = s;
	return error;
}

int qcnl_read(const char *path, struct collateral_services *services)
{
	char *text = malloc(QCNL_MAX), words[256];
	FILE *f = fopen(path, "re");
	size_t size = 0;
	int error = 0;

	if (!text)
		error = host_fail(OM_ENOMEM, "no memory");
	else if (!f)
		error = host_fail(errno == ENOENT ? OM_ENOTFOUND : OM_EIO, "%s: %s", path, strerror(errno));
	else if ((size = fread(text, 1, QCNL_MAX, f)) == QCNL_MAX || ferror(f))
		error = host_fail(OM_EINVAL, "%s: cannot be read, or too long", path);
	if (f)
		fclose(f);
	if (!error && (error = qcnl_parse(text, size, services)) != 0) {
		snprintf(words, sizeof words, "%s", host_reason());
		error = host_fail(error, "%s: %s", path, words);
	}
	free(text);
	return error;
}
