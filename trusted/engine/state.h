/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration engine's own state and the seams between its files. All of it is local: it never migrates.
 *
 *   operations.c  the door: operations of abi/engine.h, who owns which connection, status
 *   control.c     the control connection: session machine, messages, actions
 *   epochs.c      keys, epochs, loss and resumption of the transport
 *   set.c         sets of pages (set.h)
 *   rounds.c      rounds, decision to stop, the stop phase
 *   watch.c       rounds that find out what is written by write protection
 *   export.c      pages -> frames, per page connection
 *   import.c      frames -> pages
 *   postcopy.c    owed pages: faults, answers, counting
 *   evidence.c    quotes, theirs and ours; the owner's ticket
 *   instance.c    who the program is: its instance, and how often it has moved
 *
 * Threads.  Each connection is owned by one host thread at a time (operations.c). What belongs to a connection is touched by
 * its owner only. Session state (role, states, queue, pass) is changed only by the owner of the control connection;
 * others post a request into engine.posted and wake it. Counters are atomics.
 *
 *            any other call   control thread         page threads            faulting threads
 *   reads    told, atomics    everything             pass, todo (own words)  epoch, link
 *   writes   posted, limits   session, pass begin    todo, rings, counters   owed, counters, urgent stream (lock)
 *
 * The host decides how many host threads call, and in what order. Between any two instructions it may stop a thread for as long as
 * it likes. So what is read before a connection is owned may be wrong afterwards. A session is begun anew only by a thread that owns all
 * connections. What other threads than the control thread read of the session is atomic, or a copy that the control thread made for them (operations.c).
 */
#ifndef OPTMIG_TRUSTED_ENGINE_STATE_H
#define OPTMIG_TRUSTED_ENGINE_STATE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine.h"
#include "engine/set.h"
#include "evidence/parse/der.h"
#include "frame.h"
#include "mig/link.h"
#include "mig/predict.h"
#include "mig/session.h"
#include "mig/stream.h"
#include "noise.h"
#include "rt/rt.h"

#define ENGINE_CONNECTIONS     (OM_CONNECTION_PAGES + OM_MIG_CHANNELS_MAX)
#define ENGINE_RING_FRAMES     256u                    /* frames in flight per page connection */
#define ENGINE_RING_RUNS       8192u
#define ENGINE_RUNS_MAX        (OM_FRAME_HEAD_MAX / OM_RUN_SIZE)
#define ENGINE_FAULT_BUFFERS   16u
#define ENGINE_FAULT_SLOTS     64u
#define ENGINE_QUEUE           16u

/* What threads other than the control connection's owner ask of it: bits of engine.posted. */
#define ENGINE_POST_CANCEL     1u
#define ENGINE_POST_POSTCOPY   2u
#define ENGINE_POST_ABORT      4u
#define ENGINE_POST_LOST       8u
#define ENGINE_POST_FAIL       16u    /* engine.failure and engine.failure_words tell why */
#define ENGINE_POST_FORGET     32u

/* A frame being built or taken apart: contents page-aligned, so that EACCEPTCOPY can take them where they lie. The
 * plaintext is contiguous: runs end where the pages begin. */
struct engine_buffer {
	alignas(4096) uint8_t head[4096];
	uint8_t pages[OM_FRAME_PAGES_MAX][OM_PAGE_SIZE];
};
struct engine_small_buffer {
	alignas(4096) uint8_t head[4096];
	uint8_t pages[OM_URGENT_PAGES_MAX][OM_PAGE_SIZE];
};

/* A page frame, decoded. */
struct engine_runs {
	struct om_run run[ENGINE_RUNS_MAX];
	int  count;
	bool place;                                /* the program runs here: only what it is still owed is taken, page by page */
};

