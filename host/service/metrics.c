/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format, version 0.0.4. Counters begin at 0 with each optmigd. Labels are made of words that need no quoting: names of units, states, errors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define COUNTERS_MAX 4096u
#define LABELS_MAX   160u
#define FILE_S       10

static const struct { const char *name, *type, *help; } families[METRIC_COUNT] = {
	[METRIC_MOVES] = { "moves_total", "counter", "Moves that have ended, from here (out) and to here (in)" },
	[METRIC_FAILURES] = { "move_failures_total", "counter", "Moves that did not come about, by the error's name" },
	[METRIC_BYTES] = { "move_bytes_total", "counter", "Bytes of memory that moves have sent" },
	[METRIC_ROUNDS] = { "move_rounds_total", "counter", "Rounds that moves have taken" },
	[METRIC_DOWNTIME] = { "move_downtime_seconds", "histogram", "Time for which the program did not run, of moves that have completed" },
	[METRIC_GAP] = { "move_gap_seconds", "histogram", "The longest time that it stood: its downtime, or its longest wait for a page" },
	[METRIC_STARTS] = { "unit_starts_total", "counter", "Programs that were begun, by order or with the machine" },
	[METRIC_PROGRAM_FAILURES] = { "unit_failures_total", "counter", "Programs that have failed" },
	[METRIC_RESTARTS] = { "unit_restarts_total", "counter", "Programs that were begun afresh, with their memory lost" },
	[METRIC_KILLS] = { "unit_kills_total", "counter", "Programs that were killed since they did not end in time" },
	[METRIC_VERDICTS] = { "attestation_verdicts_total", "counter", "Judgements of other machines' evidence" },
	[METRIC_TICKETS] = { "tickets_issued_total", "counter", "Tickets that were issued by the fleet's key" },
};
static const double bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };
#define BOUND_COUNT (sizeof bounds / sizeof *bounds)

struct counter { enum metric metric; char suffix[8], labels[LABELS_MAX]; double value; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counter counters[COUNTERS_MAX];
static unsigned counter_count;

/* Context: with the lock. What does not fit is not counted: there are few kinds. */
static void add(enum metric metric, const char *suffix, const char *labels, double amount)
{
	struct counter *c = NULL;

	for (unsigned i = 0; i < counter_count && !c; i++)
		if (counters[i].metric == metric && strcmp(counters[i].suffix, suffix) == 0 && strcmp(counters[i].labels, labels) == 0)
			c = &counters[i];
	if (!c) {
		if (counter_count == COUNTERS_MAX)
			return;
		c = &counters[counter_count++];
		c->metric = metric;
		snprintf(c->suffix, sizeof c->suffix, "%s", suffix);
		snprintf(c->labels, sizeof c->labels, "%s", labels);
	}
	c->value += amount;
}

void metrics_add(enum metric metric, const char *labels, double amount)
{
	pthread_mutex_lock(&lock);
	add(metric, "", labels, amount);
	pthread_mutex_unlock(&lock);
}

static void observe(enum metric metric, const char *labels, double seconds, double times)
{
	char with[LABELS_MAX];

	for (size_t i = 0; i < BOUND_COUNT; i++) {
		snprintf(with, sizeof with, "%s%sle=\"%g\"", labels, *labels ? "," : "", bounds[i]);
		add(metric, "_bucket", with, seconds <= bounds[i] ? times : 0);
	}
	snprintf(with, sizeof with, "%s%sle=\"+Inf\"", labels, *labels ? "," : "");
	add(metric, "_bucket", with, times);
	add(metric, "_sum", labels, seconds * times);
	add(metric, "_count", labels, times);
}

void metrics_observe(enum metric metric, const char *labels, double seconds)
{
	pthread_mutex_lock(&lock);
	observe(metric, labels, seconds, 1);
	pthread_mutex_unlock(&lock);
}

/* A counter that is not there has no rate: those that alerts are about begin at 0. */
static void begin_at_zero(void)
{
	static const char *const directions[] = { "out", "in" }, *const results[] = { "completed", "failed", "cancelled" };
	char labels[LABELS_MAX];

	for (unsigned d = 0; d < 2; d++) {
		for (unsigned r = 0; r < 3; r++) {
			snprintf(labels, sizeof labels, "direction=\"%s\",result=\"%s\"", directions[d], results[r]);
			add(METRIC_MOVES, "", labels, 0);
		}
		snprintf(labels, sizeof labels, "direction=\"%s\"", directions[d]);
		add(METRIC_BYTES, "", labels, 0);
		add(METRIC_ROUNDS, "", labels, 0);
		observe(METRIC_DOWNTIME, labels, 0, 0);
		observe(METRIC_GAP, labels, 0, 0);
	}
	add(METRIC_MOVES, "", "direction=\"out\",result=\"refused\"", 0);
	add(METRIC_TICKETS, "", "", 0);
	add(METRIC_VERDICTS, "", "verdict=\"accepted\",reason=\"\"", 0);
}

/* ---- the page ------------------------------------------------------------------------------------------------------------------------------ */

static void family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP optmig_%s %s\n# TYPE optmig_%s %s\n", name, help, name, type);
}

