/* SPDX-License-Identifier: Apache-2.0 */
/* Linked with an engine whose code calls this at each branch: its thread is held up there, now and then, for up to 30 ms. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define NOT_ITSELF __attribute__((no_sanitize("coverage")))

_Atomic uint32_t held_one_in;           /* so many branches; 0: never */
static _Atomic uint32_t threads;

void __sanitizer_cov_trace_pc_guard_init(uint32_t *begin, uint32_t *end);
void __sanitizer_cov_trace_pc_guard(uint32_t *guard);

/* Xorshift. */
NOT_ITSELF
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

NOT_ITSELF
void __sanitizer_cov_trace_pc_guard_init(uint32_t *begin, uint32_t *end)
{
	for (; begin < end; begin++)
		*begin = 1;
}

NOT_ITSELF
void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
	static __thread uint64_t state;
	uint32_t one_in = atomic_load_explicit(&held_one_in, memory_order_relaxed);

	(void)guard;
	if (one_in == 0)
		return;
	if (state == 0)
		state = (atomic_fetch_add(&threads, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (next(&state) % one_in)
		return;
	/* Mostly as long as another thread needs for a page, sometimes for all that is left. */
	usleep((useconds_t)(next(&state) % 8 ? next(&state) % 1500 : next(&state) % 30000));
}
