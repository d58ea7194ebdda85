/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of rt_io_freeze, thaw and rebuild. Each kind of description has a freeze function (fetch from the host what only
 * the host knows, into a record) and a make function (a new host side from the tables and the record). A thaw makes
 * anew what freeze had to close; a rebuild makes everything.
 *
 * All threads are stopped: no locking. Results: 0, or OM_EHOSTSTATE after rt_io_refuse wrote the reason.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_MIGRATE_H
#define OPTMIG_TRUSTED_RT_IO_MIGRATE_H

#include "rt/io/io.h"

/* "descriptor 7: text" (only the first one if several do not fit). Return: OM_EHOSTSTATE. */
int rt_io_refuse(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text);
/* " (NAME)" for a few errors that people can do something about, else " (error N)". */
void rt_io_words_errno(struct rt_io_words *words, long error);

int rt_io_file_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_file_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* flock: given up by freeze, taken again. */
int rt_io_flock_take(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Freeze: remember which host this is. Rebuild: is it the same? Once each, for a server may have hundreds of files. */
void rt_io_note_host(void);
void rt_io_know_host(void);

int rt_io_pipe_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_pipe_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_eventfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_eventfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_timerfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_timerfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* Traffic of all our endpoints, before anything is fetched. */
int rt_io_net_hold(struct rt_io_words *words);
/* A destination: the same endpoints. */
int rt_io_net_hold_again(struct rt_io_words *words);
/* Restored connections go on, held packets too. */
void rt_io_net_release(void);
/* Connections that wait in the kernel's accept queues become descriptions. */
int rt_io_socket_accept_waiting(struct rt_io_ofd *ofd, struct rt_io_words *words);
int rt_io_socket_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words);
/* `connections`: the pass for established TCP; the other pass goes first, for listeners must bind before them. */
int rt_io_socket_make(struct rt_io_ofd *ofd, bool connections, struct rt_io_words *words);
bool rt_io_is_connection(const struct rt_io_ofd *ofd);
/* TCP_REPAIR is permitted on this host. */
bool rt_io_may_move_connections(void);
/* NULL, or why it could not move. */
const char *rt_io_socket_problem(const struct rt_io_ofd *ofd);

#endif
