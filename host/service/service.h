/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmigd, the host's service: it starts programs and keeps account of them, receives and sends them. docs/fleet.md draws the whole.
 *
 *     clients ──▶ main ──fork──▶ keeper ──▶ optmig run, optmig receive      one keeper for each program; they outlive main
 *                  │ ▲
 *                  │ └─ socketpair, JSON lines ─ https                      other hosts; without rights
 *                  └─▶ the programs' control sockets                        what they do, as they say
 *
 * Threads of main: one that accepts, one for each client, one for each program that lives ("follower"), one that reads what https says.
 * `service.lock` guards the table of units and what stands in it; it is never held while somebody else is asked. A unit has one
 * operation at a time (op), which whoever has begun it ends.
 *
 * Never: a main that ends, whatever the reason, touches a program.
 */
#ifndef OPTMIG_HOST_SERVICE_SERVICE_H
#define OPTMIG_HOST_SERVICE_SERVICE_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "control/channel.h"
#include "record.h"
#include "unit.h"

#define SERVICE_UNITS_MAX   1024u
#define SERVICE_CLIENTS_MAX 128u
#define SERVICE_PORT        "7780"
#define SERVICE_ARRIVAL_S   60u         /* a receiver that nobody comes to ends then */

enum service_op { OP_NONE, OP_STARTING, OP_STOPPING, OP_MOVING, OP_RECEIVING };

/*
 *     stopped ─▶ starting ─▶ running ─▶ moving ─▶ handing ─▶ owing ─▶ moved           at the source
 *                               ▲          └─ failed move ─▶ running
 *     stopped ─▶ receiving ─▶ owed ─▶ running                                         at the destination
 *     failed: it ended by itself, or was killed, or nobody knows how
 */
enum service_state { STATE_STOPPED, STATE_STARTING, STATE_RUNNING, STATE_MOVING, STATE_HANDING, STATE_OWING, STATE_MOVED, STATE_RECEIVING,
	STATE_OWED, STATE_FAILED };
/* As `optmig unit` says it. Static. */
const char *service_state_name(enum service_state state);

struct service_unit {
	char name[UNIT_NAME_MAX];
	char directory[RECORD_PATH_MAX];        /* its records */
	char keep[RECORD_PATH_MAX];             /* what outlives the machine's start; "": not kept here */
	bool defined;                           /* false: undefined, and left in the table */
	bool transient;                         /* by `define`, not by a file */
	struct unit unit;
	enum service_op op;
	bool followed;                          /* a follower lives */
	bool cancelled;                         /* somebody wants its move not to be */
	char move_to[256];                      /* with OP_MOVING: where to */
	bool rehearses;                         /* with OP_MOVING: it stays */
	bool leaving;                           /* its memory is being sent, */
	uint64_t wish, share;                   /* as fast as its unit allows; as it may by now (share.c) */
	unsigned failures;                      /* since it last ran for a while; its followers', one after the other */
	char judged[128], counted[80];          /* sessions of which it was written down what was judged, and that were counted: its follower's */
	json_t *last_move;                      /* the report of the last that has ended, or NULL */
	time_t last_move_at;
	struct service_unit *next;
};

struct service {
	pthread_mutex_t lock;
	pthread_cond_t changed;                 /* some unit's op or follower has changed */
	struct service_unit *units;
	char state[RECORD_PATH_MAX - UNIT_NAME_MAX - 2], keep[RECORD_PATH_MAX - UNIT_NAME_MAX - 2];
	const char *units_directory;            /* of unit files */
	char optmig[4096], keeper[4096], https[4096];   /* programs */
	char **environment;                     /* of all that it starts: its own, without what systemd says to it alone */
	const char *receive;                    /* where receivers listen; NULL: where the peer asked */
	const char *fleet;                      /* where the fleet's key is, and what owners have delegated to it */
	bool accept_any;                        /* programs of peers that no unit here names */
	int64_t began;                          /* when this service was */
	gid_t group;                            /* who may use the socket beside root; 0: nobody */
};
extern struct service service;

/* ---- units.c: the table --------------------------------------------------------------------------------------------------------------- */

