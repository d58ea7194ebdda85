/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes. The queues are here; the host only parks and unparks threads.
 *
 *     bucket = hash of the address:  head -> slot -> slot -> ...   (futex_next, futex_prev in rt_thread)
 *
 * A waiter first queues itself, then looks at the word: a waker changes the word first and looks at the queue then, so
 * one of the two sees the other. (No lock may be held while the word is read: it is application memory.) A waiter that
 * finds the word changed after somebody has woken it takes that as its wake-up.
 *
 * Being queued and having been woken are in rt_thread and survive a stop: when the system call is run again it finds
 * out where it was.
 */
#include "rt/internal.h"

#define BUCKETS 256u
#define WAKE_BATCH 32u

struct bucket { struct rt_lock lock; uint32_t head; };   /* head: slot + 1, 0 none */
RT_RESIDENT static struct bucket buckets[BUCKETS];

static struct bucket *bucket_of(uint64_t address)
{
	return &buckets[(address >> 2 ^ address >> 10 ^ address >> 18) % BUCKETS];
}

static struct rt_thread *thread_at(uint32_t link)
{
	return link ? &rt_threads[link - 1] : NULL;
}

static void enqueue(struct bucket *b, struct rt_thread *t, uint64_t address)
{
	uint32_t *at = &b->head, previous = 0;

	while (*at) { /* at the end: first come, first served */
		previous = *at;
		at = &thread_at(*at)->futex_next;
	}
	t->futex_prev = previous;
	t->futex_next = 0;
	*at = t->slot + 1;
	t->futex_addr = address;
}

static void dequeue(struct bucket *b, struct rt_thread *t)
{
	if (t->futex_prev)
		thread_at(t->futex_prev)->futex_next = t->futex_next;
	else
		b->head = t->futex_next;
	if (t->futex_next)
		thread_at(t->futex_next)->futex_prev = t->futex_prev;
	t->futex_addr = 0;
}

/* Takes a thread off whatever queue it is on by now (it may have been requeued). True if it had been woken instead. */
static bool leave_queue(struct rt_thread *t)
{
	for (;;) {
		uint64_t address = atomic_load((_Atomic uint64_t *)&t->futex_addr);
		struct bucket *b = bucket_of(address);
		bool same;

		if (!address)
			break;
		rt_lock(&b->lock);
		same = t->futex_addr == address;
		if (same)
			dequeue(b, t);
		rt_unlock(&b->lock);
		if (same)
			break;
	}
	return atomic_load((_Atomic uint32_t *)&t->futex_woken);
}

static long wait_done(struct rt_thread *t, long result)
{
	if (leave_queue(t))
		result = 0;
	t->futex_woken = 0;
	return result;
}

static long futex_wait(struct rt_thread *t, uint64_t address, uint32_t value, uint32_t bits)
{
	struct bucket *b = bucket_of(address);

	if (bits == 0)
		return -EINVAL;
	if (!t->futex_addr && !t->futex_woken) {
		uint32_t seen;

		t->futex_bits = bits;
		rt_lock(&b->lock);
		enqueue(b, t, address);
		rt_unlock(&b->lock); /* a full barrier comes with the next atomic operation of a waker */
		atomic_thread_fence(memory_order_seq_cst);
		if (rt_app_get(&seen, address, sizeof seen) < 0)
			return wait_done(t, -EFAULT);
		if (seen != value)
			return wait_done(t, -EAGAIN);
	}
	for (;;) {
		if (atomic_load((_Atomic uint32_t *)&t->futex_woken))
			return wait_done(t, 0);
		if (t->deadline_ns && rt_monotonic_ns() >= t->deadline_ns)
			return wait_done(t, -ETIMEDOUT);
		if (rt_signal_interrupts(t))
			return wait_done(t, -EINTR);
		rt_park_until(t->deadline_ns);
	}
}

/* Wakes up to `count` waiters; their slots in `slots`. */
static uint32_t take_waiters(struct bucket *b, uint64_t address, uint32_t count, uint32_t bits, uint32_t slots[WAKE_BATCH])
{
	struct rt_thread *t, *next;
	uint32_t taken = 0;

	for (t = thread_at(b->head); t && taken < count && taken < WAKE_BATCH; t = next) {
		next = thread_at(t->futex_next);
		if (t->futex_addr != address || !(t->futex_bits & bits))
			continue;
		dequeue(b, t);
		slots[taken++] = t->slot;
		/* Last: from here on the waiter may go its way. */
		atomic_store_explicit((_Atomic uint32_t *)&t->futex_woken, 1, memory_order_release);
	}
	return taken;
}

