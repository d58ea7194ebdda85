/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V IPC within one enclave: what shm.c and sem.c share. Objects live in resident tables, so they move with the program; they end
 * with it. Keys are the program's own, and nobody else's objects have them.
 */
#ifndef OPTMIG_TRUSTED_RT_IPC_H
#define OPTMIG_TRUSTED_RT_IPC_H

#include <stdbool.h>
#include <stdint.h>

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_INFO    3
#define IPC_READ    0444
#define IPC_WRITE   0222

struct lx_ipc_perm {
	int32_t  key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq, pad;
	uint32_t pad2;
	uint64_t unused[2];
};

struct rt_ipc {
	struct lx_ipc_perm perm;
	bool     used;
	bool     nameless;             /* removed, or IPC_PRIVATE: its key finds nothing */
};

/* A new object: who, which key, which mode; the number of this use of its place goes on. */
void rt_ipc_begin(struct rt_ipc *ipc, int32_t key, long flags);
/* The identifier of the object at `place`. */
int32_t rt_ipc_id(const struct rt_ipc *ipc, uint32_t place);
static inline uint32_t rt_ipc_place(int32_t id) { return (uint32_t)id & 32767; }
/* Is it the object that had this identifier? */
bool rt_ipc_is(const struct rt_ipc *ipc, int32_t id);
/* @want: of IPC_READ and IPC_WRITE bits. 0 or -EACCES. */
long rt_ipc_may(const struct rt_ipc *ipc, uint32_t want);
/* IPC_SET and IPC_RMID: 0 or -EPERM. */
long rt_ipc_owned(const struct rt_ipc *ipc);
/* IPC_SET: owner, group and the nine bits of the mode, without a question. What may be done says rt_ipc_owned(). */
void rt_ipc_set(struct rt_ipc *ipc, const struct lx_ipc_perm *perm);
int64_t rt_ipc_now(void);              /* seconds */

/* ---- shm.c, for mmap.c ---- */
/* These pages are to be unmapped, replaced or moved. 0: no segment is among them; 1: they are all of one, which has been detached; else
 * -EINVAL: a part of one, or of several. @detach: false: -EINVAL for all of one, too. */
long rt_shm_given_up(uint64_t index, uint64_t count, bool detach);

#endif
