/* SPDX-License-Identifier: Apache-2.0 */
/* Image options: one table for all origins. Sizes take K, M, G, T. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cc.h"
#include "launch.h"

enum kind { SIZE, NUMBER, FLAG, ANSWER, STATE, TEXT, PATH, LIST,
	WORDS,     /* struct cc_list: a list, or "any" */
	ANY,       /* the same, and only "any" */
	FILES,     /* a list of names, or of { path, from } */
	VARIABLES }; /* a table */
struct option { const char *key; enum kind kind; size_t offset; uint64_t low, high; };

#define AT(member) offsetof(struct cc_options, member)
static const struct option options[] = {
	{"heap", SIZE, AT(heap), 1u << 20, OM_ELRANGE_MAX},
	{"elrange", SIZE, AT(elrange), OM_ELRANGE_MIN, OM_ELRANGE_MAX},
	{"threads", NUMBER, AT(threads), 1, OM_APP_THREADS_MAX},
	{"stack", SIZE, AT(stack), 1, 1ull << 40},
	{"svn", NUMBER, AT(svn), 0, UINT16_MAX},
	{"files", NUMBER, AT(files), 16, 1u << 16},
	{"descriptors", NUMBER, AT(files), 16, 1u << 16}, /* the same, where a file has a table of the other name */
	{"debug", ANSWER, AT(debug_said), 0, 1},
	{"verify", FLAG, AT(verify), 0, 1},
	{"xfrm", STATE, AT(xfrm), 0, 0},
	{"key", PATH, AT(key), 0, 0},
	{"policy", PATH, AT(policy), 0, 0},
	{"name", TEXT, AT(name), 0, 63},
	{"allow-uninstrumented", LIST, AT(allow), 0, 0},
	{"args", WORDS, AT(launch.args), 0, 0},
	{"argv0", TEXT, AT(launch.argv0), 0, 4095},
	{"env", ANY, AT(launch.pass), 0, 0},
	{"env.pass", WORDS, AT(launch.pass), 0, 0},
	{"env.set", VARIABLES, AT(launch.set), 0, 0},
	{"files.allowed", WORDS, AT(launch.allowed), 0, 0},
	{"files.trusted", FILES, AT(launch.trusted), 0, 0},
	{"files.encrypted", LIST, AT(launch.encrypted), 0, 0},
	{"secrets.wait", LIST, AT(launch.wait), 0, 0},
	{"secrets.owner", TEXT, AT(launch.owner), 0, OM_LAUNCH_OWNER},
	{"lineage", TEXT, AT(launch.lineage), 0, 16},
	{"after-move.signal", TEXT, AT(launch.signal), 0, 16},
	{"runtime", PATH, AT(runtime), 0, 0},
	{"script", PATH, AT(script), 0, 0},
	{"sysroot", PATH, AT(sysroot), 0, 0},
	{"scan", FLAG, AT(scan), 0, 1},
	{"sign", FLAG, AT(sign), 0, 1},
	{"interp", FLAG, AT(interp), 0, 1},
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

void cc_options_default(struct cc_options *o)
{
	*o = (struct cc_options){
		.heap = 8ull << 30, .elrange = OM_ELRANGE_DEFAULT, .threads = 64, .files = 16384, .stack = OM_THREAD_STACK_DEFAULT,
		.xfrm = OM_XFRM_AVX,
		.scan = true, .sign = true, .interp = true,
	};
}

/* The development key lies unguarded in its user's home, made without asking: what it signs is for development. */
void cc_options_settle(struct cc_options *o, const struct cc_env *env)
{
	if (!o->key) o->key = env->key;
	o->debug = o->debug_said == CC_UNSAID ? o->sign && !o->key : o->debug_said == CC_YES;
}

/* "8G" to bytes. */
static bool parse_number(const char *text, bool units, uint64_t *ret_value)
{
	char *end;
	errno = 0;
	uint64_t value = strtoull(text, &end, 0);
	if (errno || end == text || text[0] == '-') return false;
	static const char letters[] = "KMGT";
	const char *unit = units && *end ? strchr(letters, *end >= 'a' ? *end - 32 : *end) : NULL;
	if (unit) {
		unsigned shift = 10u * (unsigned)(unit - letters + 1);
		if (value > UINT64_MAX >> shift) return false;
		value <<= shift;
		end++;
		if (*end == 'i') end++;
		if (*end == 'B') end++;
	}
	*ret_value = value;
	return *end == 0;
}

static bool parse_flag(const char *text, bool *ret_yes)
{
	*ret_yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
	return *ret_yes || strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
}

/* The processor state that the program may use. */
static bool parse_state(const char *text, uint64_t *ret_xfrm)
{
	static const struct { const char *name; uint64_t xfrm; } states[] = {{"sse", OM_XFRM_SSE}, {"avx", OM_XFRM_AVX}, {"avx512", OM_XFRM_AVX512}};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (strcmp(text, states[i].name) != 0) continue;
		*ret_xfrm = states[i].xfrm;
		return true;
	}
	return false;
}

