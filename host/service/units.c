/* SPDX-License-Identifier: Apache-2.0 */
/* The table of units. Entries are never freed, so that a pointer to one stays good. The entry of an undefined unit is only not found any more. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "service.h"
#include "strerror.h"
#include "util.h"

struct service service = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct service_unit *find_any(const char *name)
{
	for (struct service_unit *u = service.units; u; u = u->next)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

struct service_unit *units_find(const char *name)
{
	struct service_unit *u = find_any(name);

	if (u && u->defined)
		return u;
	(void)host_fail(OM_ENOTFOUND, "no unit \"%.60s\" here", name);
	return NULL;
}

/* Its entry, made if there is none. */
static int entry(const char *name, struct service_unit **ret)
{
	struct service_unit *u = find_any(name);
	unsigned count = 0;

	for (const struct service_unit *at = service.units; at; at = at->next)
		count++;
	if (!u && count >= SERVICE_UNITS_MAX)
		return host_fail(OM_EEXHAUSTED, "more than %u units", SERVICE_UNITS_MAX);
	if (!u) {
		u = calloc(1, sizeof *u);
		if (!u)
			return host_fail(OM_ENOMEM, "no memory");
		snprintf(u->name, sizeof u->name, "%s", name);
		snprintf(u->directory, sizeof u->directory, "%s/%s", service.state, name);
		snprintf(u->keep, sizeof u->keep, "%s/%s", service.keep, name);
		u->next = service.units;
		service.units = u;
	}
	*ret = u;
	return 0;
}

/* Takes the unit over. */
static void set(struct service_unit *u, struct unit *unit, bool transient)
{
	unit_done(&u->unit);
	u->unit = *unit;
	*unit = (struct unit){ 0 };
	u->defined = true;
	u->transient = transient;
}

static int make_directory(const struct service_unit *u)
{
	if (mkdir(u->directory, 0711) && errno != EEXIST)
		return host_fail(OM_EIO, "%s: %s", u->directory, strerror(errno));
	return 0;
}

int units_define(const json_t *object, json_t **ret)
{
	struct service_unit *u;
	struct unit unit;
	json_t *now, *later;
	int error = unit_read(object, &unit);

	if (error)
		return error;
	error = unit_check_accounts(&unit);
	if (error) {
		unit_done(&unit);
		return error;
	}
	pthread_mutex_lock(&service.lock);
	error = entry(unit.name, &u);
	if (!error && u->defined && !u->transient && !json_equal(u->unit.object, unit.object))
		error = host_fail(OM_ESTATE, "the unit \"%s\" is defined by a file, and otherwise: change that", unit.name);
	if (!error && !(u->defined && !u->transient)) {
		error = make_directory(u);
		if (!error)
			error = record_write(u->directory, RECORD_UNIT, json_pack("{sb sO}", "transient", 1, "unit", unit.object));
	}
	if (!error) {
		unit_compare(u->defined ? &u->unit : NULL, &unit, &now, &later);
		*ret = json_pack("{so so}", "changed", now, "at-next-start", later);
		set(u, &unit, !u->defined || u->transient);
	}
	pthread_mutex_unlock(&service.lock);
	unit_done(&unit);
	return error;
}

int units_record(struct service_unit *u)
{
	json_t *record;

	pthread_mutex_lock(&service.lock);
	record = json_pack("{sb sO}", "transient", u->transient, "unit", u->unit.object);
	pthread_mutex_unlock(&service.lock);
	return record_write(u->directory, RECORD_UNIT, record);
}

int units_undefine(const char *name)
{
	struct service_unit *u;
	struct program p;
	int error = units_begin(name, OP_STOPPING, &u);

	if (error)
		return error;
	program_look(u, false, &p);
	if (!u->transient)
		error = host_fail(OM_ESTATE, "the unit \"%s\" is defined by a file: remove that", name);
	else if (p.alive)
		error = host_fail(OM_ESTATE, "%s lives here: stop or move it first", name);
	if (!error) {
		record_remove(u->directory, RECORD_UNIT);
		pthread_mutex_lock(&service.lock);
		u->defined = false;
		pthread_mutex_unlock(&service.lock);
	}
	program_done(&p);
	units_end(u);
	return error;
}

