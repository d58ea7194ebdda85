/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tests hang into the host. The host is linked twice, of the same objects and one more:
 *
 *     $(B)/bin/optmig           host/testing: faults, lies, the stop test, the spectator. What the tests run
 *     $(B)/product/bin/optmig   host/product: an empty table, so nothing of that is there. What `make install` installs
 *
 * Each hook may be NULL; only the functions below look.
 */
#ifndef OPTMIG_HOST_TESTHOOKS_H
#define OPTMIG_HOST_TESTHOOKS_H

#include <getopt.h>
#include "load/enclave.h"

struct host_slot;
struct host_move;
typedef int64_t host_call_fn(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);

struct host_test_hooks {
	/* The process: what the environment asks for; further options of `run`, ended by zeros; an enclave that has been started. */
	int (*setup)(void);
	int (*emulator)(struct tee_soft_options *emu);
	const struct option *run_options;
	int (*run_option)(int option, const char *argument);            /* OM_ENOTFOUND: not one of these */
	int (*started)(struct host_enclave *enclave);
	uint64_t (*clock)(void);                                        /* so many ns later the enclave sees the host's clocks */
	/* Host calls: a system call that is not made, or whose answer is another; any call, or what a lying host makes of it. */
	bool (*call_before)(uint32_t nr, int64_t *ret_result);
	int64_t (*call_after)(uint32_t nr, struct om_tbuf *tbuf, uint64_t tbuf_size, int64_t result);
	int64_t (*call)(host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);
	/* What takes long elsewhere: "report", "answer" (about to be sent), "quote" (asked for). Waits. */
	void (*slow)(const char *what);
	/* Demo evidence is treated as a maker's: its collateral is nobody's to make, but comes with the peer. */
	bool (*collateral_carried)(void);
	/*
	 * A moment at which a spectator may compare memory: "stopped" (all threads parked, cards may be cleared), "prepared" (destination:
	 * everything is here), "committed" (source: the program will not run here again); "take:N:T", "copy:N:T", "stop:N:T" (source:
	 * enum om_round_point in round N with enum om_tracker T, the program runs). @session: 16 bytes, or NULL.
	 */
	void (*spectator)(struct host_enclave *enclave, const char *point, const uint8_t *session);
	/* A migration: move/fault.h. */
	void (*move_step)(struct host_move *move, unsigned step);      /* enum move_step */
	void (*move_wait)(struct host_move *move);
	void (*move_frame)(struct host_move *move, const uint8_t *frame);
	void (*move_sent)(struct host_move *move);
};
extern const struct host_test_hooks host_test_hooks;

#define HOST_HOOK_SGX 0x1000u      /* + enum om_hostcall, in the place of a system call's number */

static inline int host_hook_setup(void)
{
	return host_test_hooks.setup ? host_test_hooks.setup() : 0;
}

static inline int host_hook_emulator(struct tee_soft_options *emu)
{
	return host_test_hooks.emulator ? host_test_hooks.emulator(emu) : 0;
}

static inline int host_hook_started(struct host_enclave *enclave)
{
	return host_test_hooks.started ? host_test_hooks.started(enclave) : 0;
}

static inline uint64_t host_hook_clock(void)
{
	return host_test_hooks.clock ? host_test_hooks.clock() : 0;
}

static inline bool host_hook_before(uint32_t nr, int64_t *ret_result)
{
	return host_test_hooks.call_before && host_test_hooks.call_before(nr, ret_result);
}

static inline int64_t host_hook_after(uint32_t nr, struct om_tbuf *tbuf, uint64_t tbuf_size, int64_t result)
{
	return host_test_hooks.call_after ? host_test_hooks.call_after(nr, tbuf, tbuf_size, result) : result;
}

static inline int64_t host_hook_call(host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	return host_test_hooks.call ? host_test_hooks.call(call, slot, tbuf, tbuf_size) : call(slot, tbuf, tbuf_size);
}

static inline void host_hook_slow(const char *what)
{
	if (host_test_hooks.slow)
		host_test_hooks.slow(what);
}

static inline bool host_hook_collateral_carried(void)
{
	return host_test_hooks.collateral_carried && host_test_hooks.collateral_carried();
}

static inline void host_hook_spectator(struct host_enclave *enclave, const char *point, const uint8_t *session)
{
	if (host_test_hooks.spectator)
		host_test_hooks.spectator(enclave, point, session);
}

#endif
