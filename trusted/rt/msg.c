/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V message queues within one enclave. A thread that has to wait looks again whenever a queue has changed, as with semaphores (sem.c). All that
 * the thread waits for is in its stored system call, so that it waits on after a migration.
 *
 * The table is held across calls of the host, as mapped.c's is; nobody parks while holding it.
 */
#include "rt/internal.h"
#include "rt/ipc.h"
#include "rt/libmem.h"
#include "rt/messages.h"

#define QUEUES_MAX  1024u
#define MESSAGE_MAX 8192u              /* bytes: MSGMAX */
#define BYTES_MAX   16384u             /* of a queue at first: MSGMNB */
#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000
#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct lx_msqid_ds {
	struct lx_ipc_perm perm;
	int64_t  stime, rtime, ctime;
	uint64_t bytes, count, most;
	int32_t  lspid, lrpid;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct lx_msqid_ds) == 120, "struct msqid_ds");
struct lx_msginfo { int32_t pool, map, max, mnb, mni, ssz, tql; uint16_t seg; };

struct queue {
	struct rt_ipc ipc;
	struct rt_messages row;        /* keys: types */
	uint64_t most;                 /* bytes */
	int64_t  stime, rtime, ctime;
	int32_t  lspid, lrpid;
};
RT_RESIDENT static struct queue queues[QUEUES_MAX];
RT_RESIDENT static uint32_t end;
RT_RESIDENT static _Atomic uint32_t holder;

/* A waiting thread's scratch: its queue's identifier and 1. */
enum { WAITS_ID };
#define MUST_WAIT INT64_MIN            /* no error number, no size */

static void hold(void)
{
	rt_hold(&holder);
}

static long let_go(long result)
{
	rt_let_go(&holder);
	return result;
}

/* ---- queues: the table is held ----------------------------------------------------------------------------------------------- */

static struct queue *by_id(long id)
{
	struct queue *q = &queues[rt_ipc_place((int32_t)id) % QUEUES_MAX];

	return rt_ipc_place((int32_t)id) < end && rt_ipc_is(&q->ipc, (int32_t)id) ? q : NULL;
}

static int32_t id_of(const struct queue *q)
{
	return rt_ipc_id(&q->ipc, (uint32_t)(q - queues));
}

static long create(int32_t key, long flags)
{
	uint32_t place = 0;
	struct queue *q;

	while (place < end && queues[place].ipc.used)
		place++;
	if (place == QUEUES_MAX)
		return -ENOSPC;
	q = &queues[place];
	*q = (struct queue){ .ipc = q->ipc, .most = BYTES_MAX, .ctime = rt_ipc_now() };
	rt_ipc_begin(&q->ipc, key, flags);
	if (place == end)
		end++;
	return id_of(q);
}

static long get(int32_t key, long flags)
{
	struct queue *q = NULL;

	for (uint32_t i = 0; i < end && key != IPC_PRIVATE; i++)
		if (queues[i].ipc.used && !queues[i].ipc.nameless && queues[i].ipc.perm.key == key)
			q = &queues[i];
	if (!q)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(key, flags) : -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	return rt_ipc_may(&q->ipc, ((uint32_t)flags >> 6 | (uint32_t)flags >> 3 | (uint32_t)flags) & 7) ? -EACCES : id_of(q);
}

static long sys_msgget(struct rt_thread *t)
{
	hold();
	return let_go(get((int32_t)t->arg[0], t->arg[1]));
}

/* ---- messages ------------------------------------------------------------------------------------------------------------------ */

static void wake_all(const struct rt_thread *t)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		const struct rt_thread *other = &rt_threads[slot];

		if (other != t && atomic_load((_Atomic uint32_t *)(uintptr_t)&other->state) == RT_T_RUNNING &&
		    (other->nr == __NR_msgsnd || other->nr == __NR_msgrcv))
			rt_unpark(slot);
	}
}

