/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns what was asked into clang command lines. When linking, each source is compiled by a run of its own into a
 * temporary directory, so that the objects are still there when they are checked after the link.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <string.h>
#include "cc.h"

/* Flags that make code fit for an image, before the user's so that -O and the like win... */
static void compile_front(struct strv *v, const struct cc_args *args, const struct cc_env *env, const struct cc_options *options)
{
	strv_add(v, env->clang);
	if (args->cxx_driver) strv_add(v, "--driver-mode=g++");
	strv_add(v, "--target=x86_64-linux-musl");
	strv_addf(v, "--sysroot=%s", options->sysroot);
	strv_add(v, "-nostdlibinc");
	strv_add(v, "-Wno-unused-command-line-argument");
	strv_add(v, "-D__OPTMIG__=1");
	/* Not for -E: its output is the program's text, and whoever asks for it may read it (configure scripts, templates).
	 * By its name alone it is found among the system's headers (compile_back), which -MMD leaves out. */
	if (args->mode != CC_PREPROCESS) { strv_add(v, "-include"); strv_add(v, "optmig-mnemonics.h"); }
	for (char *rest = cc_format("%s", env->cflags), *word; (word = strtok_r(rest, " \t\n", &rest));) strv_add(v, word);
}

/* ... and those that have to hold whatever the user said, after them. */
static void compile_back(struct strv *v, const struct cc_args *args, const struct cc_env *env, const struct cc_options *options)
{
	/* Before libc's, which its headers wrap; they stand aside in C. */
	if (args->cxx && !strv_has(&args->common, "-nostdinc++")) strv_addf(v, "-isystem%s/include/c++/v1", options->sysroot);
	strv_addf(v, "-isystem%s/include", options->sysroot);
	strv_add(v, "-fPIE");
	strv_add(v, "-ftls-model=local-exec");
	strv_add(v, "-fno-stack-protector");
	strv_add(v, "-fcf-protection=none");
	strv_add(v, "-fno-lto");
	strv_addf(v, "-fpass-plugin=%s/toolchain/optmig-pass.so", env->root);
}

static bool named(const struct cc_input *input, const char *language, const char *ending)
{
	size_t n = strlen(input->path), m = strlen(ending);
	return input->language ? strcmp(input->language, language) == 0 : n > m && strcmp(input->path + n - m, ending) == 0;
}

/* What -E made lacks the macros of compile_front, which clang includes in C and C++ only: so that is what it is read as. */
static const char *language_of(const struct cc_args *args, const struct cc_input *input)
{
	if (named(input, "c++-cpp-output", ".ii")) return "c++";
	if (named(input, "cpp-output", ".i") || named(input, "c-cpp-output", ".i")) return args->cxx_driver && !input->language ? "c++" : "c";
	return input->language;
}

static void add_input(struct strv *v, const struct cc_args *args, const struct cc_input *input)
{
	const char *language = language_of(args, input);
	if (language) { strv_add(v, "-x"); strv_add(v, language); }
	strv_add(v, input->path);
	if (language) { strv_add(v, "-x"); strv_add(v, "none"); }
}

/* -E, -c, -S: one run with everything in it. */
static void plan_single(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *plan)
{
	plan->compile = cc_alloc(sizeof *plan->compile);
	plan->compile_count = 1;
	struct strv *v = plan->compile;
	compile_front(v, args, env, options);
	strv_extend(v, &args->common);
	compile_back(v, args, env, options);
	for (size_t i = 0; i < args->word_count; i++)
		if (args->word[i].kind == CC_WORD_INPUT) add_input(v, args, &args->input[args->word[i].input]);
	if (args->output) { strv_add(v, "-o"); strv_add(v, args->output); }
}

/* Compiles input number `index` to the temporary directory; returns the object. */
static const char *plan_source(const struct cc_args *args, size_t index, const struct cc_env *env,
	const struct cc_options *options, struct cc_plan *plan)
{
	const struct cc_input *input = &args->input[index];
	const char *base = strrchr(input->path, '/');
	base = base ? base + 1 : input->path;
	const char *object = cc_format("%s/%zu-%.*s.o", plan->temporary, index, (int)strcspn(base, "."), base);
	struct strv *v = &plan->compile[plan->compile_count++];
	compile_front(v, args, env, options);
	strv_extend(v, &args->common);
	compile_back(v, args, env, options);
	if (args->dependencies && !args->dependency_file) {
		strv_add(v, "-MF");
		strv_addf(v, "%.*s.d", (int)strcspn(plan->output, "."), plan->output);
	}
	strv_add(v, "-c");
	add_input(v, args, input);
	strv_add(v, "-o");
	strv_add(v, object);
	return object;
}

