/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's supervisor: connects, starts the engine's session, watches it, makes connections anew, and at the end
 * either lets the program run on or, when the program runs at the destination, ends this process.
 *
 * How long the supervisor tries to reconnect depends on what is at stake. Before the token the program runs here, and the session is
 * cancelled after `patience`. After the token nothing but the destination can say what becomes of the program: the supervisor
 * tries for ever, more and more slowly. `optmig recover` makes it try at once, or at another address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "strerror.h"
#include "fault.h"
#include "internal.h"
#include "knock.h"
#include "net/hold.h"
#include "net/netfilter.h"
#include "report.h"
#include "util.h"

#define BACKOFF_FIRST_NS 20000000u
#define BACKOFF_LAST_NS  3000000000u
#define LAST_WORD_NS     1000000000u
#define WIND_UP_NS       4000000000u

void move_request_init(struct move_request *request)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	memset(request, 0, sizeof *request);
	request->params.version = OM_ENGINE_VERSION;
	request->params.mode = OM_MODE_AUTO;
	request->params.channels = cpus < 2 ? 1 : cpus > (long)MOVE_CHANNELS_LIMIT ? MOVE_CHANNELS_LIMIT : (uint32_t)cpus;
	request->params.downtime_limit_ns = 10000000;
	request->patience_ns = 30000000000;
	request->silence_ns = 15000000000;
}

static uint64_t touched_bytes(struct host_move *move)
{
	struct om_enclave_stats stats = { 0 };

	pthread_mutex_lock(&move->call_lock);
	if (host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_STATS, 0, 0) == 0)
		memcpy(&stats, host_tbuf_data(host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL)), sizeof stats);
	pthread_mutex_unlock(&move->call_lock);
	return stats.pages_accepted * OM_PAGE_SIZE;
}

/* TCP, and the opening. The answer is the known host's, so what it says comes before what it is about. */
static int open_one(struct host_move *move, int fd, const struct move_hello *hello, struct move_hello *ret_answer)
{
	struct move_knock knock = { .to = move->peer, .pinned = move->peer_pinned, .handshake_ms = MOVE_CONNECT_MS,
		.answer_ms = hello->kind == OM_HELLO_NEW ? MOVE_ANSWER_MS : MOVE_CONNECT_MS };
	int error = host_key_own(&knock.key);

	if (error)
		return error;
	memcpy(knock.peer, move->peer_key, sizeof knock.peer);
	error = move_knock(&knock, fd, move->stop_fd, hello, ret_answer);
	if (error)
		return error;
	memcpy(move->peer_key, knock.peer, sizeof move->peer_key);
	move->peer_pinned = knock.pinned;
	if (hello->connection == OM_CONNECTION_CONTROL)
		move->seal = knock.seal;
	explicit_bzero(&knock.seal, sizeof knock.seal);
	if (ret_answer->status)
		return host_fail(ret_answer->status < 0 && ret_answer->status > -100 ? ret_answer->status : OM_EABORTED, "%s refuses: %s",
			move->peer, ret_answer->text[0] ? ret_answer->text : om_strerror(ret_answer->status));
	if (ret_answer->connection != hello->connection || memcmp(ret_answer->session, hello->session, sizeof hello->session))
		return host_fail(OM_ETYPE, "the answer belongs to another connection");
	return 0;
}

static int connect_one(struct host_move *move, const struct move_endpoint *to, uint16_t number, struct move_hello *hello)
{
	struct move_hello answer = { 0 };
	int fd, error = move_connect(to, move->stop_fd, MOVE_CONNECT_MS, &fd);

	if (error)
		return error;
	move_tune(fd, number);
	hello->connection = number;
	error = open_one(move, fd, hello, &answer);
	if (error) {
		close(fd);
		return error;
	}
	move->connection[number].fd = fd;
	memcpy(move->peer_clock, answer.clock, sizeof move->peer_clock);
	return 0;
}

static int connect_all(struct host_move *move, enum om_hello_kind kind)
{
	struct move_hello hello;
	struct move_endpoint to;
	int error = 0;

	move_fill_hello(move, &hello);
	hello.kind = (uint16_t)kind;
	if (kind == OM_HELLO_NEW) {
		hello.touched_bytes = touched_bytes(move);
		hello.sockets = net_spare_count();
	}
	pthread_mutex_lock(&move->lock);
	to = move->request.to;
	move_endpoint_format(&to, move->peer);
	pthread_mutex_unlock(&move->lock);
	for (uint16_t i = 0; i < OM_CONNECTION_PAGES + move->channels && !error; i++)
		error = connect_one(move, &to, i, &hello);
	if (!error)
		return 0;
	for (unsigned i = 0; i < OM_CONNECTION_PAGES + move->channels; i++)
		if (move->connection[i].fd >= 0) {
			close(move->connection[i].fd);
			move->connection[i].fd = -1;
		}
	return error;
}

