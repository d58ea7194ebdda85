/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page shows is put together here, where units are known and other hosts can be asked. More viewers cause no more questions: the units here are
 * looked at twice a second at most, other hosts once a second, the cluster's tools every three seconds. All of it ends ten seconds after the last look.
 * The numbers of hosts, units and ended moves are bounded, whatever other hosts answer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include "json_text.h"
#include "seen.h"
#include "util.h"
#include "web.h"

#define LOOKED_S     10u
#define LOCAL_MS     500u
#define PEERS_MS     1000u
#define CLUSTER_MS   3000u
#define NONE_MS      30000u             /* where there is no cluster */
#define ASK_S        4u
#define WORKERS      8u
#define TOOL_S       20u
#define SNAPSHOT_MAX (16u << 20)
#define OWN_ROWS     1024u
#define NS_PER_MS    1000000ull

struct other { char to[256], name[64], words[240]; json_t *seen; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of all below */
static pthread_cond_t wanted;
static uint64_t looked_ns;              /* when somebody last did */
static bool collects;                   /* the collector has been begun */
static json_t *cluster;                 /* the last snapshot, or NULL; never altered */
static struct other others[WEB_HOSTS_MAX];
static unsigned other_count;
static json_t *ended[WEB_ENDED_MAX];    /* a ring */
static unsigned ended_count;
static char *given_hosts, *given_operators;     /* set once, before threads */

static pthread_mutex_t local_lock = PTHREAD_MUTEX_INITIALIZER;  /* held while the units are asked: who comes meanwhile has the same answer */
static json_t *local;
static uint64_t local_ns;

static void put_text(json_t *to, const char *name, const char *value)
{
	if (*value)
		json_object_set_new(to, name, json_string(value));
}

static void put(json_t *to, const char *name, double value)
{
	json_object_set_new(to, name, value < 9e15 && value == (double)(json_int_t)value ? json_integer((json_int_t)value) : json_real(value));
}

static void own_name(char ret[65])
{
	struct utsname name;

	uname(&name);
	snprintf(ret, 65, "%s", name.nodename);
}

/* ---- options ----------------------------------------------------------------------------------------------------------------------------- */

/* Is the word one of those with commas between? */
static bool is_listed(const char *list, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (length && strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0))
			return true;
	return false;
}

int web_options(const char *names, const char *hosts)
{
	unsigned count = 1;

	if (names && (!*names || strstr(names, ",,") || *names == ',' || names[strlen(names) - 1] == ','))
		return host_fail(OM_EINVAL, "--web-operators %s: names with commas between are wanted", names);
	for (const char *c = names ? names : ""; *c; c++)
		count += *c == ',';
	if (count > WEB_OPERATORS_MAX)
		return host_fail(OM_EINVAL, "--web-operators: more than %u names", WEB_OPERATORS_MAX);
	host_cond_init(&wanted);
	given_operators = names ? strdup(names) : NULL;
	given_hosts = hosts ? strdup(hosts) : NULL;
	return (names && !given_operators) || (hosts && !given_hosts) ? host_fail(OM_ENOMEM, "no memory") : 0;
}

bool web_is_operator(const char *name)
{
	return given_operators && is_listed(given_operators, name);
}

/* ---- this host ---------------------------------------------------------------------------------------------------------------------------- */

/* Of a move that goes on, or has ended. */
static json_t *move_json(const json_t *report)
{
	json_t *move = json_pack("{ss}", "direction", seen_direction(report));

	put_text(move, "mode", *json_text(report, "mode-chosen") ? json_text(report, "mode-chosen") : json_text(report, "mode"));
	put_text(move, "phase", json_text(report, "state"));
	put_text(move, "peer", json_text(report, "peer"));
	put(move, "transferred", seen_number(report, "ram.transferred"));
	put(move, "remaining", seen_number(report, "ram.remaining"));
	put(move, "total", seen_number(report, "ram.total"));
	put(move, "rate", seen_number(report, "throughput"));
	put(move, "rounds", seen_number(report, "ram.dirty-sync-count"));
	put(move, "owed-pages", seen_number(report, "postcopy.owed-pages"));
	put(move, "expected-gap-ms", seen_number(report, "expected-downtime"));
	put(move, "seconds", seen_number(report, "total-time") / 1e3);
	return move;
}