static void print_counters(FILE *to)
{
	pthread_mutex_lock(&lock);
	begin_at_zero();
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		family(to, families[m].name, families[m].type, families[m].help);
		for (unsigned i = 0; i < counter_count; i++)
			if (counters[i].metric == m)
				fprintf(to, "optmig_%s%s%s%s%s %.15g\n", families[m].name, counters[i].suffix, *counters[i].labels ? "{" : "", counters[i].labels,
					*counters[i].labels ? "}" : "", counters[i].value);
	}
	pthread_mutex_unlock(&lock);
}

static void print_host(FILE *to)
{
	json_t *host = service_host();
	const json_t *kind;
	size_t i;

	family(to, "build_info", "gauge", "The version of optmigd");
	fprintf(to, "optmig_build_info{version=\"%s\"} 1\n", json_string_value(json_object_get(host, "version")));
	family(to, "host_memory_bytes", "gauge", "Memory of the host; reserved: of programs that are on their way here");
	for (const char *const *name = (const char *const[]){ "total", "free", "reserved", NULL }; *name; name++) {
		char key[32];

		snprintf(key, sizeof key, "memory-%s", *name);
		fprintf(to, "optmig_host_memory_bytes{kind=\"%s\"} %.15g\n", *name, json_number_value(json_object_get(host, key)));
	}
	family(to, "host_epc_bytes", "gauge", "Memory for enclaves of the processor; 0 where there is none");
	fprintf(to, "optmig_host_epc_bytes %.15g\n", json_number_value(json_object_get(host, "epc-total")));
	family(to, "host_cpus", "gauge", "Processors that are online");
	fprintf(to, "optmig_host_cpus %.15g\n", json_number_value(json_object_get(host, "cpus")));
	family(to, "host_tee", "gauge", "What runs enclaves here");
	json_array_foreach(json_object_get(host, "tee"), i, kind)
		fprintf(to, "optmig_host_tee{kind=\"%s\"} 1\n", json_string_value(kind));
	json_decref(host);
}

/* What is known of each unit at this moment. */
struct view { char name[UNIT_NAME_MAX]; enum service_state state; bool unsure, hung; json_t *report, *last; time_t last_at; };