static int engine_begin(struct host_move *move)
{
	struct om_tbuf *t;
	int64_t ret;

	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	memcpy(host_tbuf_data(t), &move->request.params, sizeof move->request.params);
	t->ret = OM_EINTERNAL;
	ret = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_SOURCE_BEGIN, 0);
	if (ret == 0)
		ret = t->ret;
	pthread_mutex_unlock(&move->call_lock);
	if (ret < 0)
		return host_fail((int)ret, "the enclave cannot begin a migration: %s", om_strerror((int)ret));
	move_session_begun(move);
	return 0;
}

/* Return: true if all connections are up and the engine has gone on. */
static bool reconnect(struct host_move *move)
{
	uint64_t begin = host_monotonic_ns(), backoff = BACKOFF_FIRST_NS, count;

	move_set_phase(move, MOVE_PHASE_RECONNECTING);
	for (;;) {
		uint64_t arg[4];
		int64_t ret;
		int error;

		if (!move_pause(move, backoff))
			return false;
		if (move->committed)
			(void)!read(move->stop_fd, &count, sizeof count); /* of a cancel that came too late */
		error = connect_all(move, OM_HELLO_RESUME);
		if (!error) {
			ret = move_call(move, OM_ENGINE_RESUME, 0, 0, arg);
			if (ret >= 0) {
				move_note(move, UINT16_MAX, arg);
				move_fault_step(move, MOVE_STEP_SOURCE_RESUMED);
				move->reconnects++;
				move_set_phase(move, MOVE_PHASE_RUNNING);
				return true;
			}
			error = host_fail((int)ret, "the engine cannot resume: %s", om_strerror((int)ret));
			move_pumps_stop(move, false);
		}
		host_detail("reconnecting: %s", host_reason());
		if (!move->committed && (host_monotonic_ns() - begin > move->request.patience_ns || error == OM_ENOTFOUND)) {
			move_set_error(move, error);
			if (move_command(move, OM_COMMAND_CANCEL, 0) == 0)
				return false;
		}
		backoff = backoff * 2 < BACKOFF_LAST_NS ? backoff * 2 : BACKOFF_LAST_NS;
	}
}

/* While the program is not here any more, this process still serves its memory: a stray TERM must not end it. */
static void refuse_signal(void *context, int signo)
{
	struct host_move *move = context;

	host_error("signal %d ignored: the program has moved to %s and its memory is still being sent; KILL would lose it",
		signo, move->peer);
}

static int run_session(struct host_move *move)
{
	for (;;) {
		int error = move_pumps_start(move);
		bool over;

		if (error)
			move_set_error(move, error);
		over = error ? false : move_watch(move);
		move_pumps_stop(move, over);
		if (over)
			return 0;
		if (!move_report_loss(move) || !reconnect(move)) {
			move_drain(move);
			return move->error ? move->error : OM_ECONNECTION;
		}
	}
}

static int source_session(struct host_move *move)
{
	int error = getrandom(move->session, sizeof move->session, 0) == (ssize_t)sizeof move->session ? 0 :
		host_fail(OM_EIO, "getrandom: %s", strerror(errno));

	move_fault_step(move, MOVE_STEP_SOURCE_CONNECT);
	if (!error)
		error = move_slots_acquire(move);
	if (!error)
		error = connect_all(move, OM_HELLO_NEW);
	move_fault_step(move, MOVE_STEP_SOURCE_CONNECTED);
	if (!error)
		error = engine_begin(move);
	move_fault_step(move, MOVE_STEP_SOURCE_BEGUN);
	if (error) {
		move_set_error(move, error);
		move_pumps_stop(move, false);
		return error;
	}
	pthread_mutex_lock(&move->lock);
	move->same_clock = move_clock_same(move->clock, move->peer_clock);
	pthread_mutex_unlock(&move->lock);
	move_session_runs(move);
	return run_session(move);
}

static _Noreturn void leave(struct host_move *move)
{
	struct move_report report;
	char time[MOVE_TEXT];

	move_report_get(move, &report);
	move_wait_delivered(move);
	/* The enclave is gone in a moment, if all goes well; what it holds of the program goes before. */
	while (move_call(move, OM_ENGINE_WIPE, 0, 0, NULL) > 0)
		;
	host_note("%s has moved to %s; downtime %s", host_image_header(move->enclave)->program_name, move->peer,
		move_format_time(move_downtime_ns(&report, NULL), time));
	host_exit(0, 0);
}