void web_ended(const char *unit, const json_t *report)
{
	json_t *move = move_json(report), *old;

	put_text(move, "unit", unit);
	put_text(move, "session", json_text(report, "session"));
	put_text(move, "result", json_text(report, "status"));
	put_text(move, "error", json_text(report, "error"));
	put_text(move, "reason", json_text(report, "error-desc"));
	put(move, "gap-ms", 1e3 * seen_gap(report));
	put(move, "at", (double)time(NULL));
	pthread_mutex_lock(&lock);
	old = ended[ended_count % WEB_ENDED_MAX];
	ended[ended_count++ % WEB_ENDED_MAX] = move;
	pthread_mutex_unlock(&lock);
	json_decref(old);
}

/* How it ended, or what is wrong with it, in words. */
static void put_reason(json_t *unit, const struct program *p)
{
	const json_t *status = json_object_get(p->end, "status"), *signal_name = json_object_get(p->end, "signal");
	char words[160] = "";

	if (p->unsure)
		snprintf(words, sizeof words, "it was killed in the middle of a move, and may run at the other host");
	else if (p->hung)
		snprintf(words, sizeof words, "its process lives and does not answer");
	else if (p->state == STATE_FAILED && json_is_integer(signal_name))
		snprintf(words, sizeof words, "killed by signal %d", (int)json_integer_value(signal_name));
	else if (p->state == STATE_FAILED && json_is_integer(status))
		snprintf(words, sizeof words, "it ended with status %d", (int)json_integer_value(status));
	else if (p->state == STATE_FAILED)
		snprintf(words, sizeof words, "%.150s", *json_text(p->end, "how") ? json_text(p->end, "how") : "it has ended, and nobody knows how");
	put_text(unit, "reason", words);
}

static json_t *unit_json(const struct service_unit *u, const struct program *p, const json_t *last, time_t last_at)
{
	json_t *unit = json_pack("{ss ss}", "name", u->name, "state", service_state_name(p->state));

	if (p->alive)
		put(unit, "since", (double)p->began);
	if (p->unsure)
		json_object_set_new(unit, "unsure", json_true());
	if (p->hung)
		json_object_set_new(unit, "silent", json_true());
	put_reason(unit, p);
	if (seen_moves(p->state, p->report))
		json_object_set_new(unit, "move", move_json(p->report));
	if (p->state == STATE_MOVED)
		put_text(unit, "to", json_text(p->move, "to"));
	if (last) {
		json_t *l = json_pack("{ss ss}", "result", json_text(last, "status"), "direction", seen_direction(last));

		put(l, "gap-ms", 1e3 * seen_gap(last));
		put(l, "at", (double)last_at);
		put_text(l, "error", json_text(last, "error"));
		put_text(l, "reason", json_text(last, "error-desc"));
		json_object_set_new(unit, "last", l);
	}
	return unit;
}

static json_t *units_json(unsigned *ret_left_off)
{
	json_t *list = json_array();

	pthread_mutex_lock(&service.lock);
	struct service_unit *u = service.units; /* entries stay */
	pthread_mutex_unlock(&service.lock);
	for (*ret_left_off = 0; u; u = u->next) {
		struct program p;
		json_t *last;
		time_t at;
		bool defined;

		pthread_mutex_lock(&service.lock);
		defined = u->defined;
		last = json_incref(u->last_move);
		at = u->last_move_at;
		pthread_mutex_unlock(&service.lock);
		if (defined && json_array_size(list) < OWN_ROWS) {
			program_look(u, true, &p);
			json_array_append_new(list, unit_json(u, &p, last, at));
			program_done(&p);
		} else {
			*ret_left_off += defined;
		}
		json_decref(last);
	}
	return list;
}

