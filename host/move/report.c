/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports. The enclave process makes the JSON object; text, metrics and the progress line are made from it by the
 * client. Times are milliseconds with fractions, as query-migrate's are milliseconds.
 */
#include <jansson.h>
#include <string.h>
#include "strerror.h"
#include "report.h"
#include "util.h"

static const char *const state_names[] = { "none", "setup", "active", "device", "prepared", "committed", "postcopy",
	"completed", "cancelled", "failed", "waiting", "rehearsed" };
static const char *const mode_names[] = { "auto", "stop", "precopy", "postcopy", "hybrid" };
static const char *const tracker_names[] = { "none", "cards", "faults" };   /* in requests the first is "auto" */
#define COUNT(a) (sizeof (a) / sizeof *(a))

const char *move_state_name(uint32_t state)
{
	return state < COUNT(state_names) ? state_names[state] : "unknown";
}

const char *move_mode_name(uint32_t mode)
{
	return mode < COUNT(mode_names) ? mode_names[mode] : "unknown";
}

int move_mode_parse(const char *name, uint32_t *ret_mode)
{
	for (uint32_t i = 0; i < COUNT(mode_names); i++)
		if (strcmp(name, mode_names[i]) == 0) {
			*ret_mode = i;
			return 0;
		}
	return host_fail(OM_EINVAL, "\"%s\" is not a mode; there are auto, stop, precopy, postcopy and hybrid", name);
}

int move_tracker_parse(const char *name, uint32_t *ret_tracker)
{
	for (uint32_t i = 0; i < COUNT(tracker_names); i++)
		if (strcmp(name, i == OM_TRACKER_AUTO ? "auto" : tracker_names[i]) == 0) {
			*ret_tracker = i;
			return 0;
		}
	return host_fail(OM_EINVAL, "\"%s\" is not a tracker; there are auto, cards and faults", name);
}

const char *move_status_name(const struct move_report *r)
{
	bool runs_here = r->engine.flags & OM_MIG_F_RUNNING, committed = r->engine.role == 1 ? !runs_here : runs_here;

	if (!r->any)
		return "none";
	switch (r->engine.state) {
	case OM_MIG_PREPARED:
	case OM_MIG_COMMITTED:
		return "device";
	case OM_MIG_POSTCOPY:
		return r->phase == MOVE_PHASE_RECONNECTING ? "postcopy-paused" : "postcopy-active";
	case OM_MIG_WAITING:
		return committed ? "postcopy-paused" : "waiting";
	default:
		return move_state_name(r->engine.state);
	}
}

uint64_t move_downtime_ns(const struct move_report *r, const char **ret_method)
{
	const struct om_mig_status *s = &r->engine;
	const char *method = "none";
	uint64_t ns = 0;

	if (r->same_clock && s->stop_realtime_ns && s->run_realtime_ns > s->stop_realtime_ns) {
		method = "same-clock";
		ns = s->run_realtime_ns - s->stop_realtime_ns;
	} else if (s->downtime_ns) {
		method = "round-trip";
		ns = s->downtime_ns;
	}
	if (ret_method)
		*ret_method = method;
	return ns;
}

