/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes have and programs need, so that no program is sent to a host that would refuse it. A node's optmigd says what the node has, and node
 * attributes hold that. A program's image, and the processor on which it began, say what the program needs, and a location rule holds that. A node that
 * has published nothing is not excluded: a move to it may fail, and leaves the program whole. A rule that excluded it would drive programs away when an
 * attribute is lost.
 *
 *     optmig-xfrm-avx, -avx512        yes|no: vector registers that an enclave can have      image (xfrm=)
 *     optmig-cpu-avx2, -avx512, -vaes, -sha   yes|no: what programs are told of              the node where it began
 *     optmig-evidence                 sgx|snp|tdx|demo                                       image's policy (platform =)
 *     optmig-guest                    MEASUREMENTS of a confidential guest                   image's policy (guest =), unless a signer lists others
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define GUEST_SLASHES 3u        /* of a TDX guest: MRTD and RTMR0 to 2; the fourth is the guest's own */

static const char *const cpu_words[] = { "avx2", "avx512", "vaes", "sha" };

static int failed(const char *verb)
{
	host_error("cluster %s: %s", verb, host_reason());
	return CLI_FAILED;
}

/* ---- what nodes have ---- */

static void have(json_t *has, const char *prefix, const char *word, bool is)
{
	char name[40];

	snprintf(name, sizeof name, "optmig-%s-%s", prefix, word);
	json_object_set_new(has, name, json_string(is ? "yes" : "no"));
}

/* Of optmigd's `host`: the node attributes. */
static json_t *attributes_of(const json_t *host)
{
	const json_t *features = json_object_get(host, "cpu-features");
	const char *xfrm = cluster_text(host, "xfrm");
	json_t *has = json_object();

	if (*xfrm) {
		have(has, "xfrm", "avx", strcmp(xfrm, "sse") != 0);
		have(has, "xfrm", "avx512", strcmp(xfrm, "avx512") == 0);
	}
	for (size_t i = 0; json_is_array(features) && i < sizeof cpu_words / sizeof *cpu_words; i++)
		have(has, "cpu", cpu_words[i], cluster_has(features, cpu_words[i]));
	if (*cluster_text(host, "evidence"))
		json_object_set(has, "optmig-evidence", json_object_get(host, "evidence"));
	/* One that is no guest any more has a word there all the same: nothing but what is written replaces what was. */
	json_object_set_new(has, "optmig-guest", json_string(*cluster_text(host, "guest") ? cluster_text(host, "guest") : "none"));
	return has;
}

static bool differs(const json_t *has, const json_t *known)
{
	json_t *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)has, name, value)
		if (!json_equal(value, json_object_get(known, name)))
			return true;
	return false;
}

/* One change of the configuration, for all. */
static int write_attributes(const json_t *nodes, const json_t *changed)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	json_t *has, *value;
	const char *node, *name;
	int error;

	if (!to)
		return host_fail(OM_ENOMEM, "no memory");
	fputs("<nodes>", to);
	json_object_foreach((json_t *)(uintptr_t)changed, node, has) {
		const char *id = cluster_text(json_object_get(nodes, node), "id");

		fprintf(to, "<node id=\"%s\"><instance_attributes id=\"nodes-%s\">", id, id);
		json_object_foreach(has, name, value) {
			fprintf(to, "<nvpair id=\"nodes-%s-%s\" name=\"%s\" value=\"", id, name, name);
			cluster_escaped(to, json_string_value(value));
			fputs("\"/>", to);
		}
		fputs("</instance_attributes></node>", to);
	}
	fputs("</nodes>", to);
	if (fclose(to)) {
		free(text);
		return host_fail(OM_ENOMEM, "no memory");
	}
	error = cluster_tool(TOOL("cibadmin", "--modify", "--allow-create", "--scope", "nodes", "--xml-pipe"), text, NULL, NULL, NULL);
	free(text);
	return error;
}

/* @only: that node, asked by its local socket; NULL: all that are online, and with @missing only those of which nothing is known. Nodes that do not
 * answer are left out, with a note. */
static int publish(json_t *snapshot, const char *only, bool missing)
{
	json_t *nodes = json_object_get(snapshot, "nodes"), *node, *changed = json_object();
	const char *name;
	int error = 0;

	json_object_foreach(nodes, name, node) {
		json_t *host, *has, *known = json_object_get(node, "has");

		if ((only && strcmp(only, name) != 0) || !cluster_true(node, "online") || !*cluster_text(node, "id") || (missing && json_object_get(known, "optmig-evidence")))
			continue;
		if (cluster_host(node, only ? NULL : name, &host)) {
			host_note("%s: %s", name, host_reason());
			continue;
		}
		has = attributes_of(host);
		json_decref(host);
		if (differs(has, known)) {
			json_object_set(changed, name, has);
			json_object_update(known, has);
		}
		json_decref(has);
	}
	if (json_object_size(changed))
		error = write_attributes(nodes, changed);
	json_decref(changed);
	return error;
}