/* What is in flight on a page connection: for each unacknowledged frame the end of its runs in runs[]. */
struct engine_ring {
	_Atomic uint64_t first, next;              /* sequence numbers: first unacknowledged, next to send */
	uint64_t runs_first, runs_next;
	uint64_t runs_end[ENGINE_RING_FRAMES];
	uint32_t bytes[ENGINE_RING_FRAMES];
	uint8_t  kind[ENGINE_RING_FRAMES];            /* enum engine_pass of the frame */
	uint64_t runs[ENGINE_RING_RUNS];              /* first page | count << 40 */
};

struct engine_connection {
	struct mig_stream out, in;
	uint64_t pass;                             /* source: the pass that cursor belongs to */
	uint64_t cursor;                           /* source: next word of the page set to look at */
	uint64_t mask;                             /* of the cursor's word: pages not yet looked at */
	bool     second;                           /* source, push: the likely-hot pages are done */
	_Atomic uint64_t hint;                     /* source, push: 1 + word near a fault, 0 none */
	_Atomic uint64_t pass_done;                /* source: number of the pass this connection has finished */
	_Atomic uint64_t received;                 /* destination: frames of this epoch */
	_Atomic uint64_t acked;                    /* destination: what was acknowledged last */
	uint64_t ahead;                            /* destination: 1 + stripe whose pages were accepted ahead, 0 none */
};

/* A pass over the page set: a round of pre-copy; an owing round, or a part of the stop phase; what post-copy sends unasked. */
enum engine_pass { ENGINE_PASS_NONE, ENGINE_PASS_ROUND, ENGINE_PASS_CONTENT, ENGINE_PASS_PUSH };
#define ENGINE_PASS_KIND(pass) ((enum engine_pass)((pass) & 0xff))

enum engine_round_step { ENGINE_ROUND_HALT, ENGINE_ROUND_TAKE, ENGINE_ROUND_HANDSHAKE, ENGINE_ROUND_WATCH, ENGINE_ROUND_SEND, ENGINE_ROUND_DRAIN, ENGINE_ROUND_HEAT };

/* A destination in RUNNING, which nothing leads out of: when do its threads run? */
enum engine_launch {
	ENGINE_LAUNCH_HELD,                           /* when all has come (engine_source_holds) */
	ENGINE_LAUNCH_CLAIMING,                       /* when rt_io_claim has what the source must let go of first */
	ENGINE_LAUNCH_DONE,
};

/* What boot found out; the rest of struct engine is the session's. */
struct engine_facts {
	uint64_t features, xfrm;                   /* this machine's */
	uint64_t page_limit, tracked_limit;        /* pages of ELRANGE; those below the slots */
	uint64_t image_tracked_end, image_end;     /* the image's pages between them are the runtime's own */
};

/* What the host may change during a session, by any thread of its. */
struct engine_limits {
	_Atomic uint64_t downtime_ns;
	_Atomic uint64_t throttle_bytes, bandwidth_bytes;      /* a second; 0: off, unknown */
	_Atomic uint32_t cost;                                 /* of pre-copy, as mig_pace_pays() has it */
};
/* No host means more: all sums and products of limits and of times on its clock stay in range. */
#define ENGINE_LIMIT_NS_MAX    (UINT64_C(1) << 50)           /* 13 days */
#define ENGINE_LIMIT_BYTES_MAX (UINT64_C(1) << 50)

struct engine {
	/* outlives sessions: threads of the program that ask for owed pages are under nobody's control */
	struct engine_facts facts;
	_Atomic uint64_t faulting[ENGINE_FAULT_SLOTS]; /* destination: 1 + page somebody asks for; index: hash of the page */
	_Atomic uint32_t fault_buffer_busy[ENGINE_FAULT_BUFFERS];

	/* session: control owner */
	_Atomic enum om_role role;                 /* 0: no session was ever begun */
	_Atomic enum mig_source_state source;
	_Atomic enum mig_destination_state destination;
	struct om_mig_params params;               /* as the session was begun, but for the mode; not the limits */
	struct engine_limits limits;
	_Atomic uint32_t channels;                 /* params.channels, for who owns no connection */
	uint8_t  queue[ENGINE_QUEUE];                 /* control frames to send: enum om_control_type, ENGINE_QUEUE_* */
	_Atomic uint32_t queue_count;
	uint32_t echo_round;
	uint64_t echo_stamp;

