/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the service, one line each. Arguments are named; unknown ones and wrong types are errors. Peers have five of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client.h"
#include "control/client.h"
#include "move/units.h"
#include "seen.h"
#include "service.h"
#include "share.h"
#include "util.h"
#include "web.h"

#define ELSEWHERE_S 10u

struct call { struct client *client; const char *peer, *at, *name; const json_t *arguments; };

static int get_flag(const json_t *arguments, const char *name, bool *ret)
{
	const json_t *value = json_object_get(arguments, name);

	if (value && !json_is_boolean(value))
		return host_fail(OM_EINVAL, "argument \"%s\" must be true or false", name);
	*ret = json_is_true(value);
	return 0;
}

static int get_text(const json_t *arguments, const char *name, const char **ret)
{
	const json_t *value = json_object_get(arguments, name);

	*ret = json_string_value(value);
	return value && !*ret ? host_fail(OM_EINVAL, "argument \"%s\" must be a string", name) : 0;
}

static int do_units(const struct call *call, json_t **ret)
{
	json_t *list = json_array();

	(void)call;
	/* Entries stay, so the list may be walked while others are added before it. */
	pthread_mutex_lock(&service.lock);
	struct service_unit *u = service.units;
	pthread_mutex_unlock(&service.lock);
	for (; u; u = u->next) {
		json_t *status = program_status(u);

		if (json_is_true(json_object_get(status, "defined")))
			json_array_append(list, status);
		json_decref(status);
	}
	*ret = list;
	return 0;
}

/* Limits of a move that is under way; where there is none there is nothing to tell. */
static void tell_limits(const char *name)
{
	struct service_unit *u;
	struct channel channel;
	struct program p;
	struct unit unit;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	pthread_mutex_unlock(&service.lock);
	if (!u || units_copy(u, &unit))
		return;
	program_look(u, true, &p);
	if (p.state == STATE_MOVING && program_connect(p.process.pid, &channel) == 0) {
		json_t *set = json_pack("{sI}", "bandwidth", (json_int_t)share_wish(u, unit.bandwidth));

		if (unit.downtime_ns)
			json_object_set_new(set, "downtime-limit-ns", json_integer((json_int_t)unit.downtime_ns));
		if (client_call(&channel, "set", set, NULL))
			host_note("%s: %s", name, host_reason()); /* it may have been handed over meanwhile */
		channel_done(&channel);
	}
	program_done(&p);
	unit_done(&unit);
}

static int do_define(const struct call *call, json_t **ret)
{
	const json_t *unit = json_object_get(call->arguments, "unit");
	int error = units_define(unit, ret);

	if (!error && json_array_size(json_object_get(*ret, "changed")))
		tell_limits(json_string_value(json_object_get(unit, "name")));
	return error;
}

static int do_undefine(const struct call *call, json_t **ret)
{
	*ret = json_object();
	return units_undefine(call->name);
}

static int do_start(const struct call *call, json_t **ret)
{
	bool fresh;
	int error = get_flag(call->arguments, "fresh", &fresh);

	return error ? error : service_start(call->name, fresh, ret);
}

static int do_stop(const struct call *call, json_t **ret)
{
	const char *reason;
	int error = get_text(call->arguments, "reason", &reason);

	return error ? error : service_stop(call->name, reason, ret);
}

static int do_discard(const struct call *call, json_t **ret)
{
	const char *reason;
	bool lost;
	int error = get_text(call->arguments, "reason", &reason);

	if (!error)
		error = get_flag(call->arguments, "lost", &lost);
	return error ? error : service_discard(call->name, reason, lost, ret);
}

/* The same command to another host's service, by way of ours: it has the certificate. Return: 1 if none was meant. */
static int elsewhere(const struct call *call, const char *command, json_t **ret)
{
	const char *on;
	int error = get_text(call->arguments, "on", &on);

	if (error || !on)
		return error ? error : 1;
	if (call->peer)
		return host_fail(OM_EPERM, "one host is not asked by way of another");
	return peer_call(on, command, call->name ? json_pack("{ss}", "name", call->name) : NULL, ELSEWHERE_S, ret);
}

static int do_status(const struct call *call, json_t **ret)
{
	struct service_unit *u;
	int error = elsewhere(call, "status", ret);

	if (error <= 0)
		return error;
	pthread_mutex_lock(&service.lock);
	u = units_find(call->name);
	pthread_mutex_unlock(&service.lock);
	if (!u)
		return OM_ENOTFOUND;
	*ret = program_status(u);
	/* What another host has no use for: environment and arguments may be nobody else's business. */
	if (call->peer)
		json_object_del(*ret, "unit");
	return 0;
}

static int do_move(const struct call *call, json_t **ret)
{
	return service_move(call->client, call->arguments, ret);
}

static int do_cancel(const struct call *call, json_t **ret)
{
	return service_cancel(call->name, ret);
}

static int do_receive(const struct call *call, json_t **ret)
{
	const char *from;
	int error = get_text(call->arguments, "from", &from);

	return error ? error : service_receive(json_object_get(call->arguments, "unit"), call->peer ? call->peer : from, call->at, ret);
}

