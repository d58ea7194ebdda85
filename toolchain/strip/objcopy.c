/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-objcopy: objcopy for images; objects, archives and everything else go to llvm-objcopy. What an image is asked for is one of
 *
 *     to strip it     as optmig-strip does
 *     to read it      sections, debug information, as another file: llvm-objcopy does it, on a copy that refers to no guard (cc/image.c)
 *     to change it    refused: it would be another enclave, which its signature does not name, or no program any more
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "strip/image.h"

#define OBJCOPY "llvm-objcopy-19"

const char strip_name[] = "optmig-objcopy";

enum use { STRIPS_DEBUG, STRIPS, READS, DUMPS, KEEPS_DATES, NOTHING, CHANGES };

/* Also with their values behind a "=". The value of others is the next word if the short form has none behind it. */
static const struct option { const char *name; enum use use; bool value; } options[] = {
	{"-g", STRIPS_DEBUG, false}, {"--strip-debug", STRIPS_DEBUG, false},
	{"-S", STRIPS, false}, {"--strip-all", STRIPS, false}, {"--strip-all-gnu", STRIPS, false}, {"--strip-unneeded", STRIPS, false},
	{"-x", STRIPS, false}, {"--discard-all", STRIPS, false}, {"-X", STRIPS, false}, {"--discard-locals", STRIPS, false},
	{"--only-keep-debug", READS, false}, {"-j", READS, true}, {"--only-section", READS, true},
	{"-O", READS, true}, {"--output-target", READS, true}, {"--dump-section", DUMPS, true},
	{"-p", KEEPS_DATES, false}, {"--preserve-dates", KEEPS_DATES, false},
	{"-I", NOTHING, true}, {"--input-target", NOTHING, true}, {"-B", NOTHING, true}, {"--binary-architecture", NOTHING, true},
	{"-D", NOTHING, false}, {"--enable-deterministic-archives", NOTHING, false}, {"-v", NOTHING, false}, {"--verbose", NOTHING, false},
	{"--compress-debug-sections", NOTHING, false}, {"--decompress-debug-sections", NOTHING, false},
	{"-F", CHANGES, true}, {"--target", CHANGES, true}, {"-R", CHANGES, true}, {"--remove-section", CHANGES, true},
	{"-K", CHANGES, true}, {"--keep-symbol", CHANGES, true}, {"-N", CHANGES, true}, {"--strip-symbol", CHANGES, true},
	{"-G", CHANGES, true}, {"-L", CHANGES, true}, {"-W", CHANGES, true}, {"--globalize-symbol", CHANGES, true},
	{"--localize-symbol", CHANGES, true}, {"--weaken-symbol", CHANGES, true}, {"--keep-global-symbol", CHANGES, true},
	{"--add-section", CHANGES, true}, {"--update-section", CHANGES, true}, {"--add-symbol", CHANGES, true},
	{"--add-gnu-debuglink", CHANGES, true}, {"--rename-section", CHANGES, true}, {"--set-section-flags", CHANGES, true},
	{"--set-section-alignment", CHANGES, true}, {"--set-section-type", CHANGES, true}, {"--redefine-sym", CHANGES, true},
	{"--redefine-syms", CHANGES, true}, {"--prefix-symbols", CHANGES, true}, {"--prefix-alloc-sections", CHANGES, true},
	{"--change-section-address", CHANGES, true}, {"--set-start", CHANGES, true}, {"--change-start", CHANGES, true},
};

struct request {
	struct strv words;           /* all but the files' names, for llvm-objcopy */
	const char *input, *output;  /* output: NULL, or as it was given */
	const char *change;          /* the first option that changes a file */
	bool strips, strips_all, reads, dumps, dates;
	size_t files;
};

static const struct option *option_of(const char *word, bool *ret_has_value)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		size_t n = strlen(options[i].name);
		bool is_long = options[i].name[1] == '-';
		if (strncmp(word, options[i].name, n) != 0 || (is_long && word[n] && word[n] != '=')) continue;
		if (!is_long && word[n] && !options[i].value) continue;
		*ret_has_value = word[n] != 0;
		return &options[i];
	}
	return NULL;
}

