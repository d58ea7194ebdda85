/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of rt_io_freeze, thaw, rebuild, claim and discard. What a kind of description needs of these:
 *
 *   problem   why it could not move: asked by rt_io_check and, first of all, by freeze: they name the same
 *   freeze    fetch from the host what only the host knows, into a record. Nothing on the host is given up
 *   thaw      undo what freeze did to it, if it did anything. Each on its own: a failure is that descriptor's alone
 *   make      a destination: a new host side from the tables and the record
 *   claim     a destination that shares its network with the source: what could not stand twice, when the source has let go
 *
 * All threads are stopped: no locking. Results: 0, or OM_EHOSTSTATE after rt_io_refuse wrote the reason.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_MIGRATE_H
#define OPTMIG_TRUSTED_RT_IO_MIGRATE_H

#include "rt/io/io.h"

/* "descriptor 7: text" (only the first one if several do not fit). Return: OM_EHOSTSTATE. */
int rt_io_refuse(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text);
/* The same, and " (NAME)" for a few errors that people can do something about, else " (error N)". */
int rt_io_refuse_errno(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text, long error);

/* Where the source is, as seen from a destination. */
extern bool rt_io_same_host, rt_io_same_net;
/* Freeze: remember which host and network this is. Rebuild: is it the same? */
void rt_io_note_host(void);
/* The second of these: sets rt_io_same_host and rt_io_same_net. */
void rt_io_know_host(void);

