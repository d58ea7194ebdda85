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

void mig_request_init(struct mig_request *request)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	memset(request, 0, sizeof *request);
	request->params.version = OM_ENGINE_VERSION;
	request->params.mode = OM_MODE_AUTO;
	request->params.channels = cpus < 2 ? 1 : cpus > (long)MIG_CHANNELS_LIMIT ? MIG_CHANNELS_LIMIT : (uint32_t)cpus;
	request->params.downtime_limit_ns = 10000000;
	request->patience_ns = 30000000000;
	request->silence_ns = 15000000000;
}

static uint64_t touched_bytes(struct host_mig *mig)
{
	struct om_enclave_stats stats = { 0 };

	pthread_mutex_lock(&mig->call_lock);
	if (host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_STATS, 0, 0) == 0)
		memcpy(&stats, host_tbuf_data(host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL)), sizeof stats);
	pthread_mutex_unlock(&mig->call_lock);
	return stats.pages_accepted * OM_PAGE_SIZE;
}

/* TCP, and the opening. The answer is the known host's, so what it says comes before what it is about. */
static int open_one(struct host_mig *mig, int fd, const struct mig_hello *hello, struct mig_hello *ret_answer)
{
	struct mig_knock knock = { .to = mig->peer, .pinned = mig->peer_pinned, .handshake_ms = MIG_CONNECT_MS,
		.answer_ms = hello->kind == OM_HELLO_NEW ? MIG_ANSWER_MS : MIG_CONNECT_MS };
	int error = host_key_own(&knock.key);

	if (error)
		return error;
	memcpy(knock.peer, mig->peer_key, sizeof knock.peer);
	error = mig_knock(&knock, fd, mig->stop_fd, hello, ret_answer);
	if (error)
		return error;
	memcpy(mig->peer_key, knock.peer, sizeof mig->peer_key);
	mig->peer_pinned = knock.pinned;
	if (hello->connection == OM_CONNECTION_CONTROL)
		mig->seal = knock.seal;
	explicit_bzero(&knock.seal, sizeof knock.seal);
	if (ret_answer->status)
		return host_fail(ret_answer->status < 0 && ret_answer->status > -100 ? ret_answer->status : OM_EABORTED, "%s refuses: %s",
			mig->peer, ret_answer->text[0] ? ret_answer->text : om_strerror(ret_answer->status));
	if (ret_answer->connection != hello->connection || memcmp(ret_answer->session, hello->session, sizeof hello->session))
		return host_fail(OM_ETYPE, "the answer belongs to another connection");
	return 0;
}

static int connect_one(struct host_mig *mig, const struct mig_address *to, uint16_t number, struct mig_hello *hello)
{
	struct mig_hello answer = { 0 };
	int fd, error = mig_connect(to, mig->stop_fd, MIG_CONNECT_MS, &fd);

	if (error)
		return error;
	mig_tune(fd, number);
	hello->connection = number;
	error = open_one(mig, fd, hello, &answer);
	if (error) {
		close(fd);
		return error;
	}
	mig->connection[number].fd = fd;
	memcpy(mig->peer_clock, answer.clock, sizeof mig->peer_clock);
	return 0;
}

static int connect_all(struct host_mig *mig, enum om_hello_kind kind)
{
	struct mig_hello hello;
	struct mig_address to;
	int error = 0;

	mig_fill_hello(mig, &hello);
	hello.kind = (uint16_t)kind;
	if (kind == OM_HELLO_NEW) {
		hello.touched_bytes = touched_bytes(mig);
		hello.sockets = net_spare_count();
	}
	pthread_mutex_lock(&mig->lock);
	to = mig->request.to;
	mig_address_format(&to, mig->peer);
	pthread_mutex_unlock(&mig->lock);
	for (uint16_t i = 0; i < OM_CONNECTION_PAGES + mig->channels && !error; i++)
		error = connect_one(mig, &to, i, &hello);
	if (!error)
		return 0;
	for (unsigned i = 0; i < OM_CONNECTION_PAGES + mig->channels; i++)
		if (mig->connection[i].fd >= 0) {
			close(mig->connection[i].fd);
			mig->connection[i].fd = -1;
		}
	return error;
}

