/* SPDX-License-Identifier: Apache-2.0 */
/* From reports to figures and verdicts. A session is counted once, at its end; what was judged of the other side is written down when it is known. */
#include <stdio.h>
#include <string.h>
#include "json_text.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"
#include "web.h"

static double number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

double seen_number(const json_t *report, const char *path)
{
	const char *dot = strchr(path, '.');
	char part[32];

	if (!dot)
		return json_number_value(json_object_get(report, path));
	snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
	return json_number_value(json_object_get(json_object_get(report, part), dot + 1));
}

double seen_gap(const json_t *report)
{
	const double downtime = seen_number(report, "downtime") / 1e3, fault = seen_number(report, "postcopy.fault-max-us") / 1e6;

	return downtime > fault ? downtime : fault;
}

bool seen_moves(enum service_state state, const json_t *report)
{
	return report && (state == STATE_MOVING || state == STATE_HANDING || state == STATE_OWING || state == STATE_OWED ||
		(state == STATE_RECEIVING && *json_text(report, "state")));
}

const char *seen_direction(const json_t *report)
{
	return strcmp(json_text(report, "role"), "source") == 0 ? "out" : "in";
}

/* ---- verdicts ------------------------------------------------------------------------------------------------------------------------------ */

/* Return: NULL if nothing has been judged. */
static const char *verdict_of(const json_t *report, bool ended)
{
	static const char *const refusals[] = { "OM_EIDENTITY", "OM_EPOLICY", "OM_EQUOTE", "OM_EEXPIRED", "OM_EREVOKED", "OM_EDEBUG", "OM_ETICKET", NULL };
	const char *error = json_text(report, "error");

	if (is_one_of(error, refusals))
		return "refused";
	if (*json_text(report, "peer-platform"))
		return "accepted";
	/* That the other side has judged us is its log's matter; ours says what it gave as the reason. */
	return ended && strcmp(error, "OM_EABORTED") == 0 ? "refused-there" : NULL;
}

static void judge(struct service_unit *u, const json_t *report, bool ended)
{
	const char *verdict = verdict_of(report, ended), *error = json_text(report, "error");
	const bool refused = verdict && strcmp(verdict, "accepted") != 0;
	char key[sizeof u->judged], labels[128];
	json_t *entry;

	if (!verdict)
		return;
	snprintf(key, sizeof key, "%.80s %s", json_text(report, "session"), verdict);
	if (strcmp(key, u->judged) == 0)
		return;
	memcpy(u->judged, key, sizeof key);
	snprintf(labels, sizeof labels, "verdict=\"%s\",reason=\"%s\"", verdict, refused ? error : "");
	metrics_add(METRIC_VERDICTS, labels, 1);
	entry = json_pack("{ss ss ss}", "unit", u->name, "verdict", verdict, "direction", strcmp(json_text(report, "role"), "source") == 0 ? "out" : "in");
	for (const char *const *name = (const char *const[]){ "peer", "session", "mrenclave", "policy", "instance", "peer-mrenclave", "peer-platform", "peer-attestation", NULL };
	     *name; name++)
		if (*json_text(report, *name))
			json_object_set(entry, *name, json_object_get(report, *name));
	if (refused) {
		json_object_set_new(entry, "error", json_string(error));
		json_object_set_new(entry, "reason", json_string(json_text(report, "error-desc")));
	}
	audit_write(entry);
}

/* ---- moves --------------------------------------------------------------------------------------------------------------------------------- */

static void count(const json_t *report, const char *direction, const char *result)
{
	const json_t *ram = json_object_get(report, "ram");
	const double downtime = number(report, "downtime") / 1e3;
	char labels[160];

	snprintf(labels, sizeof labels, "direction=\"%s\",result=\"%s\"", direction, result);
	metrics_add(METRIC_MOVES, labels, 1);
	snprintf(labels, sizeof labels, "direction=\"%s\"", direction);
	metrics_add(METRIC_BYTES, labels, number(ram, "transferred"));
	metrics_add(METRIC_ROUNDS, labels, number(ram, "dirty-sync-count"));
	if (strcmp(result, "completed") == 0) {
		metrics_observe(METRIC_DOWNTIME, labels, downtime);
		metrics_observe(METRIC_GAP, labels, seen_gap(report));
		return;
	}
	if (strcmp(result, "failed") != 0)
		return;
	snprintf(labels, sizeof labels, "direction=\"%s\",cause=\"%.60s\"", direction, json_text(report, "error"));
	metrics_add(METRIC_FAILURES, labels, 1);
}

void seen_report(struct service_unit *u, const json_t *report, bool ended)
{
	static const char *const ends[] = { "completed", "failed", "cancelled", NULL };
	const char *status = json_text(report, "status"), *role = json_text(report, "role"), *session = json_text(report, "session");
	const char *direction = seen_direction(report);
	const bool is_end = is_one_of(status, ends), is_move = strcmp(role, "source") == 0 || strcmp(role, "destination") == 0;

	if (!is_move || !*session)
		return;
	judge(u, report, ended);
	if (!is_end || strcmp(session, u->counted) == 0)
		return;
	snprintf(u->counted, sizeof u->counted, "%s", session);
	count(report, direction, status);
	pthread_mutex_lock(&service.lock);
	json_decref(u->last_move);
	u->last_move = json_deep_copy(report);
	u->last_move_at = time(NULL);
	pthread_mutex_unlock(&service.lock);
	metrics_file_now();
	web_ended(u->name, report);
}

void seen_refused(const char *name, const char *to, int error)
{
	char labels[128];
	json_t *report;

	metrics_add(METRIC_MOVES, "direction=\"out\",result=\"refused\"", 1);
	snprintf(labels, sizeof labels, "direction=\"out\",cause=\"%s\"", om_errname(error));
	metrics_add(METRIC_FAILURES, labels, 1);
	report = json_pack("{ss ss ss ss ss}", "role", "source", "status", "refused", "peer", to, "error", om_errname(error), "error-desc", host_reason());
	web_ended(name, report);
	json_decref(report);
	socket_tell(json_pack("{ss ss ss ss ss}", "event", "refused", "name", name, "to", to, "error", om_errname(error), "reason", host_reason()));
}