/* How it ended, or MUST_WAIT. The table is held. */
static long send(struct rt_thread *t, int64_t type)
{
	const uint64_t size = (uint64_t)t->arg[2];
	struct queue *q = by_id((int32_t)t->arg[0]);
	long r;

	if (!q)
		return t->syscall_scratch[WAITS_ID] ? -EIDRM : -EINVAL;
	if (rt_ipc_may(&q->ipc, IPC_WRITE))
		return -EACCES;
	if (q->row.bytes + size > q->most || q->row.count + 1 > q->most)
		return t->arg[3] & IPC_NOWAIT ? -EAGAIN : MUST_WAIT;
	r = rt_messages_add(&q->row, NULL, (uint64_t)type, (uint64_t)t->arg[1] + sizeof type, size);
	if (r)
		return r;
	q->lspid = rt_pid;
	q->stime = rt_ipc_now();
	return 0;
}

/* Which one msgrcv() means. */
static bool find(const struct queue *q, int64_t type, long flags, struct rt_message *ret)
{
	struct rt_message message = { 0 };
	bool found = false;
	int64_t number = 0;

	while (rt_messages_next(&q->row, &message)) {
		const int64_t key = (int64_t)message.key;

		if (flags & MSG_COPY) {
			if (number++ != type)
				continue;
		} else if (type < 0) {
			if (key > (type == INT64_MIN ? INT64_MAX : -type) || (found && key >= (int64_t)ret->key))
				continue;
		} else if (type && (flags & MSG_EXCEPT ? key == type : key != type)) {
			continue;
		}
		*ret = message;
		found = true;
		if (type >= 0)
			break;
	}
	return found;
}

/* As above. */
static long receive(struct rt_thread *t, int64_t type)
{
	const long flags = t->arg[4];
	struct queue *q = by_id((int32_t)t->arg[0]);
	struct rt_message message;
	long got;

	if (!q)
		return t->syscall_scratch[WAITS_ID] ? -EIDRM : -EINVAL;
	if (rt_ipc_may(&q->ipc, IPC_READ))
		return -EACCES;
	if (!find(q, type, flags, &message))
		return flags & IPC_NOWAIT ? -ENOMSG : MUST_WAIT;
	if (message.size > (uint64_t)t->arg[2] && !(flags & MSG_NOERROR))
		return -E2BIG;
	got = rt_messages_get(&q->row, &message, (uint64_t)t->arg[1] + sizeof message.key, (uint64_t)t->arg[2]);
	if (got >= 0 && rt_app_put((uint64_t)t->arg[1], &message.key, sizeof message.key) < 0)
		got = -EFAULT;
	if (got < 0 || flags & MSG_COPY)
		return got;
	rt_messages_remove(&q->row, &message);
	q->lrpid = rt_pid;
	q->rtime = rt_ipc_now();
	return got;
}

/* Who has to wait is found by its scratch, and looks again when it is woken. Return: true; false: a signal has come. */
static bool wait(struct rt_thread *t)
{
	if (rt_signal_interrupts(t))
		return false;
	rt_park_until(0);
	return true;
}

/* @once: send() or receive(), until it need not wait or a signal comes. */
static long until_done(struct rt_thread *t, long (*once)(struct rt_thread *t, int64_t type), int64_t type)
{
	for (;;) {
		long r;

		hold();
		r = once(t, type);
		t->syscall_scratch[WAITS_ID] = r == MUST_WAIT ? (uint64_t)(int32_t)t->arg[0] + 1 : 0;
		(void)let_go(0);
		if (r != MUST_WAIT)
			return r;
		if (!wait(t)) {
			t->syscall_scratch[WAITS_ID] = 0;
			return -EINTR;
		}
	}
}

static long sys_msgsnd(struct rt_thread *t)
{
	int64_t type;
	long r;

	if (t->arg[2] < 0 || t->arg[2] > (long)MESSAGE_MAX || (int32_t)t->arg[0] < 0)
		return -EINVAL;
	if (rt_app_get(&type, (uint64_t)t->arg[1], sizeof type) < 0)
		return -EFAULT;
	if (type < 1)
		return -EINVAL;
	r = until_done(t, send, type);
	if (!r)
		wake_all(t);
	return r;
}

