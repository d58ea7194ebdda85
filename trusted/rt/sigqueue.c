/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that are pending, with their information: one list for the process and one for each thread, oldest first.
 *
 *     entries[]    | in a list | free ... | never used ...     resident, used from its low end: little is sent in a stop phase
 *     list         first -> next -> ... -> last                index into entries[], 0 ends
 *
 * A real-time signal may be in a list many times and arrives as often, in order. Of another signal the first is kept and the rest are
 * dropped. A timer's signal is an exception: it is always queued, once, and what expires meanwhile is counted (timer.c). Beyond
 * RLIMIT_SIGPENDING the sender is told (EAGAIN). A signal that is no real-time signal and comes from kill() or the kernel is then queued all
 * the same, or arrives without information.
 *
 * Bits of sig_pending and process_pending are set and cleared under the lock, and read without: a bit is set exactly while its
 * signal is in the list, or has come without information.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

struct entry {
	struct rt_siginfo info;
	uint32_t timer;                    /* rt_timer_taken() wants to know; 0: none */
	uint32_t next;
};
struct list { uint32_t first, last; };

#define SPARE 512u      /* for signals that the limit does not hold back */
RT_RESIDENT static struct entry entries[RT_SIGQUEUE_MAX + RT_TIMERS_MAX + SPARE + 1];
RT_RESIDENT static uint32_t first_free, end, queued;         /* queued: those of RLIMIT_SIGPENDING */
RT_RESIDENT static uint32_t limit;
RT_RESIDENT static struct list process_list, thread_lists[OM_SLOTS_MAX];
RT_RESIDENT static struct rt_lock queue_lock;
RT_RESIDENT _Atomic uint64_t rt_process_pending;

static struct list *list_of(const struct rt_thread *t)
{
	return t ? &thread_lists[t->slot] : &process_list;
}

static _Atomic uint64_t *bits_of(struct rt_thread *t)
{
	return t ? (_Atomic uint64_t *)&t->sig_pending : &rt_process_pending;
}

void rt_sigqueue_limit(uint64_t soft_limit)
{
	limit = soft_limit < RT_SIGQUEUE_MAX ? (uint32_t)soft_limit : RT_SIGQUEUE_MAX;
}

/* ---- under the lock ---------------------------------------------------------------------------------------------------- */

static uint32_t entry_new(const struct rt_siginfo *info, uint32_t timer)
{
	bool limited = !timer && (info->signo >= SIG_RT_FIRST || info->code < 0);
	uint32_t at = first_free;

	if (limited && queued >= limit)
		return 0;
	if (at)
		first_free = entries[at].next;
	else if (end < sizeof entries / sizeof entries[0] - 1)
		at = ++end;
	if (at && !timer)
		queued++;
	return at;
}

static void entry_free(uint32_t at)
{
	if (!entries[at].timer)
		queued--;
	entries[at].next = first_free;
	first_free = at;
}

static void append(struct list *list, uint32_t at)
{
	entries[at].next = 0;
	if (list->first)
		entries[list->last].next = at;
	else
		list->first = at;
	list->last = at;
}

/* The first entry of this signal leaves the list: its index, or 0. */
static uint32_t unlink_first(struct list *list, int signo)
{
	uint32_t before = 0, at = list->first;

	while (at && entries[at].info.signo != signo) {
		before = at;
		at = entries[at].next;
	}
	if (!at)
		return 0;
	if (before)
		entries[before].next = entries[at].next;
	else
		list->first = entries[at].next;
	if (list->last == at)
		list->last = before;
	return at;
}

static bool holds(const struct list *list, int signo)
{
	for (uint32_t at = list->first; at; at = entries[at].next)
		if (entries[at].info.signo == signo)
			return true;
	return false;
}

static uint32_t find_timer(const struct list *list, int signo, uint32_t timer)
{
	uint32_t at = list->first;

	while (at && (entries[at].info.signo != signo || (entries[at].timer & 255) != (timer & 255)))
		at = entries[at].next;
	return at;
}

