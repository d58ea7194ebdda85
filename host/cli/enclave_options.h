/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of every command that starts an enclave (`run`, `receive`, direct execution): where it shall run.
 *
 *     --emu, --hw, --guest    also OPTMIG_SGX=emu|hw|guest|auto
 *     --emu-strict            also OPTMIG_EMU_STRICT=1
 *     --emu-profile NAME      also OPTMIG_EMU_PROFILE=NAME
 *     --cpu-features LIST     also OPTMIG_CPU_FEATURES=LIST
 *     --seal FILE             also OPTMIG_SEAL=FILE
 *     --trace[=FILE], --trace-times, --perf-map     debug images (debug/debug.h)
 */
#ifndef OPTMIG_HOST_CLI_ENCLAVE_OPTIONS_H
#define OPTMIG_HOST_CLI_ENCLAVE_OPTIONS_H

#include "load/enclave.h"

enum { CLI_OPT_EMU = 0x200, CLI_OPT_HW, CLI_OPT_GUEST, CLI_OPT_EMU_STRICT, CLI_OPT_EMU_PROFILE, CLI_OPT_SEAL, CLI_OPT_CPU_FEATURES, CLI_OPT_TRACE, CLI_OPT_TRACE_TIMES,
	CLI_OPT_PERF_MAP };
#define CLI_ENCLAVE_LONG_OPTIONS \
	{ "emu", no_argument, NULL, CLI_OPT_EMU }, \
	{ "hw", no_argument, NULL, CLI_OPT_HW }, \
	{ "guest", no_argument, NULL, CLI_OPT_GUEST }, \
	{ "emu-strict", no_argument, NULL, CLI_OPT_EMU_STRICT }, \
	{ "emu-profile", required_argument, NULL, CLI_OPT_EMU_PROFILE }, \
	{ "cpu-features", required_argument, NULL, CLI_OPT_CPU_FEATURES }, \
	{ "seal", required_argument, NULL, CLI_OPT_SEAL }, \
	{ "trace", optional_argument, NULL, CLI_OPT_TRACE }, \
	{ "trace-times", no_argument, NULL, CLI_OPT_TRACE_TIMES }, \
	{ "perf-map", no_argument, NULL, CLI_OPT_PERF_MAP }
#define CLI_ENCLAVE_HELP \
	"  --emu, --hw            use the emulator, or only hardware (default: hardware if there is any)\n" \
	"  --guest                only with evidence of the confidential guest that this machine is\n" \
	"  --emu-strict           emulator: trap every ENCLU instead of patching it\n" \
	"  --emu-profile NAME     emulator: charge each SGX operation what hardware NAME charges\n" \
	"  --cpu-features LIST    what all processors have between which it will move: avx2,avx512,vaes,sha or none (default: what is here)\n" \
	"  --seal FILE            where the seal of a program is that keeps its lineage (default: a file for each image)\n" \
	"  --trace[=FILE]         debug images: the program's system calls, as strace shows them, to stderr or FILE\n" \
	"  --trace-times          with --trace: when each began and how long it took\n" \
	"  --perf-map             debug images: write /tmp/perf-PID.map, by which perf names the program's functions\n"

/* The environment's settings. Return: OM_EINVAL for an OPTMIG_SGX that is none of its four words. */
__attribute__((warn_unused_result))
int cli_enclave_defaults(struct host_load_options *options);
/* True if `option` was one of CLI_ENCLAVE_LONG_OPTIONS. */
bool cli_enclave_option(struct host_load_options *options, int option, const char *argument);
/* When all options have been read, before the enclave is loaded. Return: OM_EIO, OM_EINVAL with words. */
__attribute__((warn_unused_result))
int cli_enclave_options_end(const struct host_load_options *options);
/* The plain line that the emulator is in use; once per process, unless quiet. */
void cli_enclave_announce(struct host_enclave *enclave);

#endif
