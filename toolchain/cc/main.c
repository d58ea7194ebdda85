/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-cc: a drop-in for cc whose products run inside an enclave. It drives clang with the pass and our libc, links
 * the runtime in, and then checks, completes and signs the image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cc.h"

static int read_options(const struct cc_args *args, const struct cc_env *env, struct cc_options *o)
{
	cc_options_default(o);
	o->runtime = cc_format("%s/trusted/librt.a", env->root);
	o->script = cc_format("%s/trusted/image.ld", env->root);
	if (args->mode == CC_LINK && cc_options_file(o, args->output ? args->output : "a.out")) return 1;
	if (cc_options_words(o, env->options, "OPTMIG_OPTIONS")) return 1;
	for (size_t i = 0; i < args->image_options.count; i++)
		if (cc_options_words(o, args->image_options.item[i], "-Xoptmig")) return 1;
	cc_options_settle(o, env);
	if (o->verify && !o->sysroot && access(cc_format("%s/verify/sysroot", env->root), R_OK)) {
		cc_error("verify images are made by OptMig's own tests, in its build tree");
		return 1;
	}
	if (!o->sysroot) o->sysroot = cc_format("%s/%s", env->root, o->verify ? "verify/sysroot" : "sysroot");
	return 0;
}

/* Version, search paths and the like are clang's. Our line comes last: scripts look at the first. */
static int pass_through(const struct cc_args *args, const struct cc_env *env)
{
	struct strv command = {0};
	strv_add(&command, env->clang);
	strv_add(&command, "--target=x86_64-linux-musl");
	strv_addf(&command, "--sysroot=%s/sysroot", env->root);
	strv_extend(&command, &args->common);
	if (args->version) strv_add(&command, "--version");
	int status = cc_run(&command, env->verbose);
	if (args->version && status == 0) printf("optmig-cc %s: programs that run inside SGX enclaves and migrate live\n", OPTMIG_VERSION);
	return status;
}

static bool found_in(const char *directory, const char *name)
{
	return access(cc_format("%s/%s", directory, name), R_OK) == 0;
}

/* The linker says which library it does not find, but not why /usr/lib's is no help. */
static void explain_libraries(const struct cc_args *args, const struct cc_options *options)
{
	for (size_t i = 0; i < args->word_count; i++) {
		const char *word = args->word[i].kind == CC_WORD_LINK ? args->word[i].text : "";
		if (!starts_with(word, "-l") || !word[2] || word[2] == ':') continue;
		const char *name = cc_format("lib%s.a", word + 2);
		bool found = found_in(cc_format("%s/lib", options->sysroot), name);
		for (size_t j = 0; j < args->word_count && !found; j++) {
			const char *where = args->word[j].kind == CC_WORD_LINK ? args->word[j].text : "";
			if (strcmp(where, "-L") == 0 && j + 1 < args->word_count) found = found_in(args->word[j + 1].text, name);
			else if (starts_with(where, "-L")) found = found_in(where + 2, name);
		}
		if (!found) cc_note("%s is in no -L directory; the system's libraries live outside of enclaves: build %s with optmig-cc", name, name);
	}
}

/* Do the objects want the C++ library? They name it; the linker's errors do, too, but not what to do. */
static void explain_cxx(const struct cc_args *args, const struct cc_plan *plan)
{
	static const char *const names[] = {"__gxx_personality_v0", "_ZTVN10__cxxabiv1", "_ZNSt", "_Znwm", "_ZdlPv", "__cxa_", NULL};
	if (args->cxx_library) return;
	for (size_t i = 0; i < plan->link.count; i++) {
		size_t n = strlen(plan->link.item[i]), size = 0;
		if (n < 3 || strcmp(plan->link.item[i] + n - 2, ".o") != 0) continue;
		const char *data = cc_read_file(plan->link.item[i], &size);
		for (size_t k = 0; data && names[k]; k++) {
			if (!memmem(data, size, names[k], strlen(names[k]))) continue;
			cc_note("%s is C++ and uses its library: link it with optmig-c++", plan->link.item[i]);
			return;
		}
	}
}

/* --print-...: what is not clang's to answer. Return: an exit status, or -1. */
static int answer(int argc, char **argv, const struct cc_env *env)
{
	static const struct { const char *option, *file; } files[] = {
		{"--print-cmake-toolchain", "toolchain/optmig.cmake"}, {"--print-meson-cross", "toolchain/optmig-meson.txt"},
		/* libtool asks so, and then the linker itself whether it makes shared libraries. */
		{"-print-prog-name=ld", "bin/optmig-ld"}, {"--print-prog-name=ld", "bin/optmig-ld"},
	};
	const char *word = argc > 1 ? argv[1] : "";
	if (strcmp(word, "--print-known-switches") == 0) return cc_known_print(argc > 2 ? argv[2] : NULL);
	if (starts_with(word, "--print-known-switches=")) return cc_known_print(strchr(word, '=') + 1);
	for (int i = 2; i < argc; i++) /* $CC may have options: the question is the last word then */
		if (starts_with(argv[i], "-print-prog-name=")) word = argv[i];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(word, files[i].option) == 0) return printf("%s/%s\n", env->root, files[i].file) < 0;
	return -1;
}

static int carry_out(const struct cc_args *args, struct cc_plan *plan, const struct cc_env *env,
	struct cc_options *options)
{
	for (size_t i = 0; i < plan->compile_count; i++) {
		int status = cc_run(&plan->compile[i], env->verbose);
		if (status) return status;
	}
	if (plan->finish && cc_launch_link(plan, env, options)) return 1;
	int status = cc_run(&plan->link, env->verbose);
	if (status) {
		explain_libraries(args, options);
		explain_cxx(args, plan);
		cc_known_hint(plan->output);
	}
	if (!status && plan->finish) status = cc_sections_place(plan, env, options);
	return status ? status : plan->finish ? cc_finish(plan, env, options) : cc_partial_check(plan, options);
}

int main(int argc, char **argv)
{
	struct cc_env env;
	struct cc_args args;
	struct cc_options options;
	struct cc_plan plan;

	if (cc_env_read(&env)) return 1;
	int status = answer(argc, argv, &env);
	if (status >= 0) return status;
	if (cc_args_parse(argc, argv, &args)) return 1;
	if (args.help) { cc_help(); return 0; }
	if (args.mode == CC_PASS_THROUGH) return pass_through(&args, &env);
	if (read_options(&args, &env, &options) || cc_plan_make(&args, &env, &options, &plan)) return 1;
	if (options.verify) setenv("OPTMIG_PASS", cc_format("%s verify", getenv("OPTMIG_PASS") ? getenv("OPTMIG_PASS") : ""), 1);
	if (!plan.link.count) cc_exec(&plan.compile[0], env.verbose);
	status = carry_out(&args, &plan, &env, &options);
	if (env.keep) cc_note("temporary files are in %s", plan.temporary);
	else cc_remove_directory(plan.temporary);
	if (status) (void)remove(plan.output); /* no half-checked image stays behind */
	return status;
}
