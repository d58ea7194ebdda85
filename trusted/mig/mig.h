/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration engine's own state and the seams between its files. All of it is local: it never migrates.
 *
 *   engine.c    the door: operations of abi/engine.h, who owns which connection, status
 *   control.c   the control connection: session machine, messages, actions
 *   link.c      keys, epochs, loss and resumption of the transport
 *   source.c    rounds, decision to stop, the stop phase
 *   watch.c     rounds that find out what is written by write protection
 *   export.c    pages -> frames, per page connection
 *   import.c    frames -> pages
 *   postcopy.c  owed pages: faults, answers, counting
 *   evidence.c  quotes, theirs and ours; the owner's ticket
 *   instance.c  who the program is: its instance, and how often it has moved
 *
 * Threads.  Each connection is owned by one host thread at a time (engine.c). What belongs to a connection is touched by
 * its owner only. Session state (role, states, queue, pass) is changed only by the owner of the control connection;
 * others post a request into mig.posted and wake it. Counters are atomics.
 *
 *            any other call   control thread         page threads            faulting threads
 *   reads    told, atomics    everything             pass, todo (own words)  epoch, link
 *   writes   posted, limits   session, pass begin    todo, rings, counters   owed, counters, urgent stream (lock)
 *
 * The host decides how many host threads call, and in what order. Between any two instructions it may stop a thread for as long as
 * it likes. So what is read before a connection is owned may be wrong afterwards. A session is begun anew only by a thread that owns all
 * connections. What other threads than the control thread read of the session is atomic, or a copy that the control thread made for them (engine.c).
 */
#ifndef OPTMIG_TRUSTED_MIG_MIG_H
#define OPTMIG_TRUSTED_MIG_MIG_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine.h"
#include "evidence/parse/der.h"
#include "frame.h"
#include "mig/link.h"
#include "mig/predict.h"
#include "mig/session.h"
#include "mig/stream.h"
#include "noise.h"
#include "rt/rt.h"

#define MIG_CONNECTIONS     (OM_CONNECTION_PAGES + OM_MIG_CHANNELS_MAX)
#define MIG_PAGES_LIMIT     (OM_ELRANGE_MAX >> 12)
#define MIG_STRIPE_WORDS    8u                      /* 2 MiB of consecutive pages go through the same connection */
#define MIG_RING_FRAMES     256u                    /* frames in flight per page connection */
#define MIG_RING_RUNS       8192u
#define MIG_RUNS_MAX        (OM_FRAME_HEAD_MAX / OM_RUN_SIZE)
#define MIG_FAULT_BUFFERS   16u
#define MIG_FAULT_SLOTS     64u
#define MIG_QUEUE           16u

/* What threads other than the control connection's owner ask of it: bits of mig.posted. */
#define MIG_POST_CANCEL     1u
#define MIG_POST_POSTCOPY   2u
#define MIG_POST_ABORT      4u
#define MIG_POST_LOST       8u
#define MIG_POST_FAIL       16u    /* mig.failure and mig.failure_words tell why */
#define MIG_POST_FORGET     32u

/* A frame being built or taken apart: contents page-aligned, so that EACCEPTCOPY can take them where they lie. The
 * plaintext is contiguous: runs end where the pages begin. */
struct mig_buffer {
	alignas(4096) uint8_t head[4096];
	uint8_t pages[OM_FRAME_PAGES_MAX][OM_PAGE_SIZE];
};
struct mig_small_buffer {
	alignas(4096) uint8_t head[4096];
	uint8_t pages[OM_URGENT_PAGES_MAX][OM_PAGE_SIZE];
};

/* A page frame, decoded. */
struct mig_runs {
	struct om_run run[MIG_RUNS_MAX];
	int  count;
	bool place;                                /* the program runs here: only what it is still owed is taken, page by page */
};