static unsigned look(struct view **ret)
{
	unsigned count = 0, room = 0;

	pthread_mutex_lock(&service.lock);
	struct service_unit *first = service.units;
	pthread_mutex_unlock(&service.lock);
	for (const struct service_unit *u = first; u; u = u->next)
		room++;
	*ret = calloc(room + 1, sizeof **ret);
	for (struct service_unit *u = first; u && *ret; u = u->next) {
		struct view *v = &(*ret)[count];
		struct program p;
		bool defined;

		pthread_mutex_lock(&service.lock);
		defined = u->defined;
		v->last = json_incref(u->last_move);
		v->last_at = u->last_move_at;
		pthread_mutex_unlock(&service.lock);
		if (!defined) {
			json_decref(v->last);
			continue;
		}
		memcpy(v->name, u->name, sizeof v->name);
		program_look(u, true, &p);
		v->state = p.state;
		v->unsure = p.unsure;
		v->hung = p.hung;
		v->report = json_incref(p.report);
		program_done(&p);
		count++;
	}
	return count;
}

static const char *word(const json_t *report, const char *name)
{
	const char *value = json_string_value(json_object_get(report, name));

	return value ? value : "";
}

static void print_states(FILE *to, const struct view *views, unsigned count)
{
	unsigned in[STATE_FAILED + 1] = { 0 };

	for (unsigned i = 0; i < count; i++)
		in[views[i].state]++;
	family(to, "units", "gauge", "Units by state");
	for (int s = STATE_STOPPED; s <= STATE_FAILED; s++)
		fprintf(to, "optmig_units{state=\"%s\"} %u\n", service_state_name((enum service_state)s), in[s]);
	family(to, "unit_state", "gauge", "The state of each unit");
	for (unsigned i = 0; i < count; i++)
		fprintf(to, "optmig_unit_state{unit=\"%s\",state=\"%s\"} 1\n", views[i].name, service_state_name(views[i].state));
	family(to, "unit_unsure", "gauge", "1: it was killed in the middle of a move, and may run at the other host");
	for (unsigned i = 0; i < count; i++)
		fprintf(to, "optmig_unit_unsure{unit=\"%s\"} %d\n", views[i].name, views[i].unsure);
	family(to, "unit_silent", "gauge", "1: its process lives and does not answer");
	for (unsigned i = 0; i < count; i++)
		fprintf(to, "optmig_unit_silent{unit=\"%s\"} %d\n", views[i].name, views[i].hung);
}

/* Of moves that go on, and of each unit's last. */
static const struct { const char *name, *last, *help, *path; double factor; } figures[] = {
	{ "move_rounds", "last_move_rounds", "rounds begun", "ram.dirty-sync-count", 1 },
	{ "move_transferred_bytes", "last_move_transferred_bytes", "bytes of memory sent", "ram.transferred", 1 },
	{ "move_remaining_bytes", NULL, "bytes that are not there yet", "ram.remaining", 1 },
	{ "move_throughput_bytes_per_second", NULL, "recent throughput", "throughput", 1 },
	{ "move_expected_downtime_seconds", NULL, "predicted downtime", "expected-downtime", 1e-3 },
	{ "move_owed_pages", NULL, "pages that are owed in post-copy", "postcopy.owed-pages", 1 },
	{ "move_seconds", "last_move_seconds", "time since it began, or that it took", "total-time", 1e-3 },
	{ NULL, "last_move_downtime_seconds", "time for which the program did not run", "downtime", 1e-3 },
};

static void print_figures(FILE *to, const struct view *views, unsigned count)
{
	char help[128];

	for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
		if (figures[f].name) {
			snprintf(help, sizeof help, "A move that goes on: %s", figures[f].help);
			family(to, figures[f].name, "gauge", help);
		}
		for (unsigned i = 0; i < count && figures[f].name; i++)
			if (seen_moves(views[i].state, views[i].report))
				fprintf(to, "optmig_%s{unit=\"%s\",direction=\"%s\"} %.15g\n", figures[f].name, views[i].name, seen_direction(views[i].report),
					seen_number(views[i].report, figures[f].path) * figures[f].factor);
		if (figures[f].last) {
			snprintf(help, sizeof help, "The unit's last move: %s", figures[f].help);
			family(to, figures[f].last, "gauge", help);
		}
		for (unsigned i = 0; i < count && figures[f].last; i++)
			if (views[i].last)
				fprintf(to, "optmig_%s{unit=\"%s\",direction=\"%s\"} %.15g\n", figures[f].last, views[i].name, seen_direction(views[i].last),
					seen_number(views[i].last, figures[f].path) * figures[f].factor);
	}
}

