/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/move share; nobody else includes it. */
#ifndef OPTMIG_HOST_MOVE_INTERNAL_H
#define OPTMIG_HOST_MOVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "bucket.h"
#include "cost.h"
#include "lobby.h"
#include "move.h"
#include "niceness.h"

#define MOVE_CONNECTIONS_MAX (OM_CONNECTION_PAGES + OM_MIG_CHANNELS_MAX)
#define MOVE_TBUF_SIZE ((OM_TBUF_DATA + OM_FRAME_MAX + 4095u) / 4096u * 4096u)

#define MOVE_CONNECT_MS     10000u
#define MOVE_ANSWER_MS      60000u    /* the destination builds its enclave before it answers */
#define MOVE_COLLECT_MS     15000u    /* all connections of a session, from the first to the last */

/* One connection. Fields belong to its pump while that runs, else to the supervisor, unless said otherwise. */
struct move_connection {
	struct host_move *move;
	uint16_t number;
	int fd;                         /* -1: none */
	int wake_fd;                    /* eventfd: look again; written by anybody */
	uint32_t slot;                  /* 0: none */
	pthread_t thread;
	bool thread_runs;
	uint64_t cpu_ns;                /* of its pump, when last looked at */
	struct move_niceness niceness;  /* its pump's */
};

/* Destination: threads that wait for pages. All under `lock`. See urgent.c. */
struct move_urgent {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_mutex_t send_lock;
	struct move_waiter *waiters;
	int fd;                         /* -1: down */
	bool over;                      /* down for good */
	bool reading;                   /* some waiter reads the socket for all */
	uint32_t users;                 /* threads between taking fd and giving it back */
	uint8_t *reply;                 /* OM_FRAME_MAX bytes, the reader's */
};

struct host_move {
	struct host_enclave *enclave;
	int event_fd;

	pthread_mutex_t call_lock;      /* slot 0 */

	pthread_mutex_t lock;           /* all below up to the next comment */
	pthread_cond_t changed;
	enum move_phase phase;
	bool source;
	bool over, running, committed, prepared; /* facts of the engine's answers; each is set once in a session */
	bool begun;                     /* the engine has this session; before, its status is the session's before */
	bool lost, eof;                 /* the transport broke; a connection but the control one has ended */
	bool retry_now;                 /* `recover` */
	bool cancel;                    /* before the engine has the session */
	bool interrupted;               /* destination: by the user */
	bool gave_up;                   /* destination: it was complete, and will never run the program: the source must hear it */
	int  error;                     /* first failure of this session */
	char reason[256];               /* ... in words, and what failed behind it: "...; and then ..." */
	struct move_request request;
	char peer[MOVE_ENDPOINT_TEXT];
	uint32_t reconnects;
	uint32_t begun_count, ended_count, delivered_count;
	bool any, same_clock;
	struct om_mig_status last;      /* snapshot, kept after the end */
	int  pending[MOVE_CONNECTIONS_MAX]; /* destination: accepted, not yet in use; -1: none */
	uint32_t pending_count;
	bool accept_resume;             /* destination: RESUME hellos are expected, not NEW ones */

	/* written by the supervisor before threads start, read by all */
	uint16_t channels;
	uint8_t session[MOVE_SESSION_ID_SIZE];
	uint8_t clock[16], peer_clock[16];
	struct move_connection connection[MOVE_CONNECTIONS_MAX];
	struct move_bucket bucket;
	struct move_bucket cpu;          /* source: CPU time of the page pumps during rounds, ns */
	struct move_cost cost;           /* source */
	struct move_urgent urgent;
	int stop_fd;                    /* eventfd: leave connecting, resting, waiting */
	const struct host_key *key;     /* NULL: this host has none; why is said when it is wanted */
	uint8_t peer_key[HOST_KEY_SIZE]; /* of the host at the other end of the session */
	struct move_seal seal;           /* of the control connection's opening: for the NOISE frames and a refusal, and no longer */
	atomic_bool greeted;            /* the enclaves have keys, and say themselves what is to be said */
	bool peer_pinned;               /* source: the first connection has said which that is */
	int listen_fd;                  /* destination */
	struct move_lobby *lobby;        /* destination: its acceptor's, */
	bool accepting;                 /* ... which runs */
	const struct move_receive_options *receive;
	atomic_bool moves_absent;       /* the addresses are not here and come with the first socket */
	pthread_t supervisor, acceptor;

	atomic_bool stopping;           /* pumps shall end */
	atomic_bool control_busy;       /* the control connection's pump is at work: what has come may not have been looked at */
	atomic_bool process_ends;       /* the enclave may be gone already */
	_Atomic uint64_t heard_ns;      /* last frame from the peer */
	_Atomic uint64_t cpu_ns;
	_Atomic uint32_t seen_state, seen_flags; /* of the last engine answer: changes are looked at under the lock */
};

/* supervisor.c */
/* An engine operation through slot 0. Return: the engine's ret or an OM_E*. @ret_arg: arg[0..3] afterwards, or NULL. */
int64_t move_call(struct host_move *move, enum om_engine_op op, uint64_t a0, uint64_t a1, uint64_t ret_arg[4]);
/* The answer of OUT, IN, COMMAND, LOST, RESUME: wakes connections and notes what has changed. */
void move_note(struct host_move *move, uint16_t self, const uint64_t arg[4]);
/* The first error of a session stands, with what it led to. Words from host_reason(). */
void move_set_error(struct host_move *move, int error);
/* A pump's connection is gone, with words in host_reason(). @eof: the peer has closed it, which the end of a session does, too. What counts is the
 * first. */
