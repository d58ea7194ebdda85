/* SPDX-License-Identifier: Apache-2.0 */
/* Events for people and machines: one JSON object a line, appended whole, and the journal's fields, where there is a journal. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>
#include "json_text.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define MESSAGE_MAX 700u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *path;
static int fd = -1;

static int open_file(void)
{
	const int new = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);

	if (new < 0)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	fd = new;
	return 0;
}

int events_open(const char *given)
{
	path = given;
	return path ? open_file() : 0;
}

void events_reopen(void)
{
	pthread_mutex_lock(&lock);
	if (path && open_file())
		host_error("events: %s", host_reason());
	pthread_mutex_unlock(&lock);
}

/* Reports and states are long: of the one what a move comes to, of the other the word. */
static json_t *shorten(const json_t *event)
{
	static const char *const of_report[] = { "role", "status", "mode-chosen", "peer", "session", "total-time", "downtime", "error", "error-desc", "peer-platform" };
	const json_t *report = json_object_get(event, "report"), *unit = json_object_get(event, "unit");
	json_t *o = json_copy((json_t *)(uintptr_t)event);
	struct timespec now;
	char when[64], whole[80];
	struct tm tm;

	json_object_del(o, "report");
	json_object_del(o, "unit");
	for (size_t i = 0; report && i < sizeof of_report / sizeof *of_report; i++)
		if (json_object_get(report, of_report[i]))
			json_object_set(o, of_report[i], json_object_get(report, of_report[i]));
	if (report)
		json_object_set(o, "transferred", json_object_get(json_object_get(report, "ram"), "transferred"));
	for (const char *const *name = (const char *const[]){ "state", "pid", "end", "stop", "unsure", NULL }; unit && *name; name++)
		if (json_object_get(unit, *name))
			json_object_set(o, *name, json_object_get(unit, *name));
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm)) {
		snprintf(whole, sizeof whole, "%s.%03ldZ", when, now.tv_nsec / 1000000);
		json_object_set_new(o, "time", json_string(whole));
	}
	return o;
}

static void to_journal(const json_t *o, const char *line)
{
	const char *what = json_text(o, "event");
	const bool bad = strcmp(json_text(o, "state"), "failed") == 0 || *json_text(o, "error") || strcmp(what, "killed") == 0 || strcmp(what, "restart") == 0 ||
		strcmp(what, "discarded") == 0;

	/* Where there is no journal nobody hears it. */
	(void)sd_journal_send("MESSAGE=%s: %s%s%s", json_text(o, "name"), what, *json_text(o, "state") ? " " : "", json_text(o, "state"), "PRIORITY=%d", bad ? 4 : 6,
		"SYSLOG_IDENTIFIER=optmigd", "OPTMIG_EVENT=%s", what, "OPTMIG_UNIT=%s", json_text(o, "name"), "OPTMIG_STATE=%s", json_text(o, "state"),
		"OPTMIG_ERROR=%s", json_text(o, "error"), "OPTMIG_PEER=%s", *json_text(o, "peer") ? json_text(o, "peer") : json_text(o, "to"), "OPTMIG_SESSION=%s", json_text(o, "session"),
		"OPTMIG_JSON=%s", line, NULL);
}

void events_note(const json_t *event)
{
	json_t *o = shorten(event);
	char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	if (line) {
		const struct iovec parts[] = { { line, strlen(line) }, { (char *)(uintptr_t)"\n", 1 } };

		to_journal(o, line);
		pthread_mutex_lock(&lock);
		if (fd >= 0 && writev(fd, parts, 2) != (ssize_t)(parts[0].iov_len + 1))
			host_error("events: %s: %s", path, strerror(errno));
		pthread_mutex_unlock(&lock);
	}
	free(line);
	json_decref(o);
}