static int engine_begin(struct host_mig *mig)
{
	struct om_tbuf *t;
	int64_t ret;

	pthread_mutex_lock(&mig->call_lock);
	t = host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL);
	memcpy(host_tbuf_data(t), &mig->request.params, sizeof mig->request.params);
	t->ret = OM_EINTERNAL;
	ret = host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_SRC_BEGIN, 0);
	if (ret == 0)
		ret = t->ret;
	pthread_mutex_unlock(&mig->call_lock);
	if (ret < 0)
		return host_fail((int)ret, "the enclave cannot begin a migration: %s", om_strerror((int)ret));
	mig_session_begun(mig);
	return 0;
}

/* Return: true if all connections are up and the engine has gone on. */
static bool reconnect(struct host_mig *mig)
{
	uint64_t begin = host_monotonic_ns(), backoff = BACKOFF_FIRST_NS, count;

	mig_set_phase(mig, MIG_PHASE_RECONNECTING);
	for (;;) {
		uint64_t arg[4];
		int64_t ret;
		int error;

		if (!mig_pause(mig, backoff))
			return false;
		if (mig->committed)
			(void)!read(mig->stop_fd, &count, sizeof count); /* of a cancel that came too late */
		error = connect_all(mig, OM_HELLO_RESUME);
		if (!error) {
			ret = mig_call(mig, OM_ENGINE_RESUME, 0, 0, arg);
			if (ret >= 0) {
				mig_note(mig, UINT16_MAX, arg);
				mig_fault_step(mig, MIG_STEP_SOURCE_RESUMED);
				mig->reconnects++;
				mig_set_phase(mig, MIG_PHASE_RUNNING);
				return true;
			}
			error = host_fail((int)ret, "the engine cannot resume: %s", om_strerror((int)ret));
			mig_pumps_stop(mig, false);
		}
		host_detail("reconnecting: %s", host_reason());
		if (!mig->committed && (host_monotonic_ns() - begin > mig->request.patience_ns || error == OM_ENOTFOUND)) {
			mig_set_error(mig, error);
			if (mig_command(mig, OM_COMMAND_CANCEL, 0) == 0)
				return false;
		}
		backoff = backoff * 2 < BACKOFF_LAST_NS ? backoff * 2 : BACKOFF_LAST_NS;
	}
}

/* While the program is not here any more, this process still serves its memory: a stray TERM must not end it. */
static void refuse_signal(void *context, int signo)
{
	struct host_mig *mig = context;

	host_error("signal %d ignored: the program has moved to %s and its memory is still being sent; KILL would lose it",
		signo, mig->peer);
}

static int run_session(struct host_mig *mig)
{
	for (;;) {
		int error = mig_pumps_start(mig);
		bool over;

		if (error)
			mig_set_error(mig, error);
		over = error ? false : mig_watch(mig);
		mig_pumps_stop(mig, over);
		if (over)
			return 0;
		if (!mig_report_loss(mig) || !reconnect(mig)) {
			mig_drain(mig);
			return mig->error ? mig->error : OM_ECONNECTION;
		}
	}
}

static int source_session(struct host_mig *mig)
{
	int error = getrandom(mig->session, sizeof mig->session, 0) == (ssize_t)sizeof mig->session ? 0 :
		host_fail(OM_EIO, "getrandom: %s", strerror(errno));

	mig_fault_step(mig, MIG_STEP_SOURCE_CONNECT);
	if (!error)
		error = mig_slots_acquire(mig);
	if (!error)
		error = connect_all(mig, OM_HELLO_NEW);
	mig_fault_step(mig, MIG_STEP_SOURCE_CONNECTED);
	if (!error)
		error = engine_begin(mig);
	mig_fault_step(mig, MIG_STEP_SOURCE_BEGUN);
	if (error) {
		mig_set_error(mig, error);
		mig_pumps_stop(mig, false);
		return error;
	}
	pthread_mutex_lock(&mig->lock);
	mig->same_clock = mig_clock_same(mig->clock, mig->peer_clock);
	pthread_mutex_unlock(&mig->lock);
	mig_session_runs(mig);
	return run_session(mig);
}

static _Noreturn void leave(struct host_mig *mig)
{
	struct mig_report report;
	char time[MIG_TEXT];

	mig_report_get(mig, &report);
	mig_wait_delivered(mig);
	/* The enclave is gone in a moment, if all goes well; what it holds of the program goes before. */
	while (mig_call(mig, OM_ENGINE_WIPE, 0, 0, NULL) > 0)
		;
	host_note("%s has moved to %s; downtime %s", host_image_header(mig->enclave)->program_name, mig->peer,
		mig_format_time(mig_downtime_ns(&report, NULL), time));
	host_exit(0, 0);
}