/* What is in flight on a page connection: for each unacknowledged frame the end of its runs in runs[]. */
struct mig_ring {
	_Atomic uint64_t first, next;              /* sequence numbers: first unacknowledged, next to send */
	uint64_t runs_first, runs_next;
	uint64_t runs_end[MIG_RING_FRAMES];
	uint32_t bytes[MIG_RING_FRAMES];
	uint8_t  kind[MIG_RING_FRAMES];            /* enum mig_pass of the frame */
	uint64_t runs[MIG_RING_RUNS];              /* first page | count << 40 */
};

struct mig_conn {
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
enum mig_pass { MIG_PASS_NONE, MIG_PASS_ROUND, MIG_PASS_CONTENT, MIG_PASS_PUSH };
#define MIG_PASS_KIND(pass) ((enum mig_pass)((pass) & 0xff))

enum mig_round_step { MIG_ROUND_HALT, MIG_ROUND_TAKE, MIG_ROUND_HANDSHAKE, MIG_ROUND_WATCH, MIG_ROUND_SEND, MIG_ROUND_DRAIN, MIG_ROUND_HEAT };

/* A destination in RUNNING, which nothing leads out of: when do its threads run? */
enum mig_launch {
	MIG_LAUNCH_HELD,                           /* when all has come (mig_source_holds) */
	MIG_LAUNCH_CLAIMING,                       /* when rt_io_claim has what the source must let go of first */
	MIG_LAUNCH_DONE,
};

/* What boot found out; the rest of struct mig is the session's. */
struct mig_facts {
	uint64_t features, xfrm;                   /* this machine's */
	uint64_t page_limit, tracked_limit;        /* pages of ELRANGE; those below the slots */
	uint64_t image_tracked_end, image_end;     /* the image's pages between them are the runtime's own */
};

/* What the host may change during a session, by any thread of its. */
struct mig_limits {
	_Atomic uint64_t downtime_ns;
	_Atomic uint64_t throttle_bytes, bandwidth_bytes;      /* a second; 0: off, unknown */
	_Atomic uint32_t cost;                                 /* of pre-copy, as mig_pace_pays() has it */
};
/* No host means more: all sums and products of limits and of times on its clock stay in range. */
#define MIG_LIMIT_NS_MAX    (UINT64_C(1) << 50)           /* 13 days */
#define MIG_LIMIT_BYTES_MAX (UINT64_C(1) << 50)

struct mig {
	/* outlives sessions: threads of the program that ask for owed pages are under nobody's control */
	struct mig_facts facts;
	_Atomic uint64_t faulting[MIG_FAULT_SLOTS]; /* destination: 1 + page somebody asks for; index: hash of the page */
	_Atomic uint32_t fault_buffer_busy[MIG_FAULT_BUFFERS];

	/* session: control owner */
	_Atomic enum om_role role;                 /* 0: no session was ever begun */
	_Atomic enum mig_source_state source;
	_Atomic enum mig_target_state target;
	struct om_mig_params params;               /* as the session was begun, but for the mode; not the limits */
	struct mig_limits limits;
	_Atomic uint32_t channels;                 /* params.channels, for who owns no connection */
	uint8_t  queue[MIG_QUEUE];                 /* control frames to send: enum om_control_type, MIG_QUEUE_* */
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
	struct mig_conn conn[MIG_CONNECTIONS];

	/* source */
	_Atomic uint64_t pass;                     /* number << 8 | enum mig_pass */
	bool     postcopy;                         /* what is not there yet stays owed: only that is told from now on */
	uint64_t best_throughput;                  /* bytes a second, of the rounds so far */
	uint32_t owing_rounds;                     /* finished */
	bool     frozen;
	_Atomic bool app_stopped;
	_Atomic enum mig_round_step round_step;
	uint64_t handshake;
	struct mig_round round;
	struct mig_pace pace;
	int64_t  pace_due;                         /* by mig_now(): when it is looked at next */
	uint64_t watch_cursor;                     /* next page to be watched in this round */
	uint64_t watched_before, write_faults_before; /* counts when the session began */
	uint64_t taken_pages;                      /* by the round under way */
	uint64_t throttle_ns;
	bool     owns_io;                          /* MIG_OWNER_IO */
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
	_Atomic enum mig_launch launch;
	uint64_t wipe_next;                        /* source, all is over: the first page not yet overwritten */
	uint32_t wipe_tries;                       /* ... how often a slot was in use */
	int64_t  claim_at;                         /* by mig_now(): when to claim again */

