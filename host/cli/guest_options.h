/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of `run` and `receive` that put the program into a guest of its own (guest/guest.h). All other options are collected, and given to the
 * `optmig` in the guest.
 */
#ifndef OPTMIG_HOST_CLI_GUEST_OPTIONS_H
#define OPTMIG_HOST_CLI_GUEST_OPTIONS_H

#include <getopt.h>
#include "guest/guest.h"

enum { CLI_OPT_TEE = 0x300, CLI_OPT_DRY_RUN, CLI_OPT_FOLDER, CLI_OPT_NET, CLI_OPT_FILE, CLI_OPT_MEMORY, CLI_OPT_CPUS, CLI_OPT_CPU, CLI_OPT_FIRMWARE,
	CLI_OPT_QEMU, CLI_OPT_ACCEL, CLI_OPT_QGS,
	CLI_OPT_ID_BLOCK, CLI_OPT_PROCESSOR };
#define CLI_GUEST_LONG_OPTIONS \
	{ "tee", required_argument, NULL, CLI_OPT_TEE }, \
	{ "dry-run", no_argument, NULL, CLI_OPT_DRY_RUN }, \
	{ "guest-dir", required_argument, NULL, CLI_OPT_FOLDER }, \
	{ "net", required_argument, NULL, CLI_OPT_NET }, \
	{ "file", required_argument, NULL, CLI_OPT_FILE }, \
	{ "memory", required_argument, NULL, CLI_OPT_MEMORY }, \
	{ "cpus", required_argument, NULL, CLI_OPT_CPUS }, \
	{ "cpu", required_argument, NULL, CLI_OPT_CPU }, \
	{ "firmware", required_argument, NULL, CLI_OPT_FIRMWARE }, \
	{ "qemu", required_argument, NULL, CLI_OPT_QEMU }, \
	{ "accel", required_argument, NULL, CLI_OPT_ACCEL }, \
	{ "quote-service", required_argument, NULL, CLI_OPT_QGS }, \
	{ "id-block", required_argument, NULL, CLI_OPT_ID_BLOCK }, \
	{ "processor", required_argument, NULL, CLI_OPT_PROCESSOR }
#define CLI_GUEST_HELP \
	"In a guest of its own (optmig-guest(1)):\n" \
	"  --tee snp|tdx|vm       AMD SEV-SNP, Intel TDX, or a plain guest that protects nothing\n" \
	"  --guest-dir DIR        what `optmig guest build` has made (OPTMIG_GUEST)\n" \
	"  --net tap=NAME,address=A/B[,gateway=G]   its NIC, and the NIC's address\n" \
	"  --file HOST[=GUEST]    a file or folder that the program finds (may be repeated)\n" \
	"  --memory SIZE, --cpus N, --cpu MODEL     as 4G; default 2G and 2\n" \
	"  --firmware FILE, --qemu FILE, --accel kvm|tcg, --quote-service CID:PORT\n" \
	"  --id-block PREFIX      of snp and vm: the owner's word for this launch (optmig guest id-block)\n" \
	"  --processor SOCKET     of vm: an emulated security processor that listens already\n" \
	"  --dry-run              print the command line of QEMU\n"

/*
 * To be called with every option before anything else looks at it. Return: 1 it was ours, 0 it was not (and is now in `forwarded`), or
 * OM_EINVAL with words.
 */
__attribute__((warn_unused_result))
int cli_guest_option(struct guest_run_options *guest, const struct option *longs, int option, const char *argument);
/* After the last one. @verb_is_receive: a file of the host's named by an option goes along. Return: OM_EINVAL with words. */
__attribute__((warn_unused_result))
int cli_guest_end(struct guest_run_options *guest);

#endif
