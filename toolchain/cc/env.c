/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of environment variables. One table; a variable that looks misspelt gets a hint. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cc.h"

extern char **environ;

static const char *const known[] = {
	"OPTMIG_ROOT",      /* where pass, sysroot and runtime are; default: found from optmig-cc's own place */
	"OPTMIG_CLANG",     /* the compiler behind; default clang-19 */
	"OPTMIG_CFLAGS",    /* more compiler flags, before those of the command line */
	"OPTMIG_OPTIONS",   /* image options: "heap=8G threads=64" */
	"OPTMIG_SIGN_KEY",  /* signing key, PEM */
	"OPTMIG_VERBOSE",   /* 1: print the commands that are run */
	"OPTMIG_KEEP",      /* 1: keep temporary files */
	"OPTMIG_PREFIX",    /* where libraries for enclaves are installed; read by the CMake toolchain file */
	"OPTMIG_PASS",      /* options of the pass (toolchain/pass/Options.cpp) */
	/* read by other parts of OptMig */
	"OPTMIG_SGX", "OPTMIG_EMU_PROFILE", "OPTMIG_QUIET", "OPTMIG_STATS", "OPTMIG_STATS_JSON", "OPTMIG_EMU_STRICT",
	"OPTMIG_RUNTIME_DIR", "OPTMIG_IMAGE_PATH", "OPTMIG_IMAGE_STORE", "OPTMIG_HOST_DIR", "OPTMIG_DEMO_PLATFORM", "OPTMIG_CPU_FEATURES",
};

static void hint_misspelt(void)
{
	for (char **e = environ; *e; e++) {
		if (!starts_with(*e, "OPTMIG_")) continue;
		char *name = cc_format("%.*s", (int)strcspn(*e, "="), *e);
		bool found = false;
		for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= strcmp(name, known[i]) == 0;
		const char *near = found ? NULL : cc_nearest(name, known, sizeof known / sizeof *known);
		if (near) cc_note("unknown variable %s, did you mean %s?", name, near);
	}
}

/* The toolchain's tree: the parent of the folder that holds optmig-cc (in a build), or lib/optmig beside it. */
static const char *find_root(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0) return NULL;
	self[n] = 0;
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');
		if (slash) *slash = 0;
	}
	const char *candidates[] = {self, cc_format("%s/lib/optmig", self)};
	for (size_t i = 0; i < 2; i++)
		if (access(cc_format("%s/toolchain/optmig-pass.so", candidates[i]), R_OK) == 0) return cc_format("%s", candidates[i]);
	return NULL;
}

static const char *get(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

static bool is_true(const char *name)
{
	return strcmp(get(name, "0"), "0") != 0;
}

int cc_env_read(struct cc_env *ret_env)
{
	struct cc_env env = {
		.root = get("OPTMIG_ROOT", NULL),
		.clang = get("OPTMIG_CLANG", "clang-19"),
		.cflags = get("OPTMIG_CFLAGS", ""),
		.key = get("OPTMIG_SIGN_KEY", NULL),
		.options = get("OPTMIG_OPTIONS", ""),
		.verbose = is_true("OPTMIG_VERBOSE"),
		.keep = is_true("OPTMIG_KEEP"),
		.quiet = is_true("OPTMIG_QUIET"),
	};
	hint_misspelt();
	if (!env.root) env.root = find_root();
	if (!env.root) {
		cc_error("the compiler's tree (pass, libc, runtime) is not where it was built or installed; set OPTMIG_ROOT");
		return 1;
	}
	*ret_env = env;
	return 0;
}
