/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, groups and capabilities are those of the host process, for the host checks them. What the program changes
 * is changed there, in all threads of the process. What the host says afterwards is kept, so that the program is told the same
 * after a migration.
 *
 * If the program has changed its rights, the destination's process takes on what the program has become. Otherwise that process stays
 * what its own user started. rt_creds_arrive() asks for every change again and fails if one is not possible. The host carries the
 * changes out when it has no use for its privileges any more.
 *
 * Linux keeps capabilities for each thread. Here they are the program's: capset() of one thread is for all.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

#define GROUPS_MAX 256u
#define CAP_VERSION_1 0x19980330u
#define CAP_VERSION_3 0x20080522u
#define CAP_LAST 63u

#define PR_SET_PDEATHSIG 1
#define PR_GET_DUMPABLE 3
#define PR_SET_DUMPABLE 4
#define PR_GET_KEEPCAPS 7
#define PR_SET_KEEPCAPS 8
#define PR_CAPBSET_READ 23
#define PR_CAPBSET_DROP 24
#define PR_SET_NO_NEW_PRIVS 38
#define PR_GET_NO_NEW_PRIVS 39

struct lx_caps { uint32_t effective, permitted, inheritable; };

RT_RESIDENT static struct {
	struct rt_ids ids;
	uint32_t group_count;
	bool changed_ids, changed_groups, changed_caps, keep_caps, no_new_privileges, not_dumpable, moved;
	struct lx_caps caps[2];                  /* if changed_caps, or the user has changed with keep_caps */
	uint64_t dropped;                        /* of the bounding set */
	uint32_t groups[GROUPS_MAX];
} creds;

const struct rt_ids *rt_ids(void)
{
	return &creds.ids;
}

/* ---- what the host says ---- */

static void ask_three(long nr, uint32_t *real, uint32_t *effective, uint32_t *saved)
{
	uint64_t ub = (uint64_t)rt_ub_alloc(32);

	if (!ub || rt_host(nr, ub, ub + 8, ub + 16, 0, 0, 0) != 0)
		return;
	rt_ub_get(real, (void *)ub, sizeof *real);
	rt_ub_get(effective, (void *)(ub + 8), sizeof *effective);
	rt_ub_get(saved, (void *)(ub + 16), sizeof *saved);
}

static void ask_groups(void)
{
	RT_UNTRUSTED void *ub = rt_ub_alloc(sizeof creds.groups);
	long count = ub ? rt_host(__NR_getgroups, GROUPS_MAX, (uint64_t)ub, 0, 0, 0, 0) : 0;

	if (count > (long)GROUPS_MAX)
		rt_fatal(OM_EHOST, "the host named more groups than asked for");
	creds.group_count = count > 0 ? (uint32_t)count : 0;
	rt_ub_get(creds.groups, ub, creds.group_count * sizeof *creds.groups);
}

static long ask_caps(struct lx_caps ret_caps[2])
{
	const uint32_t header[2] = { CAP_VERSION_3, 0 };
	uint64_t header_ub = (uint64_t)rt_ub_alloc(sizeof header), ub = (uint64_t)rt_ub_alloc(32);
	long result;

	if (!header_ub || !ub)
		return -ENOMEM;
	rt_ub_put((void *)header_ub, header, sizeof header);
	result = rt_host(__NR_capget, header_ub, ub, 0, 0, 0, 0);
	if (result == 0)
		rt_ub_get(ret_caps, (void *)ub, 2 * sizeof *ret_caps);
	return result;
}

static void ask_ids(void)
{
	ask_three(__NR_getresuid, &creds.ids.uid, &creds.ids.euid, &creds.ids.suid);
	ask_three(__NR_getresgid, &creds.ids.gid, &creds.ids.egid, &creds.ids.sgid);
}

void rt_creds_boot(const struct om_boot *boot)
{
	creds.ids = (struct rt_ids){ .ppid = boot->ppid, .uid = boot->uid, .euid = boot->euid, .suid = boot->euid, .gid = boot->gid,
		.egid = boot->egid, .sgid = boot->egid };
	rt_ub_reset();
	ask_groups();
	rt_ub_reset();
}

