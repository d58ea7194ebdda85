/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a cc command line. Every word is of one of these kinds (the table below has the special ones):
 *   - a mode or information request;
 *   - an option that has no meaning in an image and is dropped, such as -pie;
 *   - an option that cannot be honoured and is refused, with the reason;
 *   - a word for the linker, kept in order with the inputs;
 *   - any other option, for the compiler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cc.h"

enum action { DROP, DROP_WITH_VALUE, REFUSE, WITH_VALUE, LINK, LINK_WITH_VALUE, PREPROCESS, COMPILE, PARTIAL, INFORMATION, CXX_LIBRARY, NO_CXX_LIBRARY };

struct rule { const char *text; bool prefix; enum action action; const char *why; };

#define NO_SHARED "an image is one static program: shared libraries and plug-ins do not exist inside an enclave; " \
	"build the static library (--disable-shared, -Ddefault_library=static, BUILD_SHARED_LIBS=OFF, or what the project calls it)"
#define NO_PROFILER "there is no profiler inside an enclave; profile and measure coverage in the native build"
#define NO_OPENMP "there is no OpenMP runtime for enclaves; leave it out (the pragmas are then ignored) and use pthreads; -fopenmp-simd works"
#define ONE_UNWINDER "exceptions are unwound by tables, here as on any x86-64; the option makes code for another unwinder"

