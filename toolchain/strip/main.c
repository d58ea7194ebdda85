/* SPDX-License-Identifier: Apache-2.0 */
/* optmig-strip: strip for images (strip/image.c); objects, archives and everything else go to llvm-strip. */
#include <string.h>
#include "strip/image.h"

#define STRIP "llvm-strip-19"

const char strip_name[] = "optmig-strip";

struct arguments {
	struct strv options, files;
	const char *output;
	bool debug_only, dates;
};

/* Options whose value is the next word. */
static bool takes_value(const char *word)
{
	static const char *const words[] = {"-o", "-K", "-N", "-R", "-F", "-I", "-O", "--keep-symbol", "--strip-symbol", "--remove-section",
		"--keep-section", "--output-target", "--input-target", "--target"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i]) == 0) return true;
	return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0) return true;
	return false;
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const char *const debug[] = {"-g", "-S", "-d", "--strip-debug", NULL}, *const dates[] = {"-p", "--preserve-dates", NULL};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (word[0] != '-' || !word[1]) { strv_add(&a->files, word); continue; }
		if (takes_value(word) && i + 1 == argc) return strip_failed(word, "needs a value");
		if (strcmp(word, "-o") == 0) { a->output = argv[++i]; continue; }
		a->debug_only |= is_one_of(word, debug);
		a->dates |= is_one_of(word, dates);
		strv_add(&a->options, word);
		if (takes_value(word)) strv_add(&a->options, argv[++i]);
	}
	return 0;
}

static int strip_other(const char *file, const struct arguments *a)
{
	struct strv command = {0};
	strv_add(&command, STRIP);
	strv_extend(&command, &a->options);
	if (a->output) { strv_add(&command, "-o"); strv_add(&command, a->output); }
	if (file) strv_add(&command, file);
	if (file) return cc_run(&command, false);
	cc_exec(&command, false);
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	int status = 0;
	if (parse(argc, argv, &a)) return 1;
	if (!a.files.count) return strip_other(NULL, &a); /* --version and the like */
	if (a.output && a.files.count > 1) return strip_failed(a.output, "-o names the result of one file");
	const struct strip_request request = {.what = a.debug_only ? STRIP_DEBUG : STRIP_ALL, .output = a.output, .dates = a.dates};
	for (size_t i = 0; i < a.files.count; i++) {
		struct cc_elf elf = {.path = a.files.item[i]};
		elf.data = cc_read_file(elf.path, &elf.size);
		if ((elf.data && strip_is_image(&elf) ? strip_image(&elf, &request) : strip_other(elf.path, &a)) != 0) status = 1;
	}
	return status;
}