	/* posted by others */
	_Atomic uint32_t posted;
	_Atomic int32_t failure;
	const char *_Atomic failure_words;

	/* link */
	struct om_noise noise;
	struct mig_secret secret;
	uint8_t  hash[32];                         /* of the handshake */
	_Atomic uint32_t epoch;
	_Atomic uint8_t link;                      /* enum mig_link_state */
	uint32_t resume_epoch;                     /* highest epoch a RESUME was sealed or opened for */
	struct engine_connection conn[ENGINE_CONNECTIONS];

	/* source */
	_Atomic uint64_t pass;                     /* number << 8 | enum engine_pass */
	bool     postcopy;                         /* what is not there yet stays owed: only that is told from now on */
	uint64_t best_throughput;                  /* bytes a second, of the rounds so far */
	uint32_t owing_rounds;                     /* finished */
	bool     frozen;
	_Atomic bool app_stopped;
	_Atomic enum engine_round_step round_step;
	uint64_t handshake;
	struct mig_round round;
	struct mig_pace pace;
	int64_t  pace_due;                         /* by engine_now(): when it is looked at next */
	uint64_t watch_cursor;                     /* next page to be watched in this round */
	uint64_t watched_before, write_faults_before; /* counts when the session began */
	uint64_t taken_pages;                      /* by the round under way */
	uint64_t throttle_ns;
	bool     owns_io;                          /* ENGINE_OWNER_IO */
	uint32_t push_idle;                        /* times that nothing was left to push and pages were still owed */
	int64_t  round_start;
	uint64_t round_acked;
	struct mig_window requests;

	/* destination */
	_Atomic uint64_t frames_due[OM_MIG_CHANNELS_MAX]; /* as COMPLETE says */
	_Atomic bool complete;                     /* it has come */
	int64_t  rebuild_ns;
	bool     hold;                             /* run when nothing is owed any more */
	_Atomic bool rehearsed;                    /* source: the session has ended as a rehearsal should */
	_Atomic enum engine_launch launch;
	uint64_t wipe_next;                        /* source, all is over: the first page not yet overwritten */
	uint32_t wipe_tries;                       /* ... how often a slot was in use */
	int64_t  claim_at;                         /* by engine_now(): when to claim again */

	/* times by engine_now() */
	int64_t  begun, ready, stopped, parked, froze, sent, answered, ended;

	/* counters */
	_Atomic uint64_t owed;                     /* pages: source not acknowledged, destination not arrived */
	_Atomic uint64_t bytes_acked, bytes_sent;
	_Atomic uint64_t normal_pages, zero_pages, postcopy_requests, dropped;
	_Atomic uint64_t faults, fault_ns, fault_max_ns, fault_histogram[OM_FAULT_BUCKETS];
	struct om_mig_status status;               /* what needs no sum; completed by operations.c */
	struct om_mig_identity peer;               /* the peer's part only */
};

extern struct engine engine;
extern struct rt_lock engine_urgent_lock;                         /* destination: the urgent connection's streams, and whose they are */
extern struct engine_ring engine_rings[OM_MIG_CHANNELS_MAX];
extern struct engine_buffer engine_buffers[OM_MIG_CHANNELS_MAX];
extern struct engine_small_buffer engine_reply_buffer;               /* source: owner of the urgent connection */
/* Bit: a buffer holds something. Those that never did are not in the enclave. */
extern _Atomic uint32_t engine_buffers_used;
#define ENGINE_REPLY_BUFFER_USED (1u << 31)
extern struct engine_small_buffer engine_fault_buffers[ENGINE_FAULT_BUFFERS];
/* A control frame that leaves, made in place, and the payload of one that came. Control owner. */
extern uint8_t engine_sealed[OM_FRAME_HEADER + OM_CONTROL_MAX + OM_FRAME_TAG];
extern uint8_t engine_received[OM_CONTROL_MAX + OM_FRAME_TAG];

