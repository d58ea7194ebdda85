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

void move_report_get(struct host_move *move, struct move_report *ret_report)
{
	struct move_report r = { 0 };
	bool live;

	pthread_mutex_lock(&move->lock);
	live = move->phase == MOVE_PHASE_RUNNING || move->phase == MOVE_PHASE_RECONNECTING;
	pthread_mutex_unlock(&move->lock);
	if (live)
		move_refresh(move);
	pthread_mutex_lock(&move->lock);
	r.phase = move->phase;
	r.any = move->any;
	r.same_clock = move->same_clock;
	r.error = move->error;
	snprintf(r.reason, sizeof r.reason, "%s", move->reason);
	snprintf(r.peer, sizeof r.peer, "%s", move->peer);
	r.reconnects = move->reconnects;
	r.prepared = move->prepared;
	r.begun_count = move->begun_count;
	r.ended_count = move->ended_count;
	r.engine = move->last;
	pthread_mutex_unlock(&move->lock);
	for (unsigned i = 0; i < MOVE_SESSION_ID_SIZE; i++)
		snprintf(r.session + 2 * i, 3, "%02x", move->session[i]);
	r.bandwidth = move_bucket_rate(&move->bucket);
	r.cpu_ns = atomic_load(&move->cpu_ns);
	r.cpu_limit = move_bucket_rate(&move->cpu);
	r.cost_ns = move_cost_lost_ns(&move->cost);
	r.busy_threads = move_cost_busy(&move->cost);
	*ret_report = r;
}

static bool in_session(struct host_move *move, enum move_phase *ret_phase)
{
	pthread_mutex_lock(&move->lock);
	*ret_phase = move->phase;
	pthread_mutex_unlock(&move->lock);
	return *ret_phase != MOVE_PHASE_IDLE && *ret_phase != MOVE_PHASE_ENDED;
}

bool move_leaving(struct host_move *move)
{
	enum move_phase phase;

	return in_session(move, &phase) && move->source;
}

int move_command(struct host_move *move, enum om_engine_command command, uint64_t value)
{
	enum move_phase phase;
	uint64_t arg[4];
	int64_t ret;

	if (!in_session(move, &phase))
		return host_fail(OM_ESTATE, "no migration is running");
	if (command == OM_COMMAND_BANDWIDTH)
		move_bucket_set_rate(&move->bucket, value);
	ret = move_call(move, OM_ENGINE_COMMAND, command, value, arg);
	if (ret < 0)
		return host_fail((int)ret, "%s", om_strerror((int)ret));
	move_note(move, UINT16_MAX, arg);
	return 0;
}

int move_cancel(struct host_move *move)
{
	const uint64_t one = 1;
	enum move_phase phase;
	bool committed;
	int error;

	pthread_mutex_lock(&move->lock);
	phase = move->phase;
	if (phase == MOVE_PHASE_CONNECTING)
		move->cancel = true;            /* if the engine begins nevertheless, it is told (move_session_runs) */
	pthread_mutex_unlock(&move->lock);
	if (phase == MOVE_PHASE_IDLE || phase == MOVE_PHASE_ENDED)
		return host_fail(OM_ESTATE, "no migration is running");
	if (phase != MOVE_PHASE_CONNECTING) {
		error = move_command(move, move->source ? OM_COMMAND_CANCEL : OM_COMMAND_ABORT, 0);
		pthread_mutex_lock(&move->lock);
		committed = move->committed || move->running;
		pthread_mutex_unlock(&move->lock);
		/* Given in time it may still have been taken up too late: then it was dropped. */
		if (committed && move->source)
			return host_fail(OM_ESTATE, "too late: the program has been handed over to %s and can only be completed there", move->peer);
		if (committed)
			return host_fail(OM_ESTATE, "too late: the program runs here");
		if (error)
			return error;
	}
	pthread_mutex_lock(&move->lock);
	/* A destination that was complete stays until the source has its abort token: it may have committed. */
	move->cancel |= move->source || !(atomic_load(&move->seen_flags) & OM_MIG_F_AWAITED);
	pthread_cond_broadcast(&move->changed);
	pthread_mutex_unlock(&move->lock);
	if (!move->source && phase != MOVE_PHASE_CONNECTING)
		return 0;
	(void)!write(move->stop_fd, &one, sizeof one); /* full means set */
	return 0;
}

