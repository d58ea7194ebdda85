/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the machine's start (KEEP/NAME/life.json). Processes do not, so neither do records of them. But a move away must
 * not be forgotten, or the program would be begun a second time. And a loss must not pass for an end in order.
 *
 *     life       written down                              after the machine's start
 *     -          never begun, or ended in order            stopped
 *     here       before it begins; when it has come        failed: the machine was started anew
 *     leaving    before it is told to move                 failed, and it may run at the other host: unsure
 *     moved      when its process says so, or has ended    moved
 *     coming     before its receiver begins                failed, unsure: it may run where it comes from. What was before is kept in it
 *     failed     when it has failed                        failed
 *
 * The life follows from the records of this boot alone, so it does not matter who writes it, and how often. The service writes it at each step,
 * the keeper at the beginning and the end; a keeper is there when no service is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "service.h"
#include "strerror.h"
#include "util.h"

static bool is(const json_t *life, const char *what)
{
	const char *word = json_string_value(json_object_get(life, "life"));

	return word && strcmp(word, what) == 0;
}

static json_t *now(const char *what)
{
	return json_pack("{ss ss sI}", "life", what, "boot", record_boot(), "when", (json_int_t)time(NULL));
}

/* The same again is not written: most looks change nothing. Gives `life` up. */
static int put(const struct service_unit *u, json_t *life)
{
	json_t *old = NULL;
	bool same;

	if (!life)
		return host_fail(OM_ENOMEM, "no memory");
	if (record_read(u->keep, RECORD_LIFE, &old) == 0)
		json_object_set(life, "when", json_object_get(old, "when"));
	same = old && json_equal(old, life);
	json_decref(old);
	if (same) {
		json_decref(life);
		return 0;
	}
	json_object_set_new(life, "when", json_integer((json_int_t)time(NULL)));
	return record_write(u->keep, RECORD_LIFE, life);
}

static int forget(const struct service_unit *u)
{
	json_t *old;

	if (record_read(u->keep, RECORD_LIFE, &old))
		return 0;
	json_decref(old);
	record_remove(u->keep, RECORD_LIFE);
	return 0;
}

static int put_with(const struct service_unit *u, const char *what, const char *name, json_t *value)
{
	json_t *life = now(what);

	if (life && value)
		json_object_set(life, name, value);
	return put(u, life);
}

/* What was before it was awaited, however often that has been. Return: NULL: nothing. */
static json_t *before_of(const struct service_unit *u)
{
	json_t *old, *before;

	if (record_read(u->keep, RECORD_LIFE, &old))
		return NULL;
	if (!is(old, "coming"))
		return old;
	before = json_incref(json_object_get(old, "before"));
	json_decref(old);
	return before;
}

/* Nobody came, or the move failed. */
static int put_before(const struct service_unit *u)
{
	json_t *before = before_of(u);

	return before ? put(u, before) : forget(u);
}

static int settle_living(const struct service_unit *u, const struct program *p)
{
	json_t *before;
	int error;

	if (program_has_left(p))
		return put_with(u, "moved", "move", p->move);
	if (!p->receiver || p->come)
		return put_with(u, p->move ? "leaving" : "here", "move", p->move);
	before = before_of(u);
	error = put_with(u, "coming", "before", before);
	json_decref(before);
	return error;
}

static int settle_failed(const struct service_unit *u, const struct program *p)
{
	json_t *life, *hold;

	if (p->unsure)
		return put_with(u, p->receiver && !p->come ? "coming" : "leaving", "move", p->move);
	life = now("failed");
	if (life && p->end)
		json_object_set(life, "end", p->end);
	if (life && record_read(u->directory, RECORD_HOLD, &hold) == 0) {
		json_object_set_new(life, "held", json_true());
		json_decref(hold);
	}
	return put(u, life);
}

/*
 * Who looks first writes first: what was seen before a move was ordered must not be written after that. Return: a descriptor to close, or -1.
 */
static int take_lock(const struct service_unit *u)
{
	int fd;

	if (mkdir(u->keep, 0700) && errno != EEXIST)
		return -1;
	fd = open(u->keep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		return -1;
	}
	return fd;
}

int life_settle(const struct service_unit *u)
{
	struct program p;
	int fd, error = 0;

	if (!*u->keep)
		return 0;
	fd = take_lock(u);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", u->keep, strerror(errno));
	program_look(u, false, &p);
	if (!p.written)
		error = 0; /* nothing of this boot */
	else if (p.alive)
		error = settle_living(u, &p);
	else if (program_has_left(&p))
		error = put_with(u, "moved", "move", p.move);
	else if (p.receiver && !p.come && !p.unsure)
		error = put_before(u);
	else if (p.state == STATE_FAILED)
		error = settle_failed(u, &p);
	else
		error = forget(u);
	program_done(&p);
	close(fd);
	return error;
}

void life_note(const struct service_unit *u)
{
	char words[400];

	snprintf(words, sizeof words, "%s", host_reason());
	if (life_settle(u))
		host_error("%s: %s", u->name, host_reason());
	(void)host_fail(OM_EIO, "%s", words); /* of who has failed before, and says so later */
}

int life_hold(const struct service_unit *u)
{
	json_t *life;

	/* Only where no record of this boot says more. */
	if (!*u->keep || record_read(u->keep, RECORD_LIFE, &life))
		return 0;
	json_object_set_new(life, "held", json_true());
	return put(u, life);
}

/* ---- after the machine's start ------------------------------------------------------------------------------------------------------------- */

void life_look(const struct service_unit *u, struct program *p)
{
	const json_t *from;

	if (!*u->keep || record_read(u->keep, RECORD_LIFE, &p->life)) {
		p->life = NULL;
		return;
	}
	/* Where it was killed on its way back, where it had gone before is still the place to look. */
	from = is(p->life, "coming") ? json_object_get(p->life, "before") : p->life;
	p->move = json_incref(json_object_get(from, "move"));
	if (is(p->life, "failed"))
		p->end = json_incref(json_object_get(p->life, "end"));
	else if (!is(p->life, "moved"))
		p->end = json_pack("{ss}", "how", "machine restarted");
}

enum service_state life_state(const struct program *p)
{
	if (!p->life)
		return STATE_STOPPED;
	return is(p->life, "moved") ? STATE_MOVED : STATE_FAILED;
}

bool life_unsure(const struct program *p)
{
	return is(p->life, "leaving") || is(p->life, "coming");
}