static json_t *make_overview(void)
{
	static const char *const kept[] = { "name", "version", "kernel", "memory-total", "memory-free", "memory-reserved", "cpus", "tee", "epc-total", "evidence" };
	json_t *host = service_host(), *overview = json_object(), *list = json_array();
	unsigned left_off;

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (json_object_get(host, kept[i]))
			json_object_set(overview, kept[i], json_object_get(host, kept[i]));
	json_decref(host);
	json_object_set_new(overview, "units", units_json(&left_off));
	if (left_off)
		json_object_set_new(overview, "left-off", json_integer(left_off));
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < WEB_ENDED_MAX && i < ended_count; i++)
		json_array_append(list, ended[(ended_count - 1 - i) % WEB_ENDED_MAX]);
	pthread_mutex_unlock(&lock);
	json_object_set_new(overview, "ended", list);
	return overview;
}

json_t *web_overview(void)
{
	json_t *overview;

	pthread_mutex_lock(&local_lock);
	if (!local || host_monotonic_ns() - local_ns > LOCAL_MS * NS_PER_MS) {
		json_decref(local);
		local = make_overview();
		local_ns = host_monotonic_ns();
	}
	overview = json_incref(local);
	pthread_mutex_unlock(&local_lock);
	return overview;
}

/* ---- other hosts, and the cluster ---------------------------------------------------------------------------------------------------------- */

json_t *web_cluster(void)
{
	json_t *snapshot;

	pthread_mutex_lock(&lock);
	snapshot = json_incref(cluster);
	pthread_mutex_unlock(&lock);
	return snapshot;
}

static void read_cluster(void)
{
	const char *argv[] = { service.optmig, "cluster", "hosts", "--json", NULL };
	json_t *snapshot = NULL, *old;
	char *said = NULL;
	int status;

	if (web_run(argv, TOOL_S, false, SNAPSHOT_MAX, &said, &status) == 0 && status == 0)
		snapshot = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
	free(said);
	if (!json_is_object(json_object_get(snapshot, "nodes")) || !json_is_object(json_object_get(snapshot, "programs"))) {
		json_decref(snapshot);
		snapshot = NULL;
	}
	pthread_mutex_lock(&lock);
	old = cluster;
	cluster = snapshot;
	pthread_mutex_unlock(&lock);
	json_decref(old);
}

/* ---- what another host tells: made anew of what is known, with its type ----------------------------------------------------------------------- */

#define TEXT_MAX 300u

enum kind { A_TEXT, A_NUMBER, A_FLAG, TEXTS, AN_OBJECT };
struct member { const char *name; enum kind kind; const struct member *members; };

static const struct member move_members[] = { { "direction", A_TEXT, NULL }, { "mode", A_TEXT, NULL }, { "phase", A_TEXT, NULL }, { "peer", A_TEXT, NULL },
	{ "transferred", A_NUMBER, NULL }, { "remaining", A_NUMBER, NULL }, { "total", A_NUMBER, NULL }, { "rate", A_NUMBER, NULL }, { "rounds", A_NUMBER, NULL },
	{ "owed-pages", A_NUMBER, NULL }, { "expected-gap-ms", A_NUMBER, NULL }, { "seconds", A_NUMBER, NULL }, { 0 } };
static const struct member last_members[] = { { "result", A_TEXT, NULL }, { "direction", A_TEXT, NULL }, { "gap-ms", A_NUMBER, NULL }, { "at", A_NUMBER, NULL },
	{ "error", A_TEXT, NULL }, { "reason", A_TEXT, NULL }, { 0 } };
static const struct member unit_members[] = { { "name", A_TEXT, NULL }, { "state", A_TEXT, NULL }, { "since", A_NUMBER, NULL }, { "unsure", A_FLAG, NULL },
	{ "silent", A_FLAG, NULL }, { "reason", A_TEXT, NULL }, { "to", A_TEXT, NULL }, { "move", AN_OBJECT, move_members }, { "last", AN_OBJECT, last_members }, { 0 } };
static const struct member ended_members[] = { { "unit", A_TEXT, NULL }, { "session", A_TEXT, NULL }, { "direction", A_TEXT, NULL }, { "peer", A_TEXT, NULL },
	{ "result", A_TEXT, NULL }, { "error", A_TEXT, NULL }, { "reason", A_TEXT, NULL }, { "gap-ms", A_NUMBER, NULL }, { "transferred", A_NUMBER, NULL }, { "seconds", A_NUMBER, NULL },
	{ "at", A_NUMBER, NULL }, { 0 } };
