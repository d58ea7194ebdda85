/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first optmigd after the machine's start begins the units with start = "boot". A later optmigd begins one only if the first was killed before
 * it had come to that unit: STATE/.boot.json has the boot, and the units that are still to be tried. A program that has moved away or was lost is
 * not begun, as by any other order.
 */
#include <stdio.h>
#include <string.h>
#include "service.h"
#include "util.h"

#define RECORD_BOOT ".boot.json"

static bool wants(const char *name)
{
	const struct service_unit *u;
	bool is;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	is = u && !u->transient && u->unit.at_boot;
	pthread_mutex_unlock(&service.lock);
	return is;
}

/* In the order of their names, so that it is the same each time. */
static json_t *all(void)
{
	json_t *set = json_object(), *list = json_array();
	const char *name;
	json_t *one;

	pthread_mutex_lock(&service.lock);
	for (const struct service_unit *u = service.units; u; u = u->next)
		if (u->defined && !u->transient && u->unit.at_boot)
			json_object_set_new(set, u->name, json_true());
	pthread_mutex_unlock(&service.lock);
	while (json_object_size(set)) {
		const char *first = NULL;

		json_object_foreach(set, name, one)
			if (!first || strcmp(name, first) < 0)
				first = name;
		json_array_append_new(list, json_string(first));
		json_object_del(set, first);
	}
	json_decref(set);
	return list;
}

/* Return: those that are still to be tried; the caller's. */
static json_t *to_be_tried(void)
{
	const char *boot;
	json_t *record, *list = NULL;

	if (record_read(service.state, RECORD_BOOT, &record))
		return all();
	boot = json_string_value(json_object_get(record, "boot"));
	if (boot && strcmp(boot, record_boot()) == 0)
		list = json_incref(json_object_get(record, "units"));
	json_decref(record);
	if (json_is_array(list))
		return list;
	json_decref(list);
	return all();
}

static void note(json_t *list)
{
	if (record_write(service.state, RECORD_BOOT, json_pack("{ss sO}", "boot", record_boot(), "units", list)))
		host_error("%s", host_reason());
}

static void try(const char *name)
{
	json_t *result = NULL;

	if (!wants(name))
		return; /* its file has gone or says otherwise meanwhile */
	if (service_start(name, false, &result)) {
		host_error("%s is not started with the machine: %s", name, host_reason());
		socket_tell(json_pack("{ss ss ss}", "event", "boot-failed", "name", name, "reason", host_reason()));
	} else {
		host_note("%s is started with the machine", name);
		socket_tell(json_pack("{ss ss}", "event", "boot", "name", name));
	}
	json_decref(result);
}

static void *boot_main(void *argument)
{
	json_t *list = argument;

	while (json_array_size(list)) {
		try(json_string_value(json_array_get(list, 0)));
		json_array_remove(list, 0);
		note(list);
	}
	json_decref(list);
	return NULL;
}

void boot_begin(void)
{
	json_t *list = to_be_tried();

	note(list); /* what is defined from now on is not begun with this start */
	if (host_thread_begin(boot_main, list)) {
		host_error("units are not started with the machine: no thread");
		json_decref(list);
	}
}
