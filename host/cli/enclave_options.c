/* SPDX-License-Identifier: Apache-2.0 */
/* The shared options of commands that start an enclave, and the environment variables that mean the same. */
#include <stdlib.h>
#include <string.h>
#include "debug/debug.h"
#include "enclave_options.h"
#include "testhooks.h"
#include "util.h"

static const char *trace_file;
static bool trace_times;

int cli_enclave_defaults(struct host_load_options *options)
{
	const char *kind = getenv("OPTMIG_SGX"), *profile = getenv("OPTMIG_EMU_PROFILE"), *features = getenv("OPTMIG_CPU_FEATURES");

	options->kind = TEE_AUTO;
	if (kind && strcmp(kind, "emu") == 0)
		options->kind = TEE_SOFT;
	else if (kind && strcmp(kind, "hw") == 0)
		options->kind = TEE_HW;
	else if (kind && strcmp(kind, "guest") == 0)
		options->kind = TEE_GUEST;
	else if (kind && *kind && strcmp(kind, "auto") != 0)
		return host_fail(OM_EINVAL, "OPTMIG_SGX is \"%s\"; it may be emu, hw, guest or auto", kind);
	options->emu.strict = host_env_true("OPTMIG_EMU_STRICT");
	options->emu.cost_profile = profile && *profile ? profile : NULL;
	options->emu.sealed = true;
	options->cpu_features = features && *features ? features : NULL;
	return host_hook_emulator(&options->emu);
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
	case CLI_OPT_GUEST:
		options->kind = TEE_GUEST;
		return true;
	case CLI_OPT_EMU_STRICT:
		options->emu.strict = true;
		return true;
	case CLI_OPT_EMU_PROFILE:
		options->emu.cost_profile = argument;
		return true;
	case CLI_OPT_CPU_FEATURES:
		options->cpu_features = argument;
		return true;
	case CLI_OPT_SEAL:
		host_seal_file(argument);
		return true;
	case CLI_OPT_TRACE:
		options->boot_flags |= OM_BOOT_TRACE;
		trace_file = argument;
		return true;
	case CLI_OPT_TRACE_TIMES:
		trace_times = true;
		return true;
	case CLI_OPT_PERF_MAP:
		options->perf_map = true;
		return true;
	default:
		return false;
	}
}

int cli_enclave_options_end(const struct host_load_options *options)
{
	if (options->boot_flags & OM_BOOT_TRACE)
		return debug_trace_begin(trace_file, trace_times);
	return trace_times ? host_fail(OM_EINVAL, "--trace-times goes with --trace") : 0;
}

void cli_enclave_announce(struct host_enclave *enclave)
{
	struct tee_capabilities caps;

	tee_platform_capabilities(host_platform(enclave), &caps);
	/* OPTMIG_QUIET: for build systems that take any word on standard error for a failure (Tcl's exec). */
	if (!caps.protects && !host_env_true("OPTMIG_QUIET"))
		host_note("running on the SGX emulator, which protects nothing (%s)", tee_platform_describe(host_platform(enclave)));
}
