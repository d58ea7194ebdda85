/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V semaphores within one enclave. A thread that has to wait looks again whenever a value has changed or a set is gone. What the thread waits for
 * is in its scratch, for GETNCNT and GETZCNT. All else is in its stored system call, so that the thread waits on after a migration.
 *
 * SEM_UNDO is accepted and does nothing: a set lives no longer than the only process that could leave something to undo.
 */
#include "rt/internal.h"
#include "rt/ipc.h"
#include "rt/libmem.h"

#define SETS_MAX   1024u
#define VALUES_MAX 32768u
#define SET_MAX    1000u               /* semaphores of a set */
#define OPS_MAX    500u
#define VALUE_MAX  32767
#define GETPID 11
#define GETVAL 12
#define GETALL 13
#define GETNCNT 14
#define GETZCNT 15
#define SETVAL 16
#define SETALL 17
#define SEM_STAT 18
#define SEM_INFO 19
#define SEM_STAT_ANY 20

struct lx_sembuf { uint16_t number; int16_t op, flags; };
struct lx_semid_ds {
	struct lx_ipc_perm perm;
	int64_t  otime;
	uint64_t unused1;
	int64_t  ctime;
	uint64_t unused2, count, unused3[2];
};
_Static_assert(sizeof(struct lx_semid_ds) == 104, "struct semid_ds");
struct lx_seminfo { int32_t map, mni, mns, mnu, msl, opm, ume, usz, vmx, aem; };

struct set {
	struct rt_ipc ipc;
	uint32_t first, count;         /* of values[] */
	int64_t  otime, ctime;
};
struct value { uint16_t now; uint16_t pad; int32_t pid; };
RT_RESIDENT static struct set sets[SETS_MAX];
RT_RESIDENT static struct value values[VALUES_MAX];
RT_RESIDENT static uint32_t end;
RT_LOCAL static struct rt_lock sem_lock;

/* What a waiting thread's scratch says. */
enum { WAITS_ID, WAITS_NUMBER };
#define WAITS_FOR_ZERO (1ULL << 32)

/* ---- sets: under the lock ------------------------------------------------------------------------------------------------- */

static struct set *by_id(long id)
{
	struct set *s = &sets[rt_ipc_place((int32_t)id) % SETS_MAX];

	return rt_ipc_place((int32_t)id) < end && rt_ipc_is(&s->ipc, (int32_t)id) ? s : NULL;
}

static int32_t id_of(const struct set *s)
{
	return rt_ipc_id(&s->ipc, (uint32_t)(s - sets));
}

/* So many values in a row that no set has; VALUES_MAX: there are none. */
static uint32_t find_values(uint32_t count)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < end; i++)
		if (sets[i].ipc.used && at < sets[i].first + sets[i].count && sets[i].first < at + count) {
			at = sets[i].first + sets[i].count;
			i = ~0u;       /* from the beginning */
		}
	return count <= VALUES_MAX - at ? at : VALUES_MAX;
}

static long create(int32_t key, uint32_t count, long flags)
{
	uint32_t place = 0, first;
	struct set *s;

	if (count == 0)
		return -EINVAL;
	first = find_values(count);
	while (place < end && sets[place].ipc.used)
		place++;
	if (place == SETS_MAX || first == VALUES_MAX)
		return -ENOSPC;
	s = &sets[place];
	*s = (struct set){ .ipc = s->ipc, .first = first, .count = count };
	rt_ipc_begin(&s->ipc, key, flags);
	memset(&values[first], 0, count * sizeof *values);
	if (place == end)
		end++;
	return id_of(s);
}

static long get(int32_t key, uint32_t count, long flags)
{
	struct set *s = NULL;

	for (uint32_t i = 0; i < end && key != IPC_PRIVATE; i++)
		if (sets[i].ipc.used && !sets[i].ipc.nameless && sets[i].ipc.perm.key == key)
			s = &sets[i];
	if (!s)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(key, count, flags) : -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (count > s->count)
		return -EINVAL;
	return rt_ipc_may(&s->ipc, ((uint32_t)flags >> 6 | (uint32_t)flags >> 3 | (uint32_t)flags) & 7) ? -EACCES : id_of(s);
}

static long sys_semget(struct rt_thread *t)
{
	int64_t now = rt_ipc_now();
	long id;

	if ((int32_t)t->arg[1] < 0 || (uint32_t)t->arg[1] > SET_MAX)
		return -EINVAL;
	rt_lock(&sem_lock);
	id = get((int32_t)t->arg[0], (uint32_t)t->arg[1], t->arg[2]);
	if (id >= 0 && !by_id(id)->ctime)
		by_id(id)->ctime = now;
	rt_unlock(&sem_lock);
	return id;
}

/* ---- operations ------------------------------------------------------------------------------------------------------------- */