/* ---- what a program needs ---- */

/* The policy's lines of that key, to their first comma. */
static json_t *policy_values(const char *policy, const char *key)
{
	const size_t length = strlen(key);
	json_t *list = json_array();

	for (const char *line = policy; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, length) == 0 && strncmp(line + length, " = ", 3) == 0)
			json_array_append_new(list, json_stringn(line + length + 3, strcspn(line + length + 3, ",\n")));
	return list;
}

static void cut_guests(json_t *list)
{
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		const char *text = json_string_value(value), *at = text;

		for (unsigned n = 0; at && n <= GUEST_SLASHES; n++)
			at = strchr(n ? at + 1 : at, '/');
		if (at)
			json_array_set_new(list, i, json_stringn(text, (size_t)(at - text)));
	}
}

/* @shown: `optmig image show --json`. @ret: "attributes" that must not be "no", "evidence", "guests". */
static json_t *needs_of(const json_t *shown, const json_t *features)
{
	const char *policy = cluster_text(shown, "policy"), *xfrm = cluster_text(shown, "xfrm");
	json_t *attributes = json_array(), *evidence = policy_values(policy, "platform"), *guests = policy_values(policy, "guest");
	json_t *signers = policy_values(policy, "guest-signer");
	char name[40];

	if (*xfrm && strcmp(xfrm, "sse") != 0) {
		snprintf(name, sizeof name, "optmig-xfrm-%.10s", xfrm);
		json_array_append_new(attributes, json_string(name));
	}
	for (size_t i = 0; i < sizeof cpu_words / sizeof *cpu_words; i++)
		if (cluster_has(features, cpu_words[i])) {
			snprintf(name, sizeof name, "optmig-cpu-%s", cpu_words[i]);
			json_array_append_new(attributes, json_string(name));
		}
	if (cluster_true(shown, "debug") && !cluster_has(evidence, "demo"))
		json_array_append_new(evidence, json_string("demo")); /* whatever its policy says */
	/* Whoever signs lists may add guests that no rule knows. */
	if (json_array_size(signers))
		json_array_clear(guests);
	cut_guests(guests);
	json_decref(signers);
	return json_pack("{so so so}", "attributes", attributes, "evidence", evidence, "guests", guests);
}

static void expression(FILE *to, const char *id, size_t *number, const char *attribute, const char *operation, const char *value)
{
	fprintf(to, "<expression id=\"needs-%s-%zu\" attribute=\"%s\" operation=\"%s\"", id, (*number)++, attribute, operation);
	if (value) {
		fputs(" value=\"", to);
		cluster_escaped(to, value);
		putc('"', to);
	}
	fputs("/>", to);
}

/* A node is excluded if it has said what it is, and that is none of these. @also: a value that is none of the list's and excludes nothing; or NULL. */
static void none_of(FILE *to, const char *id, size_t *number, const char *attribute, const json_t *list, const char *also)
{
	json_t *value;
	size_t i;

	fprintf(to, "<rule id=\"needs-%s-%s\" score=\"-INFINITY\" boolean-op=\"and\">", id, attribute);
	expression(to, id, number, attribute, "defined", NULL);
	json_array_foreach(list, i, value)
		expression(to, id, number, attribute, "ne", json_string_value(value));
	if (also)
		expression(to, id, number, attribute, "ne", also);
	fputs("</rule>", to);
}