/* Reads files and records, and follows what lives. What cannot be read is said, and is not there. */
void units_load(void);
/* Return: NULL with OM_ENOTFOUND's words. Context: with the lock. */
struct service_unit *units_find(const char *name);
/* Return: OM_EINVAL, OM_EEXHAUSTED, OM_ESTATE. @ret: what changed. Context: without the lock. */
__attribute__((warn_unused_result))
int units_define(const json_t *object, json_t **ret);
/* Forgets a unit that no file defines, and of which nothing lives. Return: OM_ENOTFOUND, OM_ESTATE. Context: without the lock. */
__attribute__((warn_unused_result))
int units_undefine(const char *name);
/* Writes down what it is begun with. */
__attribute__((warn_unused_result))
int units_record(struct service_unit *u);
/* A copy of the unit as it is now; the caller's to unit_done(). */
__attribute__((warn_unused_result))
int units_copy(struct service_unit *u, struct unit *ret);
/* The unit, with that operation begun. Return: OM_ENOTFOUND, OM_ESTATE (it has another). */
__attribute__((warn_unused_result))
int units_begin(const char *name, enum service_op op, struct service_unit **ret);
/* Ends the operation that units_begin() has begun. */
void units_end(struct service_unit *u);

/* ---- program.c: what lives ------------------------------------------------------------------------------------------------------------ */

/* A program's records and what its process says now. */
struct program {
	bool written;                           /* there is a run.json of this boot */
	bool receiver, come;                    /* begun as a receiver; it has become the program */
	bool alive, kept;                       /* the process; its keeper */
	struct record_process process, keeper;
	int64_t began;
	enum service_state state;
	bool hung;                              /* it lives and does not answer */
	bool unsure;                            /* it ended in the middle of a move: it may run there */
	json_t *info, *report;                  /* what it says, or what is left of it; NULL: nothing */
	json_t *end, *move, *stop, *before;     /* records, or NULL */
	json_t *life;                           /* with nothing of this boot: what was kept, or NULL */
};
/* Asks the process, too, unless only the records are wanted. @ret: give it to program_done(). */
void program_look(const struct service_unit *u, bool ask, struct program *ret);
/* What it holds is given up; the structure may be used again. */
void program_done(struct program *program);
/* How its last migration ended, by its own word: it has left. */
bool program_has_left(const struct program *p);
/* The control socket of the process or its child. Return: OM_ENOTFOUND. */
__attribute__((warn_unused_result))
int program_connect(pid_t pid, struct channel *ret);
/* {"name", "state", ...} */
json_t *program_json(const struct service_unit *u, const struct program *p);
/* The same with what is known of the unit (units.c). */
json_t *program_status(struct service_unit *u);

/* ---- life.c: what outlives the machine's start ---------------------------------------------------------------------------------------------- */

/* Writes down what the records of this boot come to: nothing if it ended in order. Return: OM_EIO. Context: optmigd, keeper. */
__attribute__((warn_unused_result))
int life_settle(const struct service_unit *u);
/* The same for whoever can do nothing about it: an error is said. */
void life_note(const struct service_unit *u);
/* What was kept: @p->life, and what follows from it. Context: program_look(). */
void life_look(const struct service_unit *u, struct program *p);
/* The state of a unit with nothing of this boot, by what was kept. */
enum service_state life_state(const struct program *p);
/* By what was kept: did it end in the middle of a move? */
bool life_unsure(const struct program *p);
/* It is not begun again by itself. */
__attribute__((warn_unused_result))
int life_hold(const struct service_unit *u);

/* ---- boot.c --------------------------------------------------------------------------------------------------------------------------------- */

/* Units that say so are started, once after each start of the machine. Context: main's, when others are served. */
void boot_begin(void);

/* ---- follow.c --------------------------------------------------------------------------------------------------------------------------- */

/* Watches what lives until it ends: events, and a new start if its unit says so. Context: without the lock. */
void follow(struct service_unit *u);

/* ---- start.c, stop.c, receive.c, move.c: commands ---------------------------------------------------------------------------------------- */