static const struct option *find(const char *key, const char *where)
{
	const char *keys[OPTION_COUNT];
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(key, options[i].key) == 0) return &options[i];
		keys[i] = options[i].key;
	}
	const char *near = cc_nearest(key, keys, OPTION_COUNT);
	if (near) cc_error("%s: unknown image option '%s', did you mean '%s'?", where, key, near);
	else cc_error("%s: unknown image option '%s'", where, key);
	return NULL;
}

static bool in_parts(enum kind kind) { return kind == LIST || kind == WORDS || kind == FILES; }

/* Of a trusted file: @folder is where relative names of files start, "" or with '/' at its end. */
static void add_file(struct cc_launch *launch, const char *path, const char *from, const char *folder)
{
	if (!from) from = path;
	strv_add(&launch->trusted, path);
	strv_addf(&launch->from, "%s%s", from[0] == '/' ? "" : folder, from);
}

/* A list is said anew; only files and objects add up. */
static void begin_list(struct cc_options *o, const struct option *option, bool any)
{
	struct cc_list *list = (struct cc_list *)((char *)o + option->offset);
	if (option->kind == WORDS || option->kind == ANY) *list = (struct cc_list){.given = true, .any = any};
}

static void add_item(struct cc_options *o, const struct option *option, const char *value, const char *from, const char *folder)
{
	if (option->kind == FILES) add_file(&o->launch, value, from, folder);
	else if (option->kind == WORDS) strv_add(&((struct cc_list *)((char *)o + option->offset))->item, value);
	else strv_add((struct strv *)((char *)o + option->offset), value);
}

static int set_value(struct cc_options *o, const struct option *option, const char *value, const char *where)
{
	/* An old name: a number, it is how many descriptors there may be. */
	if (strcmp(option->key, "files") == 0 && strcmp(value, "any") == 0) option = find("files.allowed", where);
	const char *key = option->key;
	void *into = (char *)o + option->offset;
	uint64_t number = 0;
	bool yes = false;
	switch (option->kind) {
	case SIZE:
	case NUMBER:
		if (!parse_number(value, option->kind == SIZE, &number) || number < option->low || number > option->high) {
			cc_error("%s: %s=%s is not a number from %llu to %llu", where, key, value, (unsigned long long)option->low, (unsigned long long)option->high);
			return 1;
		}
		*(uint64_t *)into = number;
		return 0;
	case FLAG:
	case ANSWER:
		if (!parse_flag(value, &yes)) { cc_error("%s: %s is 0 or 1", where, key); return 1; }
		if (option->kind == FLAG) *(bool *)into = yes;
		else *(enum cc_answer *)into = yes ? CC_YES : CC_NO;
		return 0;
	case STATE:
		if (parse_state(value, into)) return 0;
		cc_error("%s: %s=%s: sse, avx or avx512", where, key, value);
		return 1;
	case TEXT:
		if (strlen(value) > option->high) { cc_error("%s: %s is too long", where, key); return 1; }
		*(const char **)into = cc_format("%s", value);
		return 0;
	case PATH:
		if (access(value, R_OK) != 0) { cc_error("%s: %s=%s: %s", where, key, value, strerror(errno)); return 1; }
		*(const char **)into = realpath(value, NULL);
		return 0;
	case LIST:
	case FILES:
	case WORDS:
	case ANY:
		begin_list(o, option, strcmp(value, "any") == 0);
		if (strcmp(value, "any") == 0 && option->kind != LIST && option->kind != FILES) return 0;
		if (option->kind == ANY) { cc_error("%s: %s=%s: \"any\", or %s.... (optmig-launch(5))", where, key, value, key); return 1; }
		for (char *rest = cc_format("%s", value), *word; (word = strtok_r(rest, ",", &rest));) add_item(o, option, word, NULL, "");
		return 0;
	case VARIABLES:
		cc_error("%s: %s is a table in the image's TOML file: set = { NAME = \"VALUE\" }", where, key);
		return 1;
	}
	return 1;
}

