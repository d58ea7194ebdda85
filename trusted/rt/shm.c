/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V shared memory within one enclave. A segment is memory of the heap. Its pages are mapped when the segment is attached for the first
 * time, and stay mapped until the segment is removed. So what was written is there when the segment is attached again.
 *
 *     shmget ──► no pages ──shmat──► attached, n times, at one address ──shmdt──► pages without access ──shmat──► ...
 *                                                                    └── removed: the pages are given back
 *
 * No page of an enclave can be at two addresses. So a segment has one address while it exists: whoever attaches it again gets that one, and
 * asking for another is refused (EINVAL). SHM_RDONLY counts while nobody has attached the segment for writing.
 *
 * The table is held across calls of the host, as mapped.c's is; nobody parks while holding it.
 */
#include "rt/internal.h"
#include "rt/ipc.h"
#include "rt/libmem.h"
#include "rt/mapped.h"
#include "rt/mem.h"

#define SEGMENTS_MAX 1024u
#define SHM_RDONLY   010000
#define SHM_RND      020000
#define SHM_REMAP    040000
#define SHM_EXEC     0100000
#define SHM_HUGETLB  04000
#define SHM_DEST     01000
#define SHM_LOCKED   02000
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

struct lx_shmid_ds {
	struct lx_ipc_perm perm;
	uint64_t size;
	int64_t  atime, dtime, ctime;
	int32_t  cpid, lpid;
	uint64_t nattch, unused[2];
};
_Static_assert(sizeof(struct lx_shmid_ds) == 112, "struct shmid_ds");
struct lx_shminfo { uint64_t max, min, mni, seg, all, unused[4]; };
struct lx_shm_info { int32_t used_ids, pad; uint64_t total, resident, swapped, attempts, successes; };

struct segment {
	struct rt_ipc ipc;
	uint64_t size, first, count;           /* first: page, 0: not placed yet */
	int64_t  atime, dtime, ctime;
	int32_t  cpid, lpid;
	uint32_t attached;
	bool     writable;                     /* somebody has attached it for writing */
};
RT_RESIDENT static struct segment segments[SEGMENTS_MAX];
RT_RESIDENT static uint32_t end;               /* those in use lie below */
RT_RESIDENT static _Atomic uint32_t holder;

static void hold(void)
{
	rt_hold(&holder);
}

static long let_go(long result)
{
	rt_let_go(&holder);
	return result;
}

/* ---- segments: the table is held ------------------------------------------------------------------------------------------- */

static struct segment *by_id(long id)
{
	struct segment *s = &segments[rt_ipc_place((int32_t)id) % SEGMENTS_MAX];

	return rt_ipc_place((int32_t)id) < end && rt_ipc_is(&s->ipc, (int32_t)id) ? s : NULL;
}

static struct segment *by_key(int32_t key)
{
	for (uint32_t i = 0; i < end; i++)
		if (segments[i].ipc.used && !segments[i].ipc.nameless && segments[i].ipc.perm.key == key)
			return &segments[i];
	return NULL;
}

static int32_t id_of(const struct segment *s)
{
	return rt_ipc_id(&s->ipc, (uint32_t)(s - segments));
}

static long create(int32_t key, uint64_t size, long flags)
{
	uint32_t place = 0;
	struct segment *s;

	if (size == 0 || size > rt_image->heap_size)
		return -EINVAL;
	if (flags & SHM_HUGETLB)
		return -ENOMEM;                /* there are no huge pages */
	while (place < end && segments[place].ipc.used)
		place++;
	if (place == SEGMENTS_MAX)
		return -ENOSPC;
	s = &segments[place];
	*s = (struct segment){ .ipc = s->ipc, .size = size, .count = rt_page_up(size) >> 12, .ctime = rt_ipc_now(), .cpid = rt_pid };
	rt_ipc_begin(&s->ipc, key, flags);
	if (place == end)
		end++;
	return id_of(s);
}

static void destroy(struct segment *s)
{
	s->ipc.used = false;
	if (s->first)
		rt_mem_unmap(rt_page_address(s->first), s->count << 12);
	s->first = 0;
}