/* `start`. @fresh: although it has moved away, or its memory is lost. *ret: what is said of it then. */
__attribute__((warn_unused_result))
int service_start(const char *name, bool fresh, json_t **ret);
/* `stop`, by order: its unit does not begin it again. @reason: for the records; NULL: none. Return: OM_ETIMEDOUT: it has not ended in its time. */
__attribute__((warn_unused_result))
int service_stop(const char *name, const char *reason, json_t **ret);
/* Ends what is left here of a program whose other half is lost, or a complete receiver whose source runs on. @lost: who is asked for that half and does not answer has not got it, by the word of whoever orders
 * this. Return: OM_ENOTFOUND, OM_ESTATE (whole; nothing left; not lost, or not known), OM_EPERM, OM_ETIMEDOUT, OM_EIO. Context: without the lock. */
__attribute__((warn_unused_result))
int service_discard(const char *name, const char *reason, bool lost, json_t **ret);
/* The same in the middle of another operation of this unit. @lost, Return: as service_discard(). */
__attribute__((warn_unused_result))
int program_discard(struct service_unit *u, const char *reason, bool lost);
/* Until the process has ended and its keeper has written how. @within_ns: 0: as long as it takes. Return: OM_ETIMEDOUT. */
__attribute__((warn_unused_result))
int program_wait_end(const struct service_unit *u, const struct record_process *process, uint64_t within_ns);
/* @object: the unit as the source has it. @at: the address that it was asked at, or NULL. */
__attribute__((warn_unused_result))
int service_receive(const json_t *object, const char *peer, const char *at, json_t **ret);
/* `receive-end`, a source's word that its program does not come: the receiver ends. Return: OM_ESTATE: it arrives already. */
__attribute__((warn_unused_result))
int service_receive_end(const char *name, json_t **ret);
struct client;
/* `move`; returns when the move has ended. @client: who hears of its progress. Return: OM_ESTATE, or the move's error. */
__attribute__((warn_unused_result))
int service_move(struct client *client, const json_t *arguments, json_t **ret);
/* `cancel`, of a move under way. */
__attribute__((warn_unused_result))
int service_cancel(const char *name, json_t **ret);
/* `host`: what this machine is and has. The caller's. */
json_t *service_host(void);
/* For a move of a program with an owner, else NULL: its bytes in hexadecimal digits, the caller's to free. Return: OM_ETICKET, OM_EPERM, and the peer's. */
__attribute__((warn_unused_result))
int ticket_for(const struct service_unit *u, const struct program *p, const char *to, char **ret);

/* ---- socket.c --------------------------------------------------------------------------------------------------------------------------- */

/* Serves until the process ends. */
__attribute__((warn_unused_result))
int socket_open(const char *path, int *ret_fd);
/* Accepts clients for ever, a thread for each. */
_Noreturn void socket_serve(int fd);
/* To whoever watches. Gives the event up. */
void socket_tell(json_t *event);
/* To the client that has begun it, and to whoever watches. */
void socket_tell_client(struct client *client, json_t *event);

/* ---- peer.c: other hosts, by way of https ----------------------------------------------------------------------------------------------- */

struct peer_options { const char *listen, *certificate, *key, *ca, *user, *crl, *metrics, *web; bool web_any; };
/* Return: OM_EIO, OM_EINVAL (bad certificate), OM_EPERM. */
__attribute__((warn_unused_result))
int peer_begin(const struct peer_options *options);
/* Does "[ADDRESS:]PORT" of --web stand for an address that nobody but this machine reaches? Without ADDRESS it does. */
bool peer_is_loopback(const char *text);
/* Reads the list of revoked certificates again. */
void peer_reload(void);
/* @to: ADDRESS[:PORT]. @ret: the answer's "return". Return: as the peer's, or OM_ECONNECTION, OM_EAUTH, OM_ETIMEDOUT. */
__attribute__((warn_unused_result))
int peer_call(const char *to, const char *command, json_t *arguments, unsigned timeout_s, json_t **ret);

/* ---- commands.c --------------------------------------------------------------------------------------------------------------------------- */

/* Carries out one request. @client: NULL for peers, who have `receive`, `receive-end`, `status`, `host` and `overview` alone. Return: the answer. */
json_t *command_run(struct client *client, const char *peer, const char *at, const json_t *request);

#endif
