/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program as it is now. Records say who it is, the kernel whether it lives, its control socket what it does. Of a program that has ended
 * there is left how its keeper saw it end, and what its process wrote of its last migration.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "control/rundir.h"
#include "json_text.h"
#include "service.h"
#include "util.h"

#define ASK_MS 2000
#define END_MS 2000

const char *service_state_name(enum service_state state)
{
	static const char *const names[] = { "stopped", "starting", "running", "moving", "handing", "owing", "moved", "receiving", "owed", "failed" };

	return names[state];
}

/* ---- the control socket --------------------------------------------------------------------------------------------------------------- */

struct search { pid_t pid; char path[HOST_RUNDIR_MAX + 256]; };

/* The process itself, or the one below a receiver that gave its rights up. */
static bool is_child(pid_t pid, pid_t parent)
{
	char path[40], line[256], *at;
	int ppid = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file && fgets(line, sizeof line, file) && (at = strrchr(line, ')')) && sscanf(at + 1, " %*c %d", &ppid) != 1)
		ppid = 0;
	if (file)
		fclose(file);
	return ppid == parent;
}

static void search_directory(const char *directory, void *context)
{
	struct search *s = context;
	const struct dirent *entry;
	DIR *folder = *s->path ? NULL : opendir(directory);

	while (folder && (entry = readdir(folder))) {
		const char *end = strrchr(entry->d_name, '.'), *dot = end;
		char number[16];
		uint64_t pid;

		if (!end || strcmp(end, ".sock") != 0)
			continue;
		while (dot > entry->d_name && *--dot != '.')
			;
		if (*dot != '.' || end - dot > 12)
			continue;
		snprintf(number, sizeof number, "%.*s", (int)(end - dot - 1), dot + 1);
		if (host_parse_u64(number, 1, 1 << 30, &pid) == 0 && ((pid_t)pid == s->pid || is_child((pid_t)pid, s->pid)))
			snprintf(s->path, sizeof s->path, "%s/%s", directory, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

int program_connect(pid_t pid, struct channel *ret)
{
	struct search s = { .pid = pid };
	char directory[HOST_RUNDIR_MAX];

	if (host_rundir(0, directory, sizeof directory) == 0)
		search_directory(directory, &s);
	host_rundir_others(search_directory, &s);
	if (!*s.path)
		return host_fail(OM_ENOTFOUND, "process %d has no control socket", (int)pid);
	return client_connect(s.path, ret);
}

/* ---- what it does ----------------------------------------------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *list)
{
	const char *at = strstr(list, word);
	const size_t length = strlen(word);

	return length > 0 && at && (at == list || at[-1] == ' ') && (at[length] == 0 || at[length] == ' ');
}

bool program_has_left(const struct program *p)
{
	return strcmp(json_text(p->report, "role"), "source") == 0 && strcmp(json_text(p->report, "status"), "completed") == 0;
}

/* Has a receiver become its program? What it reports of last is a move of that, or how it came. */
static bool has_come(const struct program *p)
{
	return p->come || strcmp(json_text(p->report, "role"), "source") == 0 || (strcmp(json_text(p->report, "role"), "destination") == 0 &&
		strcmp(json_text(p->report, "status"), "completed") == 0);
}

/* The names are those of docs/control.md. One that does not answer is taken for what it was last known to be. */
static enum service_state state_of(const struct program *p)
{
	const char *status = json_text(p->report, "status"), *engine = json_text(p->report, "state");

	if (!p->info && p->receiver)
		return has_come(p) ? STATE_RUNNING : STATE_RECEIVING;
	if (!p->info)
		return p->hung ? STATE_RUNNING : STATE_STARTING;
	/* Before its session begins, and when that fails at once, a receiver's enclave looks like any that nobody has moved. */
	if (strcmp(json_text(p->info, "state"), "receiving") == 0 || (p->receiver && !has_come(p) && !is_one_of(status, "postcopy-active postcopy-paused")))
		return STATE_RECEIVING;
	if (strcmp(json_text(p->report, "role"), "source") != 0)
		return is_one_of(status, "postcopy-active postcopy-paused") ? STATE_OWED : STATE_RUNNING;
	if (strcmp(status, "completed") == 0)
		return STATE_MOVED;
	if (is_one_of(status, "none failed cancelled rehearsed"))
		return STATE_RUNNING;
	/* The token has left it: it cannot run here any more, and whether the other side runs it, it does not know. If the link is lost, it may
	 * be that pages are owed; only the other side knows. */
	if (is_one_of(engine, "committed") || (is_one_of(engine, "waiting") && strcmp(status, "postcopy-paused") == 0))
		return STATE_HANDING;
	return strcmp(engine, "postcopy") == 0 ? STATE_OWING : STATE_MOVING;
}

static void ask(struct program *p)
{
	struct channel channel;
	int error = program_connect(p->process.pid, &channel);

	if (error)
		return; /* none yet, or none any more */
	error = client_call_for(&channel, "info", NULL, ASK_MS, &p->info);
	if (!error)
		error = client_call_for(&channel, "report", NULL, ASK_MS, &p->report);
	p->hung = error == OM_ETIMEDOUT;
	channel_done(&channel);
}

static enum service_state state_named(const char *name)
{
	for (int i = STATE_STOPPED; i <= STATE_FAILED; i++)
		if (strcmp(service_state_name((enum service_state)i), name) == 0)
			return (enum service_state)i;
	return STATE_STOPPED;
}

/* Nothing lives. */
static enum service_state end_of(const struct program *p)
{
	const json_t *status = json_object_get(p->end, "status");

	if (!p->written)
		return life_state(p);
	if (program_has_left(p))
		return STATE_MOVED;
	/* A receiver that gave up in order: all is as before. */
	if (p->receiver && !has_come(p) && (status || p->report))
		return state_named(json_text(p->before, "state"));
	if (p->stop)
		return STATE_STOPPED;
	return status && json_integer_value(status) == 0 ? STATE_STOPPED : STATE_FAILED;
}

/*
 * It was told to move, and has ended without a word of how that went: the session of what it wrote last is none, or one before. Or it was on
 * its way here.
 */
static bool is_unsure(const struct program *p)
{
	const json_t *move = p->move;

	if (p->life)
		return life_unsure(p);
	/* One that ended in order left what was before, and that may be a failure. */
	if (p->state == STATE_FAILED && p->receiver && !has_come(p))
		return !json_object_get(p->end, "status") && !p->report;
	return p->state == STATE_FAILED && move && (!p->report || strcmp(json_text(p->report, "role"), "source") != 0 ||
		strcmp(json_text(p->report, "session"), json_text(move, "session")) == 0);
}

/* Where the supervisor of a program was killed, and its keeper did not see that. */
static void look_at_inner(const struct service_unit *u, struct program *p)
{
	struct record_process inner;
	json_t *record;

	if (record_read(u->directory, RECORD_INNER, &record))
		return;
	record_process_read(json_object_get(record, "program"), &inner);
	if (record_process_alive(&inner))
		p->process = inner;
	json_decref(record);
}

/* Return: false if there are none of this boot: others speak of processes that cannot be. */
static bool look_at_run(const struct service_unit *u, struct program *p)
{
	json_t *run;

	if (record_read(u->directory, RECORD_RUN, &run))
		return false;
	if (strcmp(json_text(run, "boot"), record_boot()) == 0) {
		p->written = true;
		p->receiver = strcmp(json_text(run, "role"), "receive") == 0;
		p->began = json_integer_value(json_object_get(run, "began"));
		record_process_read(json_object_get(run, "program"), &p->process);
		record_process_read(json_object_get(run, "keeper"), &p->keeper);
	}
	json_decref(run);
	return p->written;
}

static void look_at_records(const struct service_unit *u, struct program *p)
{
	json_t *come;

	if (!look_at_run(u, p)) {
		life_look(u, p);
		return;
	}
	if (record_read(u->directory, RECORD_END, &p->end))
		p->end = NULL;
	if (record_read(u->directory, RECORD_MOVE, &p->move))
		p->move = NULL;
	if (record_read(u->directory, RECORD_STOP, &p->stop))
		p->stop = NULL;
	if (record_read(u->directory, RECORD_BEFORE, &p->before))
		p->before = NULL;
	if (record_read(u->directory, RECORD_COME, &come) == 0) {
		p->come = true;
		json_decref(come);
	}
}

/* Its keeper writes how it ended a moment after it has. */
static void wait_end_record(const struct service_unit *u, struct program *p)
{
	for (unsigned i = 0; i < END_MS / 5; i++) {
		const bool kept = record_process_alive(&p->keeper);

		if (record_read(u->directory, RECORD_END, &p->end) == 0)
			return;
		p->end = NULL;
		p->kept = kept;
		if (!kept)
			return;
		host_pause_ms(5);
	}
}

/* What has arrived is here, whatever becomes of its process, and whether it answers the next time or not. */
static void note_come(const struct service_unit *u, struct program *p)
{
	if (!p->receiver || p->come || !p->info || p->state == STATE_RECEIVING)
		return;
	p->come = true;
	if (record_write(u->directory, RECORD_COME, json_pack("{sI}", "when", (json_int_t)time(NULL))))
		host_error("%s: %s", u->name, host_reason());
	life_note(u);
}

void program_look(const struct service_unit *u, bool asks, struct program *p)
{
	*p = (struct program){ 0 };
	look_at_records(u, p);
	if (p->written && !record_process_alive(&p->process))
		look_at_inner(u, p);
	p->alive = p->written && record_process_alive(&p->process);
	p->kept = p->written && record_process_alive(&p->keeper);
	if (p->alive && asks)
		ask(p);
	if (!p->report && p->written && record_read(u->directory, RECORD_REPORT, &p->report))
		p->report = NULL;
	/* It may have ended since it was asked, and its keeper have written why. */
	if (p->alive && !p->info && !record_process_alive(&p->process))
		p->alive = false;
	if (!p->alive && p->written && !p->end)
		wait_end_record(u, p);
	p->state = p->alive ? state_of(p) : end_of(p);
	note_come(u, p);
	p->unsure = is_unsure(p);
}

void program_done(struct program *p)
{
	json_decref(p->info);
	json_decref(p->report);
	json_decref(p->end);
	json_decref(p->move);
	json_decref(p->stop);
	json_decref(p->before);
	json_decref(p->life);
	*p = (struct program){ 0 };
}

static void add(json_t *to, const char *name, json_t *value)
{
	if (value)
		json_object_set(to, name, value);
}

json_t *program_json(const struct service_unit *u, const struct program *p)
{
	json_t *o = json_pack("{ss ss}", "name", u->name, "state", service_state_name(p->state));

	if (p->alive) {
		json_object_set_new(o, "pid", json_integer(p->process.pid));
		json_object_set_new(o, "keeper", json_integer(p->kept ? p->keeper.pid : 0));
		json_object_set_new(o, "since", json_integer(p->began));
		json_object_set_new(o, "answers", json_boolean(!p->hung));
	}
	add(o, "info", p->info);
	add(o, "report", p->report);
	add(o, "move", p->move ? p->move : json_object_get(p->before, "move"));
	add(o, "stop", p->stop);
	if (!p->alive)
		add(o, "end", p->end);
	if (p->state == STATE_FAILED && !p->end)
		json_object_set_new(o, "end", json_pack("{ss}", "how", "unknown: its keeper was killed"));
	if (p->unsure)
		json_object_set_new(o, "unsure", json_true());
	return o;
}
