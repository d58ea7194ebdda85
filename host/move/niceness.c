/* SPDX-License-Identifier: Apache-2.0 */
/* How nice page pumps are; see niceness.h. */
#include "niceness.h"
#include <sys/resource.h>
#include <unistd.h>

enum { SHARE_NS = 100000000, STARVED_PERCENT = 25, AMPLE_PERCENT = 80 };

void move_niceness_note(struct move_niceness *n, uint64_t wall_ns, uint64_t cpu_ns)
{
	n->worked_ns += wall_ns;
	n->ran_ns += cpu_ns;
}

int move_niceness_want(struct move_niceness *n, bool postcopy)
{
	if (n->worked_ns >= SHARE_NS) {
		n->starved = n->ran_ns * 100 / n->worked_ns < (n->starved ? AMPLE_PERCENT : STARVED_PERCENT);
		n->worked_ns = n->ran_ns = 0;
	}
	if (!postcopy)
		return MOVE_NICE_PAGES;
	return n->may_return && !n->starved ? MOVE_NICE_POSTCOPY : MOVE_NICE_STARVED;
}

static bool set(int value)
{
	return setpriority(PRIO_PROCESS, (id_t)gettid(), value) == 0;
}

void move_niceness_step(struct move_niceness *n, bool postcopy)
{
	int want;

	if (!n->now && set(MOVE_NICE_PAGES)) {
		n->now = MOVE_NICE_PAGES;
		n->may_return = set(MOVE_NICE_PAGES - 1) && set(MOVE_NICE_PAGES);
	}
	want = move_niceness_want(n, postcopy);
	if (want == n->now)
		return;
	(void)set(want);
	n->now = want;
}
