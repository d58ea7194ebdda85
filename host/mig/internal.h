/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/mig share; nobody else includes it. */
#ifndef OPTMIG_HOST_MIG_INTERNAL_H
#define OPTMIG_HOST_MIG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "bucket.h"
#include "cost.h"
#include "lobby.h"
#include "mig.h"

#define MIG_CONNECTIONS_MAX (OM_CONNECTION_PAGES + OM_MIG_CHANNELS_MAX)
#define MIG_TBUF_SIZE ((OM_TBUF_DATA + OM_FRAME_MAX + 4095u) / 4096u * 4096u)

#define MIG_CONNECT_MS     10000u
#define MIG_ANSWER_MS      60000u    /* the destination builds its enclave before it answers */
#define MIG_COLLECT_MS     15000u    /* all connections of a session, from the first to the last */

/* One connection. Fields belong to its pump while that runs, else to the supervisor, unless said otherwise. */
struct mig_connection {
	struct host_mig *mig;
	uint16_t number;
	int fd;                         /* -1: none */
	int wake_fd;                    /* eventfd: look again; written by anybody */
	uint32_t slot;                  /* 0: none */
	pthread_t thread;
	bool thread_runs;
	uint64_t cpu_ns;                /* of its pump, when last looked at */
};

/* Destination: threads that wait for pages. All under `lock`. See urgent.c. */
struct mig_urgent {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_mutex_t send_lock;
	struct mig_waiter *waiters;
	int fd;                         /* -1: down */
	bool over;                      /* down for good */
	bool reading;                   /* some waiter reads the socket for all */
	uint32_t users;                 /* threads between taking fd and giving it back */
	uint8_t *reply;                 /* OM_FRAME_MAX bytes, the reader's */
};

struct host_mig {
	struct host_enclave *enclave;
	int event_fd;

	pthread_mutex_t call_lock;      /* slot 0 */

	pthread_mutex_t lock;           /* all below up to the next comment */
	pthread_cond_t changed;
	enum mig_phase phase;
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
	struct mig_request request;
	char peer[MIG_ADDRESS_TEXT];
	uint32_t reconnects;
	uint32_t begun_count, ended_count, delivered_count;
	bool any, same_clock;
	struct om_mig_status last;      /* snapshot, kept after the end */
	int  pending[MIG_CONNECTIONS_MAX]; /* destination: accepted, not yet in use; -1: none */
	uint32_t pending_count;
	bool accept_resume;             /* destination: RESUME hellos are expected, not NEW ones */

	/* written by the supervisor before threads start, read by all */
	uint16_t channels;
	uint8_t session[MIG_SESSION_ID_SIZE];
	uint8_t clock[16], peer_clock[16];
	struct mig_connection connection[MIG_CONNECTIONS_MAX];
	struct mig_bucket bucket;
	struct mig_bucket cpu;          /* source: CPU time of the page pumps during rounds, ns */
	struct mig_cost cost;           /* source */
	struct mig_urgent urgent;
	int stop_fd;                    /* eventfd: leave connecting, resting, waiting */
	const struct host_key *key;     /* NULL: this host has none; why is said when it is wanted */
	uint8_t peer_key[HOST_KEY_SIZE]; /* of the host at the other end of the session */
	struct mig_seal seal;           /* of the control connection's opening: for the NOISE frames and a refusal, and no longer */
	atomic_bool greeted;            /* the enclaves have keys, and say themselves what is to be said */
	bool peer_pinned;               /* source: the first connection has said which that is */
	int listen_fd;                  /* destination */
	struct mig_lobby *lobby;        /* destination: its acceptor's, */
	bool accepting;                 /* ... which runs */
	const struct mig_receive_options *receive;
	atomic_bool moves_absent;       /* the addresses are not here and come with the first socket */
	pthread_t supervisor, acceptor;

	atomic_bool stopping;           /* pumps shall end */
	atomic_bool control_busy;       /* the control connection's pump is at work: what has come may not have been looked at */
	atomic_bool process_ends;       /* the enclave may be gone already */
	_Atomic uint64_t heard_ns;      /* last frame from the peer */
	_Atomic uint64_t cpu_ns;
	_Atomic uint32_t seen_state, seen_flags; /* of the last engine answer: changes are looked at under the lock */
};

/* session.c */
/* An engine operation through slot 0. Return: the engine's ret or an OM_E*. @ret_arg: arg[0..3] afterwards, or NULL. */
int64_t mig_call(struct host_mig *mig, enum om_engine_op op, uint64_t a0, uint64_t a1, uint64_t ret_arg[4]);
/* The answer of OUT, IN, COMMAND, LOST, RESUME: wakes connections and notes what has changed. */
void mig_note(struct host_mig *mig, uint16_t self, const uint64_t arg[4]);
/* The first error of a session stands, with what it led to. Words from host_reason(). */
void mig_set_error(struct host_mig *mig, int error);
/* A pump's connection is gone, with words in host_reason(). @eof: the peer has closed it, which the end of a session does, too. What counts is the
 * first. */