static const struct member host_members[] = { { "name", A_TEXT, NULL }, { "version", A_TEXT, NULL }, { "kernel", A_TEXT, NULL }, { "memory-total", A_NUMBER, NULL },
	{ "memory-free", A_NUMBER, NULL }, { "memory-reserved", A_NUMBER, NULL }, { "cpus", A_NUMBER, NULL }, { "tee", TEXTS, NULL }, { "epc-total", A_NUMBER, NULL },
	{ "evidence", A_TEXT, NULL }, { "left-off", A_NUMBER, NULL }, { 0 } };

static bool is_short_text(const json_t *value)
{
	return json_is_string(value) && json_string_length(value) <= TEXT_MAX;
}

static json_t *known_of(const json_t *object, const struct member *members)
{
	json_t *known = json_object();

	for (const struct member *m = members; m->name; m++) {
		json_t *value = json_object_get(object, m->name), *item;
		size_t i;

		if ((m->kind == A_TEXT && is_short_text(value)) || (m->kind == A_NUMBER && json_is_number(value)) || (m->kind == A_FLAG && json_is_boolean(value))) {
			json_object_set(known, m->name, value);
		} else if (m->kind == AN_OBJECT && json_is_object(value)) {
			json_object_set_new(known, m->name, known_of(value, m->members));
		} else if (m->kind == TEXTS && json_is_array(value)) {
			json_t *list = json_array();

			json_array_foreach(value, i, item)
				if (is_short_text(item) && i < 8)
					json_array_append(list, item);
			json_object_set_new(known, m->name, list);
		}
	}
	return known;
}

/* Those that have @name at least. */
static json_t *known_list(const json_t *array, const struct member *members, const char *name, size_t most)
{
	json_t *list = json_array(), *entry;
	size_t i;

	json_array_foreach(array, i, entry)
		if (json_array_size(list) < most && is_short_text(json_object_get(entry, name)))
			json_array_append_new(list, known_of(entry, members));
	return list;
}

static json_t *known_overview(const json_t *said)
{
	json_t *overview = known_of(said, host_members);

	json_object_set_new(overview, "units", known_list(json_object_get(said, "units"), unit_members, "name", OWN_ROWS));
	json_object_set_new(overview, "ended", known_list(json_object_get(said, "ended"), ended_members, "unit", WEB_ENDED_MAX));
	return overview;
}

struct work { struct other asked[WEB_HOSTS_MAX]; unsigned count, next; pthread_mutex_t lock; };

static void add_other(struct work *work, const char *to, const char *name)
{
	if (!*to || strlen(to) >= sizeof work->asked[0].to || work->count == WEB_HOSTS_MAX)
		return;
	for (unsigned i = 0; i < work->count; i++)
		if (strcmp(work->asked[i].to, to) == 0)
			return;
	snprintf(work->asked[work->count].to, sizeof work->asked[0].to, "%s", to);
	snprintf(work->asked[work->count].name, sizeof work->asked[0].name, "%s", name);
	work->count++;
}

/* Those of the options, and the cluster's other nodes that are there. */
static void list_others(struct work *work, const json_t *snapshot)
{
	char self[65], word[256];
	const char *name, *at = given_hosts;
	json_t *node;

	own_name(self);
	for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		snprintf(word, sizeof word, "%.*s", (int)(strcspn(at, ",") < sizeof word ? strcspn(at, ",") : 0), at);
		add_other(work, word, word);
	}
	json_object_foreach(json_object_get(snapshot, "nodes"), name, node) {
		const char *address = json_text(json_object_get(node, "has"), "optmig-address");

		if (strcmp(name, self) != 0 && json_is_true(json_object_get(node, "online")))
			add_other(work, *address ? address : name, name);
	}
}

static void *ask_main(void *argument)
{
	struct work *work = argument;

	for (;;) {
		struct other *o;
		json_t *said = NULL;
		int error;

		pthread_mutex_lock(&work->lock);
		o = work->next < work->count ? &work->asked[work->next++] : NULL;
		pthread_mutex_unlock(&work->lock);
		if (!o)
			return NULL;
		error = peer_call(o->to, "overview", NULL, ASK_S, &said);
		if (error) {
			snprintf(o->words, sizeof o->words, "%s", host_reason());
			continue;
		}
		o->seen = known_overview(said);
		json_decref(said);
		if (*json_text(o->seen, "name") && strlen(json_text(o->seen, "name")) < sizeof o->name)
			snprintf(o->name, sizeof o->name, "%s", json_text(o->seen, "name"));
		else
			json_object_set_new(o->seen, "name", json_string(o->name));
	}
}

