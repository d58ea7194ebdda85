/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig cluster limits`: how much moves at a time, and how fast. The numbers are Pacemaker's own (migration-limit: moves from and to each node;
 * batch-limit: actions of the whole cluster at a time, of which a drain's are its moves). What a node may send is a node attribute, which the agent
 * tells the node's optmigd; that shares it between the moves that leave the node at the same time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "move/units.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char help[] =
	"usage: optmig cluster limits [--per-node N] [--per-cluster N] [--bandwidth RATE|none [--node NODE]]... [--json]\n"
	"Sets limits of moves, and prints them.\n\n"
	"  --per-node N       so many moves from, and to, each node at a time (Pacemaker's migration-limit); none: no limit\n"
	"  --per-cluster N    so many at a time in the whole cluster (its batch-limit, which counts other actions too); none: as Pacemaker sees fit\n"
	"  --bandwidth RATE   all moves that leave a node may send so much together, as 1G or 10Gbit; each has an equal part, but none more than its own\n"
	"                     --bandwidth allows; parts change as moves begin and end. none: no limit\n"
	"  --node NODE        of that node alone; else of all\n"
	"Exit status: 0, 1 failed, 2 usage, 5 no such node.\n";

enum { OPT_NODE = 1, OPT_CLUSTER, OPT_BANDWIDTH, OPT_AT, OPT_JSON, OPT_HELP };

struct limits {
	const char *per_node, *per_cluster, *bandwidth, *node;
	bool json;
};

static int usage(const char *option, const char *value, const char *wants)
{
	host_error("cluster limits: --%s %s: %s", option, value, wants);
	return HOST_EXIT_USAGE + 1;
}

static bool is_count(const char *text)
{
	uint64_t count;

	return strcmp(text, "none") == 0 || host_parse_u64(text, 1, 1000, &count) == 0;
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, struct limits *ret)
{
	static const struct option longs[] = { { "per-node", required_argument, NULL, OPT_NODE }, { "per-cluster", required_argument, NULL, OPT_CLUSTER },
		{ "bandwidth", required_argument, NULL, OPT_BANDWIDTH }, { "node", required_argument, NULL, OPT_AT }, { "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP }, { 0 } };
	uint64_t rate;
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_NODE: ret->per_node = optarg; break;
		case OPT_CLUSTER: ret->per_cluster = optarg; break;
		case OPT_BANDWIDTH: ret->bandwidth = optarg; break;
		case OPT_AT: ret->node = optarg; break;
		case OPT_JSON: ret->json = true; break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK + 1;
		default: return HOST_EXIT_USAGE + 1;
		}
	if (argc != optind || (ret->node && !ret->bandwidth)) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE + 1;
	}
	if (ret->per_node && !is_count(ret->per_node))
		return usage("per-node", ret->per_node, "a number from 1 to 1000, or none");
	if (ret->per_cluster && !is_count(ret->per_cluster))
		return usage("per-cluster", ret->per_cluster, "a number from 1 to 1000, or none");
	if (ret->bandwidth && strcmp(ret->bandwidth, "none") != 0 && (move_parse_rate(ret->bandwidth, &rate) || !rate))
		return usage("bandwidth", ret->bandwidth, "write 100M, 1G, 10Gbit, or none");
	return 0;
}

static int set_property(const char *name, const char *value)
{
	return strcmp(value, "none") == 0 ? cluster_tool(TOOL("crm_attribute", "--type", "crm_config", "--name", name, "--delete"), NULL, NULL, NULL, NULL) :
		cluster_property(name, value);
}

static int set_bandwidth(const json_t *snapshot, const struct limits *limits)
{
	const char *name;
	json_t *node;
	int error = 0;

	/* "none" is written: the agent tells what stands there. */
	json_object_foreach(json_object_get(snapshot, "nodes"), name, node)
		if (!error && (!limits->node || strcmp(limits->node, name) == 0))
			error = cluster_tool(TOOL("crm_attribute", "--node", name, "--name", "optmig-bandwidth", "--update", limits->bandwidth), NULL, NULL, NULL, NULL);
	return error;
}

static const char *or_none(const json_t *object, const char *name)
{
	return *cluster_text(object, name) ? cluster_text(object, name) : "none";
}

static int print(bool json)
{
	json_t *snapshot, *node, *rates;
	const char *name;
	int error = cluster_read(&snapshot);

	if (error)
		return error;
	rates = json_object();
	json_object_foreach(json_object_get(snapshot, "nodes"), name, node)
		json_object_set_new(rates, name, json_string(or_none(json_object_get(node, "has"), "optmig-bandwidth")));
	if (json) {
		cluster_print(json_pack("{ss ss sO}", "per-node", or_none(snapshot, "migration-limit"), "per-cluster", or_none(snapshot, "batch-limit"), "bandwidth", rates));
	} else {
		printf("moves of a node at a time  %s\nof the cluster             %s\n", or_none(snapshot, "migration-limit"), or_none(snapshot, "batch-limit"));
		json_object_foreach(rates, name, node)
			printf("%-26s %s\n", name, json_string_value(node));
	}
	json_decref(rates);
	json_decref(snapshot);
	return 0;
}

int cluster_limits(int argc, char **argv)
{
	struct limits limits = { 0 };
	json_t *snapshot = NULL;
	int error = parse(argc, argv, &limits);

	if (error)
		return error - 1;
	error = cluster_read(&snapshot);
	if (!error && limits.node && !json_object_get(json_object_get(snapshot, "nodes"), limits.node)) {
		host_error("cluster limits: there is no node %s", limits.node);
		json_decref(snapshot);
		return CLI_NOTFOUND;
	}
	if (!error && limits.per_node)
		error = set_property("migration-limit", limits.per_node);
	if (!error && limits.per_cluster)
		error = set_property("batch-limit", limits.per_cluster);
	if (!error && limits.bandwidth)
		error = set_bandwidth(snapshot, &limits);
	json_decref(snapshot);
	if (!error)
		error = print(limits.json);
	if (error)
		host_error("cluster limits: %s", host_reason());
	return error ? CLI_FAILED : CLI_OK;
}