extern struct engine_set engine_todo;         /* source: to be sent, or told to be owed, in this pass */
extern struct engine_set engine_owed;         /* source: not acknowledged; destination: not arrived */

/* The page connection on which the pages of that word of a set travel. */
static inline uint32_t engine_channel_of(uint64_t word)
{
	return (uint32_t)(word / ENGINE_STRIPE_WORDS % engine.params.channels);
}
static inline _Atomic uint8_t *engine_page_byte(uint64_t page)
{
	return (_Atomic uint8_t *)&rt_pagemap()[page];
}
/* Without what is of this enclave alone. */
static inline uint8_t engine_page_state(uint64_t page)
{
	return atomic_load_explicit(engine_page_byte(page), memory_order_acquire) & (uint8_t)~RT_PAGE_WATCHED;
}

static inline bool engine_is_runtimes(uint64_t page)
{
	return page >= engine.facts.tracked_limit || (page >= engine.facts.image_tracked_end && page < engine.facts.image_end);
}

static inline enum mig_link_state engine_link(void)
{
	return (enum mig_link_state)atomic_load(&engine.link);
}
/* The streams of this epoch may be used. */
static inline bool engine_link_usable(void) { return mig_link_is_open(engine_link()); }

/* This host's clock: the program's virtual one arrives with the pages. For measuring only. */
static inline int64_t engine_now(void) { return rt_host_monotonic_ns(); }

/* The clock is the host's: it may do as it likes. */
static inline uint64_t engine_elapsed(int64_t begin, int64_t end)
{
	return begin && end > begin ? (uint64_t)(end - begin) : 0;
}

/* ---- operations.c ---- */
/* Ownership of a connection; the engine takes it around IN and OUT. */
bool engine_own(uint32_t connection);
/* Only by who owns it. */
void engine_disown(uint32_t connection);
/* Bits ENGINE_POST_*: what the control connection's owner is to do when it comes by. Context: any thread. */
void engine_post(uint32_t what);
/* Post a failure; the first one counts. @words: static. */
void engine_fail(int error, const char *words);
/* Raises *max to `value`, if that is more. Context: any thread. */
void engine_note_max(_Atomic uint64_t *max, uint64_t value);
/* Copies words, cut off at `size` - 1 bytes, always with a NUL. */
void engine_words(char *to, size_t size, const char *words);
/*
 * Descriptors and the tables that a freeze fills. The engine has them from the freeze to the thaw, or to the start of the program;
 * OM_ENGINE_CHECK, which any thread of the host's may call, meanwhile gets OM_ESTATE.
 */
#define ENGINE_OWNER_IO ENGINE_CONNECTIONS
/* What the engine's buffers hold of pages and messages. Page connections have no owners but the caller. */
void engine_buffers_wipe(void);
/* What STATUS tells, made anew by the control connection's owner: whenever it leaves, and when the session's state changes. */
void engine_publish(void);
/* The program is in this enclave, and may run. */
bool engine_here(void);
/* The session has ended for good, and the other side knows it or need not: nothing is sent any more. */
bool engine_over(void);

/* ---- control.c: owner of the control connection ---- */
#define ENGINE_QUEUE_NOISE  0x80u
#define ENGINE_QUEUE_RESUME 0x81u
/* Appends a control frame that is to be sent: enum om_control_type or ENGINE_QUEUE_*. One that is in the queue is not put there twice. */
void engine_queue(unsigned what);
/* Feeds an event into the machine of this side's role, and carries out what it says, in its order. What the state does not allow fails the session. */
void engine_event(enum mig_event event);
/* Why the session ends. The first reason stands; what goes wrong behind it is said too: "...; and then ...". */
void engine_reason(int error, const char *words);
/* As above, for what has gone wrong behind the first reason. */
void engine_reason_then(int error, const char *words);
/* React to what was posted and to what has become true. Return: ns until it should be called again, ~0: no need. */
uint64_t engine_progress(void);
/* One frame into data, or 0; or OM_E*. */
long engine_control_out(RT_UNTRUSTED uint8_t *data);
/* The payload is in engine_received. */
int  engine_control_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER]);
bool engine_heeds(enum mig_command command);           /* now, by this side's state */
/* Both sides know each other's state again: what was lost is said once more. @error: why the other side's session ended, 0 if it did not. */
void engine_settle(unsigned peer_state, int error);

