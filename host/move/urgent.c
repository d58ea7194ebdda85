/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-copy faults at the destination: application threads bring request frames (OM_HC_URGENT_PAGE) and wait for the
 * replies. Many threads may wait at once. No thread of the host stands between them and the socket, since waking one would cost more
 * than the network. One of the waiters reads for all: it hands every reply to the waiter with the same sequence number
 * and epoch, and when its own reply has come, another waiter takes over.
 *
 * When the connection breaks, all waiters get -EAGAIN as soon as it is up again (or after a pause): their requests belong to
 * the old epoch, and the enclave makes new ones. When the session is over all waiters get -EAGAIN at once: the last page has come
 * by the push, perhaps while they asked for it.
 */
#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "internal.h"
#include "util.h"

#define SPIN_NS   20000u        /* a page from a quick peer comes within this; later than that, sleep */
#define PAUSE_S   1
#define QUESTION_MAX 256u       /* a frame with the number of a page takes less than 80 */

struct move_waiter {
	struct move_waiter *next;
	uint64_t sequence;
	uint32_t epoch;
	uint8_t *data;
	uint64_t capacity;
	int64_t  result;                /* 0: not yet; size, or -errno */
};

int move_urgent_init(struct move_urgent *u)
{
	pthread_mutex_init(&u->lock, NULL);
	pthread_mutex_init(&u->send_lock, NULL);
	host_cond_init(&u->changed);
	u->fd = -1;
	u->reply = malloc(OM_FRAME_MAX);
	return u->reply ? 0 : host_fail(OM_ENOMEM, "no memory");
}

void move_urgent_up(struct move_urgent *u, int fd)
{
	pthread_mutex_lock(&u->lock);
	u->fd = fd;
	u->over = false;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

/* Under the lock. */
static void fail_all(struct move_urgent *u)
{
	for (struct move_waiter *w = u->waiters; w; w = w->next)
		if (w->result == 0)
			w->result = -EAGAIN;
	pthread_cond_broadcast(&u->changed);
}

void move_urgent_down(struct move_urgent *u, bool over)
{
	pthread_mutex_lock(&u->lock);
	u->over = over;
	pthread_cond_broadcast(&u->changed);
	if (u->fd >= 0) {
		shutdown(u->fd, SHUT_RDWR);
		u->fd = -1;
		fail_all(u);
	}
	while (u->users > 0)
		pthread_cond_wait(&u->changed, &u->lock);
	pthread_mutex_unlock(&u->lock);
}

static void remove_waiter(struct move_urgent *u, struct move_waiter *waiter)
{
	struct move_waiter **at = &u->waiters;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
}

static void read_identity(const uint8_t *frame, uint64_t *ret_sequence, uint32_t *ret_epoch)
{
	memcpy(ret_sequence, frame + OM_FRAME_OFFSET_SEQUENCE, sizeof *ret_sequence);
	memcpy(ret_epoch, frame + OM_FRAME_OFFSET_EPOCH, sizeof *ret_epoch);
	*ret_sequence = le64toh(*ret_sequence);
	*ret_epoch = le32toh(*ret_epoch);
}

/* Under the lock: hands a frame to whoever waits for it. A frame that nobody waits for is dropped: its page comes again by
 * the push, and the enclave refuses what it did not ask for. */
static void deliver(struct move_urgent *u, const uint8_t *frame, uint32_t size)
{
	uint64_t sequence;
	uint32_t epoch;

	read_identity(frame, &sequence, &epoch);
	for (struct move_waiter *w = u->waiters; w; w = w->next)
		if (w->result == 0 && w->sequence == sequence && w->epoch == epoch) {
			if (size > w->capacity) {
				w->result = -EMSGSIZE;
			} else {
				memcpy(w->data, frame, size);
				w->result = size;
			}
			return;
		}
}

static int receive_reply(int fd, uint8_t *buffer, uint32_t *ret_size)
{
	uint64_t begin = host_monotonic_ns();
	int error;

	do {
		error = move_receive_frame(fd, buffer, false, ret_size);
		if (error != OM_ETIMEDOUT)
			return error;
		sched_yield();
	} while (host_monotonic_ns() - begin < SPIN_NS);
	return move_receive_frame(fd, buffer, true, ret_size);
}

/* Under the lock, which is released while reading. Return: false if the connection broke. */
static bool read_one(struct move_urgent *u, int fd)
{
	uint32_t size = 0;
	int error;

	u->reading = true;
	pthread_mutex_unlock(&u->lock);
	error = receive_reply(fd, u->reply, &size);
	pthread_mutex_lock(&u->lock);
	u->reading = false;
	if (error || size == 0)
		return false;
	deliver(u, u->reply, size);
	pthread_cond_broadcast(&u->changed);
	return true;
}

static void pause_until_up(struct move_urgent *u)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PAUSE_S;
	while (u->fd < 0 && !u->over)
		if (pthread_cond_timedwait(&u->changed, &u->lock, &until))
			return;
}

int64_t move_urgent_page(void *context, uint8_t *data, uint64_t size, uint64_t capacity)
{
	struct host_move *move = context;
	struct move_urgent *u = &move->urgent;
	struct move_waiter waiter = { .data = data, .capacity = capacity };
	/* The answer is put where the question stands; a hostile peer's may come while that is being sent. */
	uint8_t question[QUESTION_MAX];
	bool broken = false, first;
	int fd;

	if (size < OM_FRAME_HEADER || size > sizeof question)
		return -EINVAL;
	memcpy(question, data, size);
	read_identity(data, &waiter.sequence, &waiter.epoch);
	pthread_mutex_lock(&u->lock);
	fd = u->fd;
	if (fd < 0) {
		pause_until_up(u);
		pthread_mutex_unlock(&u->lock);
		return -EAGAIN;
	}
	u->users++;
	waiter.next = u->waiters;
	u->waiters = &waiter;
	pthread_mutex_unlock(&u->lock);

	pthread_mutex_lock(&u->send_lock);
	broken = move_send(fd, question, size) != 0;
	pthread_mutex_unlock(&u->send_lock);

	pthread_mutex_lock(&u->lock);
	while (waiter.result == 0 && !broken) {
		if (u->reading)
			pthread_cond_wait(&u->changed, &u->lock);
		else
			broken = !read_one(u, fd);
	}
	remove_waiter(u, &waiter);
	u->users--;
	first = broken && u->fd == fd;  /* else it is known already, and the link may be up again */
	if (first) {
		shutdown(fd, SHUT_RDWR);        /* another thread may be reading */
		u->fd = -1;
		fail_all(u);
	}
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
	if (first)
		move_lose(move, host_fail(OM_ECONNECTION, "the urgent connection broke"), true);
	if (broken || waiter.result == -EAGAIN) {
		pthread_mutex_lock(&u->lock);
		pause_until_up(u);
		pthread_mutex_unlock(&u->lock);
		return -EAGAIN;
	}
	return waiter.result;
}