	/* times by mig_now() */
	int64_t  begun, ready, stopped, parked, froze, sent, answered, ended;

	/* counters */
	_Atomic uint64_t owed;                     /* pages: source not acknowledged, destination not arrived */
	_Atomic uint64_t bytes_acked, bytes_sent;
	_Atomic uint64_t normal_pages, zero_pages, postcopy_requests, dropped;
	_Atomic uint64_t faults, fault_ns, fault_max_ns, fault_histogram[OM_FAULT_BUCKETS];
	struct om_mig_status status;               /* what needs no sum; completed by engine.c */
	struct om_mig_identity peer;               /* the peer's part only */
};

extern struct mig mig;
extern struct rt_lock mig_urgent_lock;                         /* destination: the urgent connection's streams, and whose they are */
extern struct mig_ring mig_rings[OM_MIG_CHANNELS_MAX];
extern struct mig_buffer mig_buffers[OM_MIG_CHANNELS_MAX];
extern struct mig_small_buffer mig_reply_buffer;               /* source: owner of the urgent connection */
/* Bit: a buffer holds something. Those that never did are not in the enclave. */
extern _Atomic uint32_t mig_buffers_used;
#define MIG_REPLY_BUFFER_USED (1u << 31)
extern struct mig_small_buffer mig_fault_buffers[MIG_FAULT_BUFFERS];
/* A control frame that leaves, made in place, and the payload of one that came. Control owner. */
extern uint8_t mig_sealed[OM_FRAME_HEADER + OM_CONTROL_MAX + OM_FRAME_TAG];
extern uint8_t mig_received[OM_CONTROL_MAX + OM_FRAME_TAG];

#define MIG_STRIPE_PAGES (MIG_STRIPE_WORDS * 64u)
/*
 * ---- page sets: one bit per page of ELRANGE; only words of used pages are touched ----
 * A stripe's bit says that the stripe's words may hold pages. It is set after a page was added, and cleared by mig_set_tidy() and mig_set_clear()
 * alone. So the cost of a walk is what is in the set, and 256 KiB of bits for 1 TiB.
 */
struct mig_set {
	_Atomic uint64_t word[MIG_PAGES_LIMIT / 64];
	_Atomic uint64_t stripes[MIG_PAGES_LIMIT / MIG_STRIPE_PAGES / 64];
};
extern struct mig_set mig_todo;                                 /* source: to be sent, or told to be owed, in this pass */
extern struct mig_set mig_owed;                                 /* source: not acknowledged; destination: not arrived */

/* @bits: pages of the set's @word. */
static inline void mig_set_add_bits(struct mig_set *set, uint64_t word, uint64_t bits)
{
	uint64_t stripe = word / MIG_STRIPE_WORDS, bit = UINT64_C(1) << stripe % 64;

	if (!bits)
		return;
	atomic_fetch_or(&set->word[word], bits);       /* a full barrier: mig_set_tidy() relies on it */
	if (!(atomic_load(&set->stripes[stripe / 64]) & bit))
		atomic_fetch_or(&set->stripes[stripe / 64], bit);
}
static inline void mig_set_add(struct mig_set *set, uint64_t page)
{
	mig_set_add_bits(set, page / 64, UINT64_C(1) << page % 64);
}
/* Return: whether it was in the set. */
static inline bool mig_set_remove(struct mig_set *set, uint64_t page)
{
	uint64_t bit = UINT64_C(1) << page % 64;

	return (atomic_fetch_and_explicit(&set->word[page / 64], ~bit, memory_order_relaxed) & bit) != 0;
}
static inline bool mig_set_has(const struct mig_set *set, uint64_t page)
{
	return (atomic_load_explicit(&set->word[page / 64], memory_order_relaxed) >> page % 64 & 1) != 0;
}
/* The first stripe from @stripe on, below @end, that may hold pages; or @end. */
static inline uint64_t mig_set_next(const struct mig_set *set, uint64_t stripe, uint64_t end)
{
	while (stripe < end) {
		uint64_t bits = atomic_load_explicit(&set->stripes[stripe / 64], memory_order_acquire) >> stripe % 64;

		if (bits)
			return stripe + (uint64_t)__builtin_ctzll(bits) < end ? stripe + (uint64_t)__builtin_ctzll(bits) : end;
		stripe = (stripe | 63) + 1;
	}
	return end;
}
uint64_t mig_stripes_end(void);                                 /* stripes below the slots */
/* Stripes that hold nothing any more are forgotten. Pages may be added meanwhile. */
void mig_set_tidy(struct mig_set *set);
/* Empties the set. Nobody else may use it meanwhile. */
void mig_set_clear(struct mig_set *set);
static inline uint32_t mig_channel_of(uint64_t word)
{
	return (uint32_t)(word / MIG_STRIPE_WORDS % mig.params.channels);
}
static inline _Atomic uint8_t *mig_page_byte(uint64_t page)
{
	return (_Atomic uint8_t *)&rt_pagemap()[page];
}
/* Without what is of this enclave alone. */
static inline uint8_t mig_page_state(uint64_t page)
{
	return atomic_load_explicit(mig_page_byte(page), memory_order_acquire) & (uint8_t)~RT_PAGE_WATCHED;
}

static inline bool mig_is_runtimes(uint64_t page)
{
	return page >= mig.facts.tracked_limit || (page >= mig.facts.image_tracked_end && page < mig.facts.image_end);
}

static inline enum mig_link_state mig_link(void)
{
	return (enum mig_link_state)atomic_load(&mig.link);
}
/* The streams of this epoch may be used. */
static inline bool mig_link_usable(void) { return mig_link_is_open(mig_link()); }

/* This host's clock: the program's virtual one arrives with the pages. For measuring only. */
static inline int64_t mig_now(void) { return rt_host_monotonic_ns(); }

/* The clock is the host's: it may do as it likes. */
static inline uint64_t mig_elapsed(int64_t begin, int64_t end)
{
	return begin && end > begin ? (uint64_t)(end - begin) : 0;
}

/* ---- engine.c ---- */
/* Ownership of a connection; the engine takes it around IN and OUT. */
bool mig_own(uint32_t connection);
/* Only by who owns it. */
void mig_disown(uint32_t connection);
/* Bits MIG_POST_*: what the control connection's owner is to do when it comes by. Context: any thread. */
void mig_post(uint32_t what);
/* Post a failure; the first one counts. @words: static. */
void mig_fail(int error, const char *words);
/* Raises *max to `value`, if that is more. Context: any thread. */
void mig_note_max(_Atomic uint64_t *max, uint64_t value);
/* Copies words, cut off at `size` - 1 bytes, always with a NUL. */
void mig_words(char *to, size_t size, const char *words);
/*
 * Descriptors and the tables that a freeze fills. The engine has them from the freeze to the thaw, or to the start of the program;
 * OM_ENGINE_CHECK, which any thread of the host's may call, meanwhile gets OM_ESTATE.
 */
#define MIG_OWNER_IO MIG_CONNECTIONS
/* What the engine's buffers hold of pages and messages. Page connections have no owners but the caller. */
void mig_buffers_wipe(void);
/* What STATUS tells, made anew by the control connection's owner: whenever it leaves, and when the session's state changes. */
void mig_publish(void);
/* The program is in this enclave, and may run. */
bool mig_here(void);
/* The session has ended for good, and the other side knows it or need not: nothing is sent any more. */
bool mig_over(void);

/* ---- control.c: owner of the control connection ---- */
#define MIG_QUEUE_NOISE  0x80u
#define MIG_QUEUE_RESUME 0x81u
/* Appends a control frame that is to be sent: enum om_control_type or MIG_QUEUE_*. One that is in the queue is not put there twice. */
void mig_queue(unsigned what);
/* Feeds an event into the machine of this side's role, and carries out what it says, in its order. What the state does not allow fails the session. */
void mig_event(enum mig_event event);
/* Why the session ends. The first reason stands; what goes wrong behind it is said too: "...; and then ...". */
void mig_reason(int error, const char *words);
/* As above, for what has gone wrong behind the first reason. */
void mig_reason_then(int error, const char *words);
/* React to what was posted and to what has become true. Return: ns until it should be called again, ~0: no need. */
uint64_t mig_progress(void);
/* One frame into data, or 0; or OM_E*. */
long mig_control_out(RT_UNTRUSTED uint8_t *data);
/* The payload is in mig_received. */
int  mig_control_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER]);
bool mig_heeds(enum mig_command command);           /* now, by this side's state */
/* Both sides know each other's state again: what was lost is said once more. @error: why the other side's session ended, 0 if it did not. */
void mig_settle(unsigned peer_state, int error);