static void detach(struct segment *s)
{
	s->attached--;
	s->dtime = rt_ipc_now();
	s->lpid = rt_pid;
	if (s->attached)
		return;
	if (s->ipc.perm.mode & SHM_DEST) {
		destroy(s);
		return;
	}
	s->writable = false;
	rt_mem_protect(s->first, s->count, 0);
}

/* Pages for it, at `address` if that is not 0. */
static long place(struct segment *s, uint64_t address, long flags)
{
	const uint64_t index = rt_page_index(address);

	if (!address) {
		address = rt_mem_map(s->count << 12, 0);
		s->first = address ? rt_page_index(address) : 0;
		return address ? 0 : -ENOMEM;
	}
	if (!rt_in_heap(address) || !rt_in_heap(address + (s->count << 12) - 1))
		return -EINVAL;
	if (flags & SHM_REMAP)
		return -EINVAL;                /* what is there would have to be given up while the table is held */
	if (!rt_mem_claim_at(index, s->count, 0))
		return -EINVAL;
	s->first = index;
	return 0;
}

static long attach(struct segment *s, uint64_t address, long flags)
{
	const bool writing = !(flags & SHM_RDONLY);
	long r = rt_ipc_may(&s->ipc, writing ? IPC_READ | IPC_WRITE : IPC_READ);

	if (r)
		return r;
	if (s->first && address && address != rt_page_address(s->first)) {
		rt_tell("shmat at a second address is refused (EINVAL): pages of an enclave are at one address");
		return -EINVAL;
	}
	r = s->first ? 0 : place(s, address, flags);
	if (r)
		return r;
	if (!s->attached || (writing && !s->writable))
		rt_mem_protect(s->first, s->count, writing ? RT_PAGE_R | RT_PAGE_W : RT_PAGE_R);
	s->writable = s->writable || writing;
	s->attached++;
	s->atime = rt_ipc_now();
	s->lpid = rt_pid;
	return (long)rt_page_address(s->first);
}

/* ---- for mmap.c ------------------------------------------------------------------------------------------------------------ */

long rt_shm_given_up(uint64_t index, uint64_t count, bool detaching)
{
	if (RT_LIKELY(!__atomic_load_n(&end, __ATOMIC_ACQUIRE)))
		return 0;
	hold();
	for (uint32_t i = 0; i < end; i++) {
		struct segment *s = &segments[i];

		if (!s->ipc.used || !s->first || s->first >= index + count || index >= s->first + s->count)
			continue;
		if (!detaching || s->first != index || s->count != count || !s->attached)
			return let_go(-EINVAL);
		detach(s);
		return let_go(1);
	}
	return let_go(0);
}

/* ---- system calls ------------------------------------------------------------------------------------------------------------ */

static long get(int32_t key, uint64_t size, long flags)
{
	struct segment *s = key == IPC_PRIVATE ? NULL : by_key(key);
	long r;

	if (!s)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(key, size, flags) : -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (size > s->size)
		return -EINVAL;
	r = rt_ipc_may(&s->ipc, (uint32_t)flags & 0777 ? ((uint32_t)flags >> 6 | (uint32_t)flags >> 3 | (uint32_t)flags) & 7 : 0);
	return r ? r : id_of(s);
}

static long sys_shmget(struct rt_thread *t)
{
	hold();
	return let_go(get((int32_t)t->arg[0], (uint64_t)t->arg[1], t->arg[2]));
}

