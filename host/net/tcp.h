/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections out of one kernel and into another (or the same) by TCP_REPAIR. Needs CAP_NET_ADMIN.
 * The traffic of the connection must be held (net/hold.h) from before the dump until after the restore: on the host that
 * it leaves, and on the one that it comes to.
 *
 *     source         dump ──▶ undump                       it runs on here, as if nothing had been
 *                      └────▶ the descriptor is closed     the other host has it: in repair mode that tells nobody
 *
 *     destination    restore ──▶ reserve ──▶ claim ──▶ resume
 *                    a socket    port        peer,     it speaks
 *                                            queues
 *
 * Reserve and claim are one step unless both hosts are one network namespace, where the same connection cannot stand twice: there
 * the claim follows when the source has let go of its own. One thread restores; the other steps are several threads' for all.
 *
 * The dump is a flat blob (net/tcp_blob.h) that crosses hands which need not be trusted: the restore decodes strictly.
 */
#ifndef OPTMIG_HOST_NET_TCP_H
#define OPTMIG_HOST_NET_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include "hostcall.h"

/* What the caller knows of a connection. */
struct host_tcp_hints {
	bool attempt;        /* its connect() has not been seen to end */
	bool nonblock;
	uint64_t kind;       /* not 0: connections with the same number have the same options */
};

/*
 * Puts the connection behind `fd` into repair mode and dumps it; offset 0 makes the dump, others go on copying it. It takes
 * nothing from the connection but a pending error, without which it is not as before: OM_TCP_SPOILT says so.
 * Return: size of the whole dump, with the OM_TCP_* bits of abi/hostcall.h; -EINPROGRESS for one that is still being set up,
 * -EOPNOTSUPP for what is not TCP, -EPERM without CAP_NET_ADMIN, or another -errno, and it is as before.
 */
int64_t host_tcp_dump(int fd, const struct host_tcp_hints *hints, uint64_t offset, uint8_t *piece, uint64_t room);
/* Dumps those of the list that stand, by several threads: host_tcp_dump finds them done, if it is asked in the same order. What is
 * not asked for goes on with host_tcp_undump_ahead. Return: 0 or -ENOMEM. */
int64_t host_tcp_dump_ahead(const struct om_tcp_wanted *list, uint32_t count);
/* Lets all connections go on that were dumped ahead and not asked for, and forgets the list. */
void host_tcp_undump_ahead(void);
/* It goes on here. @reuse: what OM_TCP_REUSE said. Return: 0 or -errno. */
int64_t host_tcp_undump(int fd, bool reuse);
/* Dumped connections stand here no more; @closing: nor are the descriptors left. Return: 0, or -errno if one still does. */
int64_t host_tcp_leave(const int32_t *fds, uint32_t count, bool closing);

enum host_tcp_when { HOST_TCP_NOW, HOST_TCP_LATER, HOST_TCP_SOON };

/*
 * Makes the connection anew, silent: it sends nothing, and closing it tells the peer nothing, until host_net_release
 * (or host_tcp_resume_all) lets it go on. The dump comes in pieces of `size` bytes at `offset`, in order, of `total`.
 * @when: SOON, a socket is there, and host_tcp_stand_all has the rest; LATER, that has the port, and host_tcp_claim_all the rest.
 * Return: its descriptor once all is there, 0 before; -EINVAL for a malformed dump, or another -errno.
 */
int64_t host_tcp_restore(const uint8_t *piece, uint64_t size, uint64_t offset, uint64_t total, enum host_tcp_when when);
/* When threads have done what was to be done soon. To be called before the descriptors may be closed. Return: 0, or OM_TCP_FAILURE
 * of one for which it is impossible. */
int64_t host_tcp_stand_all(void);
/* Return: how many are left because the same connection, or one before it, still stands here. Call again, then. A connection that
 * cannot be had for another reason is reported to the user, and its descriptor is one of a socket that is not connected. */
uint32_t host_tcp_claim_all(void);
/* Restored connections go on. Those that were closed meanwhile are left out. Return: 0, or the first -errno. */
int host_tcp_resume_all(void);
/* Restored connections will never go on; their descriptors stay the caller's to close. */
void host_tcp_forget_all(void);
/* Does TCP_TIMESTAMP's lowest bit tell the unit on this kernel (6.7 and later)? Finds out once, which takes a millisecond or two. */
bool host_tcp_stamps_tell(void);

#endif
