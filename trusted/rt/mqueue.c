/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqueue.h. Messages lie in the order of their priority, those of one priority in the order in which they came. A thread that has to wait looks again
 * whenever a queue has changed. Its queue is in its scratch, all else in its stored system call, so that the thread waits on after a migration.
 *
 * mq_notify with SIGEV_THREAD is libc's (libc/overlay). A thread of libc's own waits for a word. The word tells the thread that a message came, or that
 * it need not wait any more.
 *
 * The table is held across calls of the host, as mapped.c's is; nobody parks while holding it.
 */
#include <asm/fcntl.h>
#include "rt/internal.h"
#include "rt/ipc.h"
#include "rt/libmem.h"
#include "rt/messages.h"
#include "rt/mqueue.h"

#define MOST_MAX      65536            /* messages, and bytes of one: what Linux gives root */
#define SIZE_MAX_EACH (16 << 20)
#define MOST_DEFAULT  10u
#define SIZE_DEFAULT  8192u
#define PRIORITIES    32768u
#define TOLD          1u               /* what libc's thread finds in its word */
#define TOLD_NOTHING  2u

struct queue {
	struct rt_ipc ipc;             /* who, and what they may; used: it has a name */
	uint32_t refs;                 /* 0: free */
	struct rt_messages row;        /* keys: priorities */
	uint64_t number, most, size;
	int64_t  changed, modified;
	int32_t  notify, signo;        /* mq_notify(): SIGEV_..., -1: nobody; the signal */
	uint64_t value;                /* the signal's, or where the word is */
	char     name[RT_MQUEUE_NAME];
};
RT_RESIDENT static struct queue queues[RT_MQUEUE_MAX];
RT_RESIDENT static uint32_t end;
RT_RESIDENT static uint64_t last_number;
RT_RESIDENT static _Atomic uint32_t holder;

enum { WAITS_QUEUE };                  /* a waiting thread's scratch */
#define MUST_WAIT INT64_MIN            /* no error number, no size */

struct lx_sigevent { uint64_t value; int32_t signo, notify; int32_t tid; int32_t pad[11]; };

static void hold(void)
{
	rt_hold(&holder);
}

static long let_go(long result)
{
	rt_let_go(&holder);
	return result;
}

/* ---- names: the table is held ------------------------------------------------------------------------------------------------- */

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static struct queue *find(const char *name)
{
	for (uint32_t i = 0; i < end; i++)
		if (queues[i].refs && queues[i].ipc.used && equal(queues[i].name, name))
			return &queues[i];
	return NULL;
}

/* As the kernel's: one file of one directory. */
static long check_name(const char *name)
{
	if (!name[0])
		return -ENOENT;
	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return -EACCES;
	for (const char *c = name; *c; c++)
		if (*c == '/')
			return -EACCES;
	return 0;
}

static long create(const char *name, uint32_t mode, const int64_t attributes[2], struct queue **ret)
{
	const int64_t most = attributes ? attributes[0] : MOST_DEFAULT, size = attributes ? attributes[1] : SIZE_DEFAULT;
	uint32_t place = 0;
	struct queue *q;

	if (most <= 0 || size <= 0 || most > MOST_MAX || size > SIZE_MAX_EACH)
		return -EINVAL;
	while (place < end && queues[place].refs)
		place++;
	if (place == RT_MQUEUE_MAX)
		return -ENOSPC;
	q = &queues[place];
	*q = (struct queue){ .ipc = q->ipc, .refs = 1, .number = ++last_number, .most = (uint64_t)most, .size = (uint64_t)size, .notify = -1,
		.changed = rt_ipc_now(), .modified = rt_ipc_now() };
	rt_ipc_begin(&q->ipc, 0, mode);
	for (uint32_t i = 0; i + 1 < RT_MQUEUE_NAME && name[i]; i++)
		q->name[i] = name[i];
	if (place == end)
		end++;
	*ret = q;
	return 0;
}

static void drop(struct queue *q)
{
	if (--q->refs == 0)
		rt_messages_end(&q->row);
}

static long open(const char *name, uint32_t flags, uint32_t mode, const int64_t attributes[2], struct queue **ret)
{
	const uint32_t access = flags & O_ACCMODE;
	struct queue *q = find(name);

	if (access == O_ACCMODE)
		return -EINVAL;
	if (!q)
		return flags & O_CREAT ? create(name, mode, attributes, ret) : -ENOENT;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	*ret = q;
	return rt_ipc_may(&q->ipc, (access != O_WRONLY ? IPC_READ : 0) | (access != O_RDONLY ? IPC_WRITE : 0));
}

