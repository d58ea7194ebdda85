/* SPDX-License-Identifier: Apache-2.0 */
/* What `optmig cluster` becomes: a program of its own, since nothing else of OptMig reads XML or knows of a cluster. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cli/cli.h"
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

static const struct cli_command verbs[] = {
	{ "hosts", "the nodes, and what is there", cluster_hosts },
	{ "moves", "what moves, waits, or is blocked, and why", cluster_moves },
	{ "plan", "what a drain would do", cluster_plan_verb },
	{ "drain", "move everything off a node", cluster_drain },
	{ "undrain", "let a node take programs again", cluster_undrain },
	{ "add", "give a program to the cluster", cluster_add },
	{ "rm", "take a program out of the cluster", cluster_rm },
	{ "fresh", "start a program afresh that has ended", cluster_fresh },
	{ "discard", "end what is left of a program whose other half is lost", cluster_discard },
	{ "limits", "how many moves at a time, and how fast", cluster_limits },
	{ "features", "what the nodes have for programs", cluster_features },
	{ "rules", "where a program can be, by what it needs", cluster_rules_verb },
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void usage(FILE *to)
{
	fprintf(to, "usage: optmig cluster VERB [ARGUMENTS]\nPrograms of a cluster of Pacemaker's. Needs its tools, and the rights to use them.\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(to, "\n`optmig cluster VERB --help` says more; so does optmig-cluster(1).\n");
}

int main(int argc, char **argv)
{
	const char *names[VERB_COUNT + 1] = { NULL }, *nearest;

	signal(SIGPIPE, SIG_IGN);
	host_log_options(host_env_true("OPTMIG_QUIET"), host_env_true("OPTMIG_VERBOSE"));
	if (argc < 2) {
		usage(stderr);
		return HOST_EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		static char name[40];

		if (strcmp(argv[1], verbs[i].name) == 0) {
			snprintf(name, sizeof name, "cluster %s", verbs[i].name);
			argv[1] = name; /* what messages about options begin with */
			return verbs[i].run(argc - 1, argv + 1);
		}
		names[i] = verbs[i].name;
	}
	nearest = host_did_you_mean(argv[1], names);
	if (nearest)
		host_error("cluster: unknown verb \"%s\"; did you mean \"%s\"?", argv[1], nearest);
	else
		host_error("cluster: unknown verb \"%s\"; `optmig cluster help` lists them", argv[1]);
	return HOST_EXIT_USAGE;
}
