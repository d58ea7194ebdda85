/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image options from both of their origins: the TOML file beside the output, and words as -Xoptmig and OPTMIG_OPTIONS give
 * them. The first byte says which (bit 0), and whether a second origin follows on what the first has set (bit 1).
 *
 * Properties: what is refused is explained; what is accepted lies in its range, whatever was said before; the same words
 * mean the same when said twice; and what one origin has set in its own notation the other sets too.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>
#include "cc/cc.h"
#include "fuzz.h"

static unsigned complaints;

/* In place of util.c's: to nobody, but formatted. */
void __wrap_cc_error(const char *format, ...);
void __wrap_cc_error(const char *format, ...)
{
	char text[300];
	va_list list;

	va_start(list, format);
	PROPERTY(vsnprintf(text, sizeof text, format, list) > 0);
	va_end(list);
	complaints++;
}

static void check(const struct cc_options *o)
{
	PROPERTY(o->heap >= 1u << 20 && o->heap <= OM_ELRANGE_MAX);
	PROPERTY(o->elrange >= OM_ELRANGE_MIN && o->elrange <= OM_ELRANGE_MAX);
	PROPERTY(o->xfrm == OM_XFRM_SSE || o->xfrm == OM_XFRM_AVX || o->xfrm == OM_XFRM_AVX512);
	PROPERTY(o->threads >= 1 && o->threads <= OM_APP_THREADS_MAX && o->files >= 16 && o->files <= 1u << 20);
	PROPERTY(!o->name || strlen(o->name) <= 63);
	PROPERTY(o->svn <= UINT16_MAX && o->debug_said <= CC_YES);
	for (size_t i = 0; i < o->allow.count; i++)
		PROPERTY(o->allow.item[i]);
	PROPERTY(!o->allow.item || o->allow.item[o->allow.count] == NULL);
	PROPERTY(o->launch.trusted.count == o->launch.from.count);
	PROPERTY(!(o->launch.args.any && o->launch.args.item.count) && !(o->launch.pass.any && o->launch.pass.item.count));
	PROPERTY(!(o->launch.allowed.any && o->launch.allowed.item.count));
	for (size_t i = 0; i < o->launch.set.count; i++)
		PROPERTY(strchr(o->launch.set.item[i], '=') && o->launch.set.item[i][0] != '=');
}

/* The file is found as in production, by the output's name. */
static int from_file(struct cc_options *o, const uint8_t *data, size_t size)
{
	static char output[64], path[80];
	int fd;

	if (!output[0]) {
		snprintf(output, sizeof output, "/tmp/optmig-fuzz.%d", (int)getpid());
		snprintf(path, sizeof path, "%s.optmig.toml", output);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	PROPERTY(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
	int error = cc_options_file(o, output);
	unlink(path);
	return error;
}

static int from_words(struct cc_options *o, const uint8_t *data, size_t size)
{
	char *words = malloc(size + 1);
	int error;

	memcpy(words, data, size);
	words[size] = 0;
	error = cc_options_words(o, words, "-Xoptmig");
	free(words);
	return error;
}

typedef int origin(struct cc_options *o, const uint8_t *data, size_t size);

/* Equal but for lists, to which each origin adds. */
static void same(const struct cc_options *a, const struct cc_options *b)
{
	PROPERTY(a->heap == b->heap && a->elrange == b->elrange && a->threads == b->threads && a->files == b->files);
	PROPERTY(a->debug_said == b->debug_said && a->svn == b->svn && a->verify == b->verify && a->scan == b->scan && a->sign == b->sign && a->interp == b->interp);
	PROPERTY(!a->name == !b->name && (!a->name || strcmp(a->name, b->name) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cc_options o, again;
	origin *first;
	size_t half;
	int error;

	if (size < 2)
		return 0;
	first = data[0] & 1 ? from_file : from_words;
	half = data[0] & 2 ? 1 + (data[1] * (size - 1) >> 8) : size;
	complaints = 0;
	cc_options_default(&o);
	error = first(&o, data + 1, half - 1);
	PROPERTY(error == (complaints > 0));
	check(&o);
	if (!error) {
		again = o;
		again.allow = (struct strv){ 0 };
		PROPERTY(first(&again, data + 1, half - 1) == 0);
		same(&o, &again);
	}
	complaints = 0;
	error = (first == from_file ? from_words : from_file)(&o, data + half, size - half);
	PROPERTY(error == (complaints > 0));
	check(&o);
	return 0;
}
