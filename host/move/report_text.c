/* SPDX-License-Identifier: Apache-2.0 */
/* A report's JSON object turned into text for people and for Prometheus. Missing members read as zero or "". */
#include <jansson.h>
#include <string.h>
#include "report.h"

static const json_t *member(const json_t *object, const char *path)
{
	const char *dot = strchr(path, '.');
	char name[64];

	if (!dot)
		return json_object_get(object, path);
	snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
	return json_object_get(json_object_get(object, name), dot + 1);
}

static double value(const json_t *report, const char *path)
{
	return json_number_value(member(report, path));
}

static uint64_t bytes(const json_t *report, const char *path)
{
	double v = value(report, path);

	return v > 0 ? (uint64_t)v : 0;
}

static const char *words(const json_t *report, const char *path)
{
	const char *text = json_string_value(member(report, path));

	return text ? text : "";
}

static const char *time_of(const json_t *report, const char *path, char text[MOVE_TEXT])
{
	double v = value(report, path);

	return move_format_time(v > 0 ? (uint64_t)(v * 1e6) : 0, text);
}

static void print_downtime(const json_t *r, FILE *to)
{
	char a[MOVE_TEXT], b[MOVE_TEXT], c[MOVE_TEXT], d[MOVE_TEXT];

	fprintf(to, "downtime:        %s (%s; expected %s, limit %s)\n", time_of(r, "downtime", a), words(r, "downtime-method"),
		time_of(r, "expected-downtime", b), time_of(r, "downtime-limit", c));
	fprintf(to, "  park %s, freeze %s, final %s, rebuild %s\n", time_of(r, "downtime-parts.park", a),
		time_of(r, "downtime-parts.freeze", b), time_of(r, "downtime-parts.final", c), time_of(r, "downtime-parts.rebuild", d));
}

static void print_tracker(const json_t *r, FILE *to)
{
	char a[MOVE_TEXT];

	if (!*words(r, "tracker.name"))
		return;
	fprintf(to, "tracker:         %s (%s)\n", words(r, "tracker.name"), words(r, "tracker.reason"));
	if (value(r, "tracker.watched-pages") > 0)
		fprintf(to, "  %.0f pages write-protected in %s, %.0f write faults\n", value(r, "tracker.watched-pages"),
			time_of(r, "tracker.watch-time", a), value(r, "tracker.write-faults"));
	if (json_is_true(member(r, "tracker.uninstrumented-objects")))
		fputs("  the program holds objects that were not built with the pass (allow-uninstrumented)\n", to);
}

void move_report_text(const json_t *r, FILE *to)
{
	char a[MOVE_TEXT], b[MOVE_TEXT], c[MOVE_TEXT];

	fprintf(to, "status:          %s", words(r, "status"));
	if (*words(r, "state") && strcmp(words(r, "state"), words(r, "status")))
		fprintf(to, " (%s)", words(r, "state"));
	if (json_is_true(member(r, "prepared")) && !strcmp(words(r, "status"), "waiting"))
		fputs(" for the source's word: it is complete and may be the only copy", to);
	fputc('\n', to);
	if (*words(r, "instance"))
		fprintf(to, "instance:        %s, next move %.0f%s\n", words(r, "instance"), value(r, "next-move"),
			json_is_true(member(r, "owned")) ? ", which needs a ticket of the owner" : "");
	if (!*words(r, "state"))
		return;
	if (*words(r, "error-desc"))
		fprintf(to, "error:           %s (%s)\n  %s\n", words(r, "error-desc"), words(r, "error"), words(r, "error-cure"));
	fprintf(to, "role:            %s, peer %s\n", words(r, "role"), words(r, "peer"));
	fprintf(to, "attestation:     %s\n", words(r, "peer-attestation"));
	if (*words(r, "peer-platform"))
		fprintf(to, "peer platform:   %s\n", words(r, "peer-platform"));
	fprintf(to, "mode:            %s", words(r, "mode"));
	if (strcmp(words(r, "mode"), words(r, "mode-chosen")))
		fprintf(to, ", chose %s: %s", words(r, "mode-chosen"), words(r, "mode-reason"));
	fputc('\n', to);
	print_tracker(r, to);
	fprintf(to, "total time:      %s (setup %s)\n", time_of(r, "total-time", a), time_of(r, "setup-time", b));
	if (value(r, "downtime") > 0)
		print_downtime(r, to);
	fprintf(to, "memory:          %s transferred of %s, %s remaining, %.0f Mbit/s\n", move_format_size(bytes(r, "ram.transferred"), a),
		move_format_size(bytes(r, "ram.total"), b), move_format_size(bytes(r, "ram.remaining"), c), value(r, "ram.mbps"));
	fprintf(to, "pages:           %.0f with content, %.0f zero, %.0f rounds, %.0f dirtied per second\n", value(r, "ram.normal"),
		value(r, "ram.duplicate"), value(r, "ram.dirty-sync-count"), value(r, "ram.dirty-pages-rate"));
	if (value(r, "ram.postcopy-requests") > 0 || value(r, "postcopy.faults") > 0 || value(r, "postcopy.owed-pages") > 0)
		fprintf(to, "post-copy:       %.0f requests, %.0f pages owed, faults p50 %.0f us, p99 %.0f us, longest %.0f us\n",
			value(r, "ram.postcopy-requests"), value(r, "postcopy.owed-pages"), value(r, "postcopy.fault-p50-us"),
			value(r, "postcopy.fault-p99-us"), value(r, "postcopy.fault-max-us"));
	if (value(r, "service.lost") > 0)
		fprintf(to, "service lost:    %s (stop-and-copy: about %s)\n", time_of(r, "service.lost", a), time_of(r, "service.stop-would-lose", b));
	if (value(r, "reconnects") > 0)
		fprintf(to, "reconnections:   %.0f\n", value(r, "reconnects"));
}