static const struct rule rules[] = {
	/* modes */
	{"-c", false, COMPILE, NULL},
	{"-S", false, COMPILE, NULL},
	{"-E", false, PREPROCESS, NULL},
	{"-M", false, PREPROCESS, NULL},
	{"-MM", false, PREPROCESS, NULL},
	{"-fsyntax-only", false, PREPROCESS, NULL},
	{"-r", false, PARTIAL, NULL},
	{"-V", false, INFORMATION, NULL},
	{"-dumpversion", false, INFORMATION, NULL},
	{"-dumpmachine", false, INFORMATION, NULL},
	{"-print-", true, INFORMATION, NULL},
	{"--print-", true, INFORMATION, NULL},
	{"--help=", true, INFORMATION, NULL},
	{"-###", false, INFORMATION, NULL},
	/* an image is one static executable at a fixed address */
	{"-shared", false, REFUSE, NO_SHARED},
	{"-dynamiclib", false, REFUSE, "an image is one static program"},
	{"-Wl,-shared", false, REFUSE, NO_SHARED},
	{"-Wl,--shared", false, REFUSE, NO_SHARED},
	{"-Wl,-Bshareable", false, REFUSE, NO_SHARED},
	{"-m32", false, REFUSE, "enclaves are 64-bit"},
	{"-mx32", false, REFUSE, "enclaves are 64-bit"},
	{"-pg", false, REFUSE, NO_PROFILER},
	{"-fprofile-generate", true, REFUSE, NO_PROFILER},
	{"-fprofile-instr-generate", true, REFUSE, NO_PROFILER},
	{"-fcs-profile-generate", true, REFUSE, NO_PROFILER},
	{"-fprofile-arcs", false, REFUSE, NO_PROFILER},
	{"-ftest-coverage", false, REFUSE, NO_PROFILER},
	{"-fcoverage-mapping", false, REFUSE, NO_PROFILER},
	{"-fxray-instrument", false, REFUSE, NO_PROFILER},
	{"--coverage", false, REFUSE, NO_PROFILER},
	{"-coverage", false, REFUSE, NO_PROFILER},
	{"-fopenmp", false, REFUSE, NO_OPENMP},
	{"-fopenmp=", true, REFUSE, NO_OPENMP},
	{"-lgomp", false, REFUSE, NO_OPENMP},
	{"-lomp", false, REFUSE, NO_OPENMP},
	{"-fsjlj-exceptions", false, REFUSE, ONE_UNWINDER},
	{"-fexperimental-library", false, REFUSE, "libc++'s unfinished parts are not built for enclaves"},
	{"-lc++experimental", false, REFUSE, "libc++'s unfinished parts are not built for enclaves"},
	/* C++: one library, libc++ with libc++abi and libunwind, whatever name is asked for */
	{"-lstdc++", false, CXX_LIBRARY, NULL},
	{"-lstdc++fs", false, CXX_LIBRARY, NULL},
	{"-lsupc++", false, CXX_LIBRARY, NULL},
	{"-lc++", false, CXX_LIBRARY, NULL},
	{"-lc++abi", false, CXX_LIBRARY, NULL},
	{"-lunwind", false, CXX_LIBRARY, NULL},
	{"-lgcc_s", false, CXX_LIBRARY, NULL},
	{"-lgcc_eh", false, CXX_LIBRARY, NULL},
	{"-nostdlib++", false, NO_CXX_LIBRARY, NULL},
	{"-nodefaultlibs", false, NO_CXX_LIBRARY, NULL},
	{"-stdlib=", true, DROP, NULL},
	{"-rtlib=", true, DROP, NULL},
	{"--rtlib=", true, DROP, NULL},
	{"-unwindlib=", true, DROP, NULL},
	{"--unwindlib=", true, DROP, NULL},
	{"-static-libstdc++", false, DROP, NULL},
	{"-fsanitize=", true, REFUSE, "sanitizers need a runtime that does not exist inside an enclave; test the native build with them"},
	{"-fsplit-stack", false, REFUSE, "not supported"},
	{"-pie", false, DROP, NULL},
	{"-no-pie", false, DROP, NULL},
	{"-nopie", false, DROP, NULL},
	{"-static", false, DROP, NULL},
	{"-static-pie", false, DROP, NULL},
	{"-static-libgcc", false, DROP, NULL},
	{"-shared-libgcc", false, DROP, NULL},
	{"-rdynamic", false, DROP, NULL},
	{"-fpie", false, DROP, NULL},
	{"-fPIE", false, DROP, NULL},
	{"-fpic", false, DROP, NULL},
	{"-fPIC", false, DROP, NULL},
	{"-fno-pie", false, DROP, NULL},
	{"-fno-PIE", false, DROP, NULL},
	{"-fno-pic", false, DROP, NULL},
	{"-fno-PIC", false, DROP, NULL},
	{"-fuse-ld=", true, DROP, NULL},
	{"--ld-path=", true, DROP, NULL},
	{"-mcmodel=", true, DROP, NULL},
	{"-ftls-model=", true, DROP, NULL},
	{"-fstack-protector", true, DROP, NULL},
	{"-fno-stack-protector", false, DROP, NULL},
	{"-fcf-protection", true, DROP, NULL},
	{"-mshstk", false, DROP, NULL},
	{"-flto", true, DROP, "the pass works object by object; -flto is ignored"},
	{"-fwhole-program-vtables", false, DROP, NULL},
	{"-fuse-linker-plugin", false, DROP, NULL},
	{"-march=native", false, DROP, "an image runs on other machines, too; -march=native is ignored"},
	{"-mtune=native", false, DROP, NULL},
	{"-mcpu=native", false, DROP, NULL},
	{"--sysroot=", true, DROP, NULL},
	{"--sysroot", false, DROP_WITH_VALUE, NULL},
	{"-isysroot", false, DROP_WITH_VALUE, NULL},
	{"-lc", false, DROP, NULL},
	{"-lgcc", false, DROP, NULL},
	{"-latomic", false, DROP, NULL},
	{"-Wl,-pie", false, DROP, NULL},
	{"-Wl,--pie", false, DROP, NULL},
	{"-Wl,--export-dynamic", false, DROP, NULL},
	{"-Wl,-export-dynamic", false, DROP, NULL},
	{"-Wl,-E", false, DROP, NULL},
	{"-Wl,-rpath", true, DROP, NULL},
	{"-Wl,--rpath", true, DROP, NULL},
	{"-Wl,-R", true, DROP, NULL},
	{"-Wl,-z,now", false, DROP, NULL},
	{"-Wl,-z,relro", false, DROP, NULL},
	{"-Wl,-z,relro,-z,now", false, DROP, NULL},
	{"-Wl,-z,noexecstack", false, DROP, NULL},
	{"-Wl,-Bstatic", false, DROP, NULL},
	{"-Wl,-Bdynamic", false, DROP, NULL},
	{"-Wl,-Bsymbolic", true, DROP, NULL},
	{"-Wl,--as-needed", false, DROP, NULL},
	{"-Wl,--no-as-needed", false, DROP, NULL},
	{"-Wl,--hash-style", true, DROP, NULL},
	{"-Wl,--build-id", true, DROP, NULL},
	{"-Wl,-soname", true, DROP, NULL},
	{"-Wl,-T", true, REFUSE, "the layout of an image is fixed; linker scripts cannot be replaced"},
	{"-Wl,--script", true, REFUSE, "the layout of an image is fixed; linker scripts cannot be replaced"},
	{"-Wl,--default-script", true, REFUSE, "the layout of an image is fixed; linker scripts cannot be replaced"},
	{"-Wl,-dT", true, REFUSE, "the layout of an image is fixed; linker scripts cannot be replaced"},
	{"-Wl,--section-start", true, REFUSE, "the layout of an image is fixed; sections have no addresses of their own"},
	{"-T", true, REFUSE, "the layout of an image is fixed; linker scripts cannot be replaced"},
	/* the linker's */
	{"-Wl,", true, LINK, NULL},
	{"-Xlinker", false, LINK_WITH_VALUE, NULL},
	{"-L", false, LINK_WITH_VALUE, NULL},
	{"-L", true, LINK, NULL},
	{"-l", false, LINK_WITH_VALUE, NULL},
	{"-l", true, LINK, NULL},
	{"-u", false, LINK_WITH_VALUE, NULL},
	{"-z", false, DROP_WITH_VALUE, NULL},
	{"-s", false, LINK, NULL},
	/* compiler options whose value is the next word, not an input */
	{"-I", false, WITH_VALUE, NULL}, {"-D", false, WITH_VALUE, NULL}, {"-U", false, WITH_VALUE, NULL},
	{"-include", false, WITH_VALUE, NULL}, {"-imacros", false, WITH_VALUE, NULL}, {"-isystem", false, WITH_VALUE, NULL},
	{"-iquote", false, WITH_VALUE, NULL}, {"-idirafter", false, WITH_VALUE, NULL}, {"-iprefix", false, WITH_VALUE, NULL},
	{"-iwithprefix", false, WITH_VALUE, NULL}, {"-iwithprefixbefore", false, WITH_VALUE, NULL},
	{"-MT", false, WITH_VALUE, NULL}, {"-MQ", false, WITH_VALUE, NULL},
	{"-Xclang", false, WITH_VALUE, NULL}, {"-Xassembler", false, WITH_VALUE, NULL}, {"-Xpreprocessor", false, WITH_VALUE, NULL},
	{"-mllvm", false, WITH_VALUE, NULL}, {"--param", false, WITH_VALUE, NULL}, {"-arch", false, WITH_VALUE, NULL},
	{"-B", false, WITH_VALUE, NULL}, {"-dumpbase", false, WITH_VALUE, NULL}, {"-aux-info", false, WITH_VALUE, NULL},
};

