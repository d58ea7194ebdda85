/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of the control socket, one function each, found by a table. Arguments are named; unknown ones and wrong
 * types are errors, so that a misspelt limit is never ignored.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "evidence/accept/ticket_text.h"
#include "evidence/parse/tagged.h"
#include "internal.h"
#include "move/identity.h"
#include "move/report.h"
#include "priv/priv.h"
#include "unlock.h"
#include "util.h"

struct request { struct control *control; struct control_client *client; const json_t *arguments; };

static json_t *done(int error, json_t *value)
{
	if (error) {
		json_decref(value);
		return channel_error(error);
	}
	return json_pack("{so}", "return", value ? value : json_object());
}

/* Integers that are there replace *value. */
static int get_number(const json_t *arguments, const char *name, uint64_t max, uint64_t *value)
{
	const json_t *member = json_object_get(arguments, name);

	if (!member)
		return 0;
	if (!json_is_integer(member) || json_integer_value(member) < 0 || (uint64_t)json_integer_value(member) > max)
		return host_fail(OM_EINVAL, "argument \"%s\" must be an integer from 0 to %llu", name, (unsigned long long)max);
	*value = (uint64_t)json_integer_value(member);
	return 0;
}

static int get_text(const json_t *arguments, const char *name, const char **ret_text)
{
	const json_t *member = json_object_get(arguments, name);

	*ret_text = json_string_value(member);
	if (member && !*ret_text)
		return host_fail(OM_EINVAL, "argument \"%s\" must be a string", name);
	return 0;
}

static json_t *do_info(struct request *r)
{
	const struct om_image_header *header = host_image_header(r->control->enclave);
	struct tee_capabilities caps;
	struct move_report report;
	json_t *info;
	const char *owner;
	bool here;

	tee_platform_capabilities(host_platform(r->control->enclave), &caps);
	move_report_get(r->control->move, &report);
	owner = unlock_state(r->control->enclave);
	here = !report.any || report.engine.flags & OM_MIG_F_RUNNING || (report.engine.role == 1 &&
		report.engine.state != OM_MIG_COMMITTED && report.engine.state != OM_MIG_POSTCOPY && report.engine.state != OM_MIG_COMPLETED);
	info = json_pack("{ss si ss ss ss ss sI}", "program", header->program_name, "pid", (int)getpid(),
		"image", host_image_path(r->control->enclave), "sgx", caps.name,
		"state", here && owner ? owner : here ? "running" : report.engine.role == 1 ? "moved" : "receiving", "migration", move_status_name(&report),
		"uptime-ms", (json_int_t)((host_monotonic_ns() - r->control->started_ns) / 1000000));
	move_identity_json(r->control->move, info);
	if (info && priv_supervisor())
		json_object_set_new(info, "supervisor", json_integer(priv_supervisor()));
	return done(0, info);
}

static json_t *do_status(struct request *r)
{
	struct move_report report;
	json_t *o;

	move_report_get(r->control->move, &report);
	o = move_report_json(&report);
	move_identity_json(r->control->move, o);
	return done(0, o);
}

static void watch(struct request *r, uint32_t session)
{
	r->client->watches = true;
	r->client->awaits = session;
}

/* The session that has just been begun, or goes on. Nobody else begins one. */
static void watch_present(struct request *r)
{
	struct move_report report;

	move_report_get(r->control->move, &report);
	watch(r, report.begun_count);
}

static json_t *do_watch(struct request *r)
{
	struct move_report report;

	move_report_get(r->control->move, &report);
	watch(r, report.ended_count + 1);
	return done(0, move_report_json(&report));
}

static json_t *do_stats(struct request *r)
{
	json_t *stats = host_stats_json(r->control->enclave);

	return done(stats ? 0 : host_fail(OM_ENOMEM, "no statistics"), stats);
}

static json_t *do_check(struct request *r)
{
	static char text[32768];
	char need[256];
	uint32_t count = 0;
	int error = move_check(r->control->move, text, sizeof text, &count);

	move_identity_need(r->control->move, need, sizeof need);
	return done(error, error ? NULL : json_pack("{si ss ss}", "problems", (int)count, "text", text, "needs", need));
}

static int get_moves(const json_t *arguments, struct move_request *request)
{
	const json_t *list = json_object_get(arguments, "move-addresses");

	if (list && !json_is_array(list))
		return host_fail(OM_EINVAL, "argument \"move-addresses\" must be an array");
	if (json_array_size(list) > MOVE_ADDRESSES_MAX)
		return host_fail(OM_EINVAL, "at most %u addresses can move along", MOVE_ADDRESSES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || strlen(text) >= sizeof request->moves[0].text)
			return host_fail(OM_EINVAL, "argument \"move-addresses\" must hold strings ADDRESS/PREFIX@INTERFACE");
		snprintf(request->moves[i].text, sizeof request->moves[i].text, "%s", text);
		request->move_count++;
	}
	return 0;
}