/* ---- link.c ---- */
int  mig_link_begin(void);                         /* a handshake's first step */
/* The peer's message of the handshake. Return: 0; OM_ESEQ, OM_ESTATE: not due; errors of core/noise.h. Trust: a copy in trusted memory, hostile. */
int  mig_link_noise_in(const struct om_frame *frame, const uint8_t *payload);
/* Ours, as a frame into `data`. Return: its size, or OM_E*. */
long mig_link_noise_out(RT_UNTRUSTED uint8_t *data);
/* The link's own machine. Return: OM_ESTATE. */
int  mig_link_event(enum mig_link_event event);
/* The transport is gone, or cannot be trusted any more. Said twice it is one loss. */
void mig_link_lost(void);
int  mig_link_resume(void);                        /* the host has made new connections */
/* RESUME, sealed in its epoch, as a frame into `data`. Return: its size, or OM_E*. */
long mig_link_resume_out(RT_UNTRUSTED uint8_t *data);
/* The peer's RESUME. Taken only in an epoch above any that was used. Return: 0, or OM_E*: the connections are no good. */
int  mig_link_resume_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER], const uint8_t *payload);

/* ---- source.c: owner of the control connection ---- */
void mig_source_rounds(void);                      /* begin */
void mig_source_again(void);                       /* after a resumption */
/* What is due in the source's state. Return: ns until the next call, UINT64_MAX: nothing to come. */
uint64_t mig_source_progress(void);
/* By command: what has not been sent is owed from now on. Nothing, once the program stops. */
void mig_source_postcopy_now(void);
/* The order to stop: from here on the downtime counts. */
void mig_source_stop(void);
/* All threads are parked: host state and time are saved, the last pages chosen. A failure ends the session. */
void mig_source_freeze(void);
/* The program runs on here: what was frozen is thawed, threads start. */
void mig_source_resume_app(void);
bool mig_source_holds(void);                       /* the destination starts the program when all has come */
void mig_source_handed_over(void);                 /* the destination has taken over */
void mig_source_push(void);                        /* what is owed, from the beginning */
void mig_source_running(uint64_t run_realtime_ns); /* the program has just begun to run at the destination */
/* The echo of a ROUND has come. @stamp: by mig_now(), when it was sent. */
void mig_source_round_trip(uint64_t stamp);
void mig_source_ended(void);                       /* the program runs on here */
uint64_t mig_source_touched(void);                 /* pages to be sent, about */