/* Three decimals: microseconds. */
static json_t *ms(uint64_t ns)
{
	return json_real((double)(ns / 1000) / 1e3);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

static json_t *ram_json(const struct om_mig_status *s)
{
	double seconds = (double)s->total_time_ns / 1e9, rate = (double)s->throughput;

	if (s->state >= OM_MIG_COMPLETED && seconds > 0)
		rate = (double)s->ram_transferred / seconds;
	return json_pack("{so so so so so so so so so sf so}", "transferred", number(s->ram_transferred),
		"remaining", number(s->ram_remaining), "total", number(s->ram_total), "duplicate", number(s->duplicate_pages),
		"normal", number(s->normal_pages), "normal-bytes", number(s->normal_pages * s->ram_page_size),
		"dirty-pages-rate", number(s->dirty_pages_rate), "dirty-sync-count", number(s->dirty_sync_count),
		"postcopy-requests", number(s->postcopy_requests), "mbps", rate * 8 / 1e6, "page-size", number(s->ram_page_size));
}

/* The upper bound of the histogram's bucket in which the given share of all faults lies, in microseconds. */
static double percentile_us(const struct om_mig_status *s, double share)
{
	double wanted = share * (double)s->fault_count, seen = 0;

	for (unsigned i = 0; i < COUNT(s->fault_histogram); i++) {
		seen += (double)s->fault_histogram[i];
		if (seen >= wanted && seen > 0)
			return (double)(2ull << i) / 1e3;
	}
	return 0;
}

static json_t *postcopy_json(const struct om_mig_status *s)
{
	double mean = s->fault_count ? (double)s->fault_total_ns / (double)s->fault_count / 1e3 : 0;

	return json_pack("{so so so sf sf sf sf}", "owed-pages", number(s->postcopy_owed), "doubled-pages", number(s->postcopy_dropped),
		"faults", number(s->fault_count), "fault-mean-us", mean, "fault-p50-us", percentile_us(s, 0.5),
		"fault-p99-us", percentile_us(s, 0.99), "fault-max-us", (double)s->fault_max_ns / 1e3);
}

static json_t *tracker_json(const struct om_mig_status *s)
{
	return json_pack("{ss ss sb so so so}", "name", s->tracker < COUNT(tracker_names) ? tracker_names[s->tracker] : "unknown",
		"reason", s->tracker_reason, "uninstrumented-objects", (int)s->untracked, "watched-pages", number(s->watched_pages),
		"watch-time", ms(s->watch_ns), "write-faults", number(s->write_faults));
}

/*
 * What the move has cost the program: the time without CPU during the rounds, the downtime, and the mean time for which its threads waited for
 * owed pages. And what stop-and-copy would have cost: the time for all memory at the rate at which this move sent.
 */
static json_t *service_json(const struct move_report *r, uint64_t downtime)
{
	const struct om_mig_status *s = &r->engine;
	uint64_t waits = s->fault_total_ns / (r->busy_threads ? r->busy_threads : 1);
	double rate = s->total_time_ns > s->setup_time_ns ? (double)s->ram_transferred / (double)(s->total_time_ns - s->setup_time_ns) : 0;
	double stop = rate > 0 ? (double)s->ram_total / rate : 0;

	return json_pack("{so so so so so}", "lost", ms(r->cost_ns + downtime + waits), "rounds", ms(r->cost_ns), "stopped", ms(downtime), "pages", ms(waits),
		"stop-would-lose", ms(stop < 1e18 ? (uint64_t)stop : 0));
}

static void add_host_part(json_t *o, const struct move_report *r)
{
	const struct om_mig_status *s = &r->engine;
	static const char *const roles[] = { "none", "source", "destination" };
	static const char *const phases[] = { "idle", "connecting", "running", "reconnecting", "ended" };
	char hex[65] = "";

	for (unsigned i = 0; i < sizeof s->peer_mrenclave; i++)
		snprintf(hex + 2 * i, 3, "%02x", s->peer_mrenclave[i]);
	json_object_set_new(o, "role", json_string(s->role < COUNT(roles) ? roles[s->role] : "none"));
	json_object_set_new(o, "phase", json_string(phases[r->phase]));
	json_object_set_new(o, "session", json_string(r->session));
	json_object_set_new(o, "peer", json_string(r->peer));
	json_object_set_new(o, "peer-attestation", json_string(s->peer));
	json_object_set_new(o, "peer-mrenclave", json_string(hex));
	json_object_set_new(o, "channels", number(s->channels));
	json_object_set_new(o, "max-bandwidth", number(r->bandwidth));
	json_object_set_new(o, "cpu-time", ms(r->cpu_ns));
	json_object_set_new(o, "cpu-limit", json_real((double)r->cpu_limit / 1e7));
	json_object_set_new(o, "reconnects", number(r->reconnects));
	json_object_set_new(o, "prepared", json_boolean(r->prepared));
	if (r->error) {
		json_object_set_new(o, "error", json_string(om_errname(r->error)));
		json_object_set_new(o, "error-desc", json_string(r->reason[0] ? r->reason : om_strerror(r->error)));
		json_object_set_new(o, "error-cure", json_string(om_errcure(r->error)));
	}
}

json_t *move_report_json(const struct move_report *r)
{
	const struct om_mig_status *s = &r->engine;
	const char *method;
	uint64_t downtime = move_downtime_ns(r, &method);
	json_t *o = json_pack("{ss}", "status", move_status_name(r));

	if (!o || !r->any)
		return o;
	json_object_set_new(o, "state", json_string(move_state_name(s->state)));
	json_object_set_new(o, "mode", json_string(move_mode_name(s->mode)));
	json_object_set_new(o, "mode-chosen", json_string(move_mode_name(s->chosen_mode)));
	json_object_set_new(o, "mode-reason", json_string(s->choice));
	if (s->role == 1)
		json_object_set_new(o, "tracker", tracker_json(s));
	json_object_set_new(o, "total-time", ms(s->total_time_ns));
	json_object_set_new(o, "setup-time", ms(s->setup_time_ns));
	json_object_set_new(o, "downtime", ms(downtime));
	json_object_set_new(o, "downtime-method", json_string(method));
	if (s->stop_realtime_ns)
		json_object_set_new(o, "stopped-at", json_real((double)(s->stop_realtime_ns / 1000) / 1e6));
	json_object_set_new(o, "expected-downtime", ms(s->expected_downtime_ns));
	json_object_set_new(o, "downtime-limit", ms(s->downtime_limit_ns));
	json_object_set_new(o, "downtime-parts", json_pack("{so so so so}", "park", ms(s->park_ns), "freeze", ms(s->freeze_ns),
		"final", ms(s->final_ns), "rebuild", ms(s->rebuild_ns)));
	json_object_set_new(o, "round-trip", ms(s->round_trip_ns));
	json_object_set_new(o, "throttle-us", json_real((double)s->throttle_ns / 1e3));
	json_object_set_new(o, "throughput", number(s->throughput));
	json_object_set_new(o, "ram", ram_json(s));
	json_object_set_new(o, "postcopy", postcopy_json(s));
	if (s->role == 1)
		json_object_set_new(o, "service", service_json(r, downtime));
	add_host_part(o, r);
	return o;
}