/* What a host is called it has said before, and may not be able to say just now. */
static void keep_names(struct work *work)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < work->count; i++)
		for (unsigned k = 0; k < other_count; k++)
			if (strcmp(work->asked[i].to, others[k].to) == 0)
				memcpy(work->asked[i].name, others[k].name, sizeof others[k].name);
	pthread_mutex_unlock(&lock);
}

static void ask_others(const json_t *snapshot)
{
	struct work *work = calloc(1, sizeof *work);
	pthread_t threads[WORKERS];
	json_t *old[WEB_HOSTS_MAX];
	unsigned begun = 0, old_count;

	if (!work)
		return;
	pthread_mutex_init(&work->lock, NULL);
	list_others(work, snapshot);
	keep_names(work);
	while (begun < WORKERS && begun < work->count && pthread_create(&threads[begun], NULL, ask_main, work) == 0)
		begun++;
	if (!begun)
		(void)ask_main(work);
	for (unsigned i = 0; i < begun; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_lock(&lock);
	old_count = other_count;
	for (unsigned i = 0; i < old_count; i++)
		old[i] = others[i].seen;
	memcpy(others, work->asked, work->count * sizeof *others);
	other_count = work->count;
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < old_count; i++)
		json_decref(old[i]);
	pthread_mutex_destroy(&work->lock);
	free(work);
}

/* Context: its own thread, with the lock. */
static void wait_for_looks(void)
{
	while (host_monotonic_ns() - looked_ns > LOOKED_S * 1000 * NS_PER_MS)
		pthread_cond_wait(&wanted, &lock);
}

