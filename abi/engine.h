/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host drives the migration engine inside an enclave. The engine does no I/O: the host calls these
 * operations (OM_ECALL_ENGINE, r8 = enum om_engine_op) on service slots and moves opaque frames (abi/wire.h)
 * between the tbuf's data and its sockets. Nothing the host says here can do more than delay or fail a migration.
 *
 * Connections, numbered alike on both sides, each a reliable ordered byte stream of whole frames:
 *
 *     0                control   both directions
 *     1                urgent    destination asks for a page, source answers (post-copy)
 *     2 .. 1+channels  pages     source -> destination data, destination -> source acknowledgements
 *
 * Use.  One host thread and one service slot per connection are enough; two calls for the same connection at the
 * same time are refused with OM_ESTATE. The loop of a control or page connection, on either side:
 *
 *     for (;;) {
 *             OUT(connection)            ret > 0: one whole frame is in data: send it, and call OUT again
 *             if (frame received)        data = exactly one whole frame
 *                     IN(connection)     then OUT again
 *             else wait for: a frame to read, out.wait_ns, or another thread's out.ready naming this connection
 *     }
 *
 * Every OUT, IN, COMMAND, LOST and RESUME answers in arg[]:
 *     arg[0]  wait_ns   OUT: call again no later than this (0: at once, ~0: only when something happens)
 *     arg[1]  ready     bit c set: connection c has (or may have) something to send: wake its thread
 *     arg[2]  state     enum om_mig_state after the call
 *     arg[3]  flags     OM_MIG_F_*
 * A negative ret is the failure of the session itself or of this call; STATUS tells the words. After OM_MIG_F_OVER
 * the host closes the connections; before that the control connection is served to its end, so that the other
 * side learns the reason.
 *
 * Buffers: OUT and IN need a tbuf with at least OM_FRAME_MAX bytes of data.
 * Arguments of engine operations travel in tbuf->arg[] and are read once, results overwrite them.
 */
#ifndef OPTMIG_ABI_ENGINE_H
#define OPTMIG_ABI_ENGINE_H

#include <stdint.h>
#include "wire.h"

#define OM_ENGINE_VERSION 2

enum om_engine_op {
	OM_ENGINE_SOURCE_BEGIN = 1, /* data = struct om_mig_params: start migrating this running program away */
	OM_ENGINE_DESTINATION_BEGIN,     /* data = struct om_mig_params: receive; only in an enclave booted with OM_BOOT_RECEIVE */
	OM_ENGINE_OUT,           /* arg[0] = connection, arg[1] = bytes of room in data; ret = size of the frame, or 0 */
	OM_ENGINE_IN,            /* arg[0] = connection, arg[1] = size of the frame in data; ret = 0 */
	OM_ENGINE_URGENT,        /* source: arg[0] = size of the request frame in data; ret = size of the reply in data.
	                            (The destination's requests leave through OM_HC_URGENT_PAGE; the host hands the reply
	                            whose header has the request's sequence number and epoch to the waiting thread.) */
	OM_ENGINE_COMMAND,       /* arg[0] = enum om_engine_command, arg[1] = value */
	OM_ENGINE_STATUS,        /* ret = 0, data = struct om_mig_status */
	OM_ENGINE_LOST,          /* arg[0] = connection, or ~0 for all: the transport is gone. The engine goes to WAITING if
	                            the session can be resumed (flag OM_MIG_F_RECONNECT), else it fails */
	OM_ENGINE_RESUME,        /* all connections are made anew (same numbers, same count): a new epoch begins. On the
	                            destination it is called when they arrive, before the first IN */
	OM_ENGINE_CHECK,         /* any time: what of the host state would not survive a migration, as lines of text.
	                            ret = size of the text in data, arg[0] = number of problems. OM_ESTATE while a session has what
	                            it would look at: from the stop of the program until it runs again, here or there */
	OM_ENGINE_IDENTITY,      /* any time: ret = 0, data = struct om_mig_identity */
	OM_ENGINE_WIPE,          /* source in COMPLETED, with OM_MIG_F_OVER: some of what the program has left in this enclave is overwritten.
	                            ret = 1: there is more, call again; 0: nothing of its memory is left */
	OM_ENGINE_FRESH = 14,    /* any time: what fresh evidence for the program's TLS key is made of (core/evidence/parse/tagged.h). data = struct
	                            sgx_targetinfo of who quotes, and a nonce of arg[0] bytes; ret = size of what is in data then: struct
	                            sgx_report, and claims behind it. OM_ESTATE while the program is not here, or is being taken along */
};

