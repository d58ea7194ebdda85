/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver whose process has no rights of its own, and the few things that one with rights does for it.
 *
 *   supervisor   root as it was started; hears nothing from the network or from the others: it makes them, hands signals on, and
 *    │   │       ends as the receiver ends
 *    │   └── server     four capabilities at most, a filter of its own: carries out the operations of wire.h on descriptors that
 *    │                  it is sent, if the limits allow them
 *    └── receiver       the user's process: no capability, nor ever one again, a filter, Landlock; the enclave is in here
 *
 * The supervisor and the server are what is called the privileged parent. When the receiver starts over the supervisor makes a new pair.
 * A server or a supervisor that is killed ends a receiver that still waits, and leaves a program that runs alone.
 *
 * Everything below can be called in any process. Without a server (a source, `optmig run` or a receiver without --user) an operation is what
 * the process itself may do.
 */
#ifndef OPTMIG_HOST_PRIV_H
#define OPTMIG_HOST_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "hostcall.h"
#include "net/address.h"

#define PRIV_RANGES_MAX    32u
#define PRIV_OWNERS_MAX    32u
#define PRIV_ADDRESSES_MAX 8u
#define PRIV_GROUPS_MAX    64u
#define PRIV_USER_MAX      33u

struct priv_range { uint16_t first, last; };
struct priv_owner { bool any_user; uint32_t uid, gid; };

/* What a program may do here. Fixed before anything comes from the network. */
struct priv_limits {
	char     user[PRIV_USER_MAX];
	uint32_t uid, gid, group_count;
	gid_t    groups[PRIV_GROUPS_MAX];
	bool     ports_given;                    /* false: what any user may have */
	uint32_t port_count, owner_count, address_count;
	struct priv_range ports[PRIV_RANGES_MAX];
	struct priv_owner owners[PRIV_OWNERS_MAX];
	struct net_address addresses[PRIV_ADDRESSES_MAX];  /* that come along */
	struct priv_range ephemeral;             /* of this host: the ports of connections that a program makes */
	uint16_t first_unprivileged;
};

/* limits.c. @user: a name or a number that the host knows. Return: OM_ENOTFOUND, OM_EINVAL (root is no user for this), OM_EPERM. */
__attribute__((warn_unused_result))
int  priv_limits_init(struct priv_limits *limits, const char *user);
/* "7000,8000-8010". Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int  priv_limits_ports(struct priv_limits *limits, const char *list);
/* "redis,postgres:ssl,:www-data": users (with their own group), users with a group, groups. Return: OM_EINVAL, OM_ENOTFOUND. */
__attribute__((warn_unused_result))
int  priv_limits_owners(struct priv_limits *limits, const char *list);
/* One address more that moves come with, up to PRIV_ADDRESSES_MAX. Return: OM_EINVAL with words; the limits are not to be used then. */
__attribute__((warn_unused_result))
int  priv_limits_address(struct priv_limits *limits, const char *text);
/* A name that is bound. @chosen: of a connection's own end, or a datagram socket, which may have one of those that the kernel chooses. */
bool priv_port_allowed(const struct priv_limits *limits, uint16_t port, bool chosen);
/* May a file be given to these? The user's own and its groups, and what is listed. UINT32_MAX: stays as it is. Trust: both are
 * the program's. */
bool priv_owner_allowed(const struct priv_limits *limits, uint32_t uid, uint32_t gid);

/* start.c */
struct priv_hooks {
	/* The supervisor or the server has gone, in a thread of the receiver that is no program yet. */
	void (*abandoned)(void *context);
	void *context;
};
/* Return: 0, or OM_EPERM: this process has not the rights that priv_begin() takes. */
__attribute__((warn_unused_result))
int  priv_may_begin(void);
/*
 * Divides this process, which is root's and has one thread. Returns in the receiver, again in a new one each time that one says
 * priv_start_over(); the caller's own process becomes the supervisor and never returns. @listen_fd: stays open in it until the program runs; -1: none.
 * Return: OM_EPERM, OM_EHOST, OM_ENOMEM: what could not be had; this process has fewer rights than before then, and must end.
 */