/* "" if nothing excludes any node. */
static char *rules_of(const char *id, const json_t *needs)
{
	const json_t *attributes = json_object_get(needs, "attributes"), *evidence = json_object_get(needs, "evidence"), *guests = json_object_get(needs, "guests");
	char *text = NULL;
	json_t *value;
	size_t size, i, number = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	if (!json_array_size(attributes) && !json_array_size(evidence) && !json_array_size(guests)) {
		fclose(to);
		return text;
	}
	fprintf(to, "<rsc_location id=\"needs-%s\" rsc=\"%s\">", id, id);
	if (json_array_size(attributes)) {
		fprintf(to, "<rule id=\"needs-%s-attributes\" score=\"-INFINITY\" boolean-op=\"or\">", id);
		json_array_foreach(attributes, i, value)
			expression(to, id, &number, json_string_value(value), "eq", "no");
		fputs("</rule>", to);
	}
	if (json_array_size(evidence))
		none_of(to, id, &number, "optmig-evidence", evidence, NULL);
	if (json_array_size(guests))
		none_of(to, id, &number, "optmig-guest", guests, "none");
	fputs("</rsc_location>", to);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

/* The image's file. Return: OM_ENOTFOUND if this host has not got it. */
static int find_image(const json_t *program, char **ret)
{
	const char *image = cluster_text(program, "image"), *unit = cluster_text(program, "unit");
	json_t *shown = NULL, *store = NULL, *entry;
	size_t i;
	int error = 0;

	*ret = NULL;
	if (!*image && *unit) {
		error = cluster_optmig(TOOL("unit", "show", unit, "--json"), &shown);
		if (!error)
			image = cluster_text(json_object_get(shown, "unit"), "image");
	}
	if (!error && *image == '/')
		*ret = strdup(image);
	if (!error && !*ret)
		error = cluster_optmig(TOOL("image", "ls", "--json"), &store);
	json_array_foreach(store, i, entry)
		if (!*ret && *cluster_text(entry, "file") && (strcmp(cluster_text(entry, "name"), image) == 0 || strcmp(cluster_text(entry, "mrenclave"), image) == 0))
			*ret = strdup(cluster_text(entry, "file"));
	if (!error && !*ret)
		error = host_fail(OM_ENOTFOUND, "this host has no image \"%.80s\": what it needs of others is not known", image);
	json_decref(store);
	json_decref(shown);
	return error;
}

static int read_needs(const json_t *program, const json_t *features, json_t **ret)
{
	char *image = NULL;
	json_t *shown = NULL;
	int error = find_image(program, &image);

	if (!error)
		error = cluster_optmig(TOOL("image", "show", "--json", image), &shown);
	if (!error)
		*ret = needs_of(shown, features);
	json_decref(shown);
	free(image);
	return error;
}

int cluster_rules_xml(const char *id, const json_t *program, char **ret)
{
	json_t *needs;
	int error = read_needs(program, NULL, &needs);

	if (error)
		return error;
	*ret = rules_of(id, needs);
	json_decref(needs);
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static int write_rules(const char *id, bool are_some, const char *xml)
{
	char path[256], *whole = NULL;
	int error = 0;

	snprintf(path, sizeof path, "//rsc_location[@id='needs-%s']", id);
	if (are_some)
		error = cluster_tool(TOOL("cibadmin", "--delete-all", "--force", "--xpath", path), NULL, NULL, NULL, NULL);
	if (error || !*xml)
		return error;
	if (asprintf(&whole, "<constraints>%s</constraints>", xml) < 0)
		return host_fail(OM_ENOMEM, "no memory");
	error = cluster_tool(TOOL("cibadmin", "--modify", "--allow-create", "--scope", "constraints", "--xml-pipe"), whole, NULL, NULL, NULL);
	free(whole);
	return error;
}

int cluster_rules(const char *id, const json_t *program, const json_t *features)
{
	json_t *needs, *before = json_object_get(program, "needs");
	char *xml;
	int error = read_needs(program, features, &needs);

	if (error)
		return error;
	xml = rules_of(id, needs);
	if (!xml)
		error = host_fail(OM_ENOMEM, "no memory");
	else if (!json_equal(needs, before))
		error = write_rules(id, before != NULL, xml);
	free(xml);
	json_decref(needs);
	return error;
}

int cluster_publish_missing(json_t *snapshot)
{
	return publish(snapshot, NULL, true);
}

/* ---- why a node is no place ---- */

static bool listed_or_unknown(const json_t *list, const char *value)
{
	return !*value || !json_array_size(list) || cluster_has(list, value);
}

bool cluster_lacks(const json_t *node, const json_t *program, char *ret, size_t size)
{
	const json_t *has = json_object_get(node, "has"), *needs = json_object_get(program, "needs"), *evidence = json_object_get(needs, "evidence");
	const char *is = cluster_text(has, "optmig-evidence"), *guest = cluster_text(has, "optmig-guest");
	json_t *name, *value;
	size_t i, used;

	json_array_foreach(json_object_get(needs, "attributes"), i, name) {
		const char *attribute = json_string_value(name), *word = strrchr(attribute, '-');

		if (strcmp(cluster_text(has, attribute), "no") != 0)
			continue;
		snprintf(ret, size, strncmp(attribute, "optmig-xfrm-", 12) == 0 ? "has no %s registers for enclaves (xfrm)" : "its processor has no %s, of which the program was told",
			word ? word + 1 : attribute);
		return true;
	}
	if (!listed_or_unknown(evidence, is)) {
		used = (size_t)snprintf(ret, size, "its evidence is %s, and the program's policy accepts", is);
		json_array_foreach(evidence, i, value)
			if (used < size)
				used += (size_t)snprintf(ret + used, size - used, "%s %s", i ? "," : "", json_string_value(value));
		return true;
	}
	if (strcmp(guest, "none") != 0 && !listed_or_unknown(json_object_get(needs, "guests"), guest)) {
		snprintf(ret, size, "its guest's measurement is not in the program's policy");
		return true;
	}
	return false;
}

/* ---- the verbs ---- */

static const char features_help[] =
	"usage: optmig cluster features [--here] [--json]\n"
	"Asks the optmigd of each node what programs find there (vector registers, processor features, evidence), writes it as node attributes, and prints it.\n"
	"The resource agent does so on its own node; say it after a change of the hardware, of its microcode or of optmigd's environment.\n\n"
	"  --here   this node alone, whose optmigd is asked directly\n";
static const char rules_help[] =
	"usage: optmig cluster rules NAME [--begun]\n"
	"Writes the location rules of a program anew, from what its image and policy need. `add` and the resource agent do so.\n\n"
	"  --begun   it begins on this node: it will need all that this node's processor has\n";

enum { OPT_HERE = 1, OPT_BEGUN, OPT_JSON, OPT_HELP };

int cluster_features(int argc, char **argv)
{
	static const struct option longs[] = { { "here", no_argument, NULL, OPT_HERE }, { "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP }, { 0 } };
	json_t *snapshot, *node, *value, *all;
	const char *name, *attribute;
	bool here = false, json = false;
	char *us = NULL;
	int c, error;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_HERE: here = true; break;
		case OPT_JSON: json = true; break;
		case 'h': case OPT_HELP: fputs(features_help, stdout); return CLI_OK;
		default: return HOST_EXIT_USAGE;
		}
	if (argc != optind) {
		fputs(features_help, stderr);
		return HOST_EXIT_USAGE;
	}
	if (cluster_read(&snapshot))
		return failed("features");
	error = here ? cluster_own_name(&us) : 0;
	if (!error)
		error = publish(snapshot, us, false);
	all = json_object();
	json_object_foreach(json_object_get(snapshot, "nodes"), name, node)
		if (!us || strcmp(us, name) == 0)
			json_object_set(all, name, json_object_get(node, "has"));
	if (!error && json)
		cluster_print(json_incref(all));
	else if (!error && !here)
		json_object_foreach(all, name, node) {
			printf("%-20s", name);
			json_object_foreach(node, attribute, value)
				printf(" %s=%s", attribute + strlen("optmig-"), json_string_value(value));
			putchar('\n');
		}
	json_decref(all);
	json_decref(snapshot);
	free(us);
	return error ? failed("features") : CLI_OK;
}

int cluster_rules_verb(int argc, char **argv)
{
	static const struct option longs[] = { { "begun", no_argument, NULL, OPT_BEGUN }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	json_t *snapshot, *program, *host = NULL, *features = NULL;
	bool begun = false;
	int c, error;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_BEGUN: begun = true; break;
		case 'h': case OPT_HELP: fputs(rules_help, stdout); return CLI_OK;
		default: return HOST_EXIT_USAGE;
		}
	if (argc - optind != 1) {
		fputs(rules_help, stderr);
		return HOST_EXIT_USAGE;
	}
	if (cluster_read(&snapshot))
		return failed("rules");
	program = json_object_get(json_object_get(snapshot, "programs"), argv[optind]);
	if (!program) {
		host_error("cluster rules: the cluster has no program %s", argv[optind]);
		json_decref(snapshot);
		return CLI_NOTFOUND;
	}
	error = begun ? cluster_host(NULL, NULL, &host) : 0;
	features = begun ? json_incref(json_object_get(host, "cpu-features")) : cluster_needed_features(program);
	if (!error)
		error = cluster_rules(argv[optind], program, features);
	json_decref(features);
	json_decref(host);
	json_decref(snapshot);
	return error ? failed("rules") : CLI_OK;
}

/* As its rules have it: those of the node that it began on. */
json_t *cluster_needed_features(const json_t *program)
{
	json_t *list = json_array(), *name;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(program, "needs"), "attributes"), i, name)
		if (strncmp(json_string_value(name), "optmig-cpu-", 11) == 0)
			json_array_append_new(list, json_string(json_string_value(name) + 11));
	return list;
}
