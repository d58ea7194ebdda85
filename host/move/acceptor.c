/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes connections of known hosts on the destination's listening socket (lobby.h): the rest of a new session's connections, later
 * those of a resumption. All must come from the host that began the session. Everybody else is told that this receiver is taken. Accepted
 * connections wait in move->pending until all are there.
 *
 * The source may see a break that this side has not noticed. So a RESUME for connection 0 while the session runs is
 * itself the news of the loss; the supervisor stops the old pumps and finds the new connections waiting.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "strerror.h"
#include "acceptor.h"
#include "util.h"

#define AGAIN_US      100000u
#define NICE_ACCEPTOR 5

/* Under the lock. */
static void drop_pending(struct host_move *move)
{
	for (unsigned i = 0; i < MOVE_CONNECTIONS_MAX; i++) {
		if (move->pending[i] >= 0)
			close(move->pending[i]);
		move->pending[i] = -1;
	}
	move->pending_count = 0;
}

/* Under the lock. Return: 0 if the connection belongs to the session and is wanted now. */
static int check_hello(struct host_move *move, const struct move_hello *hello)
{
	enum om_hello_kind expected = move->accept_resume ? OM_HELLO_RESUME : OM_HELLO_NEW;

	if (memcmp(hello->session, move->session, sizeof move->session))
		return hello->kind == OM_HELLO_RESUME ? host_fail(OM_ENOTFOUND, "this receiver does not know that session") :
			host_fail(OM_EEXISTS, "this receiver is taken by another migration");
	if (hello->kind != expected || hello->channels != move->channels)
		return host_fail(OM_ESTATE, "the connection does not fit the state of the session");
	return 0;
}

static int take(struct host_move *move, struct move_arrival *arrival)
{
	const struct move_hello *hello = &arrival->hello;
	int error;

	pthread_mutex_lock(&move->lock);
	error = check_hello(move, hello);
	if (!error && memcmp(arrival->opening.peer, move->peer_key, sizeof move->peer_key))
		error = host_fail(OM_EPEER, "the session is another host's");
	if (!error) {
		if (hello->connection == OM_CONNECTION_CONTROL && move->accept_resume)
			drop_pending(move);
		if (move->phase == MOVE_PHASE_RUNNING && !move->over)
			move->lost = true;
		if (move->pending[hello->connection] >= 0)
			close(move->pending[hello->connection]);
		else
			move->pending_count++;
		move->pending[hello->connection] = arrival->fd;
		move_tune(arrival->fd, hello->connection);
		move_arrival_answer(arrival, move->clock, 0);
		pthread_cond_broadcast(&move->changed);
	}
	pthread_mutex_unlock(&move->lock);
	return error;
}

static void *acceptor_main(void *argument)
{
	struct host_move *move = argument;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE_ACCEPTOR); /* strangers must not take the time of the pages */
	for (;;) {
		struct move_arrival arrival;
		int error = move_lobby_next(move->lobby, move->stop_fd, &arrival);

		if (error == OM_ECANCELLED)
			return NULL;
		if (error) {
			host_detail("%s", host_reason());
			usleep(AGAIN_US);
			continue;
		}
		error = take(move, &arrival);
		if (error) {
			move_arrival_answer(&arrival, move->clock, error);
			move_lobby_refused(move->lobby, arrival.address);
			close(arrival.fd);
		}
		move_arrival_done(&arrival);
	}
}

int move_acceptor_start(struct host_move *move)
{
	int code = pthread_create(&move->acceptor, NULL, acceptor_main, move);

	move->accepting = code == 0;
	return code ? host_fail(OM_ENOMEM, "thread: %s", strerror(code)) : 0;
}

void move_acceptor_stop(struct host_move *move)
{
	const uint64_t one = 1;

	(void)!write(move->stop_fd, &one, sizeof one); /* full means set */
	pthread_join(move->acceptor, NULL);
	move->accepting = false;
	move_lobby_close(move->lobby, move->running ? "this receiver is taken by another migration" : MOVE_ENDS(move->receive));
	move->lobby = NULL;
	pthread_mutex_lock(&move->lock);
	drop_pending(move);
	pthread_mutex_unlock(&move->lock);
}

/* Under the lock. A new session's first connection is the source's word: if it closes, the others will not come. */
static bool source_left(struct host_move *move)
{
	int fd = move->pending[OM_CONNECTION_CONTROL];
	char byte;
	ssize_t got;

	if (move->accept_resume || fd < 0)
		return false;
	got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

int move_collect(struct host_move *move, uint64_t timeout_ns)
{
	unsigned count = OM_CONNECTION_PAGES + move->channels;
	uint64_t end = timeout_ns == UINT64_MAX ? UINT64_MAX : host_monotonic_ns() + timeout_ns;
	uint64_t go_on = move->running ? 0 : UINT64_MAX;
	bool left = false;
	int error = 0;

	pthread_mutex_lock(&move->lock);
	while (move->pending_count < count && !move->cancel && !move->over && !left && host_monotonic_ns() < end) {
		/* A program that has been started may not run yet, and does not need its source for it. */
		if (go_on != UINT64_MAX) {
			pthread_mutex_unlock(&move->lock);
			go_on = move_go_on(move);
			pthread_mutex_lock(&move->lock);
		}
		move_wait_tick(move);
		left = move->pending_count < count && source_left(move);
	}
	if (move->cancel || move->over)
		error = host_fail(OM_ECANCELLED, "cancelled");
	else if (left)
		error = host_fail(OM_ECONNECTION, "the source closed its connection before the session began");
	else if (move->pending_count < count)
		error = host_fail(OM_ETIMEDOUT, "%u of %u connections came in time", move->pending_count, count);
	for (unsigned i = 0; i < count && !error; i++) {
		move->connection[i].fd = move->pending[i];
		move->pending[i] = -1;
	}
	if (!error) {
		move->pending_count = 0;
		move->accept_resume = true;
		move->lost = move->eof = false;
	}
	pthread_mutex_unlock(&move->lock);
	return error;
}