static void drop(struct list *list, int signo)
{
	uint32_t at;

	while ((at = unlink_first(list, signo)) != 0) {
		if (entries[at].timer)
			rt_timer_dropped(entries[at].timer);
		entry_free(at);
	}
}

/* ---- for signal.c and timer.c ------------------------------------------------------------------------------------------ */

enum rt_sigqueue_result rt_sigqueue_add(struct rt_thread *t, const struct rt_siginfo *info, uint32_t timer)
{
	uint64_t bit = SIG_BIT(info->signo);
	_Atomic uint64_t *bits = bits_of(t);
	enum rt_sigqueue_result result = RT_SIGQUEUE_ADDED;
	uint32_t at;

	rt_lock(&queue_lock);
	if (info->signo < SIG_RT_FIRST && !timer && (atomic_load_explicit(bits, memory_order_relaxed) & bit)) {
		result = RT_SIGQUEUE_THERE;
	} else if (timer && (at = find_timer(list_of(t), info->signo, timer)) != 0) {
		entries[at].info = *info;           /* one that nobody would have got any more is good again, in its place */
		entries[at].timer = timer;
	} else if ((at = entry_new(info, timer)) != 0) {
		entries[at].info = *info;
		entries[at].timer = timer;
		append(list_of(t), at);
	} else if (timer || (info->signo >= SIG_RT_FIRST && info->code != SI_USER && info->code != SI_KERNEL)) {
		result = RT_SIGQUEUE_FULL;
	}
	if (result != RT_SIGQUEUE_FULL)
		atomic_fetch_or(bits, bit);
	rt_unlock(&queue_lock);
	return result;
}

/* @ret_timer: whose it is, or 0. */
static bool take_one(struct rt_thread *t, int signo, struct rt_siginfo *ret_info, uint32_t *ret_timer)
{
	struct list *list = list_of(t);
	_Atomic uint64_t *bits = bits_of(t);
	uint32_t at;
	bool pending;

	*ret_timer = 0;
	rt_lock(&queue_lock);
	pending = atomic_load_explicit(bits, memory_order_relaxed) & SIG_BIT(signo);
	at = pending ? unlink_first(list, signo) : 0;
	if (at) {
		*ret_info = entries[at].info;
		*ret_timer = entries[at].timer;
		entry_free(at);
	} else if (pending) {
		*ret_info = (struct rt_siginfo){ .signo = signo, .code = SI_USER };
	}
	if (pending && !holds(list, signo))
		atomic_fetch_and(bits, ~SIG_BIT(signo));
	rt_unlock(&queue_lock);
	return pending;
}

bool rt_sigqueue_take(struct rt_thread *t, int signo, struct rt_siginfo *ret_info)
{
	uint32_t timer, overrun = 0;
	bool pending;

	do
		pending = take_one(t, signo, ret_info, &timer);
	while (pending && timer && !rt_timer_taken(timer, &overrun));
	if (timer)
		ret_info->a |= (uint64_t)overrun << 32;
	if (pending && !t && signo == SIGALRM)
		rt_alarm_taken();
	rt_io_signalfd_told(SIG_BIT(signo), false);
	return pending;
}

void rt_sigqueue_drop(uint64_t bit)
{
	int signo = __builtin_ctzll(bit) + 1;

	rt_lock(&queue_lock);
	drop(&process_list, signo);
	atomic_fetch_and(&rt_process_pending, ~bit);
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		drop(&thread_lists[slot], signo);
		atomic_fetch_and(bits_of(&rt_threads[slot]), ~bit);
	}
	rt_unlock(&queue_lock);
}

void rt_sigqueue_forget(struct rt_thread *t)
{
	struct list *list = list_of(t);

	rt_lock(&queue_lock);
	while (list->first)
		drop(list, entries[list->first].info.signo);
	t->sig_pending = 0;
	rt_unlock(&queue_lock);
}