/* All of them, or none: 0, 1 if the one in *ret_op has to wait, -ERANGE. */
static long apply(struct set *s, const struct lx_sembuf *ops, uint32_t count, uint32_t *ret_op)
{
	struct value *v = values + s->first;
	uint32_t done;
	long r = 0;

	for (done = 0; done < count; done++) {
		int32_t now = v[ops[done].number].now, next = now + ops[done].op;

		r = ops[done].op == 0 ? now != 0 : next < 0 ? 1 : next > VALUE_MAX ? -ERANGE : 0;
		if (r)
			break;
		v[ops[done].number].now = (uint16_t)next;
	}
	*ret_op = done;
	for (uint32_t i = 0; !r && i < count; i++)
		v[ops[i].number].pid = rt_pid;
	while (r && done-- > 0)
		v[ops[done].number].now = (uint16_t)(v[ops[done].number].now - ops[done].op);
	return r;
}

static void wake_all(const struct rt_thread *t)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		const struct rt_thread *other = &rt_threads[slot];

		if (other != t && atomic_load((_Atomic uint32_t *)(uintptr_t)&other->state) == RT_T_RUNNING &&
		    (other->nr == __NR_semop || other->nr == __NR_semtimedop))
			rt_unpark(slot);
	}
}

static long check(const struct set *s, const struct lx_sembuf *ops, uint32_t count)
{
	bool writing = false;

	for (uint32_t i = 0; i < count; i++) {
		if (ops[i].number >= s->count)
			return -EFBIG;
		writing = writing || ops[i].op != 0;
	}
	return rt_ipc_may(&s->ipc, writing ? IPC_WRITE : IPC_READ);
}

/* Once: what apply() says, or an error. */
static long try(struct rt_thread *t, const struct lx_sembuf *ops, uint32_t count)
{
	const bool again = t->syscall_scratch[WAITS_ID] != 0;
	const int64_t now = rt_ipc_now();
	struct set *s;
	uint32_t op;
	long r;

	rt_lock(&sem_lock);
	s = by_id((int32_t)t->arg[0]);
	r = s ? check(s, ops, count) : again ? -EIDRM : -EINVAL;
	if (!r)
		r = apply(s, ops, count, &op);
	if (r == 0)
		s->otime = now;
	if (r == 1 && ops[op].flags & IPC_NOWAIT)
		r = -EAGAIN;
	t->syscall_scratch[WAITS_ID] = r == 1 ? (uint64_t)id_of(s) + 1 : 0;
	t->syscall_scratch[WAITS_NUMBER] = r == 1 ? ops[op].number | (ops[op].op ? 0 : WAITS_FOR_ZERO) : 0;
	rt_unlock(&sem_lock);
	return r;
}

static bool changes(const struct lx_sembuf *ops, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (ops[i].op)
			return true;
	return false;
}

static long operate(struct rt_thread *t)
{
	struct lx_sembuf ops[OPS_MAX];
	const uint32_t count = (uint32_t)t->arg[2];
	long r;

	if (t->arg[2] < 1 || (int32_t)t->arg[0] < 0)
		return -EINVAL;
	if (t->arg[2] > OPS_MAX)
		return -E2BIG;
	if (rt_app_get(ops, (uint64_t)t->arg[1], count * sizeof *ops) < 0)
		return -EFAULT;
	while ((r = try(t, ops, count)) == 1) {
		if (t->deadline_ns && rt_monotonic_ns() >= t->deadline_ns)
			r = -EAGAIN;
		else if (rt_signal_interrupts(t))
			r = -EINTR;
		if (r < 0)
			break;
		rt_park_until(t->deadline_ns);
	}
	t->syscall_scratch[WAITS_ID] = 0;
	if (r == 0 && changes(ops, count))
		wake_all(t);
	return r;
}

static long sys_semop(struct rt_thread *t)
{
	return operate(t);
}

static long sys_semtimedop(struct rt_thread *t)
{
	int64_t ns;

	if (t->arg[3] && !t->deadline_ns) {
		long r = rt_timespec_get((uint64_t)t->arg[3], &ns);

		if (r < 0)
			return r;
		if (__builtin_add_overflow(rt_monotonic_ns(), ns, &t->deadline_ns))
			t->deadline_ns = INT64_MAX;
	}
	return operate(t);
}

/* ---- control ------------------------------------------------------------------------------------------------------------------ */

/* Context: sem_lock. */
static long waiters(long id, uint32_t number, bool for_zero)
{
	const uint64_t wanted = number | (for_zero ? WAITS_FOR_ZERO : 0);
	long count = 0;

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		const struct rt_thread *t = &rt_threads[slot];

		count += (t->nr == __NR_semop || t->nr == __NR_semtimedop) && t->syscall_scratch[WAITS_ID] == (uint64_t)id + 1 &&
			t->syscall_scratch[WAITS_NUMBER] == wanted;
	}
	return count;
}

static long one(long id, uint32_t number, long command, long argument, int64_t now)
{
	struct set *s = by_id(id);
	struct value *v;
	long r = s ? rt_ipc_may(&s->ipc, command == SETVAL ? IPC_WRITE : IPC_READ) : -EINVAL;

	if (r)
		return r;
	if (number >= s->count)
		return -EINVAL;
	v = &values[s->first + number];
	switch (command) {
	case GETVAL:  return v->now;
	case GETPID:  return v->pid;
	case GETNCNT: return waiters(id, number, false);
	case GETZCNT: return waiters(id, number, true);
	default:
		if (argument < 0 || argument > VALUE_MAX)
			return -ERANGE;
		v->now = (uint16_t)argument;
		v->pid = rt_pid;
		s->ctime = now;
		return 0;
	}
}