long rt_mqueue_open(const char *name, uint32_t flags, uint32_t mode, const int64_t attributes[2], uint32_t *ret_queue)
{
	struct queue *q = NULL;
	long r = check_name(name);

	if (r)
		return r;
	hold();
	r = open(name, flags, mode, attributes, &q);
	if (!r) {
		q->refs++;
		*ret_queue = (uint32_t)(q - queues) + 1;
	}
	return let_go(r);
}

void rt_mqueue_put(uint32_t queue)
{
	hold();
	drop(&queues[queue - 1]);
	(void)let_go(0);
}

long rt_mqueue_unlink(const char *name)
{
	struct queue *q;
	long r = check_name(name);

	if (r)
		return r;
	hold();
	q = find(name);
	r = q ? rt_ipc_owned(&q->ipc) : -ENOENT;
	if (!r) {
		q->ipc.used = false;
		drop(q);
	}
	return let_go(r);
}

/* ---- who waits, who is told ----------------------------------------------------------------------------------------------------- */

/* A thread that is stopped, to be run again from its stored call, waits too. */
static bool waits(const struct rt_thread *t, long nr, uint32_t queue)
{
	return t->nr == nr && t->syscall_scratch[WAITS_QUEUE] == queue;
}

static void wake_all(const struct rt_thread *t, uint32_t queue)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		if (&rt_threads[slot] != t && atomic_load((_Atomic uint32_t *)(uintptr_t)&rt_threads[slot].state) == RT_T_RUNNING &&
		    (waits(&rt_threads[slot], __NR_mq_timedsend, queue) || waits(&rt_threads[slot], __NR_mq_timedreceive, queue)))
			rt_unpark(slot);
}

/* Threads that stand in a receive and have not looked since. The table is held: they look under it. */
static uint32_t receivers(uint32_t queue)
{
	uint32_t count = 0;

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		count += waits(&rt_threads[slot], __NR_mq_timedreceive, queue);
	return count;
}

static void tell_thread(const struct queue *q, uint32_t what)
{
	if (q->notify == SIGEV_THREAD && rt_app_put(q->value, &what, sizeof what) == 0)
		(void)rt_futex_wake(q->value, 1, ~0u);
}

/* A message has come to an empty queue, and nobody stood there for it. */
static void tell(struct queue *q)
{
	const struct rt_ids *ids = rt_ids();
	const struct rt_siginfo info = { .signo = q->signo, .code = SI_MESGQ, .a = (uint32_t)rt_pid | (uint64_t)ids->uid << 32, .b = q->value };

	if (q->notify == SIGEV_SIGNAL && q->signo)
		(void)rt_signal_post(NULL, &info);     /* without room it comes without information */
	tell_thread(q, TOLD);
	q->notify = -1;
}

static long notify(struct queue *q, const struct lx_sigevent *event)
{
	if (!event) {
		tell_thread(q, TOLD_NOTHING);
		q->notify = -1;
		return 0;
	}
	if (q->notify >= 0)
		return -EBUSY;
	q->notify = event->notify;
	q->signo = event->signo;
	q->value = event->value;
	return 0;
}

long rt_mqueue_notify(uint32_t queue, uint64_t app)
{
	struct lx_sigevent event = { 0 };

	if (app && rt_app_get(&event, app, sizeof event) < 0)
		return -EFAULT;
	if (app && event.notify != SIGEV_NONE && event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD)
		return -EINVAL;
	if (app && event.notify == SIGEV_SIGNAL && (event.signo < 0 || event.signo > SIG_MAX))
		return -EINVAL;
	hold();
	return let_go(notify(&queues[queue - 1], app ? &event : NULL));
}

/* ---- messages --------------------------------------------------------------------------------------------------------------------- */

