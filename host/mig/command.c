/* SPDX-License-Identifier: Apache-2.0 */
/* What users and the program's own end ask of a session, from threads that are none of its own. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "strerror.h"
#include "internal.h"
#include "net/netfilter.h"
#include "util.h"

#define EXIT_WAIT_MS 10000u

void mig_report_get(struct host_mig *mig, struct mig_report *ret_report)
{
	struct mig_report r = { 0 };
	bool live;

	pthread_mutex_lock(&mig->lock);
	live = mig->phase == MIG_PHASE_RUNNING || mig->phase == MIG_PHASE_RECONNECTING;
	pthread_mutex_unlock(&mig->lock);
	if (live)
		mig_refresh(mig);
	pthread_mutex_lock(&mig->lock);
	r.phase = mig->phase;
	r.any = mig->any;
	r.same_clock = mig->same_clock;
	r.error = mig->error;
	snprintf(r.reason, sizeof r.reason, "%s", mig->reason);
	snprintf(r.peer, sizeof r.peer, "%s", mig->peer);
	r.reconnects = mig->reconnects;
	r.prepared = mig->prepared;
	r.begun_count = mig->begun_count;
	r.ended_count = mig->ended_count;
	r.engine = mig->last;
	pthread_mutex_unlock(&mig->lock);
	for (unsigned i = 0; i < MIG_SESSION_ID_SIZE; i++)
		snprintf(r.session + 2 * i, 3, "%02x", mig->session[i]);
	r.bandwidth = mig_bucket_rate(&mig->bucket);
	r.cpu_ns = atomic_load(&mig->cpu_ns);
	r.cpu_limit = mig_bucket_rate(&mig->cpu);
	r.cost_ns = mig_cost_lost_ns(&mig->cost);
	r.busy_threads = mig_cost_busy(&mig->cost);
	*ret_report = r;
}

static bool in_session(struct host_mig *mig, enum mig_phase *ret_phase)
{
	pthread_mutex_lock(&mig->lock);
	*ret_phase = mig->phase;
	pthread_mutex_unlock(&mig->lock);
	return *ret_phase != MIG_PHASE_IDLE && *ret_phase != MIG_PHASE_ENDED;
}

bool mig_leaving(struct host_mig *mig)
{
	enum mig_phase phase;

	return in_session(mig, &phase) && mig->source;
}

int mig_command(struct host_mig *mig, enum om_engine_command command, uint64_t value)
{
	enum mig_phase phase;
	uint64_t arg[4];
	int64_t ret;

	if (!in_session(mig, &phase))
		return host_fail(OM_ESTATE, "no migration is running");
	if (command == OM_COMMAND_BANDWIDTH)
		mig_bucket_set_rate(&mig->bucket, value);
	ret = mig_call(mig, OM_ENGINE_COMMAND, command, value, arg);
	if (ret < 0)
		return host_fail((int)ret, "%s", om_strerror((int)ret));
	mig_note(mig, UINT16_MAX, arg);
	return 0;
}

int mig_cancel(struct host_mig *mig)
{
	const uint64_t one = 1;
	enum mig_phase phase;
	bool committed;
	int error;

	pthread_mutex_lock(&mig->lock);
	phase = mig->phase;
	if (phase == MIG_PHASE_CONNECTING)
		mig->cancel = true;            /* if the engine begins nevertheless, it is told (mig_session_runs) */
	pthread_mutex_unlock(&mig->lock);
	if (phase == MIG_PHASE_IDLE || phase == MIG_PHASE_ENDED)
		return host_fail(OM_ESTATE, "no migration is running");
	if (phase != MIG_PHASE_CONNECTING) {
		error = mig_command(mig, mig->source ? OM_COMMAND_CANCEL : OM_COMMAND_ABORT, 0);
		pthread_mutex_lock(&mig->lock);
		committed = mig->committed || mig->running;
		pthread_mutex_unlock(&mig->lock);
		/* Given in time it may still have been taken up too late: then it was dropped. */
		if (committed && mig->source)
			return host_fail(OM_ESTATE, "too late: the program has been handed over to %s and can only be completed there", mig->peer);
		if (committed)
			return host_fail(OM_ESTATE, "too late: the program runs here");
		if (error)
			return error;
	}
	pthread_mutex_lock(&mig->lock);
	/* A destination that was complete stays until the source has its abort token: it may have committed. */
	mig->cancel |= mig->source || !(atomic_load(&mig->seen_flags) & OM_MIG_F_AWAITED);
	pthread_cond_broadcast(&mig->changed);
	pthread_mutex_unlock(&mig->lock);
	if (!mig->source && phase != MIG_PHASE_CONNECTING)
		return 0;
	(void)!write(mig->stop_fd, &one, sizeof one); /* full means set */
	return 0;
}

