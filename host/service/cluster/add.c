/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig cluster add`, `rm` and `fresh`: programs as resources. These verbs write what must stand in the configuration, so that Pacemaker's
 * defaults neither end nor double a living program (docs/fleet.md has the list). The agent refuses to start a resource without that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "move/units.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SLOW_RATE   (100u << 20)   /* bytes in a second that a move makes at least, if nothing is said */
#define ROUNDS      4u             /* of the memory, at most, so often is it sent in a move that we wait for */
#define TIMEOUT_MIN 120u

/* The agent's parameters that are options here, by the same name. */
static const char *const parameters[] = { "unit", "image", "arguments", "environment", "user", "ports", "owners", "move-address", "directory", "restart", "move",
	"mode", "downtime-limit", "bandwidth", "memory", "stop-timeout", "stop-kill" };
#define PARAMETER_COUNT (sizeof parameters / sizeof parameters[0])

struct resource {
	const char *id, *values[PARAMETER_COUNT], *priority, *apart;
	uint64_t memory, rate;
	unsigned timeout_s;
	bool dry_run;
};

static int failed(const char *verb)
{
	host_error("cluster %s: %s", verb, host_reason());
	return CLI_FAILED;
}

/* ---- XML ---- */

static void nvpair(FILE *to, const char *id, const char *set, const char *name, const char *value)
{
	char underscored[32];

	snprintf(underscored, sizeof underscored, "%s", name);
	if (strcmp(set, "params") == 0)
		for (char *c = underscored; *c; c++)
			if (*c == '-')
				*c = '_';
	fprintf(to, "<nvpair id=\"%s-%s-%s\" name=\"%s\" value=\"", id, set, name, underscored);
	cluster_escaped(to, value);
	fputs("\"/>", to);
}

static void operation(FILE *to, const char *id, const char *name, const char *interval, unsigned timeout_s, const char *fail)
{
	fprintf(to, "<op id=\"%s-%s\" name=\"%s\" interval=\"%s\" timeout=\"%us\"", id, name, name, interval, timeout_s);
	if (fail)
		fprintf(to, " on-fail=\"%s\"", fail);
	fputs("/>", to);
}

/* How long a move may take before it counts as failed: its memory ROUNDS times at the rate it may have, and a minute. */
static unsigned timeout_of(const struct resource *resource)
{
	const uint64_t rate = resource->rate && resource->rate < SLOW_RATE ? resource->rate : SLOW_RATE;
	const uint64_t seconds = 60 + ROUNDS * resource->memory / rate;

	return seconds < TIMEOUT_MIN ? TIMEOUT_MIN : seconds > 86400 ? 86400 : (unsigned)seconds;
}

static char *primitive(const struct resource *resource)
{
	const char *id = resource->id;
	char *text = NULL, number[24];
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	fprintf(to, "<primitive id=\"%s\" class=\"ocf\" provider=\"optmig\" type=\"enclave\"><instance_attributes id=\"%s-params\">", id, id);
	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		if (resource->values[i])
			nvpair(to, id, "params", parameters[i], resource->values[i]);
	fprintf(to, "</instance_attributes><meta_attributes id=\"%s-meta\">", id);
	nvpair(to, id, "meta", "allow-migrate", "true");
	nvpair(to, id, "meta", "multiple-active", "stop_unexpected"); /* "block" would block every move during which the configuration changes */
	nvpair(to, id, "meta", "resource-stickiness", "100");
	nvpair(to, id, "meta", "failure-timeout", "0");
	if (resource->priority)
		nvpair(to, id, "meta", "priority", resource->priority);
	if (resource->apart)
		nvpair(to, id, "meta", "optmig-apart", resource->apart);
	fputs("</meta_attributes>", to);
	if (resource->memory) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)((resource->memory + (1 << 20) - 1) >> 20));
		fprintf(to, "<utilization id=\"%s-utilization\">", id);
		nvpair(to, id, "utilization", "memory", number);
		fputs("</utilization>", to);
	}
	fputs("<operations>", to);
	operation(to, id, "start", "0", 120, NULL);
	operation(to, id, "stop", "0", 60, "block");
	/* What has ended is not started again by itself, unless its unit says so. */
	operation(to, id, "monitor", "10s", 20, resource->values[9] && strcmp(resource->values[9], "fresh") == 0 ? "restart" : "block");
	operation(to, id, "migrate_to", "0", timeout_of(resource), "block");
	operation(to, id, "migrate_from", "0", 60, "block");
	operation(to, id, "reload-agent", "0", 20, "block");
	fputs("</operations></primitive>", to);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- add ---- */

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t size = strlen(text);

	return size && size <= 64 && strspn(text, letters) == size && text[0] != '-' && text[0] != '.' && !(text[0] >= '0' && text[0] <= '9');
}

/* Of others that are to be apart from it: a strong wish, not a rule; a program has to be somewhere. */
static void keep_apart(FILE *to, const struct resource *resource, const json_t *snapshot)
{
	json_t *program;
	const char *id;

	json_object_foreach(json_object_get(snapshot, "programs"), id, program)
		if (strcmp(id, resource->id) != 0 && resource->apart && strcmp(cluster_text(program, "apart"), resource->apart) == 0)
			fprintf(to, "<rsc_colocation id=\"apart-%s-%s\" rsc=\"%s\" with-rsc=\"%s\" score=\"-10000\"/>", resource->id, id, resource->id, id);
}

/* What its image needs of a node. An image that is not here says nothing: the agent says it where the program begins. */
static char *needs(const struct resource *resource)
{
	json_t *program = json_pack("{ss ss}", "image", resource->values[1] ? resource->values[1] : "", "unit", resource->values[0] ? resource->values[0] : "");
	char *xml = NULL;

	if (cluster_rules_xml(resource->id, program, &xml)) {
		host_note("%s: %s", resource->id, host_reason());
		xml = NULL;
	}
	json_decref(program);
	return xml;
}

/* Resource and rules in one change: it must not begin where a rule that comes later would not have it. */
static char *configuration(const struct resource *resource, const json_t *snapshot)
{
	char *text = NULL, *resource_xml = primitive(resource), *rules = needs(resource);
	size_t size;
	FILE *to = resource_xml ? open_memstream(&text, &size) : NULL;

	if (to) {
		fprintf(to, "<configuration><resources>%s</resources><constraints>%s", resource_xml, rules ? rules : "");
		keep_apart(to, resource, snapshot);
		fputs("</constraints></configuration>", to);
		if (fclose(to)) {
			free(text);
			text = NULL;
		}
	}
	free(resource_xml);
	free(rules);
	return text;
}

/* What the agent of this node says of the parameters; better now than when it starts. */
static int validate(const struct resource *resource)
{
	char words[PARAMETER_COUNT][600];
	const char *arguments[CLUSTER_ARGUMENTS + PARAMETER_COUNT] = { "crm_resource", "--validate", "--class", "ocf", "--provider", "optmig", "--agent", "enclave" };
	size_t n = 8;
	char *said = NULL;
	int status, error;

	for (size_t i = 0; i < PARAMETER_COUNT; i++) {
		if (!resource->values[i])
			continue;
		if (strlen(resource->values[i]) > 500)
			return 0; /* too long for here; the agent looks again when it starts */
		snprintf(words[i], sizeof words[i], "--option=%s=%s", parameters[i], resource->values[i]);
		for (char *c = words[i] + 9; *c != '='; c++)
			if (*c == '-')
				*c = '_';
		arguments[n++] = words[i];
	}
	error = cluster_tool(arguments, NULL, NULL, &said, &status);
	if (error)
		return error;
	if (status) {
		const char *why = strstr(said, "ocf-exit-reason:"), *end;

		why = why ? why + 16 : said;
		end = strchr(why, '\n');
		error = host_fail(OM_EINVAL, "%.*s", (int)(end ? end - why : 400), why);
	}
	free(said);
	return error;
}

static int add(const struct resource *resource)
{
	json_t *snapshot;
	char *xml;
	int error = cluster_read(&snapshot);

	if (error)
		return failed("add");
	if (json_object_get(json_object_get(snapshot, "programs"), resource->id)) {
		json_decref(snapshot);
		host_error("cluster add: there is a program %s", resource->id);
		return CLI_FAILED;
	}
	error = validate(resource);
	xml = error ? NULL : configuration(resource, snapshot);
	if (!error && !xml)
		error = host_fail(OM_ENOMEM, "no memory");
	if (!error && resource->dry_run)
		puts(xml);
	if (!error && !resource->dry_run)
		error = cluster_publish_missing(snapshot);
	if (!error && !resource->dry_run)
		error = cluster_tool(TOOL("cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-pipe"), xml, NULL, NULL, NULL);
	free(xml);
	json_decref(snapshot);
	return error ? failed("add") : CLI_OK;
}

static const char add_help[] =
	"usage: optmig cluster add NAME --image IMAGE [OPTIONS]\n"
	"Gives a program to the cluster, which starts it. The options are the unit's: --arguments, --environment, --user, --ports, --owners, --move-address,\n"
	"--directory, --restart never|fresh, --move live|stop|never, --mode, --downtime-limit, --bandwidth, --memory, --stop-timeout, --stop-kill true|false; or --unit NAME takes a unit file.\n\n"
	"  --memory SIZE    what it needs on a node, also while it comes there; the timeout of a move follows from it and --bandwidth\n"
	"  --priority N     which programs are placed first where there is not room for all\n"
	"  --apart GROUP    not on one node with others of the group, if that can be had\n"
	"  --dry-run        print the resource and add nothing\n"
	"Exit status: 0, 1 failed, 2 usage.\n";

enum { OPT_PARAMETER = 100, OPT_PRIORITY = 200, OPT_APART, OPT_DRY_RUN, OPT_STOP, OPT_HELP };

/* Return: 0, or an exit status + 1. */
static int check(struct resource *resource)
{
	const char *memory = resource->values[14], *rate = resource->values[13];
	uint64_t priority;

	if (!is_name(resource->id)) {
		host_error("cluster add: \"%s\" is no name: a letter, then letters, digits and _ . -", resource->id);
		return HOST_EXIT_USAGE + 1;
	}
	if (memory && (move_parse_rate(memory, &resource->memory) || !resource->memory)) {
		host_error("cluster add: --memory %s: write 512M, 4G", memory);
		return HOST_EXIT_USAGE + 1;
	}
	if (rate && move_parse_rate(rate, &resource->rate)) {
		host_error("cluster add: --bandwidth %s: write 100M, 1G", rate);
		return HOST_EXIT_USAGE + 1;
	}
	if (resource->priority && host_parse_u64(resource->priority, 0, 1000000, &priority)) {
		host_error("cluster add: --priority %s: a number from 0 to 1000000", resource->priority);
		return HOST_EXIT_USAGE + 1;
	}
	if (resource->apart && !is_name(resource->apart)) {
		host_error("cluster add: --apart \"%s\" is no name of a group: a letter, then letters, digits and _ . -", resource->apart);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

int cluster_add(int argc, char **argv)
{
	struct option longs[PARAMETER_COUNT + 5] = { 0 };
	struct resource resource = { 0 };
	int c, error;

	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		longs[i] = (struct option){ parameters[i], required_argument, NULL, OPT_PARAMETER + (int)i };
	longs[PARAMETER_COUNT] = (struct option){ "priority", required_argument, NULL, OPT_PRIORITY };
	longs[PARAMETER_COUNT + 1] = (struct option){ "apart", required_argument, NULL, OPT_APART };
	longs[PARAMETER_COUNT + 2] = (struct option){ "dry-run", no_argument, NULL, OPT_DRY_RUN };
	longs[PARAMETER_COUNT + 3] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_PRIORITY: resource.priority = optarg; break;
		case OPT_APART: resource.apart = optarg; break;
		case OPT_DRY_RUN: resource.dry_run = true; break;
		case 'h': case OPT_HELP: fputs(add_help, stdout); return CLI_OK;
		default:
			if (c < OPT_PARAMETER || c >= OPT_PARAMETER + (int)PARAMETER_COUNT)
				return HOST_EXIT_USAGE;
			resource.values[c - OPT_PARAMETER] = optarg;
		}
	if (argc - optind != 1) {
		fputs(add_help, stderr);
		return HOST_EXIT_USAGE;
	}
	resource.id = argv[optind];
	error = check(&resource);
	return error ? error - 1 : add(&resource);
}

/* ---- rm, fresh ---- */

/* The program's own place in the snapshot, or NULL with a message. */
static json_t *find(const char *verb, const char *id, json_t *snapshot)
{
	json_t *program = json_object_get(json_object_get(snapshot, "programs"), id);

	if (!program)
		host_error("cluster %s: the cluster has no program %s", verb, id);
	return program;
}

/* An administrator's order: only so does the agent end a program. */
static int stop(const char *id)
{
	int error = cluster_meta(id, "target-role", "Stopped");

	for (unsigned i = 0; !error && i < 600; i++) {
		json_t *snapshot, *program;
		bool gone;

		error = cluster_read(&snapshot);
		if (error)
			return error;
		program = json_object_get(json_object_get(snapshot, "programs"), id);
		gone = !json_array_size(json_object_get(program, "nodes"));
		if (!gone && cluster_true(program, "blocked"))
			error = cluster_tool(TOOL("crm_resource", "--resource", id, "--refresh"), NULL, NULL, NULL, NULL);
		json_decref(snapshot);
		if (gone)
			return error;
		usleep(1000 * CLUSTER_TICK_MS);
	}
	return error ? error : host_fail(OM_ETIMEDOUT, "it does not end: optmig cluster moves");
}

static int remove_constraints(const char *id)
{
	char path[256];

	/* Those that name it: else the cluster would not let it go. The name has been checked: it has no quotes in it. */
	snprintf(path, sizeof path, "//constraints/*[@rsc='%s' or @with-rsc='%s']", id, id);
	return cluster_tool(TOOL("cibadmin", "--delete-all", "--force", "--xpath", path), NULL, NULL, NULL, NULL);
}

static int rm(const char *id, bool may_stop)
{
	json_t *snapshot, *program;
	int error = cluster_read(&snapshot);
	bool runs;

	if (error)
		return failed("rm");
	program = find("rm", id, snapshot);
	runs = json_array_size(json_object_get(program, "nodes")) > 0;
	json_decref(snapshot);
	if (!program)
		return CLI_NOTFOUND;
	if (runs && !may_stop) {
		host_error("cluster rm: %s runs; --stop ends it, and what is in its memory is gone", id);
		return CLI_FAILED;
	}
	error = stop(id);
	if (!error)
		error = remove_constraints(id);
	if (!error)
		error = cluster_tool(TOOL("crm_resource", "--resource", id, "--resource-type", "primitive", "--delete"), NULL, NULL, NULL, NULL);
	return error ? failed("rm") : CLI_OK;
}

static int fresh(const char *id)
{
	json_t *snapshot, *program;
	int error = cluster_read(&snapshot);
	bool runs;

	if (error)
		return failed("fresh");
	program = find("fresh", id, snapshot);
	runs = json_array_size(json_object_get(program, "nodes")) > 0 && !cluster_true(program, "failed");
	json_decref(snapshot);
	if (!program)
		return CLI_NOTFOUND;
	if (runs) {
		host_error("cluster fresh: %s runs", id);
		return CLI_FAILED;
	}
	error = cluster_meta(id, "optmig-life", NULL);
	if (!error)
		error = cluster_tool(TOOL("crm_resource", "--resource", id, "--refresh"), NULL, NULL, NULL, NULL);
	return error ? failed("fresh") : CLI_OK;
}

static const char rm_help[] =
	"usage: optmig cluster rm NAME [--stop]\n"
	"Takes a program out of the cluster. One that runs is ended only with --stop: by the administrator's order, its target role.\n";
static const char fresh_help[] =
	"usage: optmig cluster fresh NAME\n"
	"Starts a program afresh that has ended by itself, or with its host, without what was in its memory. Make sure that it does not live on a host that the\n"
	"cluster cannot see.\n";

static int one_name(int argc, char **argv, const char *help, const struct option *longs, bool *ret_stop)
{
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_STOP: *ret_stop = true; break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK + 1;
		default: return HOST_EXIT_USAGE + 1;
		}
	if (argc - optind != 1 || !is_name(argv[optind])) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

int cluster_rm(int argc, char **argv)
{
	static const struct option longs[] = { { "stop", no_argument, NULL, OPT_STOP }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	bool may_stop = false;
	int error = one_name(argc, argv, rm_help, longs, &may_stop);

	return error ? error - 1 : rm(argv[optind], may_stop);
}

int cluster_fresh(int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	bool none = false;
	int error = one_name(argc, argv, fresh_help, longs, &none);

	return error ? error - 1 : fresh(argv[optind]);
}