/* ---- users and groups ---- */

static long sys_getuid(struct rt_thread *t) { (void)t; return creds.ids.uid; }
static long sys_geteuid(struct rt_thread *t) { (void)t; return creds.ids.euid; }
static long sys_getgid(struct rt_thread *t) { (void)t; return creds.ids.gid; }
static long sys_getegid(struct rt_thread *t) { (void)t; return creds.ids.egid; }
/* Asking for what cannot be had answers what is: so does a kernel that refuses. */
static long sys_setfsuid(struct rt_thread *t) { (void)t; return creds.ids.euid; }
static long sys_setfsgid(struct rt_thread *t) { (void)t; return creds.ids.egid; }

static long put_ids(const struct rt_thread *t, uint32_t real, uint32_t effective, uint32_t saved)
{
	const uint32_t ids[3] = { real, effective, saved };

	for (int i = 0; i < 3; i++)
		if (rt_app_put((uint64_t)t->arg[i], &ids[i], sizeof ids[i]) < 0)
			return -EFAULT;
	return 0;
}

static long sys_getresuid(struct rt_thread *t) { return put_ids(t, creds.ids.uid, creds.ids.euid, creds.ids.suid); }
static long sys_getresgid(struct rt_thread *t) { return put_ids(t, creds.ids.gid, creds.ids.egid, creds.ids.sgid); }

/* A result is 0 or an error; with any other the host would be lying. */
static long zero(long result)
{
	if (result > 0)
		rt_fatal(OM_EHOST, "the host answered a change of rights with a positive number");
	return result;
}

static long sys_setids(struct rt_thread *t)
{
	long result = zero(rt_host(t->nr, (uint32_t)t->arg[0], (uint32_t)t->arg[1], (uint32_t)t->arg[2], 0, 0, 0));

	if (result)
		return result;
	ask_ids();
	creds.changed_ids = true;
	/* Becoming another user may take capabilities, or with keep_caps leave some. */
	creds.changed_caps = ask_caps(creds.caps) == 0 && (creds.changed_caps || creds.keep_caps);
	return 0;
}

static long sys_setgroups(struct rt_thread *t)
{
	uint32_t groups[GROUPS_MAX];
	uint64_t count = (uint32_t)t->arg[0];
	RT_UNTRUSTED void *ub = rt_ub_alloc(sizeof groups);
	long result;

	if (count > GROUPS_MAX)
		return -EINVAL;
	if (rt_app_get(groups, (uint64_t)t->arg[1], count * sizeof *groups) < 0)
		return -EFAULT;
	if (!ub)
		return -ENOMEM;
	rt_ub_put(ub, groups, count * sizeof *groups);
	result = zero(rt_host(__NR_setgroups, count, (uint64_t)ub, 0, 0, 0, 0));
	if (result)
		return result;
	ask_groups();
	creds.changed_groups = true;
	return 0;
}

static long sys_getgroups(struct rt_thread *t)
{
	int32_t room = (int32_t)t->arg[0];

	if (room < 0 || (room > 0 && (uint32_t)room < creds.group_count))
		return -EINVAL;
	if (room > 0 && rt_app_put((uint64_t)t->arg[1], creds.groups, creds.group_count * sizeof *creds.groups) < 0)
		return -EFAULT;
	return creds.group_count;
}

/* ---- capabilities ---- */

/* Structures of version 1 have one word of each set, later ones two. *ret_count: 0 if only the version was asked for. */
static long cap_header(struct rt_thread *t, unsigned *ret_count)
{
	struct { uint32_t version; int32_t pid; } header;
	const uint32_t version = CAP_VERSION_3;

	if (rt_app_get(&header, (uint64_t)t->arg[0], sizeof header) < 0)
		return -EFAULT;
	*ret_count = header.version == CAP_VERSION_1 ? 1 : header.version == CAP_VERSION_3 || header.version == 0x20071026 ? 2 : 0;
	if (!*ret_count)
		return rt_app_put((uint64_t)t->arg[0], &version, sizeof version) < 0 ? -EFAULT : t->arg[1] || t->nr == __NR_capset ? -EINVAL : 0;
	if (header.pid < 0)
		return -EINVAL;
	if (header.pid != 0 && header.pid != rt_pid && header.pid != t->tid)
		return t->nr == __NR_capset ? -EPERM : -ESRCH;
	return 0;
}

