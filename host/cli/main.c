/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig`: one program, many commands. Called as "optmig-exec" by the images' program interpreter, it runs the image
 * named by its first argument with the rest as the program's argv.
 */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "load/enclave.h"
#include "util.h"

static const struct cli_command commands[] = {
	{ "run", "run a program in an enclave", cli_run },
	{ "info", "what this machine can do", cli_info },
	{ "gdb", "debug a program in an enclave", cli_gdb },
	{ "ps", "list the programs that run in enclaves here", cli_ps },
	{ "check", "what of a program would not survive a migration", cli_check },
	{ "unit", "programs that the host's service keeps account of: ls, start, stop, move", cli_unit },
	{ "image", "the images that a receiver here may start", cli_image },
	{ "receive", "wait for a program and become it", cli_receive },
	{ "migrate", "move a running program to another host", cli_migrate },
	{ "ticket", "issue and read the owner's tickets for moves", cli_ticket },
	{ "status", "how far a migration is", cli_status },
	{ "cancel", "cancel a migration", cli_cancel },
	{ "postcopy", "switch a migration to post-copy now", cli_postcopy },
	{ "recover", "go on after a lost connection", cli_recover },
	{ "report", "report of a migration, also for Prometheus", cli_report },
	{ "evidence", "fresh evidence of a program, for its clients", cli_evidence },
	{ "verify", "judge the evidence of a program in an enclave", cli_verify },
	{ "unlock", "give a program its secrets, as its owner", cli_unlock },
	{ "upgrade", "hand a program on to its next build, as its owner", cli_upgrade },
	{ "file", "encrypted files outside of their program: cat, put, ls", cli_file },
	{ "collateral", "what the makers of platforms publish: fetch, show, import, export", cli_collateral },
	{ "guest", "the measured guest for AMD SEV-SNP and Intel TDX: build, measure, ls, exec", cli_guest },
	{ "cluster", "programs of a cluster: hosts, moves, plan, drain, undrain, add, rm, fresh", cli_cluster },
	{ "hostkey", "the key by which other hosts know this one", cli_hostkey },
	{ "peer", "the hosts that this one knows: add, ls, rm", cli_peer },
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void usage(FILE *to)
{
	fprintf(to, "usage: optmig COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(to, "\n`optmig COMMAND --help` says more; so do the manual pages, optmig-COMMAND(1).\n");
}

static int unknown(const char *name)
{
	const char *names[COMMAND_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	nearest = host_did_you_mean(name, names);
	if (nearest)
		host_error("unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		host_error("unknown command \"%s\"; `optmig help` lists them", name);
	return HOST_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *base = strrchr(argv[0] ? argv[0] : "", '/');

	host_streams_note();
	host_signals_note();
	host_log_options(host_env_true("OPTMIG_QUIET"), host_env_true("OPTMIG_VERBOSE"));
	if (strcmp(base ? base + 1 : argv[0] ? argv[0] : "", "optmig-exec") == 0)
		return cli_run_direct(argc, argv);
	if (argc < 2) {
		usage(stderr);
		return HOST_EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("optmig %s\n", OPTMIG_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