static long sys_msgrcv(struct rt_thread *t)
{
	const long flags = t->arg[4];
	long r;

	if (t->arg[2] < 0 || (int32_t)t->arg[0] < 0)
		return -EINVAL;
	if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	r = until_done(t, receive, t->arg[3]);
	if (r >= 0 && !(flags & MSG_COPY))
		wake_all(t);
	return r;
}

/* ---- control --------------------------------------------------------------------------------------------------------------------- */

static long facts(long command, uint64_t app)
{
	struct lx_msginfo info = { .pool = (int32_t)(QUEUES_MAX * BYTES_MAX / 1024), .map = (int32_t)BYTES_MAX, .max = (int32_t)MESSAGE_MAX,
		.mnb = (int32_t)BYTES_MAX, .mni = (int32_t)QUEUES_MAX, .ssz = 16, .tql = (int32_t)BYTES_MAX, .seg = UINT16_MAX };
	int32_t used = 0, count = 0, bytes = 0;
	long last = 0, r;

	hold();
	for (uint32_t i = 0; i < end; i++)
		if (queues[i].ipc.used) {
			used++;
			count += (int32_t)queues[i].row.count;
			bytes += (int32_t)queues[i].row.bytes;
			last = (long)i;
		}
	(void)let_go(0);
	if (command == MSG_INFO) {
		info.pool = used;
		info.map = count;
		info.tql = bytes;
	}
	r = rt_app_put(app, &info, sizeof info);
	return r < 0 ? r : last;
}

static long status(long id, long command, uint64_t app)
{
	struct lx_msqid_ds ds = { 0 };
	const struct queue *q;
	long r, result = 0;

	hold();
	q = command == IPC_STAT ? by_id(id) : id < (long)end && queues[id].ipc.used ? &queues[id] : NULL;
	r = !q ? -EINVAL : command == MSG_STAT_ANY ? 0 : rt_ipc_may(&q->ipc, IPC_READ);
	if (!r) {
		ds = (struct lx_msqid_ds){ .perm = q->ipc.perm, .stime = q->stime, .rtime = q->rtime, .ctime = q->ctime, .bytes = q->row.bytes,
			.count = q->row.count, .most = q->most, .lspid = q->lspid, .lrpid = q->lrpid };
		result = command == IPC_STAT ? 0 : id_of(q);
	}
	(void)let_go(0);
	if (!r)
		r = rt_app_put(app, &ds, sizeof ds);
	return r < 0 ? r : result;
}

static long change(long id, long command, const struct lx_msqid_ds *ds)
{
	struct queue *q = by_id(id);
	long r = q ? rt_ipc_owned(&q->ipc) : -EINVAL;

	if (r)
		return r;
	if (command == IPC_RMID) {
		rt_messages_end(&q->row);
		q->ipc.used = false;
		return 0;
	}
	if (ds->most > BYTES_MAX && rt_ids()->euid != 0)
		return -EPERM;
	if (ds->most > rt_image->heap_size / 2)
		return -EINVAL;
	rt_ipc_set(&q->ipc, &ds->perm);
	q->most = ds->most;
	q->ctime = rt_ipc_now();
	return 0;
}

static long sys_msgctl(struct rt_thread *t)
{
	const long id = (int32_t)t->arg[0], command = (int32_t)t->arg[1];
	struct lx_msqid_ds ds = { 0 };
	long r;

	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO: case MSG_INFO:
		return facts(command, (uint64_t)t->arg[2]);
	case IPC_STAT: case MSG_STAT: case MSG_STAT_ANY:
		return status(id, command, (uint64_t)t->arg[2]);
	case IPC_SET:
		if (rt_app_get(&ds, (uint64_t)t->arg[2], sizeof ds) < 0)
			return -EFAULT;
		/* fall through */
	case IPC_RMID:
		hold();
		r = let_go(change(id, command, &ds));
		if (!r)
			wake_all(t);
		return r;
	default:
		return -EINVAL;
	}
}

const struct rt_syscall_entry rt_syscalls_msg[] = {
	{ __NR_msgget, 0, sys_msgget }, { __NR_msgsnd, 0, sys_msgsnd }, { __NR_msgrcv, 0, sys_msgrcv }, { __NR_msgctl, 0, sys_msgctl },
	{ 0, 0, NULL },
};
