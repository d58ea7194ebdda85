/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, vectors, messages. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cc.h"

void *cc_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
	return p;
}

static char *format_list(const char *format, va_list list)
{
	char *text = NULL;
	if (vasprintf(&text, format, list) < 0) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
	return text;
}

char *cc_format(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	char *text = format_list(format, list);
	va_end(list);
	return text;
}

void strv_add(struct strv *v, const char *text)
{
	if (v->count + 2 > v->room) {
		v->room = v->room ? 2 * v->room : 32;
		v->item = realloc(v->item, v->room * sizeof *v->item);
		if (!v->item) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
	}
	v->item[v->count++] = cc_format("%s", text);
	v->item[v->count] = NULL;
}

void strv_addf(struct strv *v, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	strv_add(v, format_list(format, list));
	va_end(list);
}

void strv_extend(struct strv *v, const struct strv *more)
{
	for (size_t i = 0; i < more->count; i++) strv_add(v, more->item[i]);
}

bool strv_has(const struct strv *v, const char *text)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->item[i], text) == 0) return true;
	return false;
}

bool starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

char *cc_read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	if (!f) return NULL;
	size_t size = 0, room = 65536;
	char *data = cc_alloc(room + 1);
	for (size_t n; (n = fread(data + size, 1, room - size, f)) > 0;) {
		size += n;
		if (size < room) continue;
		room *= 2;
		data = realloc(data, room + 1);
		if (!data) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
	}
	bool failed = ferror(f);
	fclose(f);
	if (failed) return NULL;
	data[size] = 0;
	if (ret_size) *ret_size = size;
	return data;
}

static void message(const char *kind, const char *format, va_list list)
{
	char *text = format_list(format, list);
	fprintf(stderr, "optmig-cc: %s%s\n", kind, text);
	free(text);
}

void cc_error(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	message("error: ", format, list);
	va_end(list);
}

void cc_note(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	message("note: ", format, list);
	va_end(list);
}

/* Levenshtein distance, for short words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);
	if (n >= sizeof row / sizeof *row) return 99;
	for (size_t j = 0; j <= n; j++) row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t best = diagonal + (a[i] != b[j]);
			if (row[j] + 1 < best) best = row[j] + 1;
			if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[n];
}

const char *cc_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t best_distance = 4;
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, candidates[i]);
		if (d < best_distance) { best_distance = d; best = candidates[i]; }
	}
	return best;
}