void move_lose(struct host_move *move, int error, bool eof);
/* Under no lock. Wakes whoever waits, tells those who watch. */
void move_set_phase(struct host_move *move, enum move_phase phase);
/* The pump looks for something to do. Context: any thread. */
void move_wake(const struct move_connection *connection);
/* Asks the engine for its status, for reports. Under no lock. Nothing before the session has begun. */
void move_refresh(struct host_move *move);
/* Under the lock: until something changes, at most a tenth of a second. */
void move_wait_tick(struct host_move *move);
/* A service slot for each connection. Return: OM_EEXHAUSTED, OM_ENOMEM; then none is held. */
__attribute__((warn_unused_result))
int  move_slots_acquire(struct host_move *move);
/* Those that are held. */
void move_slots_release(struct host_move *move);
/* All facts of a session anew. Under no lock; the caller has set phase CONNECTING. */
void move_begin_session(struct host_move *move, bool source);
/* SOURCE_BEGIN or DESTINATION_BEGIN has succeeded. */
void move_session_begun(struct host_move *move);
/* Phase RUNNING for the first time: what was cancelled before the engine had the session is cancelled now. */
void move_session_runs(struct host_move *move);
/* What a source says of itself in its hello. Kind and connection are the caller's to set. */
void move_fill_hello(struct host_move *move, struct move_hello *ret_hello);
/* Waits until the session is over, lost or silent. True: over. */
bool move_watch(struct host_move *move);
/* LOST with all connections down. Return: true if they are to be made anew. */
bool move_report_loss(struct host_move *move);
/* The engine does what is due while no pump asks it. Return: ns until the next time, UINT64_MAX: nothing to come. */
uint64_t move_go_on(struct host_move *move);
/* Takes what the engine would still send and drops it: ends a session without a link. */
void move_drain(struct host_move *move);
/* What the engine has to say of the end goes into the report; then the slots go back. The supervisor is the only thread left. */
void move_end_session(struct host_move *move);
/* CPU time of the calling thread. */
uint64_t move_thread_cpu_ns(void);
/* Between two attempts to connect; `recover` cuts it short. Return: false if the session was cancelled or is over. */
bool move_pause(struct host_move *move, uint64_t ns);

/* send.c: before the token leaves. Under the lock. */
void move_source_committed(struct host_move *move);

/* receive.c: the program runs here from now on, or never will. Under the lock. */
void move_receive_arrived(struct host_move *move);
/* As above: it never will; the receiver waits until the source has heard that. */
void move_receive_gave_up(struct host_move *move);

/* What whoever comes too early is told, where the program is not taken. */
#define MOVE_ENDS(options) ((options)->once ? "this receiver was for one migration, which has failed" : "this receiver is starting over after a migration that failed; try again")

/* command.c */
void move_program_exit(void *context, int status, int signo);

/* pump.c: threads of all connections that have an fd. Return: OM_ENOMEM (then none runs). */
__attribute__((warn_unused_result))
int  move_pumps_start(struct host_move *move);
/* Says to the other host why the session ends, if it does before the enclaves have keys. The control connection is nobody else's. Return: it was said. */
bool move_refuse(struct host_move *move, int fd);
/* Ends them and closes the connections. @orderly: the last frames were sent; let the peer read them. */
void move_pumps_stop(struct host_move *move, bool orderly);

/* urgent.c */
__attribute__((warn_unused_result))
int  move_urgent_init(struct move_urgent *urgent);
/* The connection is there: those who wait ask again on it. */
void move_urgent_up(struct move_urgent *urgent, int fd);
/* Before its fd is closed: nobody uses it any more after the return. @over: it will not come up again. */
void move_urgent_down(struct move_urgent *urgent, bool over);
/* OM_HC_URGENT_PAGE: sends the request in `data`, waits for its reply, puts that into `data`. Return: the reply's size, or -EAGAIN. Trust: request
 * and reply are opaque; the reply's size is bounded by `capacity`. */
int64_t move_urgent_page(void *context, uint8_t *data, uint64_t size, uint64_t capacity);

/* address.c: the addresses that move. */
void move_before_bind(void *context);
/*
 * Could they be added and removed here? @takes: this process is to have them, and to tell the neighbours: what it needs for that it
 * keeps, so not one that gives its rights up (priv_may_begin() has looked). Return: OM_EINVAL, OM_ENOTFOUND; OM_EPERM, which is said
 * before anything moves.
 */
__attribute__((warn_unused_result))
int  move_addresses_check(const struct move_address *moves, uint32_t count, bool takes);
/* What fails is told, and stays. */
void move_addresses_remove(const struct move_address *moves, uint32_t count);
/* As above. */
void move_addresses_add(const struct move_address *moves, uint32_t count);
/* By gratuitous ARP and unsolicited neighbour advertisements. */
void move_addresses_announce(const struct move_address *moves, uint32_t count);

#endif
