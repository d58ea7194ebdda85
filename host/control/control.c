/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread serves all clients of a process, for requests are short. Long work runs in the session's own threads. A request for which somebody else
 * is asked (a quoting service) runs in a thread of its own: its client waits, and no other. Clients that began or watch a migration get events.
 * A process ends, for whatever reason, only after these clients have the last event. It also waits until the clients whose orders it has carried out
 * have their answers, for a program that was unlocked may end before its answer has been written.
 * Peers must be of the same user, or root. A client that does not read, or talks nonsense, is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "control.h"
#include "internal.h"
#include "move/identity.h"
#include "move/report.h"
#include "rundir.h"
#include "testhooks.h"
#include "util.h"

#define CLIENTS_MAX   16
#define WAKES         2         /* descriptors besides the listening one and the clients' */
#define PROGRESS_MS   200
#define SEND_SECONDS  2
#define ANSWER_MS     1000      /* an end waits so long for work that goes on */

static struct sockaddr_un address;
static struct control control;
static struct control_client clients[CLIENTS_MAX];
struct control_work { json_t *request, *answer; atomic_bool done; };
static int work_fd;             /* eventfd: some work is done */
static _Atomic int unanswered;  /* work that was begun */
static _Thread_local bool works; /* this thread does some: it ends the process in the middle of it */
static uint32_t ends_told;      /* sessions whose end the clients know */
static pthread_t server;
static atomic_bool serves;

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void accept_client(int listen_fd)
{
	const struct timeval timeout = { .tv_sec = SEND_SECONDS };
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); /* else a stuck client holds us up */
	for (int i = 0; i < CLIENTS_MAX && peer_allowed(fd); i++)
		if (clients[i].channel.fd < 0 && !clients[i].work) {
			channel_init(&clients[i].channel, fd);
			clients[i].watches = false;
			return;
		}
	close(fd);
}

static void drop(struct control_client *client)
{
	channel_done(&client->channel);
	client->watches = false;
}

static void *work_main(void *argument)
{
	struct control_work *work = argument;
	const uint64_t one = 1;

	works = true;
	if (host_thread_attach(control.enclave)) {
		work->answer = channel_error(OM_ENOMEM);
	} else {
		work->answer = control_request(&control, NULL, work->request);
		host_thread_detach(control.enclave);
	}
	json_decref(work->request);
	atomic_store(&work->done, true);
	(void)!write(work_fd, &one, sizeof one); /* full means awake */
	return NULL;
}

/* Takes the request, unless it fails. */
static int begin_work(struct control_client *client, json_t *request)
{
	struct control_work *work = calloc(1, sizeof *work);
	int code;

	if (!work)
		return host_fail(OM_ENOMEM, "no memory");
	work->request = request;
	atomic_fetch_add(&unanswered, 1);
	code = host_thread_begin(work_main, work);
	if (code) {
		atomic_fetch_sub(&unanswered, 1);
		free(work);
		return host_fail(OM_ENOMEM, "thread: %s", strerror(code));
	}
	client->work = work;
	return 0;
}

static json_t *carry_out(struct control_client *client, json_t *request)
{
	json_t *answer = NULL;

	if (!control_is_long(request)) {
		answer = control_request(&control, client, request);
	} else if (begin_work(client, request) == 0) {
		return NULL;
	} else {
		answer = channel_error(OM_ENOMEM);
	}
	json_decref(request);
	return answer;
}

/* Until there is no whole request left, or one takes long. */
static void serve(struct control_client *client)
{
	int error = channel_fill(&client->channel);

	if (error && error != OM_ETIMEDOUT) {
		drop(client);
		return;
	}
	for (;;) {
		json_t *request, *answer;

		error = channel_take(&client->channel, &request);
		if (error == OM_ETIMEDOUT)
			return;
		answer = error ? channel_error(error) : carry_out(client, request);
		if (client->work)
			return;
		if (channel_send(&client->channel, answer) || error) {
			drop(client);
			return;
		}
	}
}

/* Whose client has gone is answered to nobody. */
static void answer_work(void)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *c = &clients[i];
		json_t *answer;

		if (!c->work || !atomic_load(&c->work->done))
			continue;
		host_hook_slow("answer");
		answer = c->work->answer;
		free(c->work);
		c->work = NULL;
		if (c->channel.fd < 0)
			json_decref(answer);
		else if (channel_send(&c->channel, answer))
			drop(c);
		atomic_fetch_sub(&unanswered, 1);
		if (c->channel.fd >= 0)
			serve(c);
	}
}

static bool anybody_watches(void)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (clients[i].watches)
			return true;
	return false;
}

/* @ended: sessions that have ended. A client that awaits the end of a later one does not get that of an earlier. */
static void tell(uint32_t ended, const json_t *report)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *c = &clients[i];
		bool end = c->awaits <= ended;

		if (!c->watches)
			continue;
		if (channel_send(&c->channel, json_pack("{ss sO}", "event", end ? "end" : "progress", "report", report)))
			drop(c);
		else if (end)
			c->watches = false;
	}
}

/* For whoever started the process and may have no time to listen: how the last session ended (host/service/record.h). */
static void keep_report(const json_t *report)
{
	const char *path = getenv("OPTMIG_REPORT_FILE");
	char *text = path && *path ? json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	int fd = text ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (text && (fd < 0 || host_write_all(fd, text, strlen(text)) || fsync(fd)))
		host_note("%s cannot be written", path);
	if (fd >= 0)
		close(fd);
	free(text);
}