int move_recover(struct host_move *move, const struct move_endpoint *to)
{
	int error = 0;

	pthread_mutex_lock(&move->lock);
	if (move->phase != MOVE_PHASE_RECONNECTING) {
		error = host_fail(OM_ESTATE, move->phase == MOVE_PHASE_RUNNING ? "the migration's connections are up" : "no migration waits for its connection");
	} else if (!move->source) {
		error = host_fail(OM_ESTATE, "the other side connects; run `optmig recover` on the source");
	} else {
		if (to)
			move->request.to = *to;
		move->retry_now = true;
		pthread_cond_broadcast(&move->changed);
	}
	pthread_mutex_unlock(&move->lock);
	return error;
}

/* What the runtime cannot see: whether this host could hold what arrives for the program's connections. */
static void add_host_problems(struct host_move *move, char *text, size_t size, uint32_t *count)
{
	size_t length = strlen(text);
	enum move_phase phase;
	const char *why;
	uint32_t stopped = in_session(move, &phase) ? 0 : net_netfilter_stops(&why);

	if (!stopped)
		return;
	snprintf(text + length, size - length, "%u TCP connection%s cannot be held for a move: %s\n", stopped,
		stopped == 1 ? "" : "s", why);
	++*count;
}

int move_check(struct host_move *move, char *text, size_t size, uint32_t *ret_count)
{
	struct om_tbuf *t;
	int64_t ret;
	int error;

	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	t->ret = OM_EINTERNAL;
	error = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_CHECK, 0);
	ret = error ? error : t->ret;
	if (ret >= 0) {
		size_t length = (size_t)ret < size - 1 ? (size_t)ret : size - 1;

		memcpy(text, host_tbuf_data(t), length);
		text[length] = 0;
		*ret_count = (uint32_t)t->arg[0];
	}
	pthread_mutex_unlock(&move->call_lock);
	if (ret < 0)
		return host_fail((int)ret, "%s", om_strerror((int)ret));
	add_host_problems(move, text, size, ret_count);
	return 0;
}

/* Both are the program's end, and it ends once. */
static void cancel_for_exit(struct host_move *move, int status, int signo)
{
	bool said = false;

	pthread_mutex_lock(&move->lock);
	if (!move->error) {
		said = true;
		move->error = OM_ECANCELLED;
		snprintf(move->reason, sizeof move->reason, "the program ended meanwhile, with %s %d", signo ? "signal" : "status",
			signo ? signo : status);
	}
	pthread_mutex_unlock(&move->lock);
	if (!move_cancel(move) || !said)
		return;
	/* It is ending already, for a reason of its own. */
	pthread_mutex_lock(&move->lock);
	move->error = 0;
	pthread_mutex_unlock(&move->lock);
}

/*
 * The program has ended while a session is under way. On the source that is a cancellation. It cannot be too late, because the token leaves
 * only when all threads have stopped, and the thread that is in this call has not. On the destination pages may still be owed. The source must
 * learn that they are no longer wanted, so the session gets time to complete, and the push goes on meanwhile. Whoever serves the
 * users waits for the session's report. Context: the application thread in its last host call.
 */
void move_program_exit(void *context, int status, int signo)
{
	struct host_move *move = context;
	uint64_t end = host_monotonic_ns() + EXIT_WAIT_MS * 1000000ull;
	enum move_phase phase;

	if (!in_session(move, &phase))
		return;
	if (move->source)
		cancel_for_exit(move, status, signo);
	while (in_session(move, &phase) && (move->source || phase != MOVE_PHASE_RECONNECTING) && host_monotonic_ns() < end)
		usleep(2000);
	if (move->source || !in_session(move, &phase))
		return;
	host_fail(OM_EABORTED, "the program ended here, with %s %d, before its migration had", signo ? "signal" : "status", signo ? signo : status);
	move_set_error(move, OM_EABORTED);
}