static const struct rule *rule_for(const char *word)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const struct rule *r = &rules[i];
		if (r->prefix ? starts_with(word, r->text) : strcmp(word, r->text) == 0) return r;
	}
	return NULL;
}

/* Splits a response file: words by white space, quotes and backslashes as in GNU's. */
static void split_words(const char *text, struct strv *into)
{
	char *word = cc_alloc(strlen(text) + 1);
	for (const char *p = text;;) {
		while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
		if (!*p) return;
		size_t n = 0;
		for (char quote = 0; *p && (quote || !strchr(" \t\n\r", *p)); p++) {
			if (*p == '\\' && p[1] && quote != '\'') word[n++] = *++p;
			else if (quote && *p == quote) quote = 0;
			else if (!quote && (*p == '"' || *p == '\'')) quote = *p;
			else word[n++] = *p;
		}
		word[n] = 0;
		strv_add(into, word);
	}
}

static int expand(char **argv, int argc, struct strv *into, int depth)
{
	for (int i = 0; i < argc; i++) {
		char *text = argv[i][0] == '@' ? cc_read_file(argv[i] + 1, NULL) : NULL;
		if (!text) { strv_add(into, argv[i]); continue; }
		if (depth > 16) { cc_error("response files are nested too deeply at %s", argv[i]); return 1; }
		struct strv words = {0};
		split_words(text, &words);
		if (expand(words.item, (int)words.count, into, depth + 1)) return 1;
	}
	return 0;
}