void move_report_line(const json_t *r, char *line, size_t size)
{
	char a[MOVE_TEXT], b[MOVE_TEXT], c[MOVE_TEXT], d[MOVE_TEXT], e[MOVE_TEXT], left[MOVE_TEXT] = "?";
	double rate = value(r, "throughput"), remaining = value(r, "ram.remaining");

	if (rate > 0)
		move_format_time((uint64_t)(remaining / rate * 1e9), left);
	snprintf(line, size, "%s: %s sent, %s to go, round %.0f, dirty %s/s, %s/s, downtime %s expected, %s left", words(r, "status"),
		move_format_size(bytes(r, "ram.transferred"), a), move_format_size(bytes(r, "ram.remaining"), b),
		value(r, "ram.dirty-sync-count"),
		move_format_size((uint64_t)(value(r, "ram.dirty-pages-rate") * value(r, "ram.page-size")), c),
		move_format_size(rate > 0 ? (uint64_t)rate : 0, d), time_of(r, "expected-downtime", e), left);
}

/* One metric: Prometheus wants seconds and bytes. */
static const struct metric { const char *name, *type, *help, *path; double factor; } metrics[] = {
	{ "total_time_seconds", "gauge", "Time since the migration began, or that it took", "total-time", 1e-3 },
	{ "setup_time_seconds", "gauge", "Time until the peer was attested and ready", "setup-time", 1e-3 },
	{ "downtime_seconds", "gauge", "Time for which the program did not run", "downtime", 1e-3 },
	{ "expected_downtime_seconds", "gauge", "Predicted downtime", "expected-downtime", 1e-3 },
	{ "ram_total_bytes", "gauge", "Memory to be moved", "ram.total", 1 },
	{ "ram_remaining_bytes", "gauge", "Memory still to be moved", "ram.remaining", 1 },
	{ "ram_transferred_bytes", "counter", "Bytes sent on page connections", "ram.transferred", 1 },
	{ "pages_normal", "counter", "Pages sent with content", "ram.normal", 1 },
	{ "pages_zero", "counter", "Pages sent as zero", "ram.duplicate", 1 },
	{ "dirty_pages_rate", "gauge", "Pages dirtied per second", "ram.dirty-pages-rate", 1 },
	{ "watched_pages", "counter", "Write permissions taken away by tracker faults", "tracker.watched-pages", 1 },
	{ "write_faults", "counter", "Stores that met a page without write permission", "tracker.write-faults", 1 },
	{ "rounds", "counter", "Pre-copy rounds begun", "ram.dirty-sync-count", 1 },
	{ "throughput_bytes_per_second", "gauge", "Recent throughput", "throughput", 1 },
	{ "postcopy_requests", "counter", "Pages asked for after the switch", "ram.postcopy-requests", 1 },
	{ "postcopy_owed_pages", "gauge", "Pages not yet at the destination", "postcopy.owed-pages", 1 },
	{ "postcopy_fault_p50_seconds", "gauge", "Median wait of a fault", "postcopy.fault-p50-us", 1e-6 },
	{ "postcopy_fault_p99_seconds", "gauge", "Wait of one fault in a hundred", "postcopy.fault-p99-us", 1e-6 },
	{ "reconnects", "counter", "Lost connections made anew", "reconnects", 1 },
	{ "cpu_seconds", "counter", "CPU time of the session's threads", "cpu-time", 1e-3 },
};

/* As the value of a label has it: \ " and the end of a line are escaped. What does not fit is cut off, never within an escape. */
static void label_value(const char *text, char *ret, size_t size)
{
	size_t used = 0;

	for (; *text && used + 3 <= size; text++) {
		if (strchr("\\\"\n", *text))
			ret[used++] = '\\';
		ret[used++] = *text;
		if (*text == '\n')
			ret[used - 1] = 'n';
	}
	ret[used] = '\0';
}

void move_report_prometheus(const json_t *r, const char *program, const char *pid, FILE *to)
{
	char labels[512], name[256];

	label_value(program, name, sizeof name);
	snprintf(labels, sizeof labels, "program=\"%s\",pid=\"%s\",role=\"%s\",mode=\"%s\"", name, pid, words(r, "role"), words(r, "mode"));
	fprintf(to, "# HELP optmig_migration_status State of the present or last migration\n# TYPE optmig_migration_status gauge\n"
		"optmig_migration_status{%s,status=\"%s\"} 1\n", labels, words(r, "status"));
	for (size_t i = 0; *words(r, "state") && i < sizeof metrics / sizeof *metrics; i++)
		fprintf(to, "# HELP optmig_migration_%s %s\n# TYPE optmig_migration_%s %s\noptmig_migration_%s{%s} %.9g\n", metrics[i].name,
			metrics[i].help, metrics[i].name, metrics[i].type, metrics[i].name, labels, value(r, metrics[i].path) * metrics[i].factor);
}
