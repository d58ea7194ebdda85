/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlock and its kin. The host decides whether enclave memory is paged out. The runtime keeps which memory the program has
 * locked, because other calls answer differently for locked memory: msync(MS_INVALIDATE) with EBUSY, madvise(MADV_DONTNEED) with EINVAL.
 *
 * The table has ranges of pages that neither overlap nor touch. A range for which there is no room is not kept. The calls then answer
 * as for memory that is not locked.
 */
#include "rt/internal.h"
#include "rt/mem.h"

#define RANGES_MAX 512u

struct range { uint64_t first, last; };              /* last: behind it */

RT_RESIDENT static struct range ranges[RANGES_MAX];
RT_RESIDENT static uint32_t count;
RT_RESIDENT static bool future;
RT_RESIDENT static struct rt_lock memlock_lock;

static void take_out(uint32_t i)
{
	ranges[i] = ranges[--count];
}

static void add(uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < count;) {
		if (ranges[i].first > last || first > ranges[i].last) {
			i++;
			continue;
		}
		first = ranges[i].first < first ? ranges[i].first : first;
		last = ranges[i].last > last ? ranges[i].last : last;
		take_out(i);
	}
	if (count < RANGES_MAX)
		ranges[count++] = (struct range){ first, last };
}

static void subtract(uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < count;) {
		struct range r = ranges[i];

		if (r.first >= last || first >= r.last) {
			i++;
			continue;
		}
		take_out(i);
		if (r.first < first)
			add(r.first, first);
		if (last < r.last)
			add(last, r.last);
		i = 0;
	}
}

void rt_memlock_set(uint64_t index, uint64_t pages, bool locked)
{
	if (!locked && !__atomic_load_n(&count, __ATOMIC_RELAXED))
		return;
	rt_lock(&memlock_lock);
	if (locked)
		add(index, index + pages);
	else
		subtract(index, index + pages);
	rt_unlock(&memlock_lock);
}

void rt_memlock_new(uint64_t index, uint64_t pages)
{
	rt_memlock_set(index, pages, __atomic_load_n(&future, __ATOMIC_RELAXED));
}

void rt_memlock_future(bool locked)
{
	__atomic_store_n(&future, locked, __ATOMIC_RELAXED);
}

uint64_t rt_memlock_bytes(void)
{
	uint64_t pages = 0;

	rt_lock(&memlock_lock);
	for (uint32_t i = 0; i < count; i++)
		pages += ranges[i].last - ranges[i].first;
	rt_unlock(&memlock_lock);
	return pages << 12;
}

bool rt_memlock_any(uint64_t index, uint64_t pages)
{
	bool any = false;

	if (!__atomic_load_n(&count, __ATOMIC_RELAXED))
		return false;
	rt_lock(&memlock_lock);
	for (uint32_t i = 0; i < count; i++)
		any |= ranges[i].first < index + pages && index < ranges[i].last;
	rt_unlock(&memlock_lock);
	return any;
}