static void add_word(struct cc_args *a, struct cc_word word)
{
	a->word = realloc(a->word, (a->word_count + 1) * sizeof *a->word);
	if (!a->word) abort();
	a->word[a->word_count++] = word;
}

static void add_input(struct cc_args *a, const char *path, const char *language)
{
	a->input = realloc(a->input, (a->input_count + 1) * sizeof *a->input);
	if (!a->input) abort();
	a->input[a->input_count] = (struct cc_input){path, language};
	add_word(a, (struct cc_word){.kind = CC_WORD_INPUT, .input = a->input_count++});
}

static bool ends_with_one_of(const char *path, const char *const *endings)
{
	size_t n = strlen(path);
	for (; *endings; endings++) {
		size_t m = strlen(*endings);
		if (n > m && strcmp(path + n - m, *endings) == 0) return true;
	}
	return false;
}

bool cc_is_cxx(const struct cc_input *input)
{
	static const char *const endings[] = {".cc", ".cp", ".cxx", ".cpp", ".CPP", ".c++", ".C", ".ii", NULL};
	return input->language ? starts_with(input->language, "c++") : ends_with_one_of(input->path, endings);
}

/* Called as optmig-c++, it is what c++ is to cc: C++ whatever a source is called, and the library with each link. */
static bool is_cxx_driver(const char *name)
{
	size_t n = strlen(name);
	return n > 2 && strcmp(name + n - 2, "++") == 0;
}

bool cc_is_source(const struct cc_input *input)
{
	static const char *const endings[] = {".c", ".i", ".s", ".S", ".sx", ".ll", ".bc", NULL};
	return input->language || cc_is_cxx(input) || ends_with_one_of(input->path, endings);
}

/* Of the linker's options one says something about the image: -z stack-size, however it is written. */
static void note_stack(struct cc_args *a, const char *text)
{
	const char *size = strstr(text, "stack-size=");
	if (!size) return;
	size += strlen("stack-size=");
	strv_addf(&a->image_options, "stack=%.*s", (int)strcspn(size, ","), size);
}

/* Applies a rule; *index moves over a value. */
static int apply(struct cc_args *a, const struct rule *r, struct strv *words, size_t *index)
{
	const char *word = words->item[*index], *value = NULL;
	bool takes = r->action == WITH_VALUE || r->action == LINK_WITH_VALUE || r->action == DROP_WITH_VALUE;
	if (takes) {
		if (*index + 1 >= words->count) { cc_error("%s needs a value", word); return 1; }
		value = words->item[++*index];
	}
	if (r->action == REFUSE) { cc_error("%s: %s", word, r->why); return 1; }
	if (r->action == DROP && r->why) cc_note("%s", r->why);
	if (starts_with(word, "-Wl,") || strcmp(word, "-Xlinker") == 0 || strcmp(word, "-z") == 0) note_stack(a, value ? value : word);
	switch (r->action) {
	case COMPILE: a->mode = CC_COMPILE; strv_add(&a->common, word); break;
	case PREPROCESS: a->mode = CC_PREPROCESS; strv_add(&a->common, word); break;
	case PARTIAL: if (a->mode == CC_LINK) a->mode = CC_PARTIAL; break;
	case INFORMATION: a->mode = CC_PASS_THROUGH; strv_add(&a->common, word); break;
	case WITH_VALUE: strv_add(&a->common, word); strv_add(&a->common, value); break;
	case CXX_LIBRARY: a->cxx_library = true; break;
	case NO_CXX_LIBRARY: a->no_cxx_library = true; break;
	case LINK: add_word(a, (struct cc_word){.kind = CC_WORD_LINK, .text = word}); break;
	case LINK_WITH_VALUE:
		add_word(a, (struct cc_word){.kind = CC_WORD_LINK, .text = word});
		add_word(a, (struct cc_word){.kind = CC_WORD_LINK, .text = value});
		break;
	default: break;
	}
	return 0;
}

