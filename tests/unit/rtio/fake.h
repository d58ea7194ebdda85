/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of the runtime, faked for tests of rt/io on plain Linux: application memory is the test's own, the host is
 * this process' kernel, and both can be made to misbehave.
 */
#ifndef OPTMIG_TESTS_UNIT_RTIO_FAKE_H
#define OPTMIG_TESTS_UNIT_RTIO_FAKE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

struct fake {
	uint64_t ub_size;            /* data bytes of the transfer buffer */
	uint32_t signals[65];        /* rt_signal_thread calls */
	uint64_t mask;               /* rt_signal_mask_swap */
	uint64_t pending;            /* signals */
	int      fatal;              /* rt_fatal was called: its error */
	const char *fatal_words;
	/* One lie: the call's result is replaced, or its output spoilt, when `lie_nr` is made. */
	long     lie_nr, lie_result;
	void   (*lie)(const uint64_t arg[6]);
	/* The program is stopped at the `stop_in`-th blocking host call, before it is made; 0: never. */
	uint32_t stop_in;
	void   (*stopped)(void);     /* what happens then; the call is run again afterwards */
	uint64_t hostcalls;
};
extern struct fake fake;

void fake_boot(void);
/* One system call of the program. -100000 after rt_fatal. */
long fake_call(long nr, ...);
#define CALL(nr, ...) fake_call(nr, ##__VA_ARGS__, 0L, 0L, 0L, 0L, 0L, 0L)
#define FAKE_FATAL (-100000L)

/* In peek.c, which sees rt/io's inside. */
void peek_close_host_sides(void);    /* the source process dies */
int  peek_host_fd(int fd);

#endif
