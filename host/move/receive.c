/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destination. The process listens, takes the first hello of a new session, and builds the enclave for it. From
 * then on the process is like any other that runs an enclave: its main thread serves signals, and a supervisor runs the
 * session. When the program is here, nothing reminds of how it came.
 *
 *     listen ─ host is known, hello ─ find image ─ build enclave ─ answer ─ other connections ─ DESTINATION_BEGIN ─ pumps ─▶ running
 *                 └── refused: answer, listen on                                    └── failed: start over, or exit
 *
 * An enclave that has seen a session is of no use for another one (its attestation says "fresh"). So starting over
 * needs a new program image in the same process: it executes itself anew with the listening socket open, so that nobody is refused meanwhile.
 *
 * How long the receiver waits for a source that is lost depends on what the receiver has:
 *
 *     it only receives             as long as its user says (a minute)
 *     it is complete (PREPARED)    for ever: the source may have handed the program over
 *     pages are owed               for ever: only the source has them
 *     it was complete, and has     until the source has acknowledged that (FINISH), or the user ends the receiver
 *     given up
 *     all is here, and the         ten minutes, to answer a source that comes back; or until the program is to move on
 *     source's FINISH is missing
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "strerror.h"
#include "acceptor.h"
#include "fault.h"
#include "imagefind.h"
#include "load/creds.h"
#include "net/hold.h"
#include "priv/priv.h"
#include "report.h"
#include "units.h"
#include "util.h"

#define LISTEN_FD_VARIABLE "OPTMIG_LISTEN_FD"
#define COURTESY_NS        600000000000u
#define SLICE_NS           1000000000u
#define ARRIVAL_NS         1000000000u
#define DESCRIPTORS        4096

static int open_listener(const struct move_receive_options *options, int *ret_fd)
{
	const char *inherited = getenv(LISTEN_FD_VARIABLE);
	char text[MOVE_ENDPOINT_TEXT];
	uint64_t fd;
	int error;

	if (inherited && host_parse_u64(inherited, 3, 1 << 20, &fd) == 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0) {
		*ret_fd = (int)fd;
		unsetenv(LISTEN_FD_VARIABLE);
		return 0;
	}
	error = move_listen(&options->listen, ret_fd, text);
	if (error)
		return error;
	/* Said even if quiet: scripts wait for it. */
	host_error("listening on %s, waiting for an enclave", text);
	return 0;
}

/*
 * The program's descriptors are opened anew while the program stands still. Each time the kernel enlarges a table of descriptors
 * (at 64, 128, 256, ...) that threads share, it waits for RCU, for 5 ms and more. While the process has one thread the kernel does not wait.
 */
static void make_room_for_descriptors(int fd)
{
	struct rlimit limit;
	int high = DESCRIPTORS - 1, copy;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS)
		high = (int)limit.rlim_cur - 1;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, high); /* fails only if there is no room: then it is slow later */
	if (copy >= 0)
		close(copy);
}

static _Noreturn void start_over(struct host_move *move, const struct move_receive_options *options, int listen_fd)
{
	char text[16];
	sigset_t none;

	if (move) {
		options->undo();
		/* Without the address first: held packets go to the host that has it, and nothing here answers them. */
		move_addresses_remove(options->moves, options->move_count);
		(void)host_net_abandon(); /* nothing held is fine */
	}
	if (move && move->interrupted)
		host_exit(0, SIGINT);
	if (options->once)
		host_exit(HOST_EXIT_FAILED, 0);
	if (priv_confined())
		priv_start_over();
	host_net_close();
	snprintf(text, sizeof text, "%d", listen_fd);
	setenv(LISTEN_FD_VARIABLE, text, 1);
	(void)fcntl(listen_fd, F_SETFD, 0); /* or the new process listens anew */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", options->restart_argv);
	host_error("starting over: exec failed");
	host_exit(HOST_EXIT_FAILED, 0);
}

