/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migration as a host process sees it: one per enclave process, at most one session at a time. The engine inside the
 * enclave decides everything (abi/engine.h); this folder makes connections, moves whole frames between them and the
 * engine, limits bandwidth, makes connections anew when the engine asks for it, and reports.
 *
 *      IDLE ──move_start──▶ CONNECTING ──▶ RUNNING ◀──▶ RECONNECTING            source
 *      IDLE ──move_receive─▶ CONNECTING ──▶ RUNNING ◀──▶ RECONNECTING           destination
 *                              │             │             │
 *                              └─────────────┴─────────────┴──▶ ENDED ──▶ IDLE (or the process ends)
 *
 * Threads of a session: a supervisor (connect, watch, reconnect, end), one pump per connection, on the destination an
 * acceptor. Slots: control and page pumps and the source's urgent pump own one service slot each; engine calls of
 * everybody else go through slot 0 under a lock (move_call).
 */
#ifndef OPTMIG_HOST_MOVE_MOVE_H
#define OPTMIG_HOST_MOVE_MOVE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine.h"
#include "sockets.h"
#include "load/enclave.h"

/* Service slots 2 .. 7: control, urgent and at most this many page channels. */
#define MOVE_CHANNELS_LIMIT 4u
#define MOVE_ADDRESSES_MAX      8u
#define MOVE_CPU_LIMIT_MAX  (UINT64_C(1000) * 1000000000)   /* a thousand processors */

struct host_move;
struct priv_limits;

enum move_phase { MOVE_PHASE_IDLE, MOVE_PHASE_CONNECTING, MOVE_PHASE_RUNNING, MOVE_PHASE_RECONNECTING, MOVE_PHASE_ENDED };

/* An address that goes along with the program: "ADDRESS/PREFIX@INTERFACE". */
struct move_address { char text[96]; };

struct move_request {
	struct move_endpoint to;
	struct om_mig_params params;
	uint64_t patience_ns;           /* before the token: how long to try to reconnect */
	uint64_t silence_ns;            /* a link without a sign of life for so long counts as lost */
	uint64_t cpu_limit;             /* of page connections during rounds, ns of CPU time a second; 0: none */
	uint32_t move_count;
	struct move_address moves[MOVE_ADDRESSES_MAX];
};
/* Defaults for everything but the address. */
void move_request_init(struct move_request *request);

/* What is known about the present or the last session. */
struct move_report {
	enum move_phase phase;
	bool any;                       /* false: there has been no session */
	bool same_clock;                /* both hosts read the same clock */
	int  error;                     /* of the session: the host's or the engine's; 0 */
	char reason[256];
	char peer[MOVE_ENDPOINT_TEXT];
	char session[2 * MOVE_SESSION_ID_SIZE + 1];
	uint64_t bandwidth;             /* limit, bytes/s; 0: none */
	uint64_t cpu_ns;                /* CPU time of this session's threads */
	uint64_t cpu_limit;             /* as in struct move_request */
	uint64_t cost_ns;               /* source: service lost before the stop, for lack of CPU time (cost.h) */
	uint32_t busy_threads;          /* source: threads of the program that do its work, by their CPU time; at least 1 */
	uint32_t reconnects;
	bool prepared;                  /* the destination is complete, or has been: it may hold the only copy */
	uint32_t begun_count;           /* sessions that were begun in this process */
	uint32_t ended_count;           /* ... and that have ended */
	struct om_mig_status engine;
};

/* Installs the enclave's hooks (host_set_hooks): before the first application thread is started. */
__attribute__((warn_unused_result))
int move_new(struct host_enclave *enclave, struct host_move **ret_mig);

/* Source: begins a session and returns at once. Return: OM_ESTATE (one is running), OM_EINVAL, OM_ENOMEM. */
__attribute__((warn_unused_result))
int move_start(struct host_move *move, const struct move_request *request);
/* A session is under way in which the program leaves. */
bool move_leaving(struct host_move *move);
/* Cancel wherever the session stands. Return: OM_ESTATE with words if it is too late or there is none. */
__attribute__((warn_unused_result))
int move_cancel(struct host_move *move);
/* Engine commands while a session runs. BANDWIDTH also sets the host's limit. */
__attribute__((warn_unused_result))
int move_command(struct host_move *move, enum om_engine_command command, uint64_t value);
/* Source that has lost its link: try at once, at another address if `to` is not NULL. Return: OM_ESTATE. */
__attribute__((warn_unused_result))
int move_recover(struct host_move *move, const struct move_endpoint *to);
/* Both sides, any time. */
void move_report_get(struct host_move *move, struct move_report *ret_report);
/* `optmig check`: what would not survive, as lines. @ret_count: how many. */
__attribute__((warn_unused_result))
int move_check(struct host_move *move, char *text, size_t size, uint32_t *ret_count);

/* An eventfd that becomes readable when the phase or the engine's state changes. */
int move_event_fd(struct host_move *move);
/* Whoever serves the users says that they know the end of so many sessions; UINT32_MAX: there are none, or nobody serves them any more. */
void move_delivered(struct host_move *move, uint32_t ended_count);
/* Until they know the end of each session that has ended, but not longer than 2 s. */
void move_wait_delivered(struct host_move *move);
/*
 * The process is about to end, whatever the reason. A session that is under way ends with it, and gets a report. From now on the enclave is not
 * asked any more. Return: false if that cannot be known (the thread that ends the process was at work on the session).
 */
bool move_process_ends(struct host_move *move);

/* Destination, see receive.c. */
struct move_receive_options {
	struct host_load_options load;  /* path: NULL unless the user names an image */
	struct move_endpoint listen;
	bool once;                      /* end after a session that failed; else listen again */
	uint64_t wait_ns;               /* end with OM_ETIMEDOUT if no known host has come by then; 0: for ever */
	uint64_t patience_ns;           /* while it only receives: how long a lost source is waited for */
	uint32_t move_count;
	struct move_address moves[MOVE_ADDRESSES_MAX];
	const struct priv_limits *limits; /* of a process that gives its rights up, or NULL: it keeps them */
	char **restart_argv;            /* how this process was started, to start over */
	/* The enclave is there and waits: what the process does before the session begins (control socket, ...). */
	int  (*ready)(struct host_enclave *enclave, struct host_move *move);
	/* The process is about to start over or to end: undo that. */
	void (*undo)(void);
};
/* Returns only with an error. Otherwise the process becomes the program. Context: the main thread. */
int move_receive(const struct move_receive_options *options);

#endif