static long sys_shmat(struct rt_thread *t)
{
	uint64_t address = (uint64_t)t->arg[1];
	const long flags = (int32_t)t->arg[2];
	struct segment *s;

	if ((int32_t)t->arg[0] < 0)
		return -EINVAL;
	if (address & (OM_PAGE_SIZE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		address = rt_page_down(address);
	}
	if (flags & SHM_REMAP && !address)
		return -EINVAL;
	if (flags & SHM_EXEC)
		return -EACCES;
	hold();
	s = by_id(t->arg[0]);
	return let_go(s ? attach(s, address, flags) : -EINVAL);
}

static long sys_shmdt(struct rt_thread *t)
{
	const uint64_t address = (uint64_t)t->arg[0];

	if (address & (OM_PAGE_SIZE - 1))
		return -EINVAL;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (segments[i].ipc.used && segments[i].attached && rt_page_address(segments[i].first) == address) {
			detach(&segments[i]);
			return let_go(0);
		}
	return let_go(-EINVAL);
}

static struct lx_shmid_ds describe(const struct segment *s)
{
	struct lx_shmid_ds ds = { .perm = s->ipc.perm, .size = s->size, .atime = s->atime, .dtime = s->dtime, .ctime = s->ctime, .cpid = s->cpid,
		.lpid = s->lpid, .nattch = s->attached };

	/* A key that finds nothing any more is told as IPC_PRIVATE. */
	if (s->ipc.nameless)
		ds.perm.key = IPC_PRIVATE;
	return ds;
}

static long facts(long command, uint64_t app)
{
	const struct lx_shminfo limits = { rt_image->heap_size, 1, SEGMENTS_MAX, SEGMENTS_MAX, rt_image->heap_size >> 12, { 0 } };
	struct lx_shm_info now = { 0 };
	long last = 0, r;

	hold();
	for (uint32_t i = 0; i < end; i++)
		if (segments[i].ipc.used) {
			now.used_ids++;
			now.total += segments[i].count;
			now.resident += segments[i].first ? segments[i].count : 0;
			last = (long)i;
		}
	(void)let_go(0);
	r = command == IPC_INFO ? rt_app_put(app, &limits, sizeof limits) : rt_app_put(app, &now, sizeof now);
	return r < 0 ? r : last;
}

static long status(long id, long command, uint64_t app)
{
	const bool by_place = command != IPC_STAT;
	struct lx_shmid_ds ds;
	struct segment *s;
	long r, result = 0;

	hold();
	s = !by_place ? by_id(id) : id >= 0 && id < (long)end && segments[id].ipc.used ? &segments[id] : NULL;
	r = !s ? -EINVAL : command == SHM_STAT_ANY ? 0 : rt_ipc_may(&s->ipc, IPC_READ);
	if (!r) {
		ds = describe(s);
		result = by_place ? id_of(s) : 0;
	}
	(void)let_go(0);
	if (!r)
		r = rt_app_put(app, &ds, sizeof ds);
	return r < 0 ? r : result;
}

static long change(long id, long command, const struct lx_shmid_ds *ds)
{
	struct segment *s = by_id(id);
	long r = s ? rt_ipc_owned(&s->ipc) : -EINVAL;

	if (r)
		return r;
	switch (command) {
	case IPC_SET:
		rt_ipc_set(&s->ipc, &ds->perm);
		s->ctime = rt_ipc_now();
		break;
	case IPC_RMID:
		s->ipc.perm.mode |= SHM_DEST;
		s->ipc.nameless = true;
		if (!s->attached)
			destroy(s);
		break;
	case SHM_LOCK:
		s->ipc.perm.mode |= SHM_LOCKED;
		break;
	default:
		s->ipc.perm.mode &= ~(uint32_t)SHM_LOCKED;
		break;
	}
	return 0;
}

static long sys_shmctl(struct rt_thread *t)
{
	const long id = (int32_t)t->arg[0], command = (int32_t)t->arg[1];
	struct lx_shmid_ds ds = { 0 };

	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO: case SHM_INFO:
		return facts(command, (uint64_t)t->arg[2]);
	case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY:
		return status(id, command, (uint64_t)t->arg[2]);
	case IPC_SET:
		if (rt_app_get(&ds, (uint64_t)t->arg[2], sizeof ds) < 0)
			return -EFAULT;
		/* fall through */
	case IPC_RMID: case SHM_LOCK: case SHM_UNLOCK:
		hold();
		return let_go(change(id, command, &ds));
	default:
		return -EINVAL;
	}
}

const struct rt_syscall_entry rt_syscalls_shm[] = {
	{ __NR_shmget, 0, sys_shmget }, { __NR_shmat, 0, sys_shmat }, { __NR_shmdt, 0, sys_shmdt }, { __NR_shmctl, 0, sys_shmctl },
	{ 0, 0, NULL },
};