/* ---- epochs.c ---- */
int  engine_link_begin(void);                         /* a handshake's first step */
/* The peer's message of the handshake. Return: 0; OM_ESEQ, OM_ESTATE: not due; errors of core/noise.h. Trust: a copy in trusted memory, hostile. */
int  engine_link_noise_in(const struct om_frame *frame, const uint8_t *payload);
/* Ours, as a frame into `data`. Return: its size, or OM_E*. */
long engine_link_noise_out(RT_UNTRUSTED uint8_t *data);
/* The link's own machine. Return: OM_ESTATE. */
int  mig_link_event(enum mig_link_event event);
/* The transport is gone, or cannot be trusted any more. Said twice it is one loss. */
void engine_link_lost(void);
int  engine_link_resume(void);                        /* the host has made new connections */
/* RESUME, sealed in its epoch, as a frame into `data`. Return: its size, or OM_E*. */
long engine_link_resume_out(RT_UNTRUSTED uint8_t *data);
/* The peer's RESUME. Taken only in an epoch above any that was used. Return: 0, or OM_E*: the connections are no good. */
int  engine_link_resume_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER], const uint8_t *payload);

/* ---- rounds.c: owner of the control connection ---- */
void engine_source_rounds(void);                      /* begin */
void engine_source_again(void);                       /* after a resumption */
/* What is due in the source's state. Return: ns until the next call, UINT64_MAX: nothing to come. */
uint64_t engine_source_progress(void);
/* By command: what has not been sent is owed from now on. Nothing, once the program stops. */
void engine_source_postcopy_now(void);
/* The order to stop: from here on the downtime counts. */
void engine_source_stop(void);
/* All threads are parked: host state and time are saved, the last pages chosen. A failure ends the session. */
void engine_source_freeze(void);
/* The program runs on here: what was frozen is thawed, threads start. */
void engine_source_resume_app(void);
bool engine_source_holds(void);                       /* the destination starts the program when all has come */
void engine_source_handed_over(void);                 /* the destination has taken over */
void engine_source_push(void);                        /* what is owed, from the beginning */
void engine_source_running(uint64_t run_realtime_ns); /* the program has just begun to run at the destination */
/* The echo of a ROUND has come. @stamp: by engine_now(), when it was sent. */
void engine_source_round_trip(uint64_t stamp);
void engine_source_ended(void);                       /* the program runs on here */
uint64_t engine_source_touched(void);                 /* pages to be sent, about */

/* ---- watch.c: owner of the control connection ---- */
/* Which tracker this session will use; OM_EUNTRACKED if cards were asked for and do not tell all. */
int  engine_watch_choose(struct om_mig_params *params);
void engine_watch_begin(void);                        /* the session's rounds begin: status, and marks by the program if wanted */
/* The taken pages are watched, some at each call. Return: whether all are. */
bool engine_watch_step(void);
/* Fills in what STATUS says of the tracker. */
void engine_watch_status(struct om_mig_status *status);

/* ---- export.c ---- */
/* All page connections begin a pass of that kind, each with its part; NONE: they hand out nothing. Context: owner of the
 * control connection. */
void engine_pass_begin(enum engine_pass kind);
/* Every page connection has come to the end of its part of the pass. */
bool engine_pass_handed_out(void);
/* ... and the destination has all frames. */
bool engine_pass_acknowledged(void);
void engine_export_reset(void);                       /* a new epoch: rings empty, numbers from 0 */
void engine_export_unsent(struct engine_set *set);           /* put the pages of all unacknowledged frames into set */
/* The next page frame of a page connection into `data`. @channel: connection number minus OM_CONNECTION_PAGES. Return: its size, 0: nothing now, or
 * OM_E*. Context: the connection's owner. */
