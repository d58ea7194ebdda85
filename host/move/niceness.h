/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How nice page pumps are. Moving memory is not what the machine is there for: the program and its clients come first, and in post-copy, where
 * threads wait for single pages, those pages.
 */
#ifndef OPTMIG_HOST_MOVE_NICENESS_H
#define OPTMIG_HOST_MOVE_NICENESS_H

#include <stdbool.h>
#include <stdint.h>

enum { MOVE_NICE_PAGES = 5, MOVE_NICE_POSTCOPY = 19, MOVE_NICE_STARVED = 10 };

/* Of one pump. All zero at first. Its thread's alone. */
struct move_niceness {
	int now;                        /* the thread's; 0: not set yet */
	bool may_return;                /* the kernel lets the thread become less nice */
	bool starved;
	uint64_t worked_ns, ran_ns;     /* since the share was last looked at */
};

/**
 * move_niceness_note() - notes a piece of work that waits for nothing but a processor
 * @wall_ns: how long it took
 * @cpu_ns: the thread's CPU time in it
 */
void move_niceness_note(struct move_niceness *n, uint64_t wall_ns, uint64_t cpu_ns);

/**
 * move_niceness_want() - how nice the pump ought to be now
 * @postcopy: threads wait for single pages
 *
 * In post-copy a thread that a page wakes up has to get in at once. Linux lets a pump finish its slice first (about 3 ms), unless the pump is as
 * nice as it can be. Then again other programs that keep every processor busy leave the pump 1 or 2 % of the time. So a pump that got less than
 * a quarter of the processor in 0.1 s of work is less nice until it gets four fifths. A pump that could not become less nice again keeps the value
 * with which a move ends on a full machine.
 *
 * Return: the nice value.
 */
int move_niceness_want(struct move_niceness *n, bool postcopy);

/**
 * move_niceness_step() - makes the calling thread as nice as it ought to be
 * @postcopy: as for move_niceness_want()
 *
 * A system call that fails costs latency only, and is not tried again before the value changes.
 */
void move_niceness_step(struct move_niceness *n, bool postcopy);

#endif
