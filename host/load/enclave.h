/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave and the host threads that serve it. One enclave per process.
 *
 *   host_enclave_load     image file -> plan -> tee_create, add, init -> boot block -> OM_ECALL_INIT on slot 0
 *   host_start_thread     a host thread of its own enters an application slot and serves its host calls
 *   host_ecall            the calling thread enters a service slot, once, and serves the host calls of that call
 *   host_serve_signals    the main thread of the process: forwards signals into the enclave, for ever
 *   host_exit             the one way out of the process: hooks, then exit status or death by signal
 *
 * Slots and their owners:
 *
 *   0              OM_ECALL_INIT, then free for the control thread (host_slot_acquire never gives it away)
 *   1              host_serve_signals
 *   2 .. 7         host_slot_acquire: migration channels
 *   8 ..           application threads, one host thread each, kept and used again
 *
 * An application slot's host thread:
 *
 *            host_start_thread              OM_EXIT_THREAD, OM_EXIT_PARKED
 *     NONE ---------------------> RUNNING -------------------------------> WAITING
 *                                    ^                                        |
 *                                    +------------ host_start_thread ---------+
 *
 * A start that comes while the thread is still on its way out is remembered.
 *
 * Errors: functions return OM_E* with words in host_reason(). What the enclave itself refuses (OM_EXIT_FATAL) and
 * what the SGX layer refuses while a thread is being served ends the process by host_exit().
 */
#ifndef OPTMIG_HOST_LOAD_ENCLAVE_H
#define OPTMIG_HOST_LOAD_ENCLAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hostcall.h"
#include "image.h"
#include "tee.h"

#define HOST_FILES_RESERVED 64u   /* descriptors beside the program's, for the process around it */

struct host_enclave;
struct host_image;

/* Exit status of the process when OptMig itself, not the program, failed (as env(1) and docker do). */
#define HOST_EXIT_FAILED  125
#define HOST_EXIT_USAGE   2

#define HOST_SLOT_CONTROL 0u
#define HOST_SLOT_SIGNALS 1u

struct host_load_options {
	const char *path;               /* image file */
	struct host_image *image;       /* NULL, or the image itself, opened and judged already: emptied when it is taken over */
	enum tee_kind kind;
	struct tee_soft_options emu;
	uint32_t boot_flags;            /* OM_BOOT_* */
	char *const *argv;              /* of the program, NULL-terminated; argv[0] is its own name */
	char *const *envp;
	bool stats;                     /* count and time host calls */
	bool perf_map;                  /* write /tmp/perf-PID.map (debug/debug.h) */
	const char *cpu_features;       /* NULL: all that there are; else a list of those that the enclave is told of */
};

/* Host calls that another part of the host carries out. Each may be NULL: the call then fails with OM_EUNSUPPORTED.
 * `data` is the tbuf's data area, `capacity` its size. Return: size of the answer in data, or a negative error. */
struct host_hooks {
	void *context;
	int64_t (*urgent_page)(void *context, uint8_t *data, uint64_t size, uint64_t capacity);
	/* The enclave is about to bind a socket or to restore a connection (each time): addresses must be here by now. */
	void (*before_bind)(void *context);
	/* An engine begins to make descriptors anew. */
	void (*rebuilding)(void *context);
	/* The program ended by itself (exit or signal), before the process does: a migration under way can tell its peer. */
	void (*program_exit)(void *context, int status, int signo);
};

/* Notes which descriptors are open, for the boot block, and puts /dev/null in place of those of 0 to 2 that are not, so that
 * no file of ours takes their numbers; raises this process' limit of open files to the hard one. First thing in main(). */
void host_streams_note(void);

/* @ret_main_slot: slot of the main thread, not started yet; 0 when booted to receive, or when the program waits for its owner. */
__attribute__((warn_unused_result))
int host_enclave_load(const struct host_load_options *options, struct host_enclave **ret_enclave, uint32_t *ret_main_slot);
/* All threads must be out (host_wait_idle). */
void host_enclave_free(struct host_enclave *enclave);
/* Before the first thread is started. The structure is copied. */
void host_set_hooks(struct host_enclave *enclave, const struct host_hooks *hooks);

/* Trust: of the image's file, checked when it was opened. Valid as long as the enclave. */
const struct om_image_header *host_image_header(const struct host_enclave *enclave);
const char *host_image_path(const struct host_enclave *enclave);      /* absolute */
const uint8_t *host_image_mrenclave(const struct host_enclave *enclave); /* 32 bytes, from SIGSTRUCT */
/* Its platform. Valid as long as the enclave, which owns it. */
struct tee_platform *host_platform(const struct host_enclave *enclave);
/* The enclave as the CPU's layer (tee/) has it. Valid as long as `enclave`, which owns it. */
struct tee_enclave *host_sgx(const struct host_enclave *enclave);

/* ---- calls on service slots ------------------------------------------------------------------------------- */

/* Every thread that calls host_ecall: once before its first call, and before it ends. */
__attribute__((warn_unused_result))
int host_thread_attach(struct host_enclave *enclave);
/* See above. */
void host_thread_detach(struct host_enclave *enclave);