static void link_front(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *plan)
{
	struct strv *v = &plan->link;
	strv_add(v, env->clang);
	strv_add(v, "--target=x86_64-linux-musl");
	strv_addf(v, "--sysroot=%s", options->sysroot);
	strv_add(v, "--ld-path=/usr/bin/ld.lld-19");
	strv_add(v, "-Wno-unused-command-line-argument");
	strv_extend(v, &args->common);
	strv_add(v, "-fuse-ld=lld");
	strv_add(v, "-nostdlib");
	strv_addf(v, "-Wl,-Map=%s", plan->map);
}

/* The command line's words in their order, sources as the objects that they become. */
static void link_words(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *plan)
{
	struct strv *v = &plan->link;
	for (size_t i = 0; i < args->word_count; i++) {
		const struct cc_word *w = &args->word[i];
		if (w->kind == CC_WORD_LINK) strv_add(v, w->text);
		else if (cc_is_source(&args->input[w->input])) strv_add(v, plan_source(args, w->input, env, options, plan));
		else strv_add(v, args->input[w->input].path);
	}
}

static void plan_partial(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *plan)
{
	link_front(args, env, options, plan);
	strv_add(&plan->link, "-r");
	link_words(args, env, options, plan);
	strv_add(&plan->link, "-o");
	strv_add(&plan->link, plan->output);
}

static void plan_link(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *plan)
{
	struct strv *v = &plan->link;
	link_front(args, env, options, plan);
	static const char *const fixed[] = {
		"-static", "-no-pie", "-fno-lto",
		"-Wl,--no-dynamic-linker", "-Wl,-z,max-page-size=4096", "-Wl,-z,norelro", "-Wl,-z,noexecstack", "-Wl,--build-id=none",
		"-Wl,--eh-frame-hdr", "-Wl,-z,nostart-stop-gc", /* as GNU ld */
	};
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) strv_add(v, fixed[i]);
	strv_addf(v, "-Wl,-T,%s", options->script);
	strv_addf(v, "-L%s/lib", options->sysroot);
	if (args->needs_crt) strv_addf(v, "%s/lib/crt1.o", options->sysroot);
	link_words(args, env, options, plan);
	strv_add(v, "-Wl,--whole-archive");
	strv_add(v, options->runtime);
	strv_add(v, "-Wl,--no-whole-archive");
	strv_add(v, "-Wl,--start-group");
	/* Before libc: it has a pthread_once that exceptions may leave (cxx/once.cpp). */
	static const char *const cxx[] = {"libc++.a", "libc++abi.a", "libunwind.a"};
	for (size_t i = 0; args->cxx_library && i < sizeof cxx / sizeof *cxx; i++) strv_addf(v, "%s/lib/%s", options->sysroot, cxx[i]);
	strv_addf(v, "%s/lib/libc.a", options->sysroot);
	strv_addf(v, "%s/lib/liboptmig_builtins.a", options->sysroot);
	strv_add(v, "-Wl,--end-group");
	strv_add(v, "-o");
	strv_add(v, plan->output);
}

int cc_plan_make(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *ret_plan)
{
	struct cc_plan plan = {.output = args->output ? args->output : "a.out"};
	if (args->mode == CC_PREPROCESS || args->mode == CC_COMPILE) {
		plan_single(args, env, options, &plan);
		*ret_plan = plan;
		return 0;
	}
	const char *tmp = getenv("TMPDIR");
	char *directory = cc_format("%s/optmig-cc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	plan.temporary = mkdtemp(directory);
	if (!plan.temporary) { cc_error("cannot make a temporary directory in %s", tmp && *tmp ? tmp : "/tmp"); return 1; }
	plan.map = cc_format("%s/map", plan.temporary);
	/* `-o /dev/null` asks whether it links: a file that is finished in place, and removed if that fails, must not be a device. */
	struct stat output;
	if (stat(plan.output, &output) == 0 && S_ISCHR(output.st_mode)) plan.output = cc_format("%s/image", plan.temporary);
	plan.finish = args->mode != CC_PARTIAL;
	plan.compile = cc_alloc(args->input_count * sizeof *plan.compile);
	(plan.finish ? plan_link : plan_partial)(args, env, options, &plan);
	*ret_plan = plan;
	return 0;
}