static void *collect_main(void *none)
{
	uint64_t cluster_ns = 0;

	(void)none;
	for (;;) {
		const uint64_t begin = host_monotonic_ns();
		uint64_t age;
		json_t *snapshot;

		pthread_mutex_lock(&lock);
		age = begin - cluster_ns;
		const bool due = !cluster_ns || age > (cluster ? CLUSTER_MS : NONE_MS) * NS_PER_MS;
		pthread_mutex_unlock(&lock);
		if (due) {
			read_cluster();
			cluster_ns = host_monotonic_ns();
		}
		snapshot = web_cluster();
		ask_others(snapshot);
		json_decref(snapshot);
		while (host_monotonic_ns() - begin < PEERS_MS * NS_PER_MS)
			host_pause_ms(50);
		pthread_mutex_lock(&lock);
		wait_for_looks();
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------------- */

/* What a stranger may know of a unit or move: what figures say. */
static json_t *only_figures(const json_t *overview)
{
	static const char *const hidden[] = { "peer", "reason", "error", "to", "session" };
	json_t *bare = json_deep_copy(overview), *unit, *move;
	size_t i;

	json_object_del(bare, "kernel");
	json_array_foreach(json_object_get(bare, "units"), i, unit)
		for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++) {
			json_object_del(unit, hidden[h]);
			json_object_del(json_object_get(unit, "move"), hidden[h]);
			json_object_del(json_object_get(unit, "last"), hidden[h]);
		}
	json_array_foreach(json_object_get(bare, "ended"), i, move)
		for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
			json_object_del(move, hidden[h]);
	return bare;
}

/* A host's answer with no more units than there is room for. What has nothing there and has not failed is the other hosts' matter: units are defined everywhere. */
static json_t *host_json(const json_t *overview, bool own, unsigned *room)
{
	json_t *host = json_copy((json_t *)(uintptr_t)overview), *list = json_array(), *unit;
	size_t i;
	unsigned left_off = 0;

	json_array_foreach(json_object_get(overview, "units"), i, unit) {
		const char *state = json_text(unit, "state");

		if (!own && (strcmp(state, "stopped") == 0 || strcmp(state, "moved") == 0) && !json_object_get(unit, "reason"))
			continue;
		if (*room && json_is_object(unit)) {
			json_array_append(list, unit);
			(*room)--;
		} else {
			left_off++;
		}
	}
	json_object_set_new(host, "units", list);
	if (left_off)
		json_object_set_new(host, "left-off", json_integer(left_off + json_integer_value(json_object_get(host, "left-off"))));
	if (own)
		json_object_set_new(host, "self", json_true());
	return host;
}

/* Of the cluster's snapshot: what the page has a use for. */
static json_t *cluster_json(const json_t *snapshot)
{
	json_t *nodes = json_object(), *programs = json_object(), *entry;
	const char *name;

	json_object_foreach(json_object_get(snapshot, "nodes"), name, entry) {
		json_t *node = json_pack("{ss}", "state", json_text(entry, "state"));

		for (const char *const *key = (const char *const[]){ "standby", "online", "memory", "used", "moves", NULL }; *key; key++)
			if (json_object_get(entry, *key))
				json_object_set(node, *key, json_object_get(entry, *key));
		json_object_set_new(nodes, name, node);
	}
	json_object_foreach(json_object_get(snapshot, "programs"), name, entry) {
		const json_t *failure = json_object_get(entry, "failure");
		json_t *program;

		if (!json_is_true(json_object_get(entry, "blocked")) && !json_is_true(json_object_get(entry, "failed")) && !*json_text(entry, "pending"))
			continue;
		program = json_pack("{ss sO}", "name", json_text(entry, "name"), "nodes", json_object_get(entry, "nodes"));
		if (json_is_true(json_object_get(entry, "blocked")))
			json_object_set_new(program, "blocked", json_true());
		put_text(program, "pending", json_text(entry, "pending"));
		put_text(program, "reason", *json_text(failure, "reason") ? json_text(failure, "reason") : json_text(failure, "status"));
		json_object_set_new(programs, name, program);
	}
	return json_pack("{sb so so}", "quorum", json_is_true(json_object_get(snapshot, "quorum")), "nodes", nodes, "programs", programs);
}

/* Context: with the lock. */
static void add_others(json_t *hosts, const char *self, unsigned *room)
{
	for (unsigned i = 0; i < other_count; i++) {
		const struct other *o = &others[i];
		json_t *host;

		if (strcmp(o->name, self) == 0)
			continue;
		host = o->seen ? host_json(o->seen, false, room) : json_pack("{ss ss so}", "name", o->name, "error", o->words, "units", json_array());
		json_object_set_new(host, "address", json_string(o->to));
		json_array_append_new(hosts, host);
	}
}

/* Somebody looks: the collector is to go on. Context: with the lock. */
static void note_look(void)
{
	looked_ns = host_monotonic_ns();
	if (!collects)
		collects = host_thread_begin(collect_main, NULL) == 0;
	pthread_cond_signal(&wanted);
}

static bool is_too_long(const json_t *state)
{
	return json_dumpb(state, NULL, 0, JSON_COMPACT) > WEB_STATE_MAX;
}

json_t *web_state(bool all, const char *by)
{
	json_t *overview = web_overview(), *bare = NULL, *state = NULL, *hosts;
	unsigned rows = WEB_ROWS_MAX;
	char self[65];

	own_name(self);
	if (!overview)
		return NULL;
	if (!all)
		bare = only_figures(overview);
	for (;;) {
		unsigned room = rows;

		hosts = json_array();
		json_array_append_new(hosts, host_json(all ? overview : bare, true, &room));
		pthread_mutex_lock(&lock);
		if (all) {
			note_look();
			add_others(hosts, self, &room);
		}
		state = json_pack("{ss sI so so}", "host", self, "now", (json_int_t)time(NULL), "cluster", all && cluster ? cluster_json(cluster) : json_null(), "hosts", hosts);
		pthread_mutex_unlock(&lock);
		if (rows < 64 || !is_too_long(state))
			break;
		rows /= 2; /* long names, long reasons */
		json_decref(state);
	}
	if (by && web_is_operator(by))
		json_object_set_new(state, "operator", json_true());
	json_decref(bare);
	json_decref(overview);
	return state;
}
