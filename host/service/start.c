/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting. A program that lives, or that may live elsewhere, is not started. A program that moved away, or whose memory was lost, is begun anew
 * only if the order says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launch.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define BEGIN_S    60

/* ---- what a program begins with --------------------------------------------------------------------------------------------------------- */

/* Which of its words are the last? For messages. */
static void last_words(const struct service_unit *u, const struct unit *unit, char *words, size_t size)
{
	char path[RECORD_PATH_MAX + 16], text[2048], *line;
	ssize_t got = 0;
	int fd;

	snprintf(path, sizeof path, "%s/output", u->directory);
	fd = open(unit->output ? unit->output : path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		got = pread(fd, text, sizeof text - 1, end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0);
		close(fd);
	}
	if (got <= 0) {
		snprintf(words, size, "see journalctl -t optmig-%s", u->name);
		return;
	}
	text[got] = 0;
	while (got > 0 && text[got - 1] == '\n')
		text[--got] = 0;
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	/* Ours are two lines, and the second is what to do about the first. */
	if (strncmp(line, "optmig:   ", 10) == 0 && line > text) {
		line[-1] = ' ';
		while (line > text && line[-1] != '\n')
			line--;
	}
	snprintf(words, size, "%.250s", line);
}

static int write_environment(const struct service_unit *u, const struct unit *unit, const struct passwd *account, char *ret_path, size_t size)
{
	const char *name;
	json_t *value;
	int fd, error = 0;

	snprintf(ret_path, size, "%s/environment", u->directory);
	unlink(ret_path);
	fd = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	if (!json_object_get(unit->environment, "PATH"))
		dprintf(fd, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin%c", 0);
	if (account && !json_object_get(unit->environment, "HOME"))
		dprintf(fd, "HOME=%s%c", account->pw_dir, 0);
	if (account && !json_object_get(unit->environment, "USER"))
		dprintf(fd, "USER=%s%c", account->pw_name, 0);
	json_object_foreach((json_t *)(uintptr_t)unit->environment, name, value)
		if (dprintf(fd, "%s=%s%c", name, json_string_value(value), 0) < 0)
			error = host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	if (account && fchown(fd, account->pw_uid, account->pw_gid))
		error = host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	close(fd);
	return error;
}

/* Into memory of the caller's: others look accounts up at the same time. */
struct account { struct passwd entry; char text[4096]; };
static const struct passwd *account_of(const char *user, struct account *memory)
{
	struct passwd *found = NULL;
	uint64_t number;

	if (getpwnam_r(user, &memory->entry, memory->text, sizeof memory->text, &found) == 0 && found)
		return found;
	if (host_parse_u64(user, 1, UINT32_MAX - 1, &number) == 0 &&
	    getpwuid_r((uid_t)number, &memory->entry, memory->text, sizeof memory->text, &found) == 0)
		return found;
	return NULL;
}

/* Context: the unit's operation is ours. */
static int launch_run(const struct service_unit *u, const struct unit *unit)
{
	struct account memory;
	const struct passwd *account = unit->user ? account_of(unit->user, &memory) : NULL;
	char image[4096], environment[RECORD_PATH_MAX + 16];
	struct launch w = { .count = 0 };
	int error;

	if (unit->user && !account)
		return host_fail(OM_ENOTFOUND, "there is no user %s", unit->user);
	error = launch_image(unit->image, image, sizeof image);
	if (!error)
		error = write_environment(u, unit, account, environment, sizeof environment);
	if (error)
		return error;
	launch_begin(&w, u, unit, "run");
	launch_add(&w, "run");
	launch_add_pair(&w, "--environment", environment);
	launch_add_limits(&w, unit);
	launch_add(&w, image);
	launch_add_list(&w, NULL, unit->arguments);
	return launch_keeper(u, unit, &w, -1);
}

/* ---- start ------------------------------------------------------------------------------------------------------------------------------ */

static const char *end_words(const json_t *end)
{
	const char *how = json_string_value(json_object_get(end, "how"));

	return !how ? "nobody knows how" : strcmp(how, "signal") == 0 ? "killed" : strcmp(how, "status") == 0 ? "it ended by itself" : how;
}

static int may_start(const char *name, const struct unit *unit, const struct program *p, bool fresh)
{
	const char *to = json_string_value(json_object_get(p->move ? p->move : json_object_get(p->before, "move"), "to"));

	switch (p->state) {
	case STATE_MOVED:
		return fresh ? 0 : host_fail(OM_ESTATE, "%s has moved to %s and is not begun a second time; if that host has lost it: --fresh", name,
			to ? to : "another host");
	case STATE_FAILED:
		if (p->unsure && !fresh)
			return host_fail(OM_ESTATE, "%s was killed in the middle of a move, and may run at the other host%s%s; if it does not: --fresh", name,
				to ? ", " : "", to ? to : "");
		return fresh || unit->fresh ? 0 : host_fail(OM_ESTATE, "%s has failed (%s), its memory is lost, and its unit does not say restart = \"fresh\": "
			"--fresh", name, end_words(p->end));
	case STATE_STOPPED:
		return 0;
	default:
		return host_fail(OM_ESTATE, "%s is %s here", name, service_state_name(p->state));
	}
}

/* Until it runs, or has ended. */
static int wait_begun(struct service_unit *u, const struct unit *unit)
{
	char words[300];
	int error = 0;

	for (unsigned i = 0; i < BEGIN_S * 100; i++) {
		struct program p;
		bool over;
		json_int_t status;

		program_look(u, true, &p);
		over = p.state != STATE_STARTING;
		status = json_integer_value(json_object_get(p.end, "status"));
		if (over && p.state == STATE_FAILED) {
			last_words(u, unit, words, sizeof words);
			error = json_object_get(p.end, "status") ? host_fail(OM_EIO, "%s ended at once with status %d: %s", u->name, (int)status, words) :
				host_fail(OM_EIO, "%s was killed at once: %s", u->name, words);
		}
		program_done(&p);
		if (over)
			return error;
		host_pause_ms(10);
	}
	return 0;
}

int service_start(const char *name, bool fresh, json_t **ret)
{
	struct service_unit *u;
	struct unit unit;
	struct program p;
	char labels[UNIT_NAME_MAX + 16];
	bool here;
	int error = units_begin(name, OP_STARTING, &u);

	if (error)
		return error;
	error = units_copy(u, &unit);
	if (error) {
		units_end(u);
		return error;
	}
	program_look(u, true, &p);
	here = p.state == STATE_RUNNING || p.state == STATE_STARTING;
	if (!here)
		error = may_start(name, &unit, &p, fresh);
	if (!error && !here)
		error = units_record(u);
	if (!error && !here)
		error = launch_run(u, &unit);
	program_done(&p);
	if (!error && !here) {
		snprintf(labels, sizeof labels, "unit=\"%s\"", name);
		metrics_add(METRIC_STARTS, labels, 1);
		socket_tell(json_pack("{ss ss sb}", "event", "start", "name", name, "fresh", fresh));
	}
	if (!error) {
		follow(u);
		error = wait_begun(u, &unit);
	}
	unit_done(&unit);
	units_end(u);
	if (!error)
		*ret = program_status(u);
	return error;
}