static void print_moves(FILE *to, const struct view *views, unsigned count)
{
	family(to, "move_active", "gauge", "Moves that go on");
	for (unsigned i = 0; i < count; i++)
		if (seen_moves(views[i].state, views[i].report))
			fprintf(to, "optmig_move_active{unit=\"%s\",direction=\"%s\",mode=\"%s\"} 1\n", views[i].name, seen_direction(views[i].report), word(views[i].report, "mode"));
	print_figures(to, views, count);
	family(to, "last_move_gap_seconds", "gauge", "The unit's last move: the longest time that the program stood");
	for (unsigned i = 0; i < count; i++)
		if (views[i].last)
			fprintf(to, "optmig_last_move_gap_seconds{unit=\"%s\",direction=\"%s\"} %.15g\n", views[i].name, seen_direction(views[i].last), seen_gap(views[i].last));
	family(to, "last_move_timestamp_seconds", "gauge", "The unit's last move: when it ended, and how");
	for (unsigned i = 0; i < count; i++)
		if (views[i].last)
			fprintf(to, "optmig_last_move_timestamp_seconds{unit=\"%s\",direction=\"%s\",result=\"%s\"} %lld\n", views[i].name, seen_direction(views[i].last),
				word(views[i].last, "status"), (long long)views[i].last_at);
}

char *metrics_text(void)
{
	struct view *views;
	const unsigned count = look(&views);
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (to && views) {
		print_host(to);
		print_states(to, views, count);
		print_moves(to, views, count);
		print_counters(to);
	}
	if (to)
		fclose(to);
	for (unsigned i = 0; i < count; i++) {
		json_decref(views[i].report);
		json_decref(views[i].last);
	}
	free(views);
	return text;
}

/* ---- a file -------------------------------------------------------------------------------------------------------------------------------- */

static const char *file_path;
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t file_wanted;
static bool file_now;

/* Whole, by rename(2), as node_exporter wants it. */
static int write_file(void)
{
	char *text = metrics_text(), unready[4200];
	FILE *to = NULL;
	bool good;

	snprintf(unready, sizeof unready, "%s.%d", file_path, (int)getpid());
	to = text ? fopen(unready, "we") : NULL;
	good = to && fputs(text, to) >= 0;
	if (to && fclose(to))
		good = false;
	free(text);
	if (good && rename(unready, file_path) == 0)
		return 0;
	(void)unlink(unready);
	return host_fail(OM_EIO, "%s: %s", file_path, strerror(errno));
}

static void *file_main(void *none)
{
	(void)none;
	for (bool said = false;;) {
		struct timespec until;
		int code = 0;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += FILE_S;
		pthread_mutex_lock(&file_lock);
		while (!file_now && code == 0)
			code = pthread_cond_timedwait(&file_wanted, &file_lock, &until);
		file_now = false;
		pthread_mutex_unlock(&file_lock);
		if (write_file() && !said)
			host_error("metrics: %s", host_reason());
		said = true; /* once: the file's age says the rest */
	}
	return NULL;
}

void metrics_file_now(void)
{
	pthread_mutex_lock(&file_lock);
	file_now = true;
	if (file_path)
		pthread_cond_signal(&file_wanted);
	pthread_mutex_unlock(&file_lock);
}

int metrics_file_begin(const char *path)
{
	int error;

	file_path = path;
	if (*path != '/' || strlen(path) > 4096)
		return host_fail(OM_EINVAL, "--metrics-file %s: a whole path is wanted", path);
	host_cond_init(&file_wanted);
	error = write_file();
	if (!error && host_thread_begin(file_main, NULL))
		error = host_fail(OM_ENOMEM, "no thread");
	return error;
}