enum om_engine_command {
	OM_COMMAND_CANCEL = 1,   /* source: before the start token only, else OM_ESTATE; destination: see OM_COMMAND_ABORT */
	OM_COMMAND_POSTCOPY,     /* source: leave the rounds and switch to post-copy now */
	OM_COMMAND_DOWNTIME,     /* source: value = new downtime limit, ns */
	OM_COMMAND_THROTTLE,     /* source: value = limit of dirtying in bytes/s, 0 = off */
	OM_COMMAND_ABORT,        /* destination: give up for ever, unless it already runs; the source learns it by an abort token */
	OM_COMMAND_BANDWIDTH,    /* source: value = bytes/s the host will let through (0: unknown), for predictions */
	OM_COMMAND_FORGET,       /* destination that is whole, or has given up: end the session without the source's last
	                            word. A source that missed ours then waits for ever, and nobody tells it. Else OM_ESTATE */
	OM_COMMAND_GO_ON,        /* while no OUT is called because the connections are down: do what is due. arg[0] as of OUT */
	OM_COMMAND_COST,         /* source: value = thousandths of its service that the program loses while it is copied, by what the host
	                            sees. For the choice between pre-copy and post-copy */
};

enum om_mig_mode { OM_MODE_AUTO = 0, OM_MODE_STOP, OM_MODE_PRECOPY, OM_MODE_POSTCOPY, OM_MODE_HYBRID };

/* How the rounds of pre-copy find out what the program writes. */
enum om_tracker {
	OM_TRACKER_AUTO = 0,  /* cards if every object of the image was built with the pass, else faults; in a status: none */
	OM_TRACKER_CARDS,     /* what the pass's marks say */
	OM_TRACKER_FAULTS,    /* write permission is taken away in the EPCM, the first store to each page faults */
};

#define OM_MIG_CHANNELS_MAX 8

struct om_mig_params {
	uint32_t version;            /* OM_ENGINE_VERSION */
	uint32_t mode;               /* enum om_mig_mode */
	uint32_t channels;           /* 1 .. OM_MIG_CHANNELS_MAX; both sides the same (the host's hello says it) */
	uint32_t flags;              /* OM_MIG_PARAM_* */
	uint64_t downtime_limit_ns;  /* 0: 10 ms */
	uint64_t throttle_bytes;     /* limit for writers, bytes/s; 0: off */
	uint64_t bandwidth_bytes;    /* what the host lets through, bytes/s; 0: unlimited */
	uint32_t rounds_max;         /* 0: 30 */
	uint32_t tracker;            /* enum om_tracker */
};
#define OM_MIG_PARAM_RELEASE  1u /* post-copy, and stop: give acknowledged pages back to the host at once */
#define OM_MIG_PARAM_REHEARSE 2u /* stop the program, move its host state without its memory, and give up when the destination
                                    is prepared */

/* States of a session as the host sees them; docs/spec/migration.md has the protocol's own. Names in om_mig_state_name. */
enum om_mig_state {
	OM_MIG_NONE = 0,      /* no session */
	OM_MIG_SETUP,         /* handshake, attestation, parameters */
	OM_MIG_ACTIVE,        /* pre-copy rounds; destination: receiving */
	OM_MIG_DEVICE,        /* source stopped, final transfer; destination: importing */
	OM_MIG_PREPARED,      /* destination complete; source: about to emit the start token */
	OM_MIG_COMMITTED,     /* source: start token emitted, not yet confirmed: cannot run here any more */
	OM_MIG_POSTCOPY,      /* destination runs, pages still owed */
	OM_MIG_COMPLETED,     /* source: state destroyed; destination: the program is here, whole */
	OM_MIG_CANCELLED,     /* source runs on as before */
	OM_MIG_FAILED,        /* source: runs on as before; destination: will never run */
	OM_MIG_WAITING,       /* connection lost; the session can be resumed */
	OM_MIG_REHEARSED,     /* source: asked for, and all went well up to the start token; runs on as before */
};