/* ---- watch.c: owner of the control connection ---- */
/* Which tracker this session will use; OM_EUNTRACKED if cards were asked for and do not tell all. */
int  mig_watch_choose(struct om_mig_params *params);
void mig_watch_begin(void);                        /* the session's rounds begin: status, and marks by the program if wanted */
/* The taken pages are watched, some at each call. Return: whether all are. */
bool mig_watch_step(void);
/* Fills in what STATUS says of the tracker. */
void mig_watch_status(struct om_mig_status *status);

/* ---- export.c ---- */
void mig_pass_begin(enum mig_pass kind);
/* Every page connection has come to the end of its part of the pass. */
bool mig_pass_handed_out(void);
/* ... and the destination has all frames. */
bool mig_pass_acknowledged(void);
void mig_export_reset(void);                       /* a new epoch: rings empty, numbers from 0 */
void mig_export_unsent(struct mig_set *set);           /* put the pages of all unacknowledged frames into set */
/* The next page frame of a page connection into `data`. @channel: connection number minus OM_CONNECTION_PAGES. Return: its size, 0: nothing now, or
 * OM_E*. Context: the connection's owner. */
long mig_export_out(uint32_t channel, RT_UNTRUSTED uint8_t *data);
/* The destination's acknowledgement: frames are forgotten, owed pages of a push are owed no more. Return: 0, or OM_E*: the connection is no good. */
int  mig_export_ack(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload);