static long sys_capget(struct rt_thread *t)
{
	struct lx_caps caps[2] = { { 0 } };
	unsigned count;
	long result = cap_header(t, &count);

	if (result || !count || !t->arg[1])
		return result;
	result = zero(ask_caps(caps));
	return result ? result : rt_app_put((uint64_t)t->arg[1], caps, count * sizeof *caps) < 0 ? -EFAULT : 0;
}

static long set_caps(const struct lx_caps caps[2])
{
	const uint32_t header[2] = { CAP_VERSION_3, 0 };
	uint64_t header_ub = (uint64_t)rt_ub_alloc(sizeof header), ub = (uint64_t)rt_ub_alloc(32);

	if (!header_ub || !ub)
		return -ENOMEM;
	rt_ub_put((void *)header_ub, header, sizeof header);
	rt_ub_put((void *)ub, caps, 2 * sizeof *caps);
	return zero(rt_host(__NR_capset, header_ub, ub, 0, 0, 0, 0));
}

static long sys_capset(struct rt_thread *t)
{
	struct lx_caps caps[2] = { { 0 } };
	unsigned count;
	long result = cap_header(t, &count);

	if (result)
		return result;
	if (rt_app_get(caps, (uint64_t)t->arg[1], count * sizeof *caps) < 0)
		return -EFAULT;
	result = set_caps(caps);
	if (!result && ask_caps(creds.caps) == 0)
		creds.changed_caps = true;
	return result;
}

/* ---- prctl ---- */

static long ask(long option, uint64_t value)
{
	return rt_host(__NR_prctl, (uint64_t)option, value, 0, 0, 0, 0);
}

static long set_flag(long option, uint64_t value, bool *flag)
{
	long result = zero(ask(option, value));

	if (result == 0)
		*flag = value;
	return result;
}

long rt_creds_prctl(struct rt_thread *t)
{
	uint64_t value = (uint64_t)t->arg[1];
	bool dumpable = !creds.not_dumpable, rest = t->arg[2] || t->arg[3] || t->arg[4];
	long result;

	switch (t->arg[0]) {
	case PR_SET_KEEPCAPS:
		return value > 1 ? -EINVAL : set_flag(PR_SET_KEEPCAPS, value, &creds.keep_caps);
	case PR_GET_KEEPCAPS:
		return creds.keep_caps;
	case PR_SET_NO_NEW_PRIVS:
		return value != 1 || rest ? -EINVAL : set_flag(PR_SET_NO_NEW_PRIVS, value, &creds.no_new_privileges);
	case PR_GET_NO_NEW_PRIVS:
		return value || rest ? -EINVAL : creds.no_new_privileges;
	case PR_SET_DUMPABLE:
		result = value > 1 ? -EINVAL : set_flag(PR_SET_DUMPABLE, value, &dumpable);
		creds.not_dumpable = !dumpable;
		return result;
	case PR_GET_DUMPABLE:
		return ask(PR_GET_DUMPABLE, 0);
	case PR_CAPBSET_READ:
		return ask(PR_CAPBSET_READ, value);
	case PR_CAPBSET_DROP:
		result = zero(ask(PR_CAPBSET_DROP, value));
		if (!result && value <= CAP_LAST)
			creds.dropped |= 1ULL << value;
		return result;
	case PR_SET_PDEATHSIG:
		return ask(PR_SET_PDEATHSIG, value);
	default:
		return -EINVAL;
	}
}

/* ---- other processes ---- */

/* A number that the program has from before a migration means nobody here, or anybody: it may be looked for, not signalled. */
long rt_kill_other(int32_t pid, int32_t signo)
{
	long result;

	if (signo < 0 || signo > SIG_MAX)
		return -EINVAL;
	result = zero(rt_host(__NR_kill, (uint64_t)(int64_t)pid, creds.moved ? 0 : (uint64_t)signo, 0, 0, 0, 0));
	return result == 0 && creds.moved && signo ? -EPERM : result;
}

