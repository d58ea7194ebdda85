/* SPDX-License-Identifier: Apache-2.0 */
/* The shared options of commands that start an enclave, and the environment variables that mean the same. */
#include <stdlib.h>
#include <string.h>
#include "enclave_options.h"
#include "util.h"

/* For tests: an emulated CPU without the registers that this one has. */
static int emulated_state(const char *name, uint64_t *ret_xfrm)
{
	*ret_xfrm = 0;
	if (!name || !*name)
		return 0;
	*ret_xfrm = strcmp(name, "sse") == 0 ? OM_XFRM_SSE : strcmp(name, "avx") == 0 ? OM_XFRM_AVX : OM_XFRM_AVX512;
	if (*ret_xfrm != OM_XFRM_AVX512 || strcmp(name, "avx512") == 0)
		return 0;
	return host_fail(OM_EINVAL, "OPTMIG_EMU_XFRM is \"%s\"; it may be sse, avx or avx512", name);
}

int cli_enclave_defaults(struct host_load_options *options)
{
	const char *kind = getenv("OPTMIG_SGX"), *profile = getenv("OPTMIG_EMU_PROFILE");
	int error = emulated_state(getenv("OPTMIG_EMU_XFRM"), &options->emu.xfrm);

	if (error)
		return error;
	options->kind = TEE_AUTO;
	if (kind && strcmp(kind, "emu") == 0)
		options->kind = TEE_SOFT;
	else if (kind && strcmp(kind, "hw") == 0)
		options->kind = TEE_HW;
	else if (kind && *kind && strcmp(kind, "auto") != 0)
		return host_fail(OM_EINVAL, "OPTMIG_SGX is \"%s\"; it may be emu, hw or auto", kind);
	options->emu.strict = host_env_true("OPTMIG_EMU_STRICT");
	options->emu.cost_profile = profile && *profile ? profile : NULL;
	options->emu.watch_writes = getenv("OPTMIG_ORACLE") != NULL;
	options->emu.sealed = true;
	return 0;
}

bool cli_enclave_option(struct host_load_options *options, int option, const char *argument)
{
	switch (option) {
	case CLI_OPT_EMU:
		options->kind = TEE_SOFT;
		return true;
	case CLI_OPT_HW:
		options->kind = TEE_HW;
		return true;
	case CLI_OPT_EMU_STRICT:
		options->emu.strict = true;
		return true;
	case CLI_OPT_EMU_PROFILE:
		options->emu.cost_profile = argument;
		return true;
	default:
		return false;
	}
}

void cli_enclave_announce(struct host_enclave *enclave)
{
	struct tee_capabilities caps;

	tee_platform_capabilities(host_platform(enclave), &caps);
	/* OPTMIG_QUIET: for build systems that take any word on standard error for a failure (Tcl's exec). */
	if (!caps.protects && !host_env_true("OPTMIG_QUIET"))
		host_note("running on the SGX emulator, which protects nothing (%s)", tee_platform_describe(host_platform(enclave)));
}