/* The first connection of a new session, of a host that is known. Others are answered and dropped. */
static int first_hello(struct move_lobby *lobby, int stop_fd, struct move_arrival *ret_arrival)
{
	static const uint8_t no_clock[16];

	for (;;) {
		const struct move_hello *hello = &ret_arrival->hello;
		int error = move_lobby_next(lobby, stop_fd, ret_arrival);

		if (error)
			return error == OM_ECANCELLED ? host_fail(OM_ETIMEDOUT, "nobody has come (--wait)") : error;
		if (hello->channels > MOVE_CHANNELS_LIMIT)
			error = host_fail(OM_EINVAL, "at most %u page channels", MOVE_CHANNELS_LIMIT);
		else if (hello->kind != OM_HELLO_NEW || hello->connection != OM_CONNECTION_CONTROL)
			error = host_fail(OM_ENOTFOUND, "no such session here");
		else
			error = move_lobby_begin(lobby, ret_arrival);
		if (!error)
			return 0;
		move_arrival_answer(ret_arrival, no_clock, error);
		move_lobby_refused(lobby, ret_arrival->address);
		close(ret_arrival->fd);
		move_arrival_done(ret_arrival);
	}
}

/* Readable when it has waited long enough; -1: it waits for ever. A program that has come has no such limit. */
static int wait_timer(uint64_t wait_ns, int *ret_fd)
{
	const struct itimerspec when = { .it_value = { (time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u) } };
	int fd = wait_ns ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;

	if (wait_ns && (fd < 0 || timerfd_settime(fd, 0, &when, NULL)))
		return host_fail(OM_EHOST, "timerfd: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

/* The limits that an entry's lists mean. They are written and read again: names are looked up as they are for this receiver. */
static int entry_limits(const struct store_rights *rights, struct priv_limits *ret_limits)
{
	char list[STORE_PORTS_MAX * 80] = "";
	int error = priv_limits_init(ret_limits, rights->user);

	_Static_assert(STORE_OWNERS_MAX <= STORE_PORTS_MAX, "the list");
	for (uint32_t i = 0; i < rights->owner_count; i++) {
		size_t length = strlen(list);

		if (i)
			list[length++] = ',';
		store_owner_format(&rights->owners[i], list + length, sizeof list - length);
	}
	if (!error && rights->owner_count)
		error = priv_limits_owners(ret_limits, list);
	ret_limits->ports_given = rights->port_count > 0;
	ret_limits->port_count = rights->port_count;
	for (uint32_t i = 0; i < rights->port_count; i++)
		ret_limits->ports[i] = (struct priv_range){ rights->ports[i].first, rights->ports[i].last };
	return error;
}

/* What this receiver lets its program do must not be more than what the entry lets it do. */
static int check_limits(const struct priv_limits *mine, const struct store_rights *rights)
{
	static struct priv_limits entry;
	int error = entry_limits(rights, &entry);

	if (error)
		return error;
	for (uint32_t port = 1; port <= 65535; port++)
		if (priv_port_allowed(mine, (uint16_t)port, false) && !priv_port_allowed(&entry, (uint16_t)port, false))
			return host_fail(OM_EPERM, "the image store does not let this program bind port %u, and this receiver does; "
				"start it with --allow-ports and no more than `optmig image ls` shows", port);
	for (uint32_t i = 0; i < mine->owner_count; i++) {
		const struct priv_owner *o = &mine->owners[i];

		if (!priv_owner_allowed(&entry, o->any_user ? UINT32_MAX : o->uid, o->gid))
			return host_fail(OM_EPERM, "the image store does not let this program give files to all owners that this receiver does; "
				"start it with --allow-owners and no more than `optmig image ls` shows");
	}
	return 0;
}

/* An entry of the store may say what the program may do. A receiver that is not root is that user, or it is none of its. */
static int check_rights(const struct move_image *found, const struct priv_limits *limits)
{
	uid_t uid;
	gid_t gid;
	int error;

	if (!found->stored || !found->entry.rights.user[0])
		return 0;
	error = store_user_ids(&found->entry.rights, &uid, &gid);
	if (!error && uid != geteuid())
		error = host_fail(OM_EPERM, "the image store lets this program run as user %s; start the receiver as that user, or as root with "
			"--user %s", found->entry.rights.user, found->entry.rights.user);
	return error || !limits ? error : check_limits(limits, &found->entry.rights);
}

/* The enclave for a hello. Before one page of it is added the image is known to be one that was given to this receiver. */
static int build(const struct move_receive_options *options, const struct move_hello *hello, struct host_enclave **ret_enclave)
{
	struct host_load_options load = options->load;
	static struct move_image found;
	char *argv[] = { found.image.path, NULL }, *envp[] = { NULL };
	uint32_t main_slot;
	int error = move_image_find(hello, options->load.path, &found);

	if (error)
		return error;
	error = check_rights(&found, options->limits);
	load.image = &found.image;
	load.argv = argv;
	load.envp = envp;
	load.boot_flags |= OM_BOOT_RECEIVE;
	if (!error)
		error = host_enclave_load(&load, ret_enclave, &main_slot);
	host_image_done(&found.image);
	return error;
}

static int engine_begin(struct host_move *move)
{
	struct om_mig_params params = { .version = OM_ENGINE_VERSION, .channels = move->channels };
	struct om_tbuf *t;
	int64_t ret;

	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	memcpy(host_tbuf_data(t), &params, sizeof params);
	t->ret = OM_EINTERNAL;
	ret = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_DESTINATION_BEGIN, 0);
	if (ret == 0)
		ret = t->ret;
	pthread_mutex_unlock(&move->call_lock);
	if (ret < 0)
		return host_fail((int)ret, "the enclave cannot receive: %s", om_strerror((int)ret));
	move_session_begun(move);
	return 0;
}

/* What is at stake decides how long a lost source is waited for; see the top. */
static uint64_t patience(struct host_move *move)
{
	if (atomic_load(&move->seen_flags) & OM_MIG_F_AWAITED)
		return UINT64_MAX;
	return atomic_load(&move->seen_state) == OM_MIG_COMPLETED ? COURTESY_NS : move->receive->patience_ns;
}

/* The program is whole here; the source, if it still is there, will have to be told by its user. */
static void forget(struct host_move *move)
{
	uint64_t arg[4];

	if (move_call(move, OM_ENGINE_COMMAND, OM_COMMAND_FORGET, 0, arg) >= 0)
		move_note(move, UINT16_MAX, arg);
}

/* The connections of a resumption. What is at stake may change meanwhile. */
static int collect_again(struct host_move *move)
{
	uint64_t begin = host_monotonic_ns();
	int error;

	do
		error = move_collect(move, SLICE_NS);
	while (error == OM_ETIMEDOUT && host_monotonic_ns() - begin < patience(move));
	return error;
}

/* The source did not come, or is not wanted any more. Return: true if it must be told, when it comes. */
static bool gave_up(struct host_move *move, int error)
{
	bool awaited;

	if (atomic_load(&move->seen_state) == OM_MIG_COMPLETED) {
		forget(move);
		return false;
	}
	move_set_error(move, error);
	(void)move_command(move, OM_COMMAND_ABORT, 0); /* refused only if it is over */
	pthread_mutex_lock(&move->lock);
	awaited = (atomic_load(&move->seen_flags) & OM_MIG_F_AWAITED) && !move->over;
	if (awaited)
		move->cancel = false;           /* done: what is left is to say so */
	pthread_mutex_unlock(&move->lock);
	return awaited;
}

static bool reconnected(struct host_move *move)
{
	uint64_t wait_ns = patience(move), arg[4];
	char time[MOVE_TEXT];
	int64_t ret;
	int error;

	move_set_phase(move, MOVE_PHASE_RECONNECTING);
	host_note("connection to the source lost; waiting for the source for %s", wait_ns == UINT64_MAX ? "as long as it takes" :
		wait_ns == COURTESY_NS ? "ten minutes; the program is complete" : move_format_time(wait_ns, time));
	for (;;) {
		error = collect_again(move);
		if (error && !gave_up(move, error))
			return false;
		if (error)
			continue;
		ret = move_call(move, OM_ENGINE_RESUME, 0, 0, arg);
		if (ret >= 0)
			break;
		/* The source asks once more, if it waits. */
		error = host_fail((int)ret, "the engine cannot resume: %s", om_strerror((int)ret));
		host_detail("%s", host_reason());
		move_pumps_stop(move, false);
		if (!(atomic_load(&move->seen_flags) & OM_MIG_F_AWAITED) && !gave_up(move, error))
			return false;
	}
	move_note(move, UINT16_MAX, arg);
	move->reconnects++;
	move_set_phase(move, MOVE_PHASE_RUNNING);
	return true;
}

static void run_session(struct host_move *move)
{
	int error = move_collect(move, MOVE_COLLECT_MS * 1000000ull);

	move_fault_step(move, MOVE_STEP_DESTINATION_COLLECTED);
	if (!error)
		error = engine_begin(move);
	move_fault_step(move, MOVE_STEP_DESTINATION_BEGUN);
	if (error) {
		move_set_error(move, error);
		move_pumps_stop(move, false);
		return;
	}
	move_session_runs(move);
	for (;;) {
		bool over;

		error = move_pumps_start(move);
		if (error)
			move_set_error(move, error);
		over = error ? false : move_watch(move);
		move_pumps_stop(move, over);
		if (over)
			return;
		if (!move_report_loss(move) || !reconnected(move)) {
			move_drain(move);
			return;
		}
	}
}

static void *supervisor_main(void *argument)
{
	struct host_move *move = argument;
	const struct move_receive_options *options = move->receive;
	int listen_fd = move->listen_fd, error = host_thread_attach(move->enclave);

	if (error)
		move_set_error(move, error);
	else
		run_session(move);
	move_acceptor_stop(move);
	move_end_session(move);
	if (!move->running) {
		host_fail(move->error ? move->error : OM_EABORTED, "%s", move->reason[0] ? move->reason : "the source ended the migration");
		host_error_cure(move->error ? move->error : OM_EABORTED, host_image_header(move->enclave)->program_name);
		move_wait_delivered(move);               /* nobody who asks this process is answered any more */
		start_over(move, options, listen_fd);
	}
	close(listen_fd);
	move->listen_fd = -1;
	host_thread_detach(move->enclave);
	move_set_phase(move, MOVE_PHASE_IDLE);
	return NULL;
}

/* Until it is clear whether the program runs here; or is going to, if nobody gave up. */
static bool wait_running(struct host_move *move, bool given_up)
{
	uint64_t end = host_monotonic_ns() + ARRIVAL_NS;
	bool running;

	pthread_mutex_lock(&move->lock);
	while (!move->running && !(given_up && (move->gave_up || move->over || move->phase == MOVE_PHASE_ENDED)) && host_monotonic_ns() < end)
		move_wait_tick(move);
	running = move->running;
	pthread_mutex_unlock(&move->lock);
	return running;
}

/* Return: whether the program will not run here. If START is taken in before the command is taken up, it does. */
static bool give_up(struct host_move *move, const char *words)
{
	if (move_cancel(move) || wait_running(move, true))
		return false;
	host_note("%s; the program stays where it is", words);
	return true;
}

/* INT or TERM while the program is not here yet. The second one does not wait for the source to be told. */
static void abort_signal(void *context, int signo)
{
	struct host_move *move = context;
	static bool again;

	if (signo != SIGINT && signo != SIGTERM && signo != SIGHUP)
		return;
	if (again)
		host_exit(0, signo);
	again = move->interrupted = true;
	if (give_up(move, "giving up"))
		return;
	move->interrupted = false;
	/* It has just been started here, so the signal is for the program, as it would be a moment later. */
	if (!wait_running(move, false))
		host_exit(0, signo);
	(void)kill(getpid(), signo); /* blocked here; the thread that called takes it next */
}

void move_receive_arrived(struct host_move *move)
{
	move_addresses_add(move->receive->moves, move->receive->move_count);
	atomic_store(&move->moves_absent, false); /* a program without sockets has not asked for them */
	move_addresses_announce(move->receive->moves, move->receive->move_count);
	host_creds_settle();
	priv_settled();
	host_signals_divert(NULL, NULL);
	host_note("%s runs here now", host_image_header(move->enclave)->program_name);
}

void move_receive_gave_up(struct host_move *move)
{
	(void)move;
	host_note("waiting for the source, to tell it that the program will not run here");
}

static int start_session(struct host_move *move, const struct move_receive_options *options, struct move_arrival *first,
	int listen_fd, struct move_lobby *lobby)
{
	const struct move_hello *hello = &first->hello;
	int error, code;

	move_set_phase(move, MOVE_PHASE_CONNECTING);
	/* Now rather than in the hand-over. Without privileges connections cannot come; it will be said then. */
	if (host_net_prepare())
		host_detail("network traffic cannot be held");
	move_begin_session(move, false);
	move->receive = options;
	host_creds_defer();
	atomic_store(&move->moves_absent, true);
	move->listen_fd = listen_fd;
	move->lobby = lobby;
	move->channels = hello->channels;
	memcpy(move->session, hello->session, sizeof move->session);
	memcpy(move->peer_key, first->opening.peer, sizeof move->peer_key);
	move_lobby_pin(lobby, move->peer_key);
	snprintf(move->peer, sizeof move->peer, "%s", first->address);
	move->same_clock = move_clock_same(move->clock, hello->clock);
	move->pending[OM_CONNECTION_CONTROL] = first->fd;
	move->pending_count = 1;
	error = move_slots_acquire(move);
	if (!error)
		error = move_acceptor_start(move);
	if (error)
		return error;
	move_arrival_answer(first, move->clock, 0);
	move->seal = first->opening.seal;
	code = pthread_create(&move->supervisor, NULL, supervisor_main, move);
	if (code)
		return host_fail(OM_ENOMEM, "thread: %s", strerror(code));
	net_spare_make(hello->sockets);
	return 0;
}

/* The privileged parent has gone, and without it the program would lack what it was promised. */
static void abandoned(void *context)
{
	struct host_move *move = atomic_load((struct host_move *_Atomic *)context);

	if (move && host_thread_attach(move->enclave) == 0 && give_up(move, "the privileged parent has ended"))
		return;
	if (!move) {
		host_error("receive: the privileged parent has ended");
		host_exit(HOST_EXIT_FAILED, 0);
	}
	/* Too late: the program has just been started here. */
}

/* Without rights from here on, if they are to be given up. */
static int confine(const struct move_receive_options *options, int listen_fd, struct host_move *_Atomic *move)
{
	const struct priv_hooks hooks = { abandoned, (void *)move };
	int error = 0;

	if (options->limits)
		error = priv_begin(options->limits, listen_fd);
	else
		host_detail("this process keeps its rights; --user NAME gives them up");
	make_room_for_descriptors(listen_fd);
	return error ? error : priv_watch(&hooks);
}

int move_receive(const struct move_receive_options *options)
{
	struct host_enclave *enclave = NULL;
	static struct host_move *_Atomic session;       /* for abandoned() */
	struct host_move *move = NULL;
	const struct host_key *key;
	struct move_lobby *lobby = NULL;
	static struct move_arrival first;
	int listen_fd, timer = -1, error = move_addresses_check(options->moves, options->move_count, !options->limits);

	if (!error && options->limits)
		error = priv_may_begin();
	if (!error)
		error = host_key_own(&key);
	if (!error)
		error = open_listener(options, &listen_fd);
	if (!error)
		error = confine(options, listen_fd, &session);
	if (error)
		return error;
	error = move_lobby_new(listen_fd, key, &lobby);
	if (!error)
		error = wait_timer(options->wait_ns, &timer);
	if (!error)
		error = first_hello(lobby, timer, &first);
	if (error)
		return error;
	if (timer >= 0)
		close(timer);
	move_tune(first.fd, OM_CONNECTION_CONTROL);
	move_fault_step(NULL, MOVE_STEP_DESTINATION_HELLO);
	host_signals_block(true);
	error = build(options, &first.hello, &enclave);
	move_fault_step(NULL, MOVE_STEP_DESTINATION_BUILT);
	if (!error)
		error = move_new(enclave, &move);
	atomic_store(&session, move);
	if (!error)
		error = options->ready(enclave, move);
	if (!error)
		error = start_session(move, options, &first, listen_fd, lobby);
	if (error) {
		static const uint8_t no_clock[16];

		move_arrival_answer(&first, move ? move->clock : no_clock, error);
		if (move && first.opening.stage == MOVE_OPENING_DONE && move->seal.there) { /* the answer was that all is well */
			move_set_error(move, error);
			(void)move_refuse(move, first.fd);
		}
		host_error_cure(error, first.hello.program[0] ? first.hello.program : first.address);
		if (move && move->accepting)
			move_acceptor_stop(move);
		else
			move_lobby_close(lobby, MOVE_ENDS(options));
		start_over(move, options, listen_fd);
	}
	move_arrival_done(&first);
	host_signals_divert(abort_signal, move);
	host_serve_signals(enclave);
}