static int do_receive_end(const struct call *call, json_t **ret)
{
	return service_receive_end(call->name, ret);
}

static int do_host(const struct call *call, json_t **ret)
{
	int error = elsewhere(call, "host", ret);

	if (error <= 0)
		return error;
	*ret = service_host();
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static int do_metrics(const struct call *call, json_t **ret)
{
	char *page = metrics_text();

	(void)call;
	*ret = page ? json_pack("{ss}", "text", page) : NULL;
	free(page);
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static int do_overview(const struct call *call, json_t **ret)
{
	(void)call;
	*ret = web_overview();
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static int do_web(const struct call *call, json_t **ret)
{
	const char *by;
	bool all;
	int error = get_flag(call->arguments, "all", &all);

	if (!error)
		error = get_text(call->arguments, "by", &by);
	if (error)
		return error;
	*ret = web_state(all, by);
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static int do_web_act(const struct call *call, json_t **ret)
{
	return web_act(call->arguments, ret);
}

static int do_limits(const struct call *call, json_t **ret)
{
	const char *text;
	uint64_t rate = 0;
	int error = get_text(call->arguments, "bandwidth", &text);

	if (!error && text && strcmp(text, "none") != 0)
		error = move_parse_rate(text, &rate);
	if (error)
		return error;
	if (text)
		share_link(rate);
	*ret = share_json();
	return 0;
}

static int do_watch(const struct call *call, json_t **ret)
{
	socket_watch(call->client);
	return do_units(call, ret);
}

static const struct command {
	const char *name, *arguments;   /* names of allowed arguments, each with a space before and behind */
	int (*run)(const struct call *call, json_t **ret);
	bool named;                     /* the argument "name" is wanted */
	bool for_peers;
} commands[] = {
	{ "units", "", do_units, false, false },
	{ "define", " unit ", do_define, false, false },
	{ "undefine", " name ", do_undefine, true, false },
	{ "start", " name fresh ", do_start, true, false },
	{ "stop", " name reason ", do_stop, true, false },
	{ "discard", " name reason lost ", do_discard, true, false },
	{ "status", " name on ", do_status, true, true },
	{ "move", " name to mode downtime-limit bandwidth ticket rehearse ", do_move, true, false },
	{ "cancel", " name ", do_cancel, true, false },
	{ "receive", " unit from ", do_receive, false, true },
	{ "receive-end", " name ", do_receive_end, true, true },
	{ "host", " on ", do_host, false, true },
	{ "limits", " bandwidth ", do_limits, false, false },
	{ "watch", "", do_watch, false, false },
	{ "overview", "", do_overview, false, true },
	/* No host can ask for these (wire.h), but https for whom it serves. */
	{ "metrics", "", do_metrics, false, true },
	{ "web", " all by ", do_web, false, true },
	{ "web-act", " by verb node ", do_web_act, false, true },
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static int find(const json_t *request, bool is_peer, const struct command **ret)
{
	const char *name = json_string_value(json_object_get(request, "command")), *names[COMMAND_COUNT + 1] = { NULL }, *nearest;
	const json_t *arguments = json_object_get(request, "arguments");

	if (!name || json_object_size(request) != (arguments ? 2 : 1))
		return host_fail(OM_EINVAL, "a request has a \"command\" and perhaps \"arguments\", nothing else");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		names[i] = commands[i].name;
		if (strcmp(commands[i].name, name) == 0) {
			*ret = &commands[i];
			return is_peer && !commands[i].for_peers ? host_fail(OM_EPERM, "\"%s\" is not for other hosts", name) : channel_check_arguments(name, commands[i].arguments, arguments);
		}
	}
	nearest = host_did_you_mean(name, names);
	return host_fail(OM_EINVAL, "no command \"%.60s\"%s%s%s", name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool is_known(const char *name)
{
	char words[400];
	bool is;

	snprintf(words, sizeof words, "%s", host_reason());
	pthread_mutex_lock(&service.lock);
	is = units_find(name) != NULL;
	pthread_mutex_unlock(&service.lock);
	(void)host_fail(OM_ENOTFOUND, "%s", words);
	return is;
}

json_t *command_run(struct client *client, const char *peer, const char *at, const json_t *request)
{
	const struct command *command = NULL;
	struct call call = { .client = client, .peer = peer, .at = at, .arguments = json_object_get(request, "arguments") };
	json_t *value = NULL;
	int error = find(request, client == NULL, &command);

	if (!error && command->named) {
		call.name = json_string_value(json_object_get(call.arguments, "name"));
		if (!call.name)
			error = host_fail(OM_EINVAL, "\"%s\" wants the name of a unit", command->name);
	}
	if (!error)
		error = command->run(&call, &value);
	if (error) {
		json_decref(value);
		/* Only a unit is not found: clients have a status for that. */
		return channel_error(error == OM_ENOTFOUND && !json_object_get(call.arguments, "on") && (!call.name || is_known(call.name)) ? OM_EIO : error);
	}
	return json_pack("{so}", "return", value ? value : json_object());
}
