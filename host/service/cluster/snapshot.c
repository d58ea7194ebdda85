/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster says of itself (crm_mon, cibadmin) as one JSON document: cluster.h. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cluster.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define EACH(node, parent) for (xmlNode *node = (parent) ? (parent)->children : NULL; node; node = node->next) if (node->type == XML_ELEMENT_NODE)

/* ---- small things of libxml2's ---- */

static bool is(const xmlNode *node, const char *name)
{
	return strcmp((const char *)node->name, name) == 0;
}

/* Of an attribute; "" if there is none. Valid as long as the document. */
static const char *get(const xmlNode *node, const char *name)
{
	for (const xmlAttr *a = node->properties; a; a = a->next)
		if (strcmp((const char *)a->name, name) == 0 && a->children && a->children->content)
			return (const char *)a->children->content;
	return "";
}

static bool yes(const xmlNode *node, const char *name)
{
	return strcmp(get(node, name), "true") == 0;
}

static xmlNode *below(xmlNode *parent, const char *name)
{
	EACH(child, parent)
		if (is(child, name))
			return child;
	return NULL;
}

static xmlDoc *parse(const char *text)
{
	/* No network, no entities from outside: the text is the local tools'. */
	return xmlReadMemory(text, (int)strlen(text), "tool.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE);
}

/* ---- members ---- */

const char *cluster_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

bool cluster_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

bool cluster_has(const json_t *array, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		if (strcmp(json_string_value(item), text) == 0)
			return true;
	return false;
}

void cluster_print(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(value);
}

static void put(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

static json_t *member(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	if (!value) {
		value = json_object();
		json_object_set_new(object, name, value);
	}
	return value;
}

/* ---- crm_mon ---- */

static void resources(xmlNode *parent, json_t *programs)
{
	EACH(node, parent) {
		json_t *program, *places;

		if (!is(node, "resource")) {
			resources(node, programs); /* groups and the like */
			continue;
		}
		if (strcmp(get(node, "resource_agent"), "ocf:optmig:enclave") != 0)
			continue;
		program = member(programs, get(node, "id"));
		put(program, "role", get(node, "role"));
		put(program, "pending", get(node, "pending"));
		json_object_set_new(program, "blocked", json_boolean(yes(node, "blocked")));
		json_object_set_new(program, "managed", json_boolean(yes(node, "managed")));
		json_object_set_new(program, "failed", json_boolean(yes(node, "failed")));
		json_object_set_new(program, "orphaned", json_boolean(yes(node, "orphaned")));
		places = json_array();
		EACH(place, node)
			if (is(place, "node"))
				json_array_append_new(places, json_string(get(place, "name")));
		json_object_set_new(program, "nodes", places);
	}
}

static void node_of(xmlNode *from, json_t *nodes)
{
	json_t *node = member(nodes, get(from, "name"));

	json_object_set_new(node, "online", json_boolean(yes(from, "online") && !yes(from, "pending")));
	json_object_set_new(node, "standby", json_boolean(yes(from, "standby") || yes(from, "standby_onfail")));
	json_object_set_new(node, "maintenance", json_boolean(yes(from, "maintenance")));
	json_object_set_new(node, "unclean", json_boolean(yes(from, "unclean")));
}

/* The operation's key is ID_TASK_INTERVAL. */
static void failure(xmlNode *from, json_t *programs)
{
	char end[128], id[256];
	json_t *program;
	size_t size;

	snprintf(end, sizeof end, "_%s_%s", get(from, "task"), get(from, "interval"));
	snprintf(id, sizeof id, "%s", get(from, "op_key"));
	size = strlen(id);
	if (size <= strlen(end) || strcmp(id + size - strlen(end), end) != 0)
		return;
	id[size - strlen(end)] = 0;
	program = json_object_get(programs, id);
	if (program && !json_object_get(program, "failed-at"))
		json_object_set_new(program, "failed-at", json_array());
	if (program)
		json_array_append_new(json_object_get(program, "failed-at"), json_string(get(from, "node")));
	if (program)
		json_object_set_new(program, "failure", json_pack("{ss ss ss ss}", "node", get(from, "node"), "task", get(from, "task"),
			"status", *get(from, "exitreason") ? "failed" : get(from, "status"), "reason", get(from, "exitreason")));
}

static int monitor(const char *xml, json_t *snapshot)
{
	xmlDoc *document = parse(xml);
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL, *summary = root ? below(root, "summary") : NULL;
	xmlNode *dc = summary ? below(summary, "current_dc") : NULL;

	if (!summary) {
		xmlFreeDoc(document);
		/* While Pacemaker is started or ended here, crm_mon says that, with success, and nothing else. */
		return host_fail(OM_ECONNECTION, "there is no cluster here yet: crm_mon does not say what is in it");
	}
	put(snapshot, "dc", dc ? get(dc, "name") : "");
	json_object_set_new(snapshot, "quorum", json_boolean(dc && yes(dc, "with_quorum")));
	EACH(node, below(root, "nodes"))
		node_of(node, member(snapshot, "nodes"));
	resources(below(root, "resources"), member(snapshot, "programs"));
	EACH(node, below(root, "failures"))
		failure(node, member(snapshot, "programs"));
	xmlFreeDoc(document);
	return 0;
}

/* ---- the CIB ---- */

/* Of all sets of that kind below a resource or node; the first one counts. */
static const char *pair(xmlNode *parent, const char *set, const char *name)
{
	EACH(node, parent)
		if (is(node, set))
			EACH(nv, node)
				if (is(nv, "nvpair") && strcmp(get(nv, "name"), name) == 0)
					return get(nv, "value");
	return "";
}

static const char *pair_of(xmlNode *resource, xmlNode *template, const char *set, const char *name)
{
	const char *text = pair(resource, set, name);

	return *text || !template ? text : pair(template, set, name);
}

static xmlNode *template_of(xmlNode *resources_node, const char *id)
{
	if (*id)
		EACH(node, resources_node)
			if (is(node, "template") && strcmp(get(node, "id"), id) == 0)
				return node;
	return NULL;
}

/* As `add` writes it: its own meta attributes, in one set of the name that is expected. */
static bool has_set(xmlNode *resource)
{
	char id[128];

	snprintf(id, sizeof id, "%s-meta", get(resource, "id"));
	EACH(set, resource)
		if (is(set, "meta_attributes") && strcmp(get(set, "id"), id) == 0)
			return true;
	return false;
}

static void configured(xmlNode *resources_node, xmlNode *parent, json_t *programs)
{
	static const char *const metas[][2] = { { "life", "optmig-life" }, { "home", "optmig-home" }, { "target-role", "target-role" }, { "apart", "optmig-apart" },
		{ "priority", "priority" } };

	EACH(node, parent) {
		xmlNode *template;
		json_t *program;
		const char *name;

		if (!is(node, "primitive")) {
			configured(resources_node, node, programs);
			continue;
		}
		program = json_object_get(programs, get(node, "id"));
		if (!program)
			continue;
		template = template_of(resources_node, get(node, "template"));
		name = pair_of(node, template, "instance_attributes", "name");
		put(program, "name", *name ? name : get(node, "id"));
		name = pair_of(node, template, "instance_attributes", "restart");
		put(program, "restart", *name ? name : "never");
		name = pair_of(node, template, "instance_attributes", "move");
		put(program, "move", *name ? name : "live");
		put(program, "image", pair_of(node, template, "instance_attributes", "image"));
		json_object_set_new(program, "plain", json_boolean(has_set(node)));
		put(program, "unit", pair_of(node, template, "instance_attributes", "unit"));
		json_object_set_new(program, "memory", json_integer(strtoll(pair_of(node, template, "utilization", "memory"), NULL, 10)));
		for (size_t i = 0; i < sizeof metas / sizeof metas[0]; i++)
			put(program, metas[i][0], pair_of(node, template, "meta_attributes", metas[i][1]));
	}
}

/* The attributes of ours that a node has. */
static void attributes(xmlNode *node, json_t *has)
{
	EACH(set, node)
		if (is(set, "instance_attributes"))
			EACH(nv, set)
				if (is(nv, "nvpair") && strncmp(get(nv, "name"), "optmig-", 7) == 0)
					put(has, get(nv, "name"), get(nv, "value"));
}

/* A rule that features.c wrote: needs-ID. */
static void needs(xmlNode *constraints, json_t *programs)
{
	EACH(location, constraints) {
		json_t *program = json_object_get(programs, get(location, "rsc")), *what;

		if (!program || !is(location, "rsc_location") || strncmp(get(location, "id"), "needs-", 6) != 0 || strcmp(get(location, "id") + 6, get(location, "rsc")) != 0)
			continue;
		what = json_pack("{s[] s[] s[]}", "attributes", "evidence", "guests");
		EACH(rule, location)
			EACH(expression, rule) {
				const char *name = get(expression, "attribute"), *value = get(expression, "value");

				if (strcmp(get(expression, "operation"), "eq") == 0)
					json_array_append_new(json_object_get(what, "attributes"), json_string(name));
				else if (strcmp(get(expression, "operation"), "ne") == 0 && strcmp(value, "none") != 0)
					json_array_append_new(json_object_get(what, strcmp(name, "optmig-evidence") == 0 ? "evidence" : "guests"), json_string(value));
			}
		json_object_set_new(program, "needs", what);
	}
}

static int configuration(const char *xml, json_t *snapshot)
{
	xmlDoc *document = parse(xml);
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL, *conf = root ? below(root, "configuration") : NULL;

	if (!conf) {
		xmlFreeDoc(document);
		return host_fail(OM_EINTERNAL, "the cluster's configuration cannot be read");
	}
	configured(below(conf, "resources"), below(conf, "resources"), member(snapshot, "programs"));
	put(snapshot, "migration-limit", pair(below(conf, "crm_config"), "cluster_property_set", "migration-limit"));
	put(snapshot, "batch-limit", pair(below(conf, "crm_config"), "cluster_property_set", "batch-limit"));
	needs(below(conf, "constraints"), member(snapshot, "programs"));
	EACH(node, below(conf, "nodes")) {
		json_t *known = json_object_get(member(snapshot, "nodes"), get(node, "uname"));
		const char *capacity = pair(node, "utilization", "memory");

		if (known) {
			json_t *has = json_object();

			attributes(node, has);
			json_object_set_new(known, "plain", json_boolean(!*pair(node, "instance_attributes", "standby")));
			json_object_set_new(known, "has", has);
			put(known, "id", get(node, "id"));
		}
		if (known && *capacity)
			json_object_set_new(known, "memory", json_integer(strtoll(capacity, NULL, 10)));
	}
	xmlFreeDoc(document);
	return 0;
}

/* ---- what follows from both ---- */

static void add_to(json_t *object, const char *name, long long amount)
{
	if (amount)
		json_object_set_new(object, name, json_integer(json_integer_value(json_object_get(object, name)) + amount));
}

/* Once over the nodes, and once over the programs: of both there may be thousands. */
static void sum_up(json_t *snapshot)
{
	json_t *nodes = member(snapshot, "nodes"), *programs = member(snapshot, "programs"), *node, *program, *place;
	const char *name, *id;
	size_t i;

	json_object_foreach(nodes, name, node) {
		json_object_set_new(node, "used", json_integer(0));
		json_object_set_new(node, "moves", json_integer(0));
		json_object_set_new(node, "programs", json_array());
	}
	json_object_foreach(programs, id, program)
		json_array_foreach(json_object_get(program, "nodes"), i, place) {
			node = json_object_get(nodes, json_string_value(place));
			if (!node)
				continue;
			json_array_append_new(json_object_get(node, "programs"), json_string(id));
			add_to(node, "used", json_integer_value(json_object_get(program, "memory")));
			add_to(node, "moves", strcmp(cluster_text(program, "pending"), "Migrating") == 0);
		}
	json_object_foreach(nodes, name, node)
		put(node, "state", cluster_true(node, "unclean") ? "unclean" : !cluster_true(node, "online") ? "offline" :
			cluster_true(node, "maintenance") ? "maintenance" : !cluster_true(node, "standby") ? "online" :
			json_array_size(json_object_get(node, "programs")) ? "draining" : "drained");
}

static _Thread_local char *last_cib;

int cluster_read(json_t **ret_snapshot)
{
	char *mon = NULL, *cib = NULL;
	json_t *snapshot = json_object();
	/* Nothing but what is read: bans and histories of operations are more than the rest by far, programs times nodes. */
	int status, error = cluster_tool(TOOL("crm_mon", "--output-as=xml", "--inactive", "--include=none,summary,dc,nodes,resources,failures"), NULL, NULL, &mon, &status);

	if (!error && status)
		error = host_fail(OM_ECONNECTION, "there is no cluster here, or it does not answer (crm_mon: %d)", status);
	if (!error)
		error = monitor(mon, snapshot);
	if (!error)
		error = cluster_tool(TOOL("cibadmin", "--query"), NULL, NULL, &cib, NULL);
	if (!error)
		error = configuration(cib, snapshot);
	free(mon);
	free(last_cib);
	last_cib = cib;
	if (error) {
		json_decref(snapshot);
		return error;
	}
	sum_up(snapshot);
	*ret_snapshot = snapshot;
	return 0;
}

/* In every set of attributes that says anything of it: the first one counts. */
static bool set_standby(xmlNode *node)
{
	bool was = false;

	EACH(set, node)
		if (is(set, "instance_attributes"))
			EACH(nv, set)
				if (is(nv, "nvpair") && strcmp(get(nv, "name"), "standby") == 0) {
					xmlSetProp(nv, BAD_CAST "value", BAD_CAST "on");
					was = true;
				}
	return was;
}

static void add_standby(xmlNode *node)
{
	xmlNode *set = xmlNewChild(node, NULL, BAD_CAST "instance_attributes", NULL), *nv = set ? xmlNewChild(set, NULL, BAD_CAST "nvpair", NULL) : NULL;
	char id[256];

	if (!nv)
		return;
	snprintf(id, sizeof id, "optmig-plan-%s", get(node, "id"));
	xmlSetProp(set, BAD_CAST "id", BAD_CAST id);
	snprintf(id, sizeof id, "optmig-plan-%s-standby", get(node, "id"));
	xmlSetProp(nv, BAD_CAST "id", BAD_CAST id);
	xmlSetProp(nv, BAD_CAST "name", BAD_CAST "standby");
	xmlSetProp(nv, BAD_CAST "value", BAD_CAST "on");
}

int cluster_leaving(const json_t *nodes, char **ret_xml)
{
	xmlDoc *document = last_cib ? parse(last_cib) : NULL;
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
	xmlChar *text = NULL;
	int size;

	EACH(node, below(root ? below(root, "configuration") : NULL, "nodes"))
		if (cluster_has(nodes, get(node, "uname")) && !set_standby(node))
			add_standby(node);
	if (root)
		xmlDocDumpMemory(document, &text, &size);
	*ret_xml = text ? strdup((const char *)text) : NULL;
	xmlFree(text);
	xmlFreeDoc(document);
	return *ret_xml ? 0 : host_fail(OM_EINTERNAL, "the cluster's configuration cannot be copied");
}

/* Of the actions that the scheduler would order; what it leaves alone is not there. */
int cluster_simulated(const char *xml, json_t **ret_places)
{
	xmlDoc *document = parse(xml);
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL, *actions = root ? below(root, "actions") : NULL;
	json_t *places;

	if (!root || !below(root, "cluster_status")) {
		xmlFreeDoc(document);
		return host_fail(OM_EINTERNAL, "crm_simulate's answer cannot be read");
	}
	places = json_object();
	EACH(action, actions)
		if (is(action, "rsc_action") && *get(action, "dest") && strcmp(get(action, "dest"), get(action, "source")) != 0)
			json_object_set_new(places, get(action, "resource"), json_pack("[s]", get(action, "dest")));
	xmlFreeDoc(document);
	*ret_places = places;
	return 0;
}