long rt_futex_wake(uint64_t address, uint32_t count, uint32_t bits)
{
	struct bucket *b = bucket_of(address);
	uint32_t slots[WAKE_BATCH], taken, woken = 0;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit((_Atomic uint32_t *)&b->head, memory_order_relaxed))
		return 0;
	do {
		rt_lock(&b->lock);
		taken = take_waiters(b, address, count - woken, bits, slots);
		rt_unlock(&b->lock);
		for (uint32_t i = 0; i < taken; i++)
			rt_unpark(slots[i]);
		woken += taken;
	} while (taken == WAKE_BATCH && woken < count);
	return woken;
}

static void lock_both(struct bucket *a, struct bucket *b)
{
	rt_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		rt_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct bucket *a, struct bucket *b)
{
	rt_unlock(&a->lock);
	if (a != b)
		rt_unlock(&b->lock);
}

static long futex_requeue(uint64_t from, uint32_t wake, uint32_t move, uint64_t to)
{
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	struct rt_thread *t, *next;
	long woken = rt_futex_wake(from, wake, ~0u);
	uint32_t moved = 0;

	lock_both(a, b);
	for (t = thread_at(a->head); t && moved < move; t = next) {
		next = thread_at(t->futex_next);
		if (t->futex_addr != from || from == to)
			continue;
		dequeue(a, t);
		enqueue(b, t, to);
		moved++;
	}
	unlock_both(a, b);
	return woken + moved;
}

long rt_deadline(struct rt_thread *t, uint64_t timeout, bool relative, bool realtime)
{
	int64_t ns, now = rt_monotonic_ns();
	long r;

	if (!timeout || t->deadline_ns)
		return 0; /* none, or this is not the first run */
	r = rt_timespec_get(timeout, &ns);
	if (r < 0)
		return r;
	if (relative)
		ns = ns > INT64_MAX - now ? INT64_MAX : ns + now;
	else if (realtime && __builtin_add_overflow(ns - rt_realtime_ns(), now, &ns))
		ns = INT64_MAX;
	t->deadline_ns = ns > 0 ? ns : 1;
	return 0;
}

/* ---- mutexes whose word says who has them (FUTEX_LOCK_PI) -------------------------------------------------------------------- */

/*
 * The word is changed by the program, too, so only by compare and exchange. Who waits stands in the queue before the word says so; who
 * unlocks takes the first one off, writes it into the word and wakes it. futex_woken is HANDED_OVER meanwhile: a waiter that runs out of
 * time then waits for those few instructions.
 *
 * Priorities are the host's to give, and are not lent.
 */
#define HANDED_OVER 2u

struct exchange { uint32_t *word, before, after; bool done; };