/* ---- files (migrate_file.c) ---- */
/* Why the file or directory could not move now: its name leads to it no more, say. NULL: nothing that can be seen. Calls the host. */
const char *rt_io_file_problem(const struct rt_io_ofd *ofd);
/* Files and directories: position, size, mode, and the name by which they are found again. A flock is given up. */
int rt_io_file_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Opens the file by its name, which must be the same file where both are one host. */
int rt_io_file_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* flock: given up by freeze, taken again. */
int rt_io_flock_take(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- pipes, counters, timers (migrate_pipe.c) ---- */
/* What lies in the pipe, packet by packet. */
int rt_io_pipe_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Both ends at once, with what lay in it. */
int rt_io_pipe_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* The counter. */
int rt_io_eventfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* A counter of that value. */
int rt_io_eventfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* What is left of it, and expirations that nobody has read. */
int rt_io_timerfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* A timer with what is left of it, and with the expirations that nobody has read. */
int rt_io_timerfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- descriptors for signals (signalfd.c) ---- */
/* A destination: the host's descriptor behind it, readable if a signal of its mask is pending. Return: 0 or OM_EHOSTSTATE. */
int rt_io_signalfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- message queues (mqueue.c) ---- */
/* Its host side, on a destination. Return: 0 or OM_EHOSTSTATE with words. */
int rt_io_mqueue_make(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- traffic (migrate_hold.c) ---- */
/* Of all our endpoints, before anything is fetched. */
int rt_io_net_hold(struct rt_io_words *words);
/* A destination: the same endpoints. Not if the source holds them on the same network. */
int rt_io_net_hold_again(struct rt_io_words *words);
/* Restored connections go on, still held. */
void rt_io_net_resume(void);
/* The hold is lifted. */
void rt_io_net_release(void);
/* A source that goes on: its addresses are here. */
void rt_io_net_here(void);

/* ---- sockets (migrate_socket.c) ---- */
struct rt_io_socket_record {
	uint32_t local_size, remote_size, options_size;
	uint32_t mode, uid, gid;      /* UNIX: of the file it is bound to; mode 0: no file. A pair: RT_IO_PAIR_* */
	uint64_t device, inode;
	uint64_t data_size;           /* of what waits in its queue, see migrate_queue.c */
	uint32_t messages;            /* how many */
	uint32_t empty, late;         /* datagrams: how many of them have no bytes; it connects when they have come */
	int32_t  room;                /* SO_RCVBUF before it was widened for them; 0: it was not */
	char     interface[16];       /* SO_BINDTODEVICE, while they come by another one */
	uint8_t  local[LX_SOCKADDR_MAX], remote[LX_SOCKADDR_MAX];
	uint8_t  options[];           /* opaque, the host's; data follow, see queue_of() in migrate_queue.c */
};
/* mode of a pair. Its other end was closed with something unread. */
#define RT_IO_PAIR_RESET 1u
/* What waited was taken, and could not be sent once more. */
#define RT_IO_PAIR_TAKEN 2u
/* Datagrams: it has sent to an end that was closed, and has no peer since then. */
#define RT_IO_PAIR_ALONE 4u
/* Why the socket could not move now. NULL: nothing that can be seen; a freeze may refuse it all the same. Calls the host. */
const char *rt_io_socket_problem(const struct rt_io_ofd *ofd);
/* Connections that wait in the kernel's accept queues become descriptions. */
int rt_io_socket_accept_waiting(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Name, options, what waits; a connection by rt_io_tcp_freeze(). */
int rt_io_socket_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* A socket with a name, or none yet: everything but its data. */
int rt_io_named_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* See above. */
int rt_io_socket_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* A socket with its options; names, datagrams and peers follow by rt_io_socket_stand(). */
int rt_io_socket_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* What the administrator there allows (OM_HC_PERMIT), asked before anything is promised: most names are had after the start token. */
int rt_io_socket_permitted(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Three passes over all sockets, so that what one needs of another is there: names, waiting datagrams, peers. */
enum rt_io_pass { RT_IO_PASS_BIND, RT_IO_PASS_FILL, RT_IO_PASS_CONNECT };
/* Return: 0, or -errno; -EADDRINUSE while the source has the address. */
long rt_io_socket_stand(struct rt_io_ofd *ofd, enum rt_io_pass pass, struct rt_io_words *words);
/* Is another socket of this host bound to a name that this one could share with it (SO_REUSEPORT)? Datagrams would be the other's. */
bool rt_io_socket_name_taken(const struct rt_io_ofd *ofd);
/* Could two such sockets not stand at once, one of the source's and one here? */
bool rt_io_socket_shared(const struct rt_io_ofd *ofd);
/* Local or remote name; 0 bytes if there is none. */
uint32_t rt_io_socket_name(const struct rt_io_ofd *ofd, long nr, uint8_t ret_name[LX_SOCKADDR_MAX]);
/* Options as freeze found them, those of the log too. Return: 0 or -errno. */
long rt_io_socket_set_options(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record);
/* getsockopt of an int. Return: 0 or -errno. */
long rt_io_socket_get_int(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t *ret_value);
/* setsockopt of an int. Return: 0 or -errno. */
long rt_io_socket_set_int(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t value);
/* TCP_REPAIR is permitted on this host. */
bool rt_io_may_move_connections(void);

/* ---- TCP connections, those that are over too (migrate_tcp.c) ---- */
/* A TCP socket that is connected, as far as is known inside: the other side may have ended it. */
bool rt_io_is_connection(const struct rt_io_ofd *ofd);
/* The host dumps all that stand at once, and those that no freeze asked for then go on. */
void rt_io_tcp_ahead(void);
/* The second of these. */
void rt_io_tcp_behind(void);
/* Its dump, into the record. It is silent from then on. */
int rt_io_tcp_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* It goes on here. */
int rt_io_tcp_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Gives the host the dump; it is complete after rt_io_tcp_stand(). */
int rt_io_tcp_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* All that were made stand, or on the source's network have their ports. Before, none may be closed. */
int rt_io_tcp_stand(struct rt_io_words *words);
/* When it speaks again: what the program had shut down. The host knows of the direction in which a FIN went. */
int rt_io_tcp_settle(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* A frozen record of this kind? Of one that stands? */
bool rt_io_tcp_frozen(const struct rt_io_ofd *ofd);
/* The second of these questions. */
bool rt_io_tcp_stands(const struct rt_io_ofd *ofd);
/* A source: those that stand do so no more. @closing: their descriptors go too. Return: 0, or -errno if one still stands. */
long rt_io_tcp_leave(bool closing);

/* ---- queues of messages and bytes (migrate_queue.c) ---- */
/* What waits is copied behind the socket's record, not taken. */
int rt_io_queue_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Datagrams wait that its peer has not sent: they come before it is connected. */
bool rt_io_queue_is_others(const struct rt_io_ofd *ofd);
/* A socket that stays: looking has marked empty datagrams, so that nobody would see them again. */
int rt_io_queue_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Its datagrams have arrived. */
int rt_io_queue_settle(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* As rt_io_queue_freeze(), of a pair of messages: they are received and sent once more, since looking would pass over what has been looked at. */
int rt_io_queue_turn(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* All frozen: could every UNIX datagram be sent again by whoever sent it? */
int rt_io_queue_senders(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Both ends at once, with what waited between them. If the other end was closed, it lives just long enough to send what was left. */
int rt_io_pair_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Datagrams in the queue of a UDP or UNIX socket. */
int rt_io_queue_make(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- locks (lock.c) ---- */
/* Does another process wait for a lock of ours? It would get it before we have it again. */
bool rt_io_lock_waited_for(void);

#endif