/* Build systems want to know which linker it is, and name no input. */
static void ask_linker(struct cc_args *a, const char *word)
{
	a->mode = CC_PASS_THROUGH;
	strv_add(&a->common, "-fuse-ld=lld");
	strv_add(&a->common, "--ld-path=/usr/bin/ld.lld-19");
	strv_add(&a->common, "-nostdlib");
	strv_add(&a->common, word);
}

/* -o, -x, -M*, -target, -Xoptmig: words with their own meaning. Returns 0 not one, 1 done, -1 error. */
static int special(struct cc_args *a, struct strv *words, size_t *index, const char **language)
{
	const char *word = words->item[*index];
	const char *next = *index + 1 < words->count ? words->item[*index + 1] : NULL;
	struct { const char *name; const char **into; } valued[] = {{"-o", &a->output}, {"-x", language}};
	for (size_t i = 0; i < 2; i++) {
		if (!starts_with(word, valued[i].name)) continue;
		const char *value = word[2] ? word + 2 : next;
		if (!value) { cc_error("%s needs a value", word); return -1; }
		*valued[i].into = value;
		*index += !word[2];
		if (valued[i].into == language && strcmp(value, "none") == 0) *language = NULL;
		return 1;
	}
	if (strcmp(word, "-Xoptmig") == 0 || starts_with(word, "-Xoptmig=")) {
		const char *value = word[8] ? word + 9 : next;
		if (!value) { cc_error("-Xoptmig needs key=value"); return -1; }
		strv_add(&a->image_options, value);
		*index += !word[8];
		return 1;
	}
	if (strcmp(word, "-target") == 0 || starts_with(word, "--target=")) {
		const char *target = word[1] == '-' ? word + 9 : next;
		if (!target || !starts_with(target, "x86_64")) { cc_error("%s: enclaves are x86_64", target ? target : word); return -1; }
		*index += word[1] != '-';
		return 1;
	}
	if (strcmp(word, "-MF") == 0) {
		if (!next) { cc_error("-MF needs a value"); return -1; }
		a->dependency_file = true;
		strv_add(&a->common, word);
		strv_add(&a->common, next);
		++*index;
		return 1;
	}
	if (strcmp(word, "-MD") == 0 || strcmp(word, "-MMD") == 0) { a->dependencies = true; strv_add(&a->common, word); return 1; }
	if (strcmp(word, "--help") == 0) { a->help = true; return 1; }
	if (strcmp(word, "--help=clang") == 0) { strv_add(&a->common, "--help"); a->mode = CC_PASS_THROUGH; return 1; }
	if (strcmp(word, "--version") == 0) { a->version = true; a->mode = CC_PASS_THROUGH; return 1; }
	if (strcmp(word, "-Wl,--version") == 0) { ask_linker(a, word); return 1; }
	if (strcmp(word, "-nostdlib") == 0) a->no_cxx_library = true;
	if (strcmp(word, "-nostdlib") == 0 || strcmp(word, "-nostartfiles") == 0) { a->needs_crt = false; return 1; }
	return 0;
}

int cc_args_parse(int argc, char **argv, struct cc_args *ret_args)
{
	struct cc_args a = {.mode = CC_LINK, .needs_crt = true, .cxx_driver = is_cxx_driver(argv[0])};
	struct strv words = {0};
	const char *language = NULL;
	if (expand(argv + 1, argc - 1, &words, 0)) return 1;
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.item[i];
		if (word[0] != '-' || !word[1]) { add_input(&a, word, language); continue; }
		int done = special(&a, &words, &i, &language);
		if (done < 0) return 1;
		if (done) continue;
		const struct rule *r = rule_for(word);
		if (!r) strv_add(&a.common, word);
		else if (apply(&a, r, &words, &i)) return 1;
	}
	a.cxx = a.cxx_driver;
	for (size_t i = 0; i < a.input_count; i++) a.cxx |= cc_is_cxx(&a.input[i]);
	a.cxx_library = (a.cxx_library || a.cxx_driver) && !a.no_cxx_library;
	if (a.mode == CC_LINK && !a.input_count) a.mode = CC_PASS_THROUGH;
	*ret_args = a;
	return 0;
}