/* ---- arriving ---- */

static long arrive_bounding(void)
{
	long result = 0;

	for (uint64_t bits = creds.dropped; bits && !result; bits &= bits - 1)
		if (ask(PR_CAPBSET_READ, (uint64_t)__builtin_ctzll(bits)) == 1)
			result = zero(ask(PR_CAPBSET_DROP, (uint64_t)__builtin_ctzll(bits)));
	return result;
}

static long arrive_groups(void)
{
	RT_UNTRUSTED void *ub = rt_ub_alloc(sizeof creds.groups);

	if (!ub)
		return -ENOMEM;
	rt_ub_put(ub, creds.groups, creds.group_count * sizeof *creds.groups);
	return zero(rt_host(__NR_setgroups, creds.group_count, (uint64_t)ub, 0, 0, 0, 0));
}

static long arrive_ids(void)
{
	const struct rt_ids *ids = &creds.ids;
	long result = zero(rt_host(__NR_setresgid, ids->gid, ids->egid, ids->sgid, 0, 0, 0));

	return result ? result : zero(rt_host(__NR_setresuid, ids->uid, ids->euid, ids->suid, 0, 0, 0));
}

int rt_creds_arrive(char *words, size_t words_size)
{
	static const char no[] = "the program has changed its user, groups or capabilities, and the receiver may not: start it as root, or as that user (receive --user)";
	long result = 0;

	creds.moved = true;
	rt_ub_reset();
	if (creds.not_dumpable)
		result = zero(ask(PR_SET_DUMPABLE, 0));
	if (!result)
		result = arrive_bounding();
	if (!result && (creds.changed_caps || creds.keep_caps) && creds.changed_ids)
		result = zero(ask(PR_SET_KEEPCAPS, 1));
	if (!result && creds.changed_groups)
		result = arrive_groups();
	if (!result && creds.changed_ids)
		result = arrive_ids();
	if (!result && creds.changed_caps)
		result = set_caps(creds.caps);
	if (!result && (creds.changed_caps || creds.keep_caps) && creds.changed_ids)
		result = zero(ask(PR_SET_KEEPCAPS, creds.keep_caps));
	if (!result && creds.no_new_privileges)
		result = zero(ask(PR_SET_NO_NEW_PRIVS, 1));
	rt_ub_reset();
	if (!result)
		return 0;
	memcpy(words, no, words_size < sizeof no ? words_size : sizeof no);
	words[words_size - 1] = 0;
	return OM_EHOSTSTATE;
}

const struct rt_syscall_entry rt_syscalls_creds[] = {
	{ __NR_getuid, RT_SYS_INSIDE, sys_getuid },
	{ __NR_geteuid, RT_SYS_INSIDE, sys_geteuid },
	{ __NR_getgid, RT_SYS_INSIDE, sys_getgid },
	{ __NR_getegid, RT_SYS_INSIDE, sys_getegid },
	{ __NR_getresuid, RT_SYS_INSIDE, sys_getresuid },
	{ __NR_getresgid, RT_SYS_INSIDE, sys_getresgid },
	{ __NR_setuid, 0, sys_setids },
	{ __NR_setgid, 0, sys_setids },
	{ __NR_setreuid, 0, sys_setids },
	{ __NR_setregid, 0, sys_setids },
	{ __NR_setresuid, 0, sys_setids },
	{ __NR_setresgid, 0, sys_setids },
	{ __NR_setfsuid, RT_SYS_INSIDE, sys_setfsuid },
	{ __NR_setfsgid, RT_SYS_INSIDE, sys_setfsgid },
	{ __NR_setgroups, 0, sys_setgroups },
	{ __NR_getgroups, RT_SYS_INSIDE, sys_getgroups },
	{ __NR_capget, 0, sys_capget },
	{ __NR_capset, 0, sys_capset },
	{ 0, 0, NULL },
};