int units_copy(struct service_unit *u, struct unit *ret)
{
	json_t *object;
	int error;

	pthread_mutex_lock(&service.lock);
	object = json_incref(u->unit.object);
	error = unit_read(object, ret);
	json_decref(object);
	pthread_mutex_unlock(&service.lock);
	return error;
}

int units_begin(const char *name, enum service_op op, struct service_unit **ret)
{
	static const char *const words[] = { "", "it is being started", "it is being stopped", "it is being moved", "it is being received" };
	struct service_unit *u;
	int error = 0;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	if (!u)
		error = OM_ENOTFOUND;
	else if (u->op != OP_NONE)
		error = host_fail(OM_ESTATE, "%s: %s", name, words[u->op]);
	if (!error) {
		u->op = op;
		u->cancelled = false;
		*ret = u;
	}
	pthread_mutex_unlock(&service.lock);
	return error;
}

void units_end(struct service_unit *u)
{
	pthread_mutex_lock(&service.lock);
	u->op = OP_NONE;
	pthread_cond_broadcast(&service.changed);
	pthread_mutex_unlock(&service.lock);
}

json_t *program_status(struct service_unit *u)
{
	struct program p;
	json_t *o, *unit;
	bool defined, transient;

	pthread_mutex_lock(&service.lock);
	unit = json_deep_copy(u->unit.object);
	defined = u->defined;
	transient = u->transient;
	pthread_mutex_unlock(&service.lock);
	program_look(u, true, &p);
	o = program_json(u, &p);
	program_done(&p);
	json_object_set_new(o, "defined", json_boolean(defined));
	json_object_set_new(o, "transient", json_boolean(transient));
	if (unit)
		json_object_set_new(o, "unit", unit);
	return o;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------------- */

static void load_file(const char *path)
{
	struct service_unit *u;
	struct unit unit;
	int error = unit_file_read(path, &unit);

	if (!error) {
		error = unit_check_accounts(&unit);
		if (error)
			unit_done(&unit);
	}
	if (error) {
		host_error("%s; the unit is not there, or as it was", host_reason());
		return;
	}
	pthread_mutex_lock(&service.lock);
	error = entry(unit.name, &u);
	if (!error)
		error = make_directory(u);
	if (!error)
		set(u, &unit, false);
	pthread_mutex_unlock(&service.lock);
	if (error)
		host_error("%s: %s", path, host_reason());
	unit_done(&unit);
}

static void load_files(void)
{
	DIR *folder = opendir(service.units_directory);
	const struct dirent *file;
	char path[4096];

	while (folder && (file = readdir(folder))) {
		const size_t length = strlen(file->d_name);

		if (*file->d_name == '.' || length < 6 || strcmp(file->d_name + length - 5, ".toml") != 0)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", service.units_directory, file->d_name) < (int)sizeof path)
			load_file(path);
	}
	if (folder)
		closedir(folder);
}

/* A unit that `define` gave; and one whose file has gone, while its program lives. */
static void load_record(const char *name)
{
	struct service_unit known = { 0 };
	char *directory = known.directory;
	struct service_unit *u;
	struct program p;
	struct unit unit;
	json_t *object;
	bool wanted;
	int error;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	pthread_mutex_unlock(&service.lock);
	snprintf(directory, sizeof known.directory, "%s/%s", service.state, name);
	if (u || record_read(directory, RECORD_UNIT, &object))
		return;
	program_look(&known, false, &p);
	wanted = p.alive || json_is_true(json_object_get(object, "transient"));
	program_done(&p);
	error = wanted ? unit_read(json_object_get(object, "unit"), &unit) : 0;
	json_decref(object);
	if (!wanted)
		return;
	pthread_mutex_lock(&service.lock);
	if (!error && strcmp(unit.name, name) == 0 && entry(name, &u) == 0)
		set(u, &unit, true);
	pthread_mutex_unlock(&service.lock);
	if (error)
		host_error("%s: %s", directory, host_reason());
	else
		unit_done(&unit);
}

static void load_records(void)
{
	DIR *folder = opendir(service.state);
	const struct dirent *file;

	while (folder && (file = readdir(folder)))
		if (unit_name_ok(file->d_name))
			load_record(file->d_name);
	if (folder)
		closedir(folder);
}

void units_load(void)
{
	load_files();
	load_records();
	for (struct service_unit *u = service.units; u; u = u->next)
		follow(u);
}