static void *supervisor_main(void *argument)
{
	struct host_move *move = argument;
	int error = host_thread_attach(move->enclave);

	if (error)
		move_set_error(move, error);
	else
		(void)source_session(move); /* its error is recorded */
	move_end_session(move);
	if (move->begun && move->last.flags & OM_MIG_F_EXIT)
		leave(move);
	move_before_bind(move); /* after an abort token a program without sockets has not called it */
	host_signals_divert(NULL, NULL);
	host_thread_detach(move->enclave);
	move_set_phase(move, MOVE_PHASE_IDLE);
	return NULL;
}

void move_source_committed(struct host_move *move)
{
	move_addresses_remove(move->request.moves, move->request.move_count);
	atomic_store(&move->moves_absent, true);
	host_signals_divert(refuse_signal, move);
}

/* Until no session is under way. */
static bool wait_idle(struct host_move *move, uint64_t ns)
{
	uint64_t end = host_monotonic_ns() + ns;
	bool idle;

	pthread_mutex_lock(&move->lock);
	while (move->phase != MOVE_PHASE_IDLE && host_monotonic_ns() < end)
		move_wait_tick(move);
	idle = move->phase == MOVE_PHASE_IDLE;
	pthread_mutex_unlock(&move->lock);
	return idle;
}

/*
 * The session that brought the program to this host may still be waiting for its source's last word. That session is given a moment.
 * After that the program, which is whole, need not wait for a source that may be gone.
 */
static void end_arrival(struct host_move *move)
{
	uint64_t arg[4];

	if (wait_idle(move, LAST_WORD_NS) || move_call(move, OM_ENGINE_COMMAND, OM_COMMAND_FORGET, 0, arg) < 0)
		return;
	move_note(move, UINT16_MAX, arg);
	(void)wait_idle(move, WIND_UP_NS); /* if not, the caller sees it */
}

static int claim(struct host_move *move, const struct move_request *request)
{
	bool arriving;

	pthread_mutex_lock(&move->lock);
	arriving = move->phase != MOVE_PHASE_IDLE && !move->source && move->running;
	pthread_mutex_unlock(&move->lock);
	if (arriving)
		end_arrival(move);
	pthread_mutex_lock(&move->lock);
	if (move->phase != MOVE_PHASE_IDLE) {
		bool owed = !move->source && move->running;

		pthread_mutex_unlock(&move->lock);
		return host_fail(OM_ESTATE, owed ? "the migration that brings the program here is not complete yet" :
			"a migration is running already");
	}
	move->phase = MOVE_PHASE_CONNECTING;
	move->request = *request;
	pthread_mutex_unlock(&move->lock);
	return 0;
}

int move_start(struct host_move *move, const struct move_request *request)
{
	pthread_attr_t attributes;
	const char *why;
	uint32_t stopped;
	int code;

	if (request->params.channels < 1 || request->params.channels > MOVE_CHANNELS_LIMIT)
		return host_fail(OM_EINVAL, "channels: 1 to %u", MOVE_CHANNELS_LIMIT);
	code = move_addresses_check(request->moves, request->move_count, false);
	if (code)
		return code;
	code = claim(move, request);
	if (code)
		return code;
	stopped = net_netfilter_stops(&why);
	if (stopped) {
		move_set_phase(move, MOVE_PHASE_IDLE);
		return host_fail(OM_EHOSTSTATE, "%u TCP connection%s cannot be held for a move: %s", stopped, stopped == 1 ? "" : "s", why);
	}
	/* Now rather than in the stop phase. Without privileges connections cannot move; the check has said so. */
	if (host_net_prepare())
		host_detail("network traffic cannot be held");
	move_begin_session(move, true);
	move->channels = (uint16_t)request->params.channels;
	move_bucket_set_rate(&move->bucket, request->params.bandwidth_bytes);
	move_bucket_set_rate(&move->cpu, request->cpu_limit);
	move_cost_begin(&move->cost);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	code = pthread_create(&move->supervisor, &attributes, supervisor_main, move);
	pthread_attr_destroy(&attributes);
	if (code) {
		move_set_phase(move, MOVE_PHASE_IDLE);
		return host_fail(OM_ENOMEM, "thread: %s", strerror(code));
	}
	return 0;
}
