/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that stand in a call while the program is moved. Each says its result when it is asked for, at the latest at the end. */
#include "states.h"
#include <mqueue.h>
#include <sys/epoll.h>
#include <semaphore.h>

enum { THREADS = 12 };
static struct thread {
	pthread_t id;
	int used, done;
	char what[16], said[120];
	unsigned char data[10];
	int fd;
	long argument, result;
	struct slot *slot;
	sem_t semaphore;
	int woken;
} threads[THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void *wait_in_condition(struct thread *t)
{
	struct timespec until;
	int n = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += t->argument / 1000;
	until.tv_nsec += t->argument % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	while (!t->woken && n == 0)
		n = t->argument ? pthread_cond_timedwait(&condition, &mutex, &until) : pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	snprintf(t->said, sizeof t->said, "%s", n ? error_name(n) : "woken");
	return NULL;
}

static void *run(void *argument)
{
	struct thread *t = argument;
	static _Thread_local char data[65536];
	long begun = now_ms(), n = 0;
	int error;

	errno = 0;
	if (strcmp(t->what, "cond") == 0) {
		wait_in_condition(t);
		__atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
		return NULL;
	}
	if (strcmp(t->what, "read") == 0) {
		n = read(t->fd, data, t->argument ? (size_t)t->argument : sizeof data);
	} else if (strcmp(t->what, "recv") == 0) {
		n = recv(t->fd, data, sizeof data, 0);
	} else if (strcmp(t->what, "write") == 0) {
		n = write(t->fd, t->data, sizeof t->data);
	} else if (strcmp(t->what, "accept") == 0) {
		n = accept(t->fd, NULL, NULL);  /* which is kept to the end */
		n = n >= 0 ? 0 : n;
	} else if (strcmp(t->what, "poll") == 0) {
		struct pollfd p = { t->fd, POLLIN, 0 };

		n = poll(&p, 1, t->argument ? (int)t->argument : -1);
		n = n > 0 ? p.revents : n;
	} else if (strcmp(t->what, "epoll") == 0) {
		struct epoll_event e;

		n = epoll_wait(t->fd, &e, 1, t->argument ? (int)t->argument : -1);
		n = n > 0 ? (long)e.events : n;
	} else if (strcmp(t->what, "mqrecv") == 0) {
		n = mq_receive(t->fd, data, sizeof data, NULL);
	} else if (strcmp(t->what, "mqsend") == 0) {
		n = mq_send(t->fd, "waited", 6, 1);
	} else if (strcmp(t->what, "sem") == 0) {
		n = sem_wait(&t->semaphore);
	} else if (strcmp(t->what, "sleep") == 0) {
		struct timespec left = { t->argument / 1000, t->argument % 1000 * 1000000 };

		n = nanosleep(&left, NULL);
	}
	error = errno;
	t->result = n;
	snprintf(t->said, sizeof t->said, "%s %ld%s", n < 0 ? error_name(error) : "ok", n,
	         t->argument && n == 0 && strcmp(t->what, "read") != 0 && now_ms() - begun < t->argument ? ", TOO EARLY" : "");
	__atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* thread NUMBER read|recv|write|accept|poll|epoll|mqrecv|mqsend SLOT [MS], or cond|sem|sleep - [MS]; signals are the first thread's */
static void do_thread(void)
{
	struct thread *t = &threads[(unsigned long)number(1) % THREADS];
	const char *what = text(2);
	struct slot *s = *text(3) == '-' ? NULL : slot(3, EMPTY);
	sigset_t every, before;
	int error;

	if (t->used || (*text(3) != '-' && !s)) {
		say("not now");
		return;
	}
	*t = (struct thread){ .used = 1, .fd = s ? s->fd : -1, .argument = number(4), .slot = s };
	snprintf(t->what, sizeof t->what, "%s", what);
	sem_init(&t->semaphore, 0, 0);
	if (s && s->kind != EPOLL) {    /* it shall wait */
		int flags = fcntl(s->fd, F_GETFL);

		fcntl(s->fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	if (s && s->out && strcmp(what, "write") == 0) {
		compose_at(t->data, s->out, sizeof t->data);
		s->out->waiting = sizeof t->data;
		s->out->interrupted = s->kind == PIPE_WRITE;
	}
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	error = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->used = error == 0;
	if (s)
		s->taken = t->used;
	say("%s", error ? error_name(error) : "ok");
	pause_ms(5);
}

/* wake NUMBER, post NUMBER: one that waits for it */
static void do_wake(void)
{
	struct thread *t = &threads[(unsigned long)number(1) % THREADS];

	pthread_mutex_lock(&mutex);
	t->woken = 1;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	say("ok");
}

static void do_post(void)
{
	struct thread *t = &threads[(unsigned long)number(1) % THREADS];

	say("%s", t->used ? result(sem_post(&t->semaphore)) : "no such thread");
}

/* What its call has moved. */
static void account(const struct thread *t)
{
	struct slot *s = t->slot;

	if (!s)
		return;
	s->taken = 0;
	if (s->out)
		s->out->waiting = 0;
	if (s->out && t->result > 0 && strcmp(t->what, "write") == 0) {
		flow_sent(s->out, t->result);
	} else if (s->in && t->result >= 0 && (strcmp(t->what, "read") == 0 || strcmp(t->what, "recv") == 0)) {
		s->in->got += t->result;
		s->in->unread--;
	} else if (strcmp(t->what, "accept") == 0 && t->result == 0) {
		for (struct slot *c = slots; c < slots + SLOTS; c++)
			if (c->fresh) {
				c->fresh = 0;
				break;
			}
	}
}

/* Does its call end? Whoever asks says how long that may take. */
static void await(struct thread *t, long ms)
{
	for (long end = now_ms() + ms; !__atomic_load_n(&t->done, __ATOMIC_ACQUIRE) && now_ms() < end; )
		pause_ms(1);
	if (!__atomic_load_n(&t->done, __ATOMIC_ACQUIRE)) {
		say("%s: waits", t->what);
		return;
	}
	pthread_join(t->id, NULL);
	say("%s: %s", t->what, t->said);
	account(t);
	t->used = 0;
}

/* join NUMBER: of one that must come back */
static void do_join(void)
{
	struct thread *t = &threads[(unsigned long)number(1) % THREADS];

	if (t->used)
		await(t, number(2) ? number(2) : PATIENCE_MS);
	else
		say("no such thread");
}

void look_threads(void)
{
	for (struct thread *t = threads; t < threads + THREADS; t++)
		if (t->used) {
			printf("thread %d\n", (int)(t - threads));
			if (t->slot && strcmp(t->what, "write") == 0)   /* it waits for room */
				for (struct slot *s = slots; s < slots + SLOTS; s++)
					if (s->in && s->in == t->slot->out && !s->taken)
						drain(s);
			await(t, t->argument ? t->argument + PATIENCE_MS : 60);
		}
}

const struct op ops_threads[] = {
	{ "thread", do_thread }, { "wake", do_wake }, { "post", do_post }, { "join", do_join }, { NULL, NULL },
};