/* The bytes, and not a file's name: the process may have other rights than whoever asks. */
static int get_ticket(const json_t *a)
{
	uint8_t bytes[OM_TICKET_MAX];
	const char *hex;
	int error = get_text(a, "ticket", &hex);
	const size_t length = !error && hex ? strlen(hex) : 0;

	if (error)
		return error;
	if (length > 2 * sizeof bytes || !om_hex_decode(hex ? hex : "", length, bytes, length / 2))
		return host_fail(OM_EINVAL, "argument \"ticket\" must be up to %zu bytes in hexadecimal digits", sizeof bytes);
	return host_paper_set(OM_PAPER_TICKET, bytes, length / 2);
}

static int get_migrate(const json_t *a, struct move_request *request)
{
	struct om_mig_params *p = &request->params;
	uint64_t channels = p->channels, rounds = 0;
	const char *to, *mode, *tracker;
	int error = get_text(a, "to", &to);

	if (!error && !to)
		error = host_fail(OM_EINVAL, "argument \"to\" is missing");
	if (!error)
		error = move_endpoint_parse(to, &request->to);
	if (!error)
		error = get_text(a, "mode", &mode);
	if (!error && mode)
		error = move_mode_parse(mode, &p->mode);
	if (!error)
		error = get_text(a, "tracker", &tracker);
	if (!error && tracker)
		error = move_tracker_parse(tracker, &p->tracker);
	if (!error)
		error = get_number(a, "channels", MOVE_CHANNELS_LIMIT, &channels);
	if (!error)
		error = get_number(a, "downtime-limit-ns", 3600000000000, &p->downtime_limit_ns);
	if (!error)
		error = get_number(a, "bandwidth", INT64_MAX, &p->bandwidth_bytes);
	if (!error)
		error = get_number(a, "throttle", INT64_MAX, &p->throttle_bytes);
	if (!error)
		error = get_number(a, "rounds-max", 10000, &rounds);
	if (!error)
		error = get_number(a, "patience-ns", INT64_MAX, &request->patience_ns);
	if (!error)
		error = get_number(a, "cpu-limit-ns", MOVE_CPU_LIMIT_MAX, &request->cpu_limit);
	if (!error)
		error = get_number(a, "silence-ns", INT64_MAX, &request->silence_ns);
	if (!error && channels < 1)
		error = host_fail(OM_EINVAL, "at least one page channel is needed");
	if (error)
		return error;
	p->channels = (uint32_t)channels;
	p->rounds_max = (uint32_t)rounds;
	if (json_is_true(json_object_get(a, "release")))
		p->flags |= OM_MIG_PARAM_RELEASE;
	if (json_is_true(json_object_get(a, "rehearse")))
		p->flags |= OM_MIG_PARAM_REHEARSE;
	return get_moves(a, request);
}

/* What the enclave is to be shown in the session that is about to begin, and in no other. */
static int get_papers(struct request *r)
{
	const char *guests, *owner;
	int error;

	if (move_leaving(r->control->move))
		return host_fail(OM_ESTATE, "a migration is running already");
	owner = unlock_state(r->control->enclave);
	if (owner)
		return host_fail(OM_ESTATE, strcmp(owner, "waiting") == 0 ? "the program waits for its owner and has not started (optmig unlock)" :
			"the program has been stopped for good, for an upgrade");
	error = get_text(r->arguments, "guests", &guests);
	if (!error)
		error = host_paper_set_file(OM_PAPER_GUESTS, guests);
	return error ? error : get_ticket(r->arguments);
}

static json_t *do_migrate(struct request *r)
{
	struct move_request request;
	int error;

	move_request_init(&request);
	error = get_migrate(r->arguments, &request);
	if (!error)
		error = get_papers(r);
	if (!error)
		error = move_start(r->control->move, &request);
	if (!error)
		watch_present(r);
	return done(error, NULL);
}

static json_t *do_unlock_ask(struct request *r)
{
	return unlock_request(r->control->enclave, "unlock-ask", r->arguments);
}

static json_t *do_unlock_grant(struct request *r)
{
	return unlock_request(r->control->enclave, "unlock-grant", r->arguments);
}

static json_t *do_upgrade_order(struct request *r)
{
	return unlock_request(r->control->enclave, "upgrade-order", r->arguments);
}

