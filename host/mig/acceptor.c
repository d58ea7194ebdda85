/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes connections of known hosts on the destination's listening socket (lobby.h): the rest of a new session's connections, later
 * those of a resumption. All must come from the host that began the session. Everybody else is told that this receiver is taken. Accepted
 * connections wait in mig->pending until all are there.
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
static void drop_pending(struct host_mig *mig)
{
	for (unsigned i = 0; i < MIG_CONNECTIONS_MAX; i++) {
		if (mig->pending[i] >= 0)
			close(mig->pending[i]);
		mig->pending[i] = -1;
	}
	mig->pending_count = 0;
}

/* Under the lock. Return: 0 if the connection belongs to the session and is wanted now. */
static int check_hello(struct host_mig *mig, const struct mig_hello *hello)
{
	enum om_hello_kind expected = mig->accept_resume ? OM_HELLO_RESUME : OM_HELLO_NEW;

	if (memcmp(hello->session, mig->session, sizeof mig->session))
		return hello->kind == OM_HELLO_RESUME ? host_fail(OM_ENOTFOUND, "this receiver does not know that session") :
			host_fail(OM_EEXISTS, "this receiver is taken by another migration");
	if (hello->kind != expected || hello->channels != mig->channels)
		return host_fail(OM_ESTATE, "the connection does not fit the state of the session");
	return 0;
}

static int take(struct host_mig *mig, struct mig_arrival *arrival)
{
	const struct mig_hello *hello = &arrival->hello;
	int error;

	pthread_mutex_lock(&mig->lock);
	error = check_hello(mig, hello);
	if (!error && memcmp(arrival->opening.peer, mig->peer_key, sizeof mig->peer_key))
		error = host_fail(OM_EPEER, "the session is another host's");
	if (!error) {
		if (hello->connection == OM_CONNECTION_CONTROL && mig->accept_resume)
			drop_pending(mig);
		if (mig->phase == MIG_PHASE_RUNNING && !mig->over)
			mig->lost = true;
		if (mig->pending[hello->connection] >= 0)
			close(mig->pending[hello->connection]);
		else
			mig->pending_count++;
		mig->pending[hello->connection] = arrival->fd;
		mig_tune(arrival->fd, hello->connection);
		mig_arrival_answer(arrival, mig->clock, 0);
		pthread_cond_broadcast(&mig->changed);
	}
	pthread_mutex_unlock(&mig->lock);
	return error;
}

static void *acceptor_main(void *argument)
{
	struct host_mig *mig = argument;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE_ACCEPTOR); /* strangers must not take the time of the pages */
	for (;;) {
		struct mig_arrival arrival;
		int error = mig_lobby_next(mig->lobby, mig->stop_fd, &arrival);

		if (error == OM_ECANCELLED)
			return NULL;
		if (error) {
			host_detail("%s", host_reason());
			usleep(AGAIN_US);
			continue;
		}
		error = take(mig, &arrival);
		if (error) {
			mig_arrival_answer(&arrival, mig->clock, error);
			mig_lobby_refused(mig->lobby, arrival.address);
			close(arrival.fd);
		}
		mig_arrival_done(&arrival);
	}
}

int mig_acceptor_start(struct host_mig *mig)
{
	int code = pthread_create(&mig->acceptor, NULL, acceptor_main, mig);

	mig->accepting = code == 0;
	return code ? host_fail(OM_ENOMEM, "thread: %s", strerror(code)) : 0;
}

void mig_acceptor_stop(struct host_mig *mig)
{
	const uint64_t one = 1;

	(void)!write(mig->stop_fd, &one, sizeof one); /* full means set */
	pthread_join(mig->acceptor, NULL);
	mig->accepting = false;
	mig_lobby_close(mig->lobby, mig->running ? "this receiver is taken by another migration" : MIG_ENDS(mig->receive));
	mig->lobby = NULL;
	pthread_mutex_lock(&mig->lock);
	drop_pending(mig);
	pthread_mutex_unlock(&mig->lock);
}

/* Under the lock. A new session's first connection is the source's word: if it closes, the others will not come. */
static bool source_left(struct host_mig *mig)
{
	int fd = mig->pending[OM_CONNECTION_CONTROL];
	char byte;
	ssize_t got;

	if (mig->accept_resume || fd < 0)
		return false;
	got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

int mig_collect(struct host_mig *mig, uint64_t timeout_ns)
{
	unsigned count = OM_CONNECTION_PAGES + mig->channels;
	uint64_t end = timeout_ns == UINT64_MAX ? UINT64_MAX : host_monotonic_ns() + timeout_ns;
	uint64_t go_on = mig->running ? 0 : UINT64_MAX;
	bool left = false;
	int error = 0;

	pthread_mutex_lock(&mig->lock);
	while (mig->pending_count < count && !mig->cancel && !mig->over && !left && host_monotonic_ns() < end) {
		/* A program that has been started may not run yet, and does not need its source for it. */
		if (go_on != UINT64_MAX) {
			pthread_mutex_unlock(&mig->lock);
			go_on = mig_go_on(mig);
			pthread_mutex_lock(&mig->lock);
		}
		mig_wait_tick(mig);
		left = mig->pending_count < count && source_left(mig);
	}
	if (mig->cancel || mig->over)
		error = host_fail(OM_ECANCELLED, "cancelled");
	else if (left)
		error = host_fail(OM_ECONNECTION, "the source closed its connection before the session began");
	else if (mig->pending_count < count)
		error = host_fail(OM_ETIMEDOUT, "%u of %u connections came in time", mig->pending_count, count);
	for (unsigned i = 0; i < count && !error; i++) {
		mig->connection[i].fd = mig->pending[i];
		mig->pending[i] = -1;
	}
	if (!error) {
		mig->pending_count = 0;
		mig->accept_resume = true;
		mig->lost = mig->eof = false;
	}
	pthread_mutex_unlock(&mig->lock);
	return error;
}
