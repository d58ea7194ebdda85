/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where connections to a destination wait until their host has proven its key. One thread serves all of them, so that somebody
 * who says nothing keeps nobody waiting, and what strangers can have is limited:
 *
 *     MOVE_LOBBY_MAX      connections at a time, of which one address (an IPv6 network of 64 bits) has MOVE_LOBBY_ADDRESS at most.
 *                        Where there are more, one of whoever has the most of them goes: the one that has got least far, and of
 *                        those the oldest. So a new one always gets a place, and the places of one address are its own business.
 *     MOVE_LOBBY_MS       from the connection to the hello, however many pieces it comes in
 *     MOVE_LOBBY_CLOSE_MS for those who are here when the receiver takes nobody any more: they are told so
 *     a host that is known may make MOVE_LOBBY_BURST connections at once, and MOVE_LOBBY_RATE a second for ever; and begin
 *                        MOVE_LOBBY_BEGINS migrations that fail, and one every MOVE_LOBBY_BEGIN_S for ever, each of which costs an enclave
 *
 * Refusals are told to the user once in a while, and how many there were: they must not fill a disk.
 */
#ifndef OPTMIG_HOST_MOVE_LOBBY_H
#define OPTMIG_HOST_MOVE_LOBBY_H

#include "sockets.h"
#include "opening.h"
#include "peer/peers.h"

#define MOVE_LOBBY_MAX     96u
#define MOVE_LOBBY_ADDRESS 48u
#define MOVE_LOBBY_MS      5000u
#define MOVE_LOBBY_CLOSE_MS 2000u
#define MOVE_LOBBY_BURST   64u
#define MOVE_LOBBY_RATE    16u
#define MOVE_LOBBY_BEGINS  24u
#define MOVE_LOBBY_BEGIN_S 5u

/* A connection of a known host that has said its hello. Secret: move_arrival_done() it, or answer it. */
struct move_arrival {
	int fd;                                 /* blocking; the caller's */
	struct move_opening opening;             /* SAID; its peer is the host's key */
	struct move_hello hello;
	char address[MOVE_ENDPOINT_TEXT];
	char name[HOST_PEER_NAME];              /* of the host */
};

struct move_lobby;

/* @key: outlives it. The socket stays the caller's. Return: OM_ENOMEM. */
__attribute__((warn_unused_result))
int move_lobby_new(int listen_fd, const struct host_key *key, struct move_lobby **ret_lobby);
/* Closes what waits. NULL is fine. */
void move_lobby_free(struct move_lobby *lobby);
/*
 * The same, but whoever is in the middle of its opening may end it, and is told why it cannot stay, if it is a known host. Who comes
 * now stays with the listening socket. NULL is fine.
 */
void move_lobby_close(struct move_lobby *lobby, const char *words);
/*
 * From now on this host is known, whatever the peers file says: a session has begun with it, and a program that has been handed
 * over must not be lost because somebody edits a file. Context: the thread that calls move_lobby_next(), or before it does.
 */
void move_lobby_pin(struct move_lobby *lobby, const uint8_t key[HOST_KEY_SIZE]);
/* The next connection of a known host. Context: one thread at a time. Return: OM_ECANCELLED (stop_fd), OM_EIO,
 * OM_ECONNECTION (its socket has been shut, and nobody is left). */
__attribute__((warn_unused_result))
int move_lobby_next(struct move_lobby *lobby, int stop_fd, struct move_arrival *ret_arrival);
/*
 * A migration begins, for which an enclave will be built. What is known of hosts outlives the process if it is executed anew: it is kept
 * in the environment. Context: before other threads are started. Return: OM_EEXHAUSTED with words.
 */
__attribute__((warn_unused_result))
int move_lobby_begin(struct move_lobby *lobby, const struct move_arrival *arrival);
/* Says, once in a while, that a connection was refused: host_reason(). */
void move_lobby_refused(struct move_lobby *lobby, const char *address);

/* Answers: status and, if that is an error, host_reason(). @clock: of this host. The descriptor stays open. */
void move_arrival_answer(struct move_arrival *arrival, const uint8_t clock[16], int status);
/* Wipes the connection's keys. The descriptor stays open: it is the caller's. */
void move_arrival_done(struct move_arrival *arrival);

#endif