/* A service slot of one's own with a tbuf of `size` bytes in all (OM_TBUF_SIZE_MIN..MAX). Return: OM_EEXHAUSTED. */
__attribute__((warn_unused_result))
int host_slot_acquire(struct host_enclave *enclave, uint64_t size, uint32_t *ret_slot);
/* It may be somebody else's at once: nothing of its tbuf is to be used any more. */
void host_slot_release(struct host_enclave *enclave, uint32_t slot);
/* The tbuf of a slot; give slot 0 another size by host_slot_resize. Put op-specific arguments into arg[] and data. */
struct om_tbuf *host_slot_tbuf(struct host_enclave *enclave, uint32_t slot);
/* Another tbuf for the slot, of `size` bytes in all; what was in the old one is gone. Return: 0 or OM_ENOMEM. */
__attribute__((warn_unused_result))
int host_slot_resize(struct host_enclave *enclave, uint32_t slot, uint64_t size);
static inline uint8_t *host_tbuf_data(struct om_tbuf *tbuf) { return (uint8_t *)tbuf + OM_TBUF_DATA; }

/* Enters a service slot and serves its host calls until OM_EXIT_DONE. Results stand in its tbuf. One thread at a time
 * per slot. Return: 0, or OM_ESGX; does not return if the enclave refuses to go on. */
__attribute__((warn_unused_result))
int host_ecall(struct host_enclave *enclave, uint32_t slot, enum om_ecall ecall, uint64_t r8, uint64_t r9);

/* ---- application threads ---------------------------------------------------------------------------------- */

/* A host thread enters the application slot with OM_ECALL_THREAD. Return: 0; OM_EINVAL: no application slot; another error: no thread can be made. */
__attribute__((warn_unused_result))
int host_start_thread(struct host_enclave *enclave, uint32_t slot);
/* Makes the slot's host thread if there is none, and leaves it waiting: a later start cannot fail for want of memory. */
__attribute__((warn_unused_result))
int host_ready_thread(struct host_enclave *enclave, uint32_t slot);
/* Application threads that are inside the enclave or in a host call. */
uint32_t host_threads_running(struct host_enclave *enclave);
/* Waits until none is. Return: OM_ETIMEDOUT. */
__attribute__((warn_unused_result))
int host_wait_idle(struct host_enclave *enclave, uint64_t timeout_ms);

/* ---- papers: what the enclave is shown (papers.c) --------------------------------------------------------------- */

/* A file that is read anew each time, or NULL: none. Return: 0 or OM_E* with words. */
int host_paper_set_file(enum om_paper paper, const char *path);
/* These bytes, copied; size 0: none. Return: 0 or OM_ENOMEM. */
int host_paper_set(enum om_paper paper, const void *data, size_t size);
/* Return: its size, 0: none, or OM_E*. */
int64_t host_paper_read(enum om_paper paper, uint8_t *to, uint64_t room);

/* ---- seals: what lets a program start anew with its lineage (seal.c) -------------------------------------------- */

/* Where the seal is, from now on. NULL or "": $OPTMIG_SEAL, else a file of the image's in this user's directory. */
void host_seal_file(const char *path);
/* Return: its size, 0: there is none, or OM_E*. */
int64_t host_seal_read(const struct host_enclave *enclave, uint8_t *to, uint64_t room);
/* @same: it may replace one of the same lineage and image; another one stays. Return: 0 or OM_E*, with words said. */
int64_t host_seal_keep(const struct host_enclave *enclave, const uint8_t *data, uint64_t size, bool same);

/* ---- signals and the end ---------------------------------------------------------------------------------- */

/* Blocks the signals that are to be forwarded; before the first thread is created, in the main thread. */
void host_signals_block(bool received);
/* Before that, once: what a parent has left ignored and blocked is the program's to find. */
void host_signals_note(void);
/* What host_signals_note() has found: bit n - 1 for signal n. */
void host_signals_noted(uint64_t *ret_ignored, uint64_t *ret_blocked);
/* Forwards them for ever. Context: the main thread, attached. */
_Noreturn void host_serve_signals(struct host_enclave *enclave);
/* SIGTERM or SIGINT were asked for while the enclave waits for a migration: what to do instead of forwarding.
 * NULL restores forwarding. */
void host_signals_divert(void (*handler)(void *context, int signo), void *context);

/* Evidence of this platform for a report, an envelope. It may take the quoting service long, and needs nothing of the enclave. Return: OM_E* */
__attribute__((warn_unused_result))
int host_quote(struct host_enclave *enclave, const struct sgx_report *report, uint8_t *buffer, size_t room, size_t *ret_size);

/* Called in reverse order by host_exit; for sockets, files and kernel tables that must not stay behind. */
void host_at_exit(void (*handler)(void *context), void *context);
/* Ends the process: by `signo` with its default action if nonzero, else with `status`. The first caller wins. */
_Noreturn void host_exit(int status, int signo);
/* Called by each other thread that comes to host_exit while one is at it, as all do that enter an enclave which refuses to go on. */
void host_at_exit_elsewhere(void (*handler)(void));

/* ---- statistics ------------------------------------------------------------------------------------------- */

/* Text to `file` (a FILE *), or a new json_t object. Includes the enclave's own counters when a service slot is free. */
struct json_t;
/* As text. */
void host_stats_print(struct host_enclave *enclave, void *file);
/* As an object, the caller's; NULL: no memory. docs/schema/control.json has its members. */
struct json_t *host_stats_json(struct host_enclave *enclave);

#endif
