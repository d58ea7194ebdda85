/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues within one enclave: names, messages and who waits (mqueue.c). Their descriptors are io/mqueue.c's. A queue is a number,
 * 0 is none; its name and each description have a reference. Every function may call the host; only send and receive park.
 */
#ifndef OPTMIG_TRUSTED_RT_MQUEUE_H
#define OPTMIG_TRUSTED_RT_MQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define RT_MQUEUE_MAX  256u
#define RT_MQUEUE_NAME 256u            /* with its NUL */

struct rt_thread;
struct rt_mqueue_facts {
	uint64_t number;               /* as an inode's: never used again */
	uint64_t most, size;           /* messages, bytes of one */
	uint64_t count, bytes;         /* what is there now */
	uint32_t mode, uid, gid, links;
	int64_t  changed, modified;    /* seconds */
	int32_t  notify, signo;        /* mq_notify(): SIGEV_..., -1: nobody; by which signal, or 0 */
	char     name[RT_MQUEUE_NAME]; /* without the slash; the last one that it had */
};

/* @flags: open()'s. @attributes: messages and bytes of one; NULL: as the kernel's. 0 with a reference, or a negative errno. */
long rt_mqueue_open(const char *name, uint32_t flags, uint32_t mode, const int64_t attributes[2], uint32_t *ret_queue);
/* One reference less. */
void rt_mqueue_put(uint32_t queue);
/* mq_unlink: 0 or a negative errno. */
long rt_mqueue_unlink(const char *name);
/* mq_timedsend, whose arguments, as those of the next, are the thread's. */
long rt_mqueue_send(struct rt_thread *t, uint32_t queue, bool blocking);
/* mq_timedreceive: the length of the message, or a negative errno. */
long rt_mqueue_receive(struct rt_thread *t, uint32_t queue, bool blocking);
/* mq_notify. @event: an application's struct sigevent, or 0: nobody is told any more. */
long rt_mqueue_notify(uint32_t queue, uint64_t event);
/* fchmod, fchown; -1: leave it. */
long rt_mqueue_change(uint32_t queue, int64_t mode, int64_t uid, int64_t gid);
/* A copy of what is so now. */
void rt_mqueue_facts(uint32_t queue, struct rt_mqueue_facts *ret_facts);

#endif
