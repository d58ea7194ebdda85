/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a move costs the program before it stops: how much of the CPU time that its threads want they do not get, by the
 * kernel's own count (/proc/PID/task/TID/schedstat: time run, time waited while runnable, both ns; Documentation/scheduler/
 * sched-stats.rst). One per process; used by the supervisor of the source, and read by whoever reports.
 */
#ifndef OPTMIG_HOST_MOVE_COST_H
#define OPTMIG_HOST_MOVE_COST_H

#include <pthread.h>
#include <stdint.h>

#define MOVE_COST_THREADS 64u    /* more are not asked: a file each */
#define MOVE_COST_MARKS   100u   /* thousandths: what marks and safepoints of rounds cost at most of the programs measured (docs/pass-figures.md) */

struct move_cost {
	pthread_mutex_t lock;
	int      thread[MOVE_COST_THREADS];
	uint32_t threads, busy;
	uint64_t ran, waited;           /* ns, of all these threads when last asked */
	double   waits;                 /* share of the time wanted that was waited for, before the move */
	uint64_t asked_ns;              /* by host_monotonic_ns() */
	double   smooth;                /* share of service lost, the last windows */
	double   lost_ns;               /* service lost since the session began */
};

/* Once, before anything else. */
void move_cost_init(struct move_cost *cost);
/* The threads that the process has now are the program's: called before those of a session are started. */
void move_cost_begin(struct move_cost *cost);
/* Another window is over. Return: thousandths of its service that the program loses, as OM_COMMAND_COST wants them. */
uint32_t move_cost_step(struct move_cost *cost);
/* Threads that have had a tenth or more of the CPU time of the one that had most; at least 1. */
uint32_t move_cost_busy(struct move_cost *cost);
/* Service lost before the stop, in ns of the program's time. */
uint64_t move_cost_lost_ns(struct move_cost *cost);

#endif
