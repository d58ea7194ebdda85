/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/internal.h"
#include "rt/ipc.h"

void rt_ipc_begin(struct rt_ipc *ipc, int32_t key, long flags)
{
	const struct rt_ids *ids = rt_ids();
	const uint16_t seq = (uint16_t)((ipc->perm.seq + 1) & 32767);

	*ipc = (struct rt_ipc){ .used = true, .nameless = key == IPC_PRIVATE, .perm = { .key = key, .uid = ids->euid, .gid = ids->egid,
		.cuid = ids->euid, .cgid = ids->egid, .mode = (uint32_t)flags & 0777, .seq = seq } };
}

int32_t rt_ipc_id(const struct rt_ipc *ipc, uint32_t place)
{
	return (int32_t)((uint32_t)ipc->perm.seq << 15 | place);
}

bool rt_ipc_is(const struct rt_ipc *ipc, int32_t id)
{
	return ipc->used && id >= 0 && ipc->perm.seq == id >> 15;
}

long rt_ipc_may(const struct rt_ipc *ipc, uint32_t want)
{
	const struct rt_ids *ids = rt_ids();
	const struct lx_ipc_perm *p = &ipc->perm;
	uint32_t have = p->mode;

	if (ids->euid == 0)
		return 0;
	if (ids->euid == p->uid || ids->euid == p->cuid)
		have >>= 6;
	else if (ids->egid == p->gid || ids->egid == p->cgid)
		have >>= 3;
	return want & 7 & ~have ? -EACCES : 0;
}

long rt_ipc_owned(const struct rt_ipc *ipc)
{
	const uint32_t euid = rt_ids()->euid;

	return euid == 0 || euid == ipc->perm.uid || euid == ipc->perm.cuid ? 0 : -EPERM;
}

void rt_ipc_set(struct rt_ipc *ipc, const struct lx_ipc_perm *perm)
{
	ipc->perm.uid = perm->uid;
	ipc->perm.gid = perm->gid;
	ipc->perm.mode = (ipc->perm.mode & ~0777u) | (perm->mode & 0777);
}

int64_t rt_ipc_now(void)
{
	return rt_realtime_ns() / 1000000000;
}