long engine_export_out(uint32_t channel, RT_UNTRUSTED uint8_t *data);
/* The destination's acknowledgement: frames are forgotten, owed pages of a push are owed no more. Return: 0, or OM_E*: the connection is no good. */
int  engine_export_ack(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload);

/* ---- import.c ---- */
/*
 * A page frame of a page connection: opened, checked, and applied to memory. @channel: connection number minus
 * OM_CONNECTION_PAGES. Return: 0; OM_ETYPE, OM_EAUTH and other errors of form and place: the connection is no good. Context:
 * the connection's owner. Trust: header and payload are hostile until they are opened.
 */
int  engine_import_in(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload);
/* An acknowledgement into `data`, if one is due. Return: its size, 0, or OM_E*. */
long engine_import_ack_out(uint32_t channel, RT_UNTRUSTED uint8_t *data);
/* All frames that COMPLETE counts have been applied. */
bool engine_import_complete(void);
int  engine_import_settle(void);                      /* before the program runs: control owner, page connections idle */
/* Decode the runs of a page frame, check each against this enclave, and settle what will be done with them. Return: OM_E* */
int  engine_runs_decode(const uint8_t *head, size_t head_size, size_t content_pages, struct engine_runs *ret_runs);
/* Do it, and whatever the session has come to since, nothing else. @content: page-aligned. */
int  engine_runs_apply(const struct engine_runs *runs, uint8_t (*content)[OM_PAGE_SIZE]);

/* ---- postcopy.c ---- */
void engine_postcopy_prepare(void);                   /* destination, before threads run: touch what the handler needs */
void engine_postcopy_prepare_source(void);            /* before the token: what is first used after it is there by then */
/* rt_owed_fault: returns 0 when the page at `address` is there, or is owed no more. Context: CSSA 1; touches nothing that could fault. */
int  engine_owed_fault(uint64_t address);
long engine_postcopy_answer(RT_UNTRUSTED uint8_t *data, size_t size); /* source: OM_ENGINE_URGENT */

/* ---- evidence.c ---- */
/* Of this very enclave, by the CPU's word. At boot. */
uint64_t engine_evidence_xfrm(void);
/* NULL, or why this image may not move at all, whoever is at the other end. */
const char *engine_evidence_objection(void);
/* Evidence, an envelope, over hash and role. Return: size, or OM_E* with words. */
long engine_evidence_make(enum om_role role, const uint8_t hash[32], uint8_t *ret_quote, size_t room, const char **ret_words);
/*
 * Is this the evidence of an enclave with our identity, in that role, for this handshake? If it is a destination's and the program has
 * an owner, does the owner's ticket allow the move? *ret_words: why not.
 */
int  engine_evidence_check(enum om_role role, const uint8_t hash[32], const uint8_t *quote, size_t size,
	struct om_mig_status *ret_status, struct om_mig_identity *ret_peer, const char **ret_words);
/* A destination, when the instance's state is there: was its source judged by no older list of guests than the instance has seen? */
int  engine_evidence_arrive(const char **ret_words);

/* Version of the list of guests in force, 0: none. */
uint64_t engine_evidence_floor(void);

/* ---- fresh.c ---- */
/* OM_ENGINE_FRESH. Context: any service slot. */
long engine_fresh(RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t nonce_size);

/* ---- instance.c ---- */
void engine_instance_begin(void);                     /* the program starts here */
void engine_instance_moved(void);                     /* the token has come: this move is made */
/*
 * The next build, to which the owner orders the program handed on: is it, by its evidence, the named program of the same signer and
 * product, at no lower SVN, on a platform that our policy accepts? Return: 0 or OM_E* with words.
 */
int engine_evidence_heir(struct om_view evidence, const uint8_t report_data[SGX_REPORTDATA_SIZE], const uint8_t mrenclave[32], const char **ret_words);
const uint8_t *engine_instance_id(void);              /* 16 bytes */

#endif