static void *supervisor_main(void *argument)
{
	struct host_mig *mig = argument;
	int error = host_thread_attach(mig->enclave);

	if (error)
		mig_set_error(mig, error);
	else
		(void)source_session(mig); /* its error is recorded */
	mig_end_session(mig);
	if (mig->begun && mig->last.flags & OM_MIG_F_EXIT)
		leave(mig);
	mig_before_bind(mig); /* after an abort token a program without sockets has not called it */
	host_signals_divert(NULL, NULL);
	host_thread_detach(mig->enclave);
	mig_set_phase(mig, MIG_PHASE_IDLE);
	return NULL;
}

void mig_source_committed(struct host_mig *mig)
{
	mig_moves_remove(mig->request.moves, mig->request.move_count);
	atomic_store(&mig->moves_absent, true);
	host_signals_divert(refuse_signal, mig);
}

/* Until no session is under way. */
static bool wait_idle(struct host_mig *mig, uint64_t ns)
{
	uint64_t end = host_monotonic_ns() + ns;
	bool idle;

	pthread_mutex_lock(&mig->lock);
	while (mig->phase != MIG_PHASE_IDLE && host_monotonic_ns() < end)
		mig_wait_tick(mig);
	idle = mig->phase == MIG_PHASE_IDLE;
	pthread_mutex_unlock(&mig->lock);
	return idle;
}

/*
 * The session that brought the program to this host may still be waiting for its source's last word. That session is given a moment.
 * After that the program, which is whole, need not wait for a source that may be gone.
 */
static void end_arrival(struct host_mig *mig)
{
	uint64_t arg[4];

	if (wait_idle(mig, LAST_WORD_NS) || mig_call(mig, OM_ENGINE_COMMAND, OM_COMMAND_FORGET, 0, arg) < 0)
		return;
	mig_note(mig, UINT16_MAX, arg);
	(void)wait_idle(mig, WIND_UP_NS); /* if not, the caller sees it */
}

static int claim(struct host_mig *mig, const struct mig_request *request)
{
	bool arriving;

	pthread_mutex_lock(&mig->lock);
	arriving = mig->phase != MIG_PHASE_IDLE && !mig->source && mig->running;
	pthread_mutex_unlock(&mig->lock);
	if (arriving)
		end_arrival(mig);
	pthread_mutex_lock(&mig->lock);
	if (mig->phase != MIG_PHASE_IDLE) {
		bool owed = !mig->source && mig->running;

		pthread_mutex_unlock(&mig->lock);
		return host_fail(OM_ESTATE, owed ? "the migration that brings the program here is not complete yet" :
			"a migration is running already");
	}
	mig->phase = MIG_PHASE_CONNECTING;
	mig->request = *request;
	pthread_mutex_unlock(&mig->lock);
	return 0;
}

int mig_start(struct host_mig *mig, const struct mig_request *request)
{
	pthread_attr_t attributes;
	const char *why;
	uint32_t stopped;
	int code;

	if (request->params.channels < 1 || request->params.channels > MIG_CHANNELS_LIMIT)
		return host_fail(OM_EINVAL, "channels: 1 to %u", MIG_CHANNELS_LIMIT);
	code = mig_moves_check(request->moves, request->move_count, false);
	if (code)
		return code;
	code = claim(mig, request);
	if (code)
		return code;
	stopped = net_netfilter_stops(&why);
	if (stopped) {
		mig_set_phase(mig, MIG_PHASE_IDLE);
		return host_fail(OM_EHOSTSTATE, "%u TCP connection%s cannot be held for a move: %s", stopped, stopped == 1 ? "" : "s", why);
	}
	/* Now rather than in the stop phase. Without privileges connections cannot move; the check has said so. */
	if (host_net_prepare())
		host_detail("network traffic cannot be held");
	mig_begin_session(mig, true);
	mig->channels = (uint16_t)request->params.channels;
	mig_bucket_set_rate(&mig->bucket, request->params.bandwidth_bytes);
	mig_bucket_set_rate(&mig->cpu, request->cpu_limit);
	mig_cost_begin(&mig->cost);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	code = pthread_create(&mig->supervisor, &attributes, supervisor_main, mig);
	pthread_attr_destroy(&attributes);
	if (code) {
		mig_set_phase(mig, MIG_PHASE_IDLE);
		return host_fail(OM_ENOMEM, "thread: %s", strerror(code));
	}
	return 0;
}