int mig_recover(struct host_mig *mig, const struct mig_address *to)
{
	int error = 0;

	pthread_mutex_lock(&mig->lock);
	if (mig->phase != MIG_PHASE_RECONNECTING) {
		error = host_fail(OM_ESTATE, mig->phase == MIG_PHASE_RUNNING ? "the migration's connections are up" : "no migration waits for its connection");
	} else if (!mig->source) {
		error = host_fail(OM_ESTATE, "the other side connects; run `optmig recover` on the source");
	} else {
		if (to)
			mig->request.to = *to;
		mig->retry_now = true;
		pthread_cond_broadcast(&mig->changed);
	}
	pthread_mutex_unlock(&mig->lock);
	return error;
}

/* What the runtime cannot see: whether this host could hold what arrives for the program's connections. */
static void add_host_problems(struct host_mig *mig, char *text, size_t size, uint32_t *count)
{
	size_t length = strlen(text);
	enum mig_phase phase;
	const char *why;
	uint32_t stopped = in_session(mig, &phase) ? 0 : net_netfilter_stops(&why);

	if (!stopped)
		return;
	snprintf(text + length, size - length, "%u TCP connection%s cannot be held for a move: %s\n", stopped,
		stopped == 1 ? "" : "s", why);
	++*count;
}

int mig_check(struct host_mig *mig, char *text, size_t size, uint32_t *ret_count)
{
	struct om_tbuf *t;
	int64_t ret;
	int error;

	pthread_mutex_lock(&mig->call_lock);
	t = host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL);
	t->ret = OM_EINTERNAL;
	error = host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_CHECK, 0);
	ret = error ? error : t->ret;
	if (ret >= 0) {
		size_t length = (size_t)ret < size - 1 ? (size_t)ret : size - 1;

		memcpy(text, host_tbuf_data(t), length);
		text[length] = 0;
		*ret_count = (uint32_t)t->arg[0];
	}
	pthread_mutex_unlock(&mig->call_lock);
	if (ret < 0)
		return host_fail((int)ret, "%s", om_strerror((int)ret));
	add_host_problems(mig, text, size, ret_count);
	return 0;
}

/* Both are the program's end, and it ends once. */
static void cancel_for_exit(struct host_mig *mig, int status, int signo)
{
	bool said = false;

	pthread_mutex_lock(&mig->lock);
	if (!mig->error) {
		said = true;
		mig->error = OM_ECANCELLED;
		snprintf(mig->reason, sizeof mig->reason, "the program ended meanwhile, with %s %d", signo ? "signal" : "status",
			signo ? signo : status);
	}
	pthread_mutex_unlock(&mig->lock);
	if (!mig_cancel(mig) || !said)
		return;
	/* It is ending already, for a reason of its own. */
	pthread_mutex_lock(&mig->lock);
	mig->error = 0;
	pthread_mutex_unlock(&mig->lock);
}

/*
 * The program has ended while a session is under way. On the source that is a cancellation. It cannot be too late, because the token leaves
 * only when all threads have stopped, and the thread that is in this call has not. On the destination pages may still be owed. The source must
 * learn that they are no longer wanted, so the session gets time to complete, and the push goes on meanwhile. Whoever serves the
 * users waits for the session's report. Context: the application thread in its last host call.
 */
void mig_program_exit(void *context, int status, int signo)
{
	struct host_mig *mig = context;
	uint64_t end = host_monotonic_ns() + EXIT_WAIT_MS * 1000000ull;
	enum mig_phase phase;

	if (!in_session(mig, &phase))
		return;
	if (mig->source)
		cancel_for_exit(mig, status, signo);
	while (in_session(mig, &phase) && (mig->source || phase != MIG_PHASE_RECONNECTING) && host_monotonic_ns() < end)
		usleep(2000);
	if (mig->source || !in_session(mig, &phase))
		return;
	host_fail(OM_EABORTED, "the program ended here, with %s %d, before its migration had", signo ? "signal" : "status", signo ? signo : status);
	mig_set_error(mig, OM_EABORTED);
}