/* ---- import.c ---- */
int  mig_import_in(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload);
/* An acknowledgement into `data`, if one is due. Return: its size, 0, or OM_E*. */
long mig_import_ack_out(uint32_t channel, RT_UNTRUSTED uint8_t *data);
/* All frames that COMPLETE counts have been applied. */
bool mig_import_complete(void);
int  mig_import_settle(void);                      /* before the program runs: control owner, page connections idle */
/* Decode the runs of a page frame, check each against this enclave, and settle what will be done with them. Return: OM_E* */
int  mig_runs_decode(const uint8_t *head, size_t head_size, size_t content_pages, struct mig_runs *ret_runs);
/* Do it, and whatever the session has come to since, nothing else. @content: page-aligned. */
int  mig_runs_apply(const struct mig_runs *runs, uint8_t (*content)[OM_PAGE_SIZE]);

/* ---- postcopy.c ---- */
void mig_postcopy_prepare(void);                   /* destination, before threads run: touch what the handler needs */
void mig_postcopy_prepare_source(void);            /* before the token: what is first used after it is there by then */
/* rt_owed_fault: returns 0 when the page at `address` is there, or is owed no more. Context: CSSA 1; touches nothing that could fault. */
int  mig_owed_fault(uint64_t address);
long mig_postcopy_answer(RT_UNTRUSTED uint8_t *data, size_t size); /* source: OM_ENGINE_URGENT */

/* ---- evidence.c ---- */
/* Of this very enclave, by the CPU's word. At boot. */
uint64_t mig_evidence_xfrm(void);
/* NULL, or why this image may not move at all, whoever is at the other end. */
const char *mig_evidence_objection(void);
/* Evidence, an envelope, over hash and role. Return: size, or OM_E* with words. */
long mig_evidence_make(enum om_role role, const uint8_t hash[32], uint8_t *ret_quote, size_t room, const char **ret_words);
/*
 * Is this the evidence of an enclave with our identity, in that role, for this handshake? If it is a destination's and the program has
 * an owner, does the owner's ticket allow the move? *ret_words: why not.
 */
int  mig_evidence_check(enum om_role role, const uint8_t hash[32], const uint8_t *quote, size_t size,
	struct om_mig_status *ret_status, struct om_mig_identity *ret_peer, const char **ret_words);
/* A destination, when the instance's state is there: was its source judged by no older list of guests than the instance has seen? */
int  mig_evidence_arrive(const char **ret_words);

/* Version of the list of guests in force, 0: none. */
uint64_t mig_evidence_floor(void);

/* ---- fresh.c ---- */
/* OM_ENGINE_FRESH. Context: any service slot. */
long mig_fresh(RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t nonce_size);

/* ---- instance.c ---- */
void mig_instance_begin(void);                     /* the program starts here */
void mig_instance_moved(void);                     /* the token has come: this move is made */
/*
 * The next build, to which the owner orders the program handed on: is it, by its evidence, the named program of the same signer and
 * product, at no lower SVN, on a platform that our policy accepts? Return: 0 or OM_E* with words.
 */
int mig_evidence_heir(struct om_view evidence, const uint8_t report_data[SGX_REPORTDATA_SIZE], const uint8_t mrenclave[32], const char **ret_words);
const uint8_t *mig_instance_id(void);              /* 16 bytes */

#endif