static void tell_news(void)
{
	struct move_report report;
	json_t *object;
	bool ended;

	move_report_get(control.move, &report);
	ended = report.ended_count != ends_told;
	if (!ended && (report.phase == MOVE_PHASE_IDLE || !anybody_watches()))
		return;
	object = move_report_json(&report);
	if (ended) {
		move_identity_json(control.move, object);
		host_hook_slow("report");
		keep_report(object);
	}
	tell(report.ended_count, object);
	json_decref(object);
	if (!ended)
		return;
	ends_told = report.ended_count;
	move_delivered(control.move, ends_told);
}

static void serve_all(int listen_fd)
{
	int event_fd = move_event_fd(control.move);
	uint64_t told_ns = 0, count;

	for (;;) {
		struct pollfd p[CLIENTS_MAX + 1 + WAKES] = { { .fd = listen_fd, .events = POLLIN }, { .fd = event_fd, .events = POLLIN },
			{ .fd = work_fd, .events = POLLIN } };

		for (int i = 0; i < CLIENTS_MAX; i++)
			p[i + 1 + WAKES] = (struct pollfd){ .fd = clients[i].work ? -1 : clients[i].channel.fd, .events = POLLIN };
		if (poll(p, CLIENTS_MAX + 1 + WAKES, anybody_watches() ? PROGRESS_MS : -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < CLIENTS_MAX; i++)
			if (p[i + 1 + WAKES].fd >= 0 && p[i + 1 + WAKES].revents)
				serve(&clients[i]);
		if (p[0].revents)
			accept_client(listen_fd);
		if (p[1].revents)
			(void)!read(event_fd, &count, sizeof count); /* only to empty it */
		if (p[2].revents && read(work_fd, &count, sizeof count) > 0)
			answer_work();
		if (p[1].revents || host_monotonic_ns() - told_ns >= PROGRESS_MS * 1000000ull) {
			tell_news();
			told_ns = host_monotonic_ns();
		}
	}
}

static void *control_main(void *argument)
{
	server = pthread_self();
	if (host_thread_attach(control.enclave)) {
		host_note("no control socket: %s", host_reason());
	} else {
		atomic_store(&serves, true);
		serve_all((int)(intptr_t)argument);
		atomic_store(&serves, false);
	}
	move_delivered(control.move, UINT32_MAX);
	return NULL;
}

void host_control_remove(void)
{
	if (address.sun_path[0])
		unlink(address.sun_path);
	address.sun_path[0] = 0;
}

/* The thread that serves the clients may be the one that ends the process, or it does not come back from the enclave either. */
static bool tell_last(void)
{
	bool here = atomic_load(&serves) && pthread_equal(pthread_self(), server);

	if (here && move_process_ends(control.move))
		tell_news();
	return here;
}

static void tell_last_elsewhere(void)
{
	(void)tell_last();
}

/* One that the server thread has to write. Work that somebody else keeps waiting does not keep the process. */
static void wait_answers(void)
{
	for (int i = 0; i < ANSWER_MS && atomic_load(&unanswered) > works; i++)
		host_pause_ms(1);
}

/* Nobody is left without a report. */
static void leave_at_exit(void *context)
{
	(void)context;
	if (atomic_load(&serves) && !pthread_equal(pthread_self(), server))
		wait_answers();
	if (!tell_last() && atomic_load(&serves) && move_process_ends(control.move))
		move_wait_delivered(control.move);
	host_control_remove();
}

/* The name appears when the socket listens already: clients remove one that refuses them, its process must be gone. */
static int listen_at(int fd, const struct sockaddr_un *name)
{
	struct sockaddr_un unready = *name;
	size_t stem = strlen(name->sun_path) - strlen(".sock");
	mode_t mask;
	int code;

	memcpy(unready.sun_path + stem, ".new", sizeof ".new");
	unlink(unready.sun_path); /* of a process that had this pid before */
	mask = umask(0177);
	code = bind(fd, (const struct sockaddr *)&unready, sizeof unready) ? errno : 0;
	umask(mask);
	if (code)
		return code;
	if (listen(fd, CLIENTS_MAX) == 0 && rename(unready.sun_path, name->sun_path) == 0)
		return 0;
	code = errno;
	unlink(unready.sun_path);
	return code;
}

static int open_socket(const char *program, int *ret_fd)
{
	char directory[100];
	int fd, code, error = host_rundir(1, directory, sizeof directory);

	if (!error)
		error = host_control_address(directory, program, (int)getpid(), &address);
	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return host_fail(OM_EIO, "socket: %s", strerror(errno));
	code = listen_at(fd, &address);
	if (code) {
		error = host_fail(OM_EIO, "%s: %s", address.sun_path, strerror(code));
		close(fd);
		address.sun_path[0] = 0;
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int host_control_start(struct host_enclave *enclave, struct host_move *move)
{
	int fd, code, error = open_socket(host_image_header(enclave)->program_name, &fd);

	if (error) {
		move_delivered(move, UINT32_MAX);
		return error;
	}
	control = (struct control){ .enclave = enclave, .move = move, .started_ns = host_monotonic_ns() };
	work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < CLIENTS_MAX; i++)
		channel_init(&clients[i].channel, -1);
	code = work_fd < 0 ? errno : host_thread_begin(control_main, (void *)(intptr_t)fd);
	if (code) {
		host_control_remove();
		close(fd);
		move_delivered(move, UINT32_MAX);
		return host_fail(OM_ENOMEM, "control thread: %s", strerror(code));
	}
	host_at_exit(leave_at_exit, NULL);
	host_at_exit_elsewhere(tell_last_elsewhere);
	return 0;
}