void mig_lose(struct host_mig *mig, int error, bool eof);
/* Under no lock. Wakes whoever waits, tells those who watch. */
void mig_set_phase(struct host_mig *mig, enum mig_phase phase);
/* The pump looks for something to do. Context: any thread. */
void mig_wake(const struct mig_connection *connection);
/* Asks the engine for its status, for reports. Under no lock. Nothing before the session has begun. */
void mig_refresh(struct host_mig *mig);
/* Under the lock: until something changes, at most a tenth of a second. */
void mig_wait_tick(struct host_mig *mig);
/* A service slot for each connection. Return: OM_EEXHAUSTED, OM_ENOMEM; then none is held. */
__attribute__((warn_unused_result))
int  mig_slots_acquire(struct host_mig *mig);
/* Those that are held. */
void mig_slots_release(struct host_mig *mig);
/* All facts of a session anew. Under no lock; the caller has set phase CONNECTING. */
void mig_begin_session(struct host_mig *mig, bool source);
/* SRC_BEGIN or DST_BEGIN has succeeded. */
void mig_session_begun(struct host_mig *mig);
/* Phase RUNNING for the first time: what was cancelled before the engine had the session is cancelled now. */
void mig_session_runs(struct host_mig *mig);
/* What a source says of itself in its hello. Kind and connection are the caller's to set. */
void mig_fill_hello(struct host_mig *mig, struct mig_hello *ret_hello);
/* Waits until the session is over, lost or silent. True: over. */
bool mig_watch(struct host_mig *mig);
/* LOST with all connections down. Return: true if they are to be made anew. */
bool mig_report_loss(struct host_mig *mig);
/* The engine does what is due while no pump asks it. Return: ns until the next time, UINT64_MAX: nothing to come. */
uint64_t mig_go_on(struct host_mig *mig);
/* Takes what the engine would still send and drops it: ends a session without a link. */
void mig_drain(struct host_mig *mig);
/* What the engine has to say of the end goes into the report; then the slots go back. The supervisor is the only thread left. */
void mig_end_session(struct host_mig *mig);
/* CPU time of the calling thread. */
uint64_t mig_thread_cpu_ns(void);
/* Between two attempts to connect; `recover` cuts it short. Return: false if the session was cancelled or is over. */
bool mig_pause(struct host_mig *mig, uint64_t ns);

/* source.c: before the token leaves. Under the lock. */
void mig_source_committed(struct host_mig *mig);

/* receive.c: the program runs here from now on, or never will. Under the lock. */
void mig_receive_arrived(struct host_mig *mig);
/* As above: it never will; the receiver waits until the source has heard that. */
void mig_receive_gave_up(struct host_mig *mig);

/* What whoever comes too early is told, where the program is not taken. */
#define MIG_ENDS(options) ((options)->once ? "this receiver was for one migration, which has failed" : "this receiver is starting over after a migration that failed; try again")

/* command.c */
void mig_program_exit(void *context, int status, int signo);

/* pump.c: threads of all connections that have an fd. Return: OM_ENOMEM (then none runs). */
__attribute__((warn_unused_result))
int  mig_pumps_start(struct host_mig *mig);
/* Says to the other host why the session ends, if it does before the enclaves have keys. The control connection is nobody else's. Return: it was said. */
bool mig_refuse(struct host_mig *mig, int fd);
/* Ends them and closes the connections. @orderly: the last frames were sent; let the peer read them. */
void mig_pumps_stop(struct host_mig *mig, bool orderly);

/* urgent.c */
__attribute__((warn_unused_result))
int  mig_urgent_init(struct mig_urgent *urgent);
/* The connection is there: those who wait ask again on it. */
void mig_urgent_up(struct mig_urgent *urgent, int fd);
/* Before its fd is closed: nobody uses it any more after the return. @over: it will not come up again. */
void mig_urgent_down(struct mig_urgent *urgent, bool over);
/* OM_HC_URGENT_PAGE: sends the request in `data`, waits for its reply, puts that into `data`. Return: the reply's size, or -EAGAIN. Trust: request
 * and reply are opaque; the reply's size is bounded by `capacity`. */
int64_t mig_urgent_page(void *context, uint8_t *data, uint64_t size, uint64_t capacity);

/* address.c: the addresses that move. */
void mig_before_bind(void *context);
/*
 * Could the addresses be added and removed here? @takes: this process shall have them, and tell the neighbours. It keeps what it needs for
 * that, so this is not for a process that gives its rights up (priv_may_begin() has looked). Return: OM_EINVAL, OM_ENOTFOUND; OM_EPERM, which
 * is said before anything moves.
 */
__attribute__((warn_unused_result))
int  mig_moves_check(const struct mig_move *moves, uint32_t count, bool takes);
/* What fails is told, and stays. */
void mig_moves_remove(const struct mig_move *moves, uint32_t count);
/* As above. */
void mig_moves_add(const struct mig_move *moves, uint32_t count);
/* By gratuitous ARP and unsolicited neighbour advertisements. */
void mig_moves_announce(const struct mig_move *moves, uint32_t count);

#endif