static long send(const struct rt_thread *t, struct queue *q, bool blocking)
{
	const uint64_t priority = (uint32_t)t->arg[3];
	struct rt_message message = { 0 }, *before = NULL;
	long r;

	if ((uint64_t)t->arg[2] > q->size)
		return -EMSGSIZE;
	if (q->row.count >= q->most)
		return blocking ? MUST_WAIT : -EAGAIN;
	while (!before && rt_messages_next(&q->row, &message))
		before = message.key < priority ? &message : NULL;
	r = rt_messages_add(&q->row, before, priority, (uint64_t)t->arg[1], (uint64_t)t->arg[2]);
	if (r)
		return r;
	q->modified = rt_ipc_now();
	if (q->notify >= 0 && q->row.count == receivers((uint32_t)(q - queues) + 1) + 1)
		tell(q);
	return 0;
}

static long receive(const struct rt_thread *t, struct queue *q, bool blocking)
{
	struct rt_message message = { 0 };
	uint32_t priority;
	long got;

	if ((uint64_t)t->arg[2] < q->size)
		return -EMSGSIZE;
	if (!rt_messages_next(&q->row, &message))
		return blocking ? MUST_WAIT : -EAGAIN;
	priority = (uint32_t)message.key;
	if (t->arg[3] && rt_app_put((uint64_t)t->arg[3], &priority, sizeof priority) < 0)
		return -EFAULT;
	got = rt_messages_get(&q->row, &message, (uint64_t)t->arg[1], message.size);
	if (got >= 0) {
		rt_messages_remove(&q->row, &message);
		q->modified = rt_ipc_now();
	}
	return got;
}

static long exchange(struct rt_thread *t, uint32_t queue, bool blocking, long (*once)(const struct rt_thread *t, struct queue *q, bool blocking))
{
	long r = rt_deadline(t, (uint64_t)t->arg[4], false, true);

	while (r == 0) {
		long done;

		hold();
		done = once(t, &queues[queue - 1], blocking);
		t->syscall_scratch[WAITS_QUEUE] = done == MUST_WAIT ? queue : 0;
		(void)let_go(0);
		if (done >= 0)
			wake_all(t, queue);
		if (done != MUST_WAIT)
			return done;
		if (t->deadline_ns && rt_monotonic_ns() >= t->deadline_ns)
			r = -ETIMEDOUT;
		else if (rt_signal_interrupts(t))
			r = -EINTR;
		else
			rt_park_until(t->deadline_ns);
	}
	t->syscall_scratch[WAITS_QUEUE] = 0;
	return r;
}

long rt_mqueue_send(struct rt_thread *t, uint32_t queue, bool blocking)
{
	if ((uint32_t)t->arg[3] >= PRIORITIES)
		return -EINVAL;
	return exchange(t, queue, blocking, send);
}

long rt_mqueue_receive(struct rt_thread *t, uint32_t queue, bool blocking)
{
	return exchange(t, queue, blocking, receive);
}

/* ---- facts ------------------------------------------------------------------------------------------------------------------------- */

static long change(struct queue *q, int64_t mode, int64_t uid, int64_t gid)
{
	const long r = rt_ipc_owned(&q->ipc);
	struct lx_ipc_perm perm = q->ipc.perm;

	if (r)
		return r;
	if (rt_ids()->euid && ((uid >= 0 && uid != perm.uid) || (gid >= 0 && gid != rt_ids()->egid)))
		return -EPERM;
	perm.mode = mode >= 0 ? (uint32_t)mode : perm.mode;
	perm.uid = uid >= 0 ? (uint32_t)uid : perm.uid;
	perm.gid = gid >= 0 ? (uint32_t)gid : perm.gid;
	rt_ipc_set(&q->ipc, &perm);
	q->changed = rt_ipc_now();
	return 0;
}

long rt_mqueue_change(uint32_t queue, int64_t mode, int64_t uid, int64_t gid)
{
	hold();
	return let_go(change(&queues[queue - 1], mode, uid, gid));
}

void rt_mqueue_facts(uint32_t queue, struct rt_mqueue_facts *ret_facts)
{
	const struct queue *q = &queues[queue - 1];

	hold();
	*ret_facts = (struct rt_mqueue_facts){ .number = q->number, .most = q->most, .size = q->size, .count = q->row.count, .bytes = q->row.bytes,
		.mode = q->ipc.perm.mode, .uid = q->ipc.perm.uid, .gid = q->ipc.perm.gid, .links = q->ipc.used, .changed = q->changed,
		.modified = q->modified, .notify = q->notify, .signo = q->notify == SIGEV_SIGNAL ? q->signo : 0 };
	memcpy(ret_facts->name, q->name, sizeof q->name);
	(void)let_go(0);
}