static void store_exchange(void *argument)
{
	struct exchange *x = argument;

	x->done = __atomic_compare_exchange_n(x->word, &x->before, x->after, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* From *seen to `after`; false: *seen is what is there. Return: 0 or -EFAULT. */
static long exchange(uint64_t address, uint32_t *seen, uint32_t after, bool *ret_done)
{
	struct exchange x = { (uint32_t *)address, *seen, after, false };
	long r = rt_app_store(address, sizeof(uint32_t), store_exchange, &x);

	*seen = x.before;
	*ret_done = r == 0 && x.done;
	return r;
}

/* Takes it if nobody has it: 1. 0: *ret_seen has an owner, or -errno. */
static long take_free(const struct rt_thread *t, uint64_t address, uint32_t *ret_seen)
{
	uint32_t seen = 0;
	bool done;

	for (;;) {
		long r = exchange(address, &seen, (seen & FUTEX_OWNER_DIED) | (uint32_t)t->tid, &done);

		if (r < 0 || done)
			return r < 0 ? r : 1;
		if (seen & FUTEX_TID_MASK)
			break;
	}
	*ret_seen = seen;
	return (seen & FUTEX_TID_MASK) == (uint32_t)t->tid ? -EDEADLK : 0;
}

/* Off the queue; true if the mutex was handed over to us just before. */
static bool leave_pi(struct rt_thread *t)
{
	const bool handed = leave_queue(t);

	while (handed && atomic_load((_Atomic uint32_t *)&t->futex_woken) == HANDED_OVER)
		rt_yield();
	t->futex_woken = 0;
	return handed;
}

static bool owns(const struct rt_thread *t, uint64_t address)
{
	uint32_t seen;

	return rt_app_get(&seen, address, sizeof seen) == 0 && (seen & FUTEX_TID_MASK) == (uint32_t)t->tid;
}

/* In the queue, and the word says that somebody is; 1: it is ours. */
static long announce(struct rt_thread *t, uint64_t address, uint32_t seen)
{
	struct bucket *b = bucket_of(address);
	bool done = false;
	long r = 0;

	t->futex_bits = ~0u;
	rt_lock(&b->lock);
	enqueue(b, t, address);
	rt_unlock(&b->lock);
	while (r == 0 && !done && seen & FUTEX_TID_MASK)
		r = exchange(address, &seen, seen | FUTEX_WAITERS, &done);
	if (r == 0 && done)
		return 0;
	return leave_pi(t) && owns(t, address) ? 1 : r < 0 ? r : -EAGAIN;
}

static long lock_pi(struct rt_thread *t, uint64_t address)
{
	for (;;) {
		uint32_t seen = 0;
		long r = 0;

		if (!t->futex_addr && !t->futex_woken) {
			r = take_free(t, address, &seen);
			if (r == 0)
				r = announce(t, address, seen);
			if (r == -EAGAIN)
				continue;
			if (r)
				return r < 0 ? r : 0;
		}
		while (atomic_load((_Atomic uint32_t *)&t->futex_woken) != 1 && r == 0) {
			if (t->deadline_ns && rt_monotonic_ns() >= t->deadline_ns)
				r = -ETIMEDOUT;
			else if (rt_signal_interrupts(t))
				r = -EINTR;
			else
				rt_park_until(t->deadline_ns);
		}
		if (leave_pi(t) && owns(t, address))
			return 0;
		if (r < 0)
			return r;
	}
}

/* The first waiter, off its queue; NULL: there is none. */
static struct rt_thread *first_waiter(struct bucket *b, uint64_t address, bool *ret_more)
{
	struct rt_thread *found = NULL;

	*ret_more = false;
	rt_lock(&b->lock);
	for (struct rt_thread *t = thread_at(b->head), *next; t && !*ret_more; t = next) {
		next = thread_at(t->futex_next);
		if (t->futex_addr != address)
			continue;
		*ret_more = found != NULL;
		if (found)
			break;
		found = t;
		atomic_store_explicit((_Atomic uint32_t *)&t->futex_woken, HANDED_OVER, memory_order_release);
		dequeue(b, t);
	}
	rt_unlock(&b->lock);
	return found;
}

static long unlock_pi(struct rt_thread *t, uint64_t address)
{
	struct rt_thread *next;
	bool more, done = false;
	uint32_t seen, slot;
	long r = rt_app_get(&seen, address, sizeof seen);

	if (r < 0)
		return r;
	if ((seen & FUTEX_TID_MASK) != (uint32_t)t->tid)
		return -EPERM;
	next = first_waiter(bucket_of(address), address, &more);
	while (r == 0 && !done)
		r = exchange(address, &seen, next ? (uint32_t)next->tid | (more ? FUTEX_WAITERS : 0) : 0, &done);
	if (next) {
		slot = next->slot;
		atomic_store_explicit((_Atomic uint32_t *)&next->futex_woken, 1, memory_order_release);
		rt_unpark(slot);
	}
	return r;
}

static uint32_t wake_count(long count)
{
	return (int32_t)count < 0 ? 0x7fffffffu : (uint32_t)count;
}

static long sys_futex(struct rt_thread *t)
{
	uint64_t address = (uint64_t)t->arg[0], second = (uint64_t)t->arg[4];
	uint32_t value3 = (uint32_t)t->arg[5], seen;
	long operation = t->arg[1] & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), r;

	if ((address & 3) || !rt_app_range_ok(address, 4, false))
		return (address & 3) ? -EINVAL : -EFAULT;
	switch (operation) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		r = rt_deadline(t, (uint64_t)t->arg[3], operation == FUTEX_WAIT, t->arg[1] & FUTEX_CLOCK_REALTIME);
		return r < 0 ? r : futex_wait(t, address, (uint32_t)t->arg[2], operation == FUTEX_WAIT ? ~0u : value3);
	case FUTEX_WAKE:
		return rt_futex_wake(address, wake_count(t->arg[2]), ~0u);
	case FUTEX_WAKE_BITSET:
		return value3 ? rt_futex_wake(address, wake_count(t->arg[2]), value3) : -EINVAL;
	case FUTEX_CMP_REQUEUE:
		if (rt_app_get(&seen, address, sizeof seen) < 0)
			return -EFAULT;
		if (seen != value3)
			return -EAGAIN;
		return futex_requeue(address, wake_count(t->arg[2]), wake_count(t->arg[3]), second);
	case FUTEX_REQUEUE:
		return futex_requeue(address, wake_count(t->arg[2]), wake_count(t->arg[3]), second);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		r = rt_deadline(t, (uint64_t)t->arg[3], false, operation == FUTEX_LOCK_PI || t->arg[1] & FUTEX_CLOCK_REALTIME);
		return r < 0 ? r : lock_pi(t, address);
	case FUTEX_TRYLOCK_PI:
		r = take_free(t, address, &seen);
		return r == 0 ? -EAGAIN : r < 0 ? r : 0;
	case FUTEX_UNLOCK_PI:
		return unlock_pi(t, address);
	default:
		return -ENOSYS; /* among them requeueing to such a mutex: libc does without */
	}
}

const struct rt_syscall_entry rt_syscalls_futex[] = {
	{ __NR_futex, RT_SYS_INSIDE, sys_futex },
	{ 0, 0, NULL },
};