static json_t *do_upgrade_end(struct request *r)
{
	return unlock_request(r->control->enclave, "upgrade-end", r->arguments);
}

static json_t *do_cancel(struct request *r)
{
	return done(move_cancel(r->control->move), NULL);
}

static json_t *do_postcopy(struct request *r)
{
	return done(move_command(r->control->move, OM_COMMAND_POSTCOPY, 0), NULL);
}

static json_t *do_set(struct request *r)
{
	static const struct { const char *name; enum om_engine_command command; } settings[] = {
		{ "bandwidth", OM_COMMAND_BANDWIDTH }, { "downtime-limit-ns", OM_COMMAND_DOWNTIME }, { "throttle", OM_COMMAND_THROTTLE } };
	int error = json_object_size(r->arguments) ? 0 : host_fail(OM_EINVAL, "nothing to set");

	for (size_t i = 0; i < sizeof settings / sizeof *settings && !error; i++) {
		uint64_t value = 0;

		if (!json_object_get(r->arguments, settings[i].name))
			continue;
		error = get_number(r->arguments, settings[i].name, INT64_MAX, &value);
		if (!error)
			error = move_command(r->control->move, settings[i].command, value);
	}
	return done(error, NULL);
}

static json_t *do_recover(struct request *r)
{
	struct move_endpoint address;
	const char *to;
	int error = get_text(r->arguments, "to", &to);

	if (!error && to)
		error = move_endpoint_parse(to, &address);
	if (!error)
		error = move_recover(r->control->move, to ? &address : NULL);
	if (!error)
		watch_present(r);
	return done(error, NULL);
}

static json_t *do_evidence(struct request *r)
{
	uint8_t nonce[OM_NONCE_MAX] = { 0 }, evidence[OM_EVIDENCE_MAX + OM_CLAIMS_MAX + OM_TAGGED_HEAD];
	char text[2 * sizeof evidence + 1];
	const char *hex = NULL;
	size_t size = 0;
	int error = get_text(r->arguments, "nonce", &hex);
	const size_t length = hex ? strlen(hex) : 0;

	if (!error && (length < 2 || length > 2 * sizeof nonce || !om_hex_decode(hex, length, nonce, length / 2)))
		error = host_fail(OM_EINVAL, "argument \"nonce\" must be 1 to %d bytes in hexadecimal digits", OM_NONCE_MAX);
	if (!error)
		error = move_identity_fresh(r->control->move, (struct om_view) { nonce, length / 2 }, evidence, sizeof evidence, &size);
	if (error)
		return done(error, NULL);
	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", evidence[i]);
	return done(0, json_pack("{ss}", "evidence", text));
}

static const struct command {
	const char *name, *arguments;   /* names of allowed arguments, each with a space before and behind */
	json_t *(*run)(struct request *request);
	bool is_long;                   /* somebody else is asked for it, who may take his time */
} commands[] = {
	{ "info", "", do_info, false },
	{ "status", "", do_status, false },
	{ "report", "", do_status, false },
	{ "watch", "", do_watch, false },
	{ "stats", "", do_stats, false },
	{ "check", "", do_check, false },
	{ "evidence", " nonce ", do_evidence, true },
	{ "migrate", " to mode tracker channels downtime-limit-ns bandwidth throttle rounds-max patience-ns silence-ns cpu-limit-ns release rehearse guests ticket"
		" move-addresses ",
		do_migrate, false },
	{ "unlock-ask", " nonce ", do_unlock_ask, true },
	{ "unlock-grant", " grant ", do_unlock_grant, true },
	{ "upgrade-order", " grant evidence ", do_upgrade_order, true },
	{ "upgrade-end", "", do_upgrade_end, true },
	{ "cancel", "", do_cancel, false },
	{ "postcopy", "", do_postcopy, false },
	{ "set", " bandwidth downtime-limit-ns throttle ", do_set, false },
	{ "recover", " to ", do_recover, false },
};

bool control_is_long(const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].is_long;
	return false;
}

json_t *control_request(struct control *control, struct control_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	const json_t *arguments = json_object_get(request, "arguments");

	if (!name || json_object_size(request) != (arguments ? 2 : 1))
		return channel_error(host_fail(OM_EINVAL, "a request has a \"command\" and perhaps \"arguments\", nothing else"));
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0) {
			int error = channel_check_arguments(commands[i].name, commands[i].arguments, arguments);

			return error ? channel_error(error) :
				commands[i].run(&(struct request){ .control = control, .client = client, .arguments = arguments });
		}
	return channel_error(host_fail(OM_EINVAL, "no command \"%.60s\"", name));
}
