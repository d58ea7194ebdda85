/* SPDX-License-Identifier: Apache-2.0 */
/* After the link: judge the objects and the code, complete the image, sign it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "map.h"
#include "sign/sign.h"

static int write_back(const struct cc_elf *elf)
{
	FILE *f = fopen(elf->path, "wb");
	bool good = f && fwrite(elf->data, 1, elf->size, f) == elf->size;
	if (f && fclose(f) != 0) good = false;
	if (!good) { cc_error("%s cannot be written", elf->path); return 1; }
	return 0;
}

static int scan(const struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options)
{
	struct strv command = {0};
	strv_addf(&command, "%s/libexec/optmig-scan", env->root);
	strv_add(&command, plan->output);
	strv_add(&command, plan->map);
	strv_add(&command, options->runtime);
	strv_addf(&command, "0x%llx", (unsigned long long)options->xfrm);
	return cc_run(&command, env->verbose);
}

/* No name of a file in these lines: libtool takes a linker for broken that says something else each time. */
static void tell_key(const struct cc_env *env, const struct cc_options *options)
{
	if (env->quiet) return;
	if (!options->sign) {
		cc_note("not signed yet (sign=0), so it cannot be started: optmig-sign --prepare, or optmig-sign --key FILE");
		return;
	}
	if (options->key) return;
	if (options->debug_said == CC_UNSAID)
		cc_note("signed with the development key, so it is a debug image, no place for secrets; for production: -Xoptmig key=FILE (optmig-sign --make-key FILE)");
	else if (!options->debug)
		cc_note("a production image, but signed with the development key, which nobody guards: -Xoptmig key=FILE (optmig-sign --make-key FILE)");
}

static int sign(const struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options)
{
	const struct sign_request request = {.key_pem = options->key, .svn = (int)options->svn, .unguarded = true};
	uint8_t data[SIGN_DATA_SIZE];
	if (options->sign ? sign_image(plan->output, &request) : sign_prepare(plan->output, &request, data)) {
		cc_error("%s: %s", plan->output, sign_last_error());
		return 1;
	}
	tell_key(env, options);
	return 0;
}

/* What a partial link joins has one stamp for all, so here each is looked at, and none is let in. */
int cc_partial_check(const struct cc_plan *plan, const struct cc_options *options)
{
	struct cc_map map;
	struct cc_options strict = *options;
	strict.allow.count = 0;
	if (cc_map_read(plan->map, &map)) { cc_error("the link map cannot be read"); return 1; }
	if (!cc_stamps_check(&map, &strict)) return 0;
	if (options->allow.count) cc_note("a partial link takes objects with marks only; name others when the program is linked");
	return 1;
}

int cc_finish(const struct cc_plan *plan, const struct cc_env *env, struct cc_options *options)
{
	struct cc_map map;
	struct cc_elf elf = {.path = plan->output};
	if (cc_map_read(plan->map, &map)) { cc_error("the link map cannot be read"); return 1; }
	if (cc_stamps_check(&map, options)) return 1;
	if (options->scan && scan(plan, env, options)) { cc_known_hint(plan->output); return 1; }
	elf.data = cc_read_file(plan->output, &elf.size);
	if (!elf.data) { cc_error("%s cannot be read", plan->output); return 1; }
	if (cc_sections_check(&elf, &map, options)) return 1;
	if (!options->interp) return cc_interp_remove(&elf) || write_back(&elf); /* a test image: an ordinary process */
	if (cc_header_fill(&elf, options, plan->output) || cc_interp_place(&elf, cc_format("%s/libexec/optmig-interp", env->root)) ||
		write_back(&elf)) return 1;
	return sign(plan, env, options);
}