/* Images have no such sections. */
static bool is_absent(const char *section)
{
	return starts_with(section, ".comment") || starts_with(section, ".note");
}

static void take_option(struct request *r, const char *word, const struct option *o, const char *value)
{
	switch (o ? o->use : CHANGES) {
	case STRIPS: r->strips = r->strips_all = true; break;
	case STRIPS_DEBUG: r->strips = true; break;
	case READS: r->reads = true; break;
	case DUMPS: r->dumps = true; break;
	case KEEPS_DATES: r->dates = true; break;
	case NOTHING: break;
	case CHANGES:
		if (o && value && strcmp(o->name, "-F") != 0 && is_absent(value)) break;
		if (!r->change) r->change = word;
	}
}

static int parse(int argc, char **argv, struct request *r)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = NULL;
		bool has_value = false;
		if (word[0] != '-' || !word[1]) {
			*(r->files++ ? &r->output : &r->input) = word;
			continue;
		}
		const struct option *o = option_of(word, &has_value);
		strv_add(&r->words, word);
		if (o && o->value) {
			if (!has_value && i + 1 == argc) return strip_failed(word, "needs a value");
			value = !has_value ? argv[++i] : word[1] == '-' ? strchr(word, '=') + 1 : word + 2;
			if (!has_value) strv_add(&r->words, value);
		}
		take_option(r, word, o, value);
	}
	return 0;
}

static void command_of(const struct request *r, const char *input, const char *output, struct strv *ret_command)
{
	strv_add(ret_command, OBJCOPY);
	strv_extend(ret_command, &r->words);
	if (input) strv_add(ret_command, input);
	if (output) strv_add(ret_command, output);
}

/* llvm-objcopy reads a copy: what it leaves out the image's header must not refer to. */
static int read_image(struct cc_elf *elf, const struct request *r)
{
	const char *tmp = getenv("TMPDIR"), *output = r->output ? r->output : "/dev/null";
	char *copy = cc_format("%s/optmig-objcopy-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	struct strv command = {0};
	int fd = mkstemp(copy), status = 1;
	if (fd < 0) return strip_failed(copy, "cannot be made");
	strip_unguard(elf);
	FILE *f = fdopen(fd, "wb");
	bool good = f && fwrite(elf->data, 1, elf->size, f) == elf->size;
	if (f && fclose(f) != 0) good = false;
	command_of(r, copy, output, &command);
	status = good ? cc_run(&command, false) : strip_failed(copy, "cannot be written");
	(void)unlink(copy);
	return status;
}

static bool is_same_name(const struct request *r)
{
	return !r->output || strcmp(r->output, r->input) == 0;
}

static int copy_image(struct cc_elf *elf, const struct request *r)
{
	const struct strip_request strip = {.what = r->strips_all ? STRIP_ALL : r->strips ? STRIP_DEBUG : STRIP_NOTHING, .output = r->output, .dates = r->dates};
	if (r->change && !r->reads)
		return strip_failed(elf->path, cc_format("%s: an image is measured and signed as it is, and would be no program afterwards; "
			"do this to its objects and link them again (symbols and debug information: optmig-strip)", r->change));
	if (r->reads && is_same_name(r))
		return strip_failed(elf->path, "the result would take the image's place: name another file for it");
	if (r->reads || (r->dumps && !r->output)) return read_image(elf, r);
	if (r->dumps) return strip_failed(elf->path, "--dump-section of an image writes that section only: leave the output out");
	return strip_image(elf, &strip);
}

int main(int argc, char **argv)
{
	struct request r = {0};
	if (parse(argc, argv, &r)) return 1;
	struct cc_elf elf = {.path = r.input};
	if (r.files > 2) return strip_failed(r.output, "one file is copied at a time");
	if (r.input) elf.data = cc_read_file(r.input, &elf.size);
	if (elf.data && strip_is_image(&elf)) return copy_image(&elf, &r);
	struct strv command = {0};
	command_of(&r, r.input, r.output, &command);
	cc_exec(&command, false);
}