static long all(long id, long command, uint64_t app)
{
	uint16_t list[SET_MAX];
	uint32_t count = 0;
	struct set *s;
	long r;

	rt_lock(&sem_lock);
	s = by_id(id);
	r = s ? rt_ipc_may(&s->ipc, command == SETALL ? IPC_WRITE : IPC_READ) : -EINVAL;
	count = r ? 0 : s->count;
	for (uint32_t i = 0; i < count; i++)
		list[i] = values[s->first + i].now;
	rt_unlock(&sem_lock);
	if (r || command == GETALL)
		return r ? r : rt_app_put(app, list, count * sizeof *list);
	if (rt_app_get(list, app, count * sizeof *list) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < count; i++)
		if (list[i] > VALUE_MAX)
			return -ERANGE;
	rt_lock(&sem_lock);
	s = by_id(id);
	r = s ? 0 : -EIDRM;
	for (uint32_t i = 0; !r && i < count; i++)
		values[s->first + i] = (struct value){ .now = list[i], .pid = rt_pid };
	rt_unlock(&sem_lock);
	return r;
}

static long status(long id, long command, uint64_t app)
{
	struct lx_semid_ds ds = { 0 };
	long r, result = 0;
	struct set *s;

	rt_lock(&sem_lock);
	s = command == IPC_STAT ? by_id(id) : id < (long)end && sets[id].ipc.used ? &sets[id] : NULL;
	r = !s ? -EINVAL : command == SEM_STAT_ANY ? 0 : rt_ipc_may(&s->ipc, IPC_READ);
	if (!r) {
		ds = (struct lx_semid_ds){ .perm = s->ipc.perm, .otime = s->otime, .ctime = s->ctime, .count = s->count };
		result = command == IPC_STAT ? 0 : id_of(s);
	}
	rt_unlock(&sem_lock);
	if (!r)
		r = rt_app_put(app, &ds, sizeof ds);
	return r < 0 ? r : result;
}

static long facts(long command, uint64_t app)
{
	struct lx_seminfo info = { VALUES_MAX, SETS_MAX, VALUES_MAX, VALUES_MAX, SET_MAX, OPS_MAX, OPS_MAX, 0, VALUE_MAX, VALUE_MAX };
	int32_t used = 0, total = 0;
	long last = 0, r;

	rt_lock(&sem_lock);
	for (uint32_t i = 0; i < end; i++)
		if (sets[i].ipc.used) {
			used++;
			total += (int32_t)sets[i].count;
			last = (long)i;
		}
	rt_unlock(&sem_lock);
	if (command == SEM_INFO) {
		info.usz = used;
		info.aem = total;
	}
	r = rt_app_put(app, &info, sizeof info);
	return r < 0 ? r : last;
}

static long change(long id, long command, const struct lx_ipc_perm *perm, int64_t now)
{
	struct set *s = by_id(id);
	long r = s ? rt_ipc_owned(&s->ipc) : -EINVAL;

	if (r)
		return r;
	if (command == IPC_RMID) {
		s->ipc.used = false;
		return 0;
	}
	rt_ipc_set(&s->ipc, perm);
	s->ctime = now;
	return 0;
}

static long sys_semctl(struct rt_thread *t)
{
	const long id = (int32_t)t->arg[0], command = (int32_t)t->arg[2];
	const int64_t now = rt_ipc_now();
	struct lx_semid_ds ds = { 0 };
	long r;

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO: case SEM_INFO:
		return facts(command, (uint64_t)t->arg[3]);
	case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
		return status(id, command, (uint64_t)t->arg[3]);
	case GETALL: case SETALL:
		r = all(id, command, (uint64_t)t->arg[3]);
		break;
	case GETVAL: case GETPID: case GETNCNT: case GETZCNT: case SETVAL:
		rt_lock(&sem_lock);
		r = one(id, (uint32_t)t->arg[1], command, (int32_t)t->arg[3], now);
		rt_unlock(&sem_lock);
		break;
	case IPC_SET:
		if (rt_app_get(&ds, (uint64_t)t->arg[3], sizeof ds) < 0)
			return -EFAULT;
		/* fall through */
	case IPC_RMID:
		rt_lock(&sem_lock);
		r = change(id, command, &ds.perm, now);
		rt_unlock(&sem_lock);
		break;
	default:
		return -EINVAL;
	}
	if (r >= 0 && (command == SETVAL || command == SETALL || command == IPC_RMID))
		wake_all(t);
	return r;
}

const struct rt_syscall_entry rt_syscalls_sem[] = {
	{ __NR_semget, 0, sys_semget }, { __NR_semop, 0, sys_semop }, { __NR_semtimedop, 0, sys_semtimedop }, { __NR_semctl, 0, sys_semctl },
	{ 0, 0, NULL },
};