int cc_options_set(struct cc_options *o, const char *key, const char *value, const char *where)
{
	const struct option *option = find(key, where);
	return !option || set_value(o, option, value, where);
}

int cc_options_words(struct cc_options *o, const char *words, const char *where)
{
	for (char *rest = cc_format("%s", words), *word; (word = strtok_r(rest, " \t\n", &rest));) {
		char *equals = strchr(word, '=');
		if (equals) *equals = 0;
		const struct option *option = find(word, where);
		if (!option) return 1;
		if (!equals && option->kind != FLAG && option->kind != ANSWER) { cc_error("%s: %s needs a value: %s=...", where, word, word); return 1; }
		if (cc_options_set(o, word, equals ? equals + 1 : "1", where)) return 1;
	}
	return 0;
}

struct toml_context { struct cc_options *options; const char *path, *folder; };

static int set_variable(struct cc_options *o, const char *name, const char *value, const char *where)
{
	if (!*name || strchr(name, '=')) { cc_error("%s: '%s' is no name of a variable", where, name); return 1; }
	for (size_t i = 0; i < o->launch.set.count; i++)
		if (starts_with(o->launch.set.item[i], cc_format("%s=", name))) {
			o->launch.set.item[i] = cc_format("%s=%s", name, value);
			return 0;
		}
	strv_addf(&o->launch.set, "%s=%s", name, value);
	return 0;
}

static int set_from_toml(void *context, const struct cc_toml *what)
{
	struct toml_context *c = context;
	const struct option *option = find(what->key, c->path);
	const char *value = what->value;
	if (!option) return 1;
	switch (what->kind) {
	case CC_TOML_VALUE:
		/* A path there starts from the file's own folder, wherever the build runs. */
		if (option->kind == PATH && value[0] != '/') value = cc_format("%s%s", c->folder, value);
		if ((option->kind == WORDS || option->kind == FILES) && (option->kind == FILES || strcmp(value, "any") != 0)) break;
		return set_value(c->options, option, value, c->path);
	case CC_TOML_LIST:
		if (!in_parts(option->kind)) break;
		begin_list(c->options, option, false);
		return 0;
	case CC_TOML_ITEM:
		if (what->name && option->kind != FILES) break;
		add_item(c->options, option, value, what->name, c->folder);
		return 0;
	case CC_TOML_MAP:
		if (option->kind != VARIABLES) break;
		return 0;
	case CC_TOML_ENTRY:
		return set_variable(c->options, what->name, value, c->path);
	}
	cc_error("%s: %s is %s", c->path, what->key, option->kind == WORDS ? "a list of texts, or \"any\"" :
		option->kind == FILES ? "a list of names, or of { path = NAME, from = FILE }" : option->kind == LIST ? "a list of texts" :
		option->kind == VARIABLES ? "a table: { NAME = \"VALUE\" }" : "one value");
	return 1;
}

int cc_options_file(struct cc_options *o, const char *output)
{
	const char *slash = strrchr(output, '/');
	const char *candidates[] = {
		cc_format("%s.optmig.toml", output),
		cc_format("%.*soptmig.toml", slash ? (int)(slash - output + 1) : 0, output),
	};
	for (size_t i = 0; i < 2; i++) {
		if (access(candidates[i], R_OK) != 0) continue;
		const char *end = strrchr(candidates[i], '/');
		struct toml_context context = {o, candidates[i], cc_format("%.*s", end ? (int)(end - candidates[i] + 1) : 0, candidates[i])};
		char problem[256];
		if (!cc_toml_read(candidates[i], set_from_toml, &context, problem, sizeof problem)) return 0;
		if (problem[0]) cc_error("%s: %s", candidates[i], problem);
		return 1;
	}
	return 0;
}
