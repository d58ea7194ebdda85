/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/load share; nobody else includes it. */
#ifndef OPTMIG_HOST_LOAD_INTERNAL_H
#define OPTMIG_HOST_LOAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "blocking.h"
#include "enclave.h"
#include "imagefile.h"
#include "imageread.h"

#define HOST_SYSCALL_MAX 512u
#define HOST_OP_MAX      40u

/* Written by the thread that serves the slot, read by whoever prints: plain relaxed counters. */
struct host_counter { uint64_t count, ns; };
struct host_slot_stats {
	struct host_counter syscall[HOST_SYSCALL_MAX];
	struct host_counter op[HOST_OP_MAX];
	uint64_t faults[32];                    /* exceptions by vector */
};

enum host_thread_state { HOST_T_NONE, HOST_T_RUNNING, HOST_T_WAITING };

struct host_slot {
	struct host_enclave *enclave;
	uint32_t index;
	bool acquired;                          /* service slots: under enclave->lock */
	enum host_thread_state state;           /* under enclave->lock */
	bool start_pending;                     /* under enclave->lock */
	bool serve_first;                       /* under enclave->lock: a new thread enters at once */
	pthread_cond_t start;
	struct om_tbuf *tbuf, *exc_tbuf;
	uint64_t tbuf_size;
	struct host_wait wait;                  /* kick and permit */
	struct host_slot_stats *stats;          /* NULL unless asked for */
};

struct host_enclave {
	struct tee_platform *platform;
	struct tee_enclave *sgx;
	struct om_image image;                  /* without file bytes once the enclave is built */
	struct host_image file;
	uint8_t mrenclave[32];
	struct om_clock *clock;
	pthread_t clock_thread;
	bool clock_running;
	atomic_bool clock_stop;
	struct host_hooks hooks;
	bool stats;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	uint32_t running;                       /* application threads in state RUNNING; under lock */
	uint32_t threads;                       /* host threads of application slots that exist; under lock */
	bool closing;                           /* waiting threads shall end; under lock */
	uint32_t slot_count;
	struct host_slot *slots;
	uint64_t load_ns, init_ns;              /* time spent building the enclave, and in OM_ECALL_INIT */
};

/* clock.c */
int  host_clock_start(struct host_enclave *e);
/* Ends and joins the thread, and unmaps the page. Nothing of the enclave may run: its clock reads that page. Half of a start is fine. */
void host_clock_stop(struct host_enclave *e);
void host_clock_anchor(void);               /* as early as possible: the first point of the calibration */

/* bootblock.c. One allocation, to be given to free(). */
int  host_bootblock_build(const struct host_enclave *e, const struct host_load_options *options,
	struct om_boot **ret_boot, uint64_t *ret_size);

/* serve.c: enter a slot and serve it until it is done. Returns the enum om_exit that ended it. */
int  host_slot_serve(struct host_slot *slot, enum om_ecall ecall, uint64_t r8, uint64_t r9, uint32_t *ret_exit);
/* Gives a slot its transfer buffers, before it is entered. @tbuf_size: bytes, whole pages, OM_TBUF_SIZE_MIN to _MAX; a buffer
 * of another size is replaced. Return: OM_EINVAL, OM_ENOMEM. Context: no thread is in the slot. */
int  host_slot_prepare(struct host_slot *slot, uint64_t tbuf_size);
uint64_t host_slot_tcs(const struct host_slot *slot);          /* address of its TCS */

/* threads.c: ends the waiting host threads. None may be running. */
void host_threads_end(struct host_enclave *e);

/* dispatch.c: carry out tbuf->op. @tbuf is the slot's tbuf or its exception tbuf. */
void host_dispatch(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size);
/* outcall.S: the same, and debuggers find the program behind it, by its thread block, or by the registers in the SSA frame (addresses). */
void host_dispatch_call(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size, uint64_t tcb);
/* outcall.S: the same for a call from the exception handler. @registers: address of those of the fault. */
void host_dispatch_exception(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size, uint64_t registers);

#endif