#define OM_MIG_F_OVER       1u   /* the session is over, the last frame has been handed out: close the connections */
#define OM_MIG_F_RUNNING    2u   /* the application runs in this enclave (destination: it has been started) */
#define OM_MIG_F_RECONNECT  4u   /* make the connections anew, then OM_ENGINE_RESUME */
#define OM_MIG_F_AWAITED    16u  /* destination: the source may wait for this side's word, and for nothing else: do not end */
#define OM_MIG_F_EXIT       8u   /* source: everything is at the destination; this process should end with status 0 */

/*
 * Which instance this is: a program that was started, wherever it has moved since. The number is that of its next move, from 1 on; it
 * grows with each that succeeds. Both move with the program. And who was at the other end of the present or last session, as evidence
 * that was verified says; all zero without.
 */
struct om_mig_identity {
	uint8_t  instance[16];
	uint64_t next_move;          /* 0: the program is not here (not yet, or no more), and instance is zero, too */
	uint8_t  peer_platform;      /* as core/evidence/accept/facts.h has them */
	uint8_t  zero[7];
	uint8_t  peer_id[64], peer_guest[48];
};

/* Counters. Times in ns; *_realtime_ns by this host's clock. All sizes in bytes unless said otherwise. */
struct om_mig_status {
	uint32_t version;            /* OM_ENGINE_VERSION */
	uint32_t state;              /* enum om_mig_state */
	uint32_t mode;               /* asked for */
	uint32_t chosen_mode;        /* what `auto` became; else = mode */
	int32_t  error;              /* 0 or OM_E* of a failed session */
	uint32_t flags;              /* OM_MIG_F_* */
	uint32_t role;               /* 1 source, 2 destination, 0 none */
	uint32_t channels;
	uint64_t total_time_ns, setup_time_ns;
	uint64_t downtime_ns;        /* source: stop until the destination's confirmation arrived, less half a round trip */
	uint64_t expected_downtime_ns;
	uint64_t downtime_limit_ns;
	uint64_t stop_realtime_ns;   /* source: last application thread had to stop from here; 0 before */
	uint64_t run_realtime_ns;    /* destination: threads resumed; source: as told by the destination */
	uint64_t park_ns, freeze_ns, final_ns, rebuild_ns; /* parts of the downtime: park threads, freeze descriptors,
	                                send the rest until it is acknowledged, rebuild on the destination */
	uint64_t round_trip_ns;
	uint64_t ram_total;          /* tracked and touched memory */
	uint64_t ram_transferred;    /* frame bytes of the page connections */
	uint64_t ram_remaining;
	uint64_t ram_page_size;
	uint64_t normal_pages, duplicate_pages;      /* with content; all zero */
	uint64_t dirty_sync_count;   /* rounds begun */
	uint64_t dirty_pages_rate;   /* pages/s */
	uint64_t throughput;         /* bytes/s of acknowledged content, recent */
	uint64_t throttle_ns;        /* present slow-down per safepoint poll */
	uint64_t postcopy_requests;  /* urgent pages asked for */
	uint64_t postcopy_owed;      /* pages not yet there (destination), not yet acknowledged (source) */
	uint64_t postcopy_dropped;   /* pages that came twice */
	uint64_t fault_count, fault_total_ns, fault_max_ns;   /* owed faults; on the source when all is over */
	uint64_t fault_histogram[OM_FAULT_BUCKETS]; /* bucket i: faults with 2^i <= ns < 2^(i+1) */
	uint64_t epoch;              /* reconnections */
	uint64_t resident_pages, stack_pages;        /* sent in the stop phase */
	uint64_t watched_pages, watch_ns;            /* tracker faults: permissions taken away, and the time that took */
	uint64_t write_faults;                       /* tracker faults: stores that gave one back */
	uint32_t tracker;            /* enum om_tracker of the rounds; 0: the mode has none */
	uint32_t untracked;          /* 1: the image holds objects that the pass has not seen */
	char     tracker_reason[128];
	uint8_t  peer_mrenclave[32];
	char     peer[64];           /* attestation result in words */
	char     choice[160];        /* why `auto` chose what it chose */
	char     reason[192];        /* of the error, in words */
};

#endif