__attribute__((warn_unused_result))
int  priv_begin(const struct priv_limits *limits, int listen_fd);
/* Watches the other two from a thread, until priv_settled(). Return: OM_ENOMEM. */
__attribute__((warn_unused_result))
int  priv_watch(const struct priv_hooks *hooks);
/* The program runs: the receiver does not depend on the others any more. */
void priv_settled(void);
/* Is this a receiver without rights? It stays one when its server has gone. */
bool priv_confined(void);
/* Its number, for a receiver that has one, and the number that the user knows; else 0. */
pid_t priv_supervisor(void);
/* The receiver ends; a new one takes its place. Does not return. */
_Noreturn void priv_start_over(void);

/* client.c */

/* One TCP socket, in a list. */
enum priv_repair {
	PRIV_REPAIR_ON     = 1,      /* a connection that stands */
	PRIV_REPAIR_BIND   = 2,      /* with ON: a new socket, which gets this address and port, in use or not */
	PRIV_REPAIR_FOREIGN = 4,     /* with BIND: the host has not got the address (IP_TRANSPARENT) */
	PRIV_REPAIR_MARK   = 8,      /* with ON: if it has no mark, it gets the silent one */
	PRIV_REPAIR_OFF    = 16,     /* value: TCP_REPAIR's */
	PRIV_REPAIR_UNMARK = 32,     /* with OFF: if it has the silent mark, it loses it */
	PRIV_REPAIR_BUFFERS = 64,    /* with OFF, after it: sizes of buffers, 0: as they are */
};
#define PRIV_REPAIR_KNOWN 127u
#define PRIV_BATCH 128u          /* descriptors in one message; the kernel takes 253 */

struct priv_item {
	int32_t  fd;                     /* on the wire: 0; descriptors travel beside it */
	uint16_t what;
	int16_t  value;
	uint16_t family, port;
	uint32_t scope;
	uint8_t  address[16];
	uint32_t send_buffer, receive_buffer;
	int32_t  result;                 /* 0 or -errno */
};

/* Is there a server? False: do it yourself. */
bool priv_active(void);
/* Each item's result. At most PRIV_BATCH. With a server only. */
void priv_repair(struct priv_item *list, uint32_t count);
/* setsockopt of SO_RCVBUFFORCE or SO_SNDBUFFORCE. Return: 0 or -1 with errno. */
int  priv_buffer(int fd, int name, int value);
/* TCP_REPAIR of a host call: as setsockopt would answer. *ret_result: 0 or -errno. Return: false, it is not one. */
bool priv_setsockopt(int fd, int level, int name, const void *value, socklen_t size, int64_t *ret_result);
/* bind() of a host call, the same way. */
bool priv_bind(int fd, const void *address, socklen_t size, int64_t *ret_result);
/* fchownat() of a socket's file. */
bool priv_chown(int directory, const char *path, uint32_t uid, uint32_t gid, int flags, int64_t *ret_result);
/* Would these be allowed? Without limits: yes. Return: 0 or -EACCES. */
int  priv_may_bind(const void *address, size_t size, bool stream);
/* The same of a file's new owner: UINT32_MAX: stays as it is. */
int  priv_may_own(uint32_t uid, uint32_t gid);
/* Has the server send a FIN to a connection in repair mode, as its peer would. @seq, @ack, @window: of that segment. Return: 0
 * or -errno. */
int  priv_fin(int fd, uint32_t seq, uint32_t ack, uint16_t window);
/* Has the server send a datagram again to its socket, as from its sender. Return: 0; -EMSGSIZE: more than PRIV_DATAGRAM_MAX
 * bytes; -errno. */
int  priv_datagram(const struct om_datagram *datagram, const uint8_t *bytes, uint64_t size);
/* Has the server make the table of the hold (net/hold.c). Return: 0 or -errno. */
int  priv_prepare(void);
/* Holds what comes for these flows. In several requests where they are many: after an error some of them may be held. Return:
 * 0 or -errno. */
int  priv_hold(const struct om_net_flow *flows, uint32_t count);
/* Holds nothing any more. @send: what was caught is sent on; else dropped. Return: 0 or -errno. */
int  priv_lift(bool send);
enum priv_move { PRIV_MOVE_BORROW = 1, PRIV_MOVE_ADD, PRIV_MOVE_ANNOUNCE, PRIV_MOVE_REMOVE };
/* One of the limits' addresses. */
int  priv_move(enum priv_move what, const struct net_address *address);

#endif
