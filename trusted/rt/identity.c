/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who and where the program is: pid, host name, limits, resources, random numbers (its user: creds.c). These are fixed when the program
 * starts and kept for its life, so that what the program has been told stays true on another host.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

#define PR_SET_NAME 15
#define PR_GET_NAME 16
#define PR_SET_THP_DISABLE 41
#define PR_SET_TIMERSLACK 29
#define GRND_FLAGS 7
#define RUSAGE_SELF 0

struct lx_rlimit { uint64_t current, maximum; };

RT_RESIDENT static struct {
	uint32_t cpu_count, umask;
	char host_name[65];
	struct lx_rlimit limits[RLIMIT_COUNT];
} identity;

/* Descriptors that this host and the tables have room for. */
RT_LOCAL static uint64_t files_here;

/* The tables' own limit is below an image's that asks for too much. */
static uint64_t files_possible(uint64_t count)
{
	rt_io_set_limit(count < rt_image->file_max ? count : rt_image->file_max);
	return rt_io_limit();
}

void rt_identity_boot(const struct om_boot *boot)
{
	rt_creds_boot(boot);
	identity.cpu_count = boot->cpu_count >= 1 && boot->cpu_count <= 1024 ? boot->cpu_count : 1;
	memcpy(identity.host_name, boot->host_name, sizeof boot->host_name);
	identity.host_name[sizeof identity.host_name - 1] = 0;
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		identity.limits[i] = (struct lx_rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	identity.limits[RLIMIT_STACK].current = rt_main_stack_size(boot);
	identity.limits[RLIMIT_NPROC].current = identity.limits[RLIMIT_NPROC].maximum = rt_image->app_threads;
	identity.limits[RLIMIT_NOFILE].maximum = files_here = files_possible(boot->file_limit_max);
	identity.limits[RLIMIT_NOFILE].current = files_possible(boot->file_limit);
	identity.limits[RLIMIT_SIGPENDING].current = identity.limits[RLIMIT_SIGPENDING].maximum = RT_SIGQUEUE_MAX;
	rt_sigqueue_limit(RT_SIGQUEUE_MAX);
}

int rt_identity_arrive(char *words, size_t words_size)
{
	static const char too_many[] = "more descriptors are open than this host allows; raise its hard limit (ulimit -Hn) or start the receiver as root";
	struct lx_rlimit *files = &identity.limits[RLIMIT_NOFILE];
	int error = rt_creds_arrive(words, words_size);

	if (error)
		return error;
	if (rt_io_count_open() > files_here) {
		memcpy(words, too_many, words_size < sizeof too_many ? words_size : sizeof too_many);
		words[words_size - 1] = 0;
		return OM_EHOSTSTATE;
	}
	if (files->maximum <= files_here)
		return 0;
	rt_tell("this host allows fewer descriptors than the program was told; its limit is lower from here on");
	files->maximum = files_here;
	if (files->current > files_here)
		files->current = files_here;
	rt_io_set_limit(files->current);
	return 0;
}

uint64_t rt_limit(unsigned resource)
{
	return identity.limits[resource].current;
}

uint32_t rt_cpu_count(void)
{
	return identity.cpu_count;
}

bool rt_random(void *to, size_t size)
{
	uint8_t *at = to;

	while (size > 0) {
		unsigned long long value;
		int tries = 0;

		while (!__builtin_ia32_rdrand64_step(&value))
			if (++tries == 100)
				return false;
		size_t part = size < sizeof value ? size : sizeof value;
		memcpy(at, &value, part);
		at += part;
		size -= part;
	}
	return true;
}

static long sys_getpid(struct rt_thread *t) { (void)t; return rt_pid; }
static long sys_getppid(struct rt_thread *t) { (void)t; return rt_ids()->ppid; }
static long sys_ok(struct rt_thread *t) { (void)t; return 0; }
static long sys_enosys(struct rt_thread *t) { (void)t; return -ENOSYS; }
static long sys_echild(struct rt_thread *t) { (void)t; return -ECHILD; }
static long sys_eperm(struct rt_thread *t) { (void)t; return -EPERM; }

static long sys_getpgid(struct rt_thread *t)
{
	return t->nr == __NR_getpgid && t->arg[0] != 0 && (int32_t)t->arg[0] != rt_pid ? -ESRCH : rt_pid;
}

static long sys_umask(struct rt_thread *t)
{
	long old = rt_host(__NR_umask, (uint64_t)t->arg[0] & 0777, 0, 0, 0, 0, 0);

	return old < 0 || old > 0777 ? 022 : old;
}

static long sys_uname(struct rt_thread *t)
{
	static const char words[6][24] = { "Linux", "", "6.1.0-optmig", "#1 SMP", "x86_64", "(none)" };
	char out[6][65];

	memset(out, 0, sizeof out);
	for (int i = 0; i < 6; i++)
		memcpy(out[i], words[i], sizeof words[i]);
	memcpy(out[1], identity.host_name, sizeof out[1]);
	return rt_app_put((uint64_t)t->arg[0], out, sizeof out);
}

static long sys_sysinfo(struct rt_thread *t)
{
	struct { int64_t uptime; uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
		uint16_t procs, pad; uint32_t pad2; uint64_t totalhigh, freehigh; uint32_t mem_unit, pad3; } s;

	memset(&s, 0, sizeof s);
	s.uptime = rt_monotonic_ns() / 1000000000;
	s.totalram = rt_image->heap_size;
	s.freeram = rt_image->heap_size - rt_mem_used_bytes();
	s.procs = 1;
	s.mem_unit = 1;
	return rt_app_put((uint64_t)t->arg[0], &s, 112);
}

uint64_t rt_file_limit_max(void)
{
	return identity.limits[RLIMIT_NOFILE].maximum;
}

/* What the kernel looks at when the host process works for the program. It is asked each time: another host has others. */
static bool of_host(unsigned resource)
{
	return resource == RLIMIT_CPU || resource == RLIMIT_FSIZE || resource == RLIMIT_CORE;
}

static long host_limit(unsigned resource, const struct lx_rlimit *next, struct lx_rlimit *ret_old)
{
	uint64_t ub = (uint64_t)rt_ub_alloc(sizeof *next), old_ub = (uint64_t)rt_ub_alloc(sizeof *next);
	long result;

	if (!ub || !old_ub)
		return -ENOMEM;
	if (next)
		rt_ub_put((void *)ub, next, sizeof *next);
	result = rt_host(__NR_prlimit64, 0, resource, next ? ub : 0, old_ub, 0, 0);
	if (result == 0 && ret_old)
		rt_ub_get(ret_old, (void *)old_ub, sizeof *ret_old);
	return result < 0 ? result : 0;
}

static long current_limit(unsigned resource, struct lx_rlimit *ret_limit)
{
	*ret_limit = identity.limits[resource];
	return of_host(resource) ? host_limit(resource, NULL, ret_limit) : 0;
}

static long get_limit(unsigned resource, uint64_t app)
{
	struct lx_rlimit limit;
	long r = current_limit(resource, &limit);

	return r < 0 ? r : rt_app_put(app, &limit, sizeof limit);
}

bool rt_file_size_limited(void)
{
	struct lx_rlimit limit;

	return current_limit(RLIMIT_FSIZE, &limit) == 0 && limit.current != RLIM_INFINITY;
}

static long set_limit(unsigned resource, uint64_t app)
{
	struct lx_rlimit next, *limit = &identity.limits[resource];

	if (rt_app_get(&next, app, sizeof next) < 0)
		return -EFAULT;
	if (next.current > next.maximum)
		return -EINVAL;
	if (of_host(resource))
		return host_limit(resource, &next, NULL);
	if (next.maximum > limit->maximum)
		return -EPERM;
	*limit = next;
	if (resource == RLIMIT_AS || resource == RLIMIT_DATA)
		rt_mem_limit(identity.limits[RLIMIT_AS].current, identity.limits[RLIMIT_DATA].current);
	if (resource == RLIMIT_NOFILE)
		rt_io_set_limit(next.current);
	if (resource == RLIMIT_SIGPENDING)
		rt_sigqueue_limit(next.current);
	return 0;
}

static long sys_getrlimit(struct rt_thread *t)
{
	return (uint64_t)t->arg[0] < RLIMIT_COUNT ? get_limit((unsigned)t->arg[0], (uint64_t)t->arg[1]) : -EINVAL;
}

static long sys_setrlimit(struct rt_thread *t)
{
	return (uint64_t)t->arg[0] < RLIMIT_COUNT ? set_limit((unsigned)t->arg[0], (uint64_t)t->arg[1]) : -EINVAL;
}

static long sys_prlimit(struct rt_thread *t)
{
	struct lx_rlimit old;
	long r = 0;

	if ((int32_t)t->arg[0] != 0 && (int32_t)t->arg[0] != rt_pid)
		return -ESRCH;
	if ((uint64_t)t->arg[1] >= RLIMIT_COUNT)
		return -EINVAL;
	r = current_limit((unsigned)t->arg[1], &old);
	if (r == 0 && t->arg[2])
		r = set_limit((unsigned)t->arg[1], (uint64_t)t->arg[2]);
	if (r == 0 && t->arg[3])
		r = rt_app_put((uint64_t)t->arg[3], &old, sizeof old);
	return r;
}

/* A timeval of the host's. */
static void add_us(int64_t time[2], int64_t us)
{
	int64_t sum = (int64_t)((uint64_t)time[0] % (1u << 31) * 1000000u + (uint64_t)time[1] % 1000000u) + us;

	time[0] = sum > 0 ? sum / 1000000 : 0;
	time[1] = sum > 0 ? sum % 1000000 : 0;
}

static long sys_getrusage(struct rt_thread *t)
{
	int64_t usage[18], user_us, system_us;
	RT_UNTRUSTED void *at = rt_ub_alloc(sizeof usage);

	if (rt_host(__NR_getrusage, (uint64_t)t->arg[0], (uint64_t)at, 0, 0, 0, 0) < 0)
		return -EINVAL;
	rt_ub_get(usage, at, sizeof usage);
	rt_cpu_before(&user_us, &system_us);
	if ((int32_t)t->arg[0] == RUSAGE_SELF) {
		add_us(&usage[0], user_us);
		add_us(&usage[2], system_us);
	}
	usage[4] = (int64_t)(rt_mem_used_bytes() >> 10); /* ru_maxrss: the host's is the emulator's or nothing */
	return rt_app_put((uint64_t)t->arg[1], usage, sizeof usage);
}

static long sys_getrandom(struct rt_thread *t)
{
	uint64_t app = (uint64_t)t->arg[0], size = (uint64_t)t->arg[1], done = 0;
	uint8_t block[256];

	if (t->arg[2] & ~GRND_FLAGS)
		return -EINVAL;
	if (size > 33554431)
		size = 33554431;
	while (done < size) {
		uint64_t part = size - done < sizeof block ? size - done : sizeof block;
		if (!rt_random(block, part))
			return done ? (long)done : -EAGAIN;
		if (rt_app_put(app + done, block, part) < 0)
			return -EFAULT;
		done += part;
	}
	return (long)done;
}

static long sys_prctl(struct rt_thread *t)
{
	char name[16];

	switch (t->arg[0]) {
	case PR_SET_NAME:
		memset(name, 0, sizeof name);
		if (rt_app_get_string(name, (uint64_t)t->arg[1], sizeof name) == -EFAULT)
			return -EFAULT;
		name[sizeof name - 1] = 0;
		memcpy(t->name, name, sizeof name);
		return 0;
	case PR_GET_NAME:
		return rt_app_put((uint64_t)t->arg[1], t->name, sizeof t->name);
	case PR_SET_THP_DISABLE:
	case PR_SET_TIMERSLACK: /* advice both */
		return 0;
	default:
		return rt_creds_prctl(t);
	}
}

/* All CPUs, as many as there were when the program started. */
static long sys_getaffinity(struct rt_thread *t)
{
	uint64_t words[16] = { 0 };
	uint32_t count = identity.cpu_count;
	uint64_t size = ((count + 63) / 64) * 8;

	if ((uint64_t)t->arg[1] < size || (t->arg[1] & 7))
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++)
		words[i / 64] |= 1ULL << (i % 64);
	return rt_app_put((uint64_t)t->arg[2], words, size) < 0 ? -EFAULT : (long)size;
}

static long sys_getcpu(struct rt_thread *t)
{
	const uint32_t zero = 0;

	for (int i = 0; i < 2; i++)
		if (t->arg[i] && rt_app_put((uint64_t)t->arg[i], &zero, sizeof zero) < 0)
			return -EFAULT;
	return 0;
}

const struct rt_syscall_entry rt_syscalls_identity[] = {
	{ __NR_getpid, RT_SYS_INSIDE, sys_getpid },
	{ __NR_getppid, RT_SYS_INSIDE, sys_getppid },
	{ __NR_getpgrp, RT_SYS_INSIDE, sys_getpgid },
	{ __NR_getpgid, RT_SYS_INSIDE, sys_getpgid },
	{ __NR_getsid, RT_SYS_INSIDE, sys_getpgid },
	{ __NR_setpgid, RT_SYS_INSIDE, sys_ok },
	{ __NR_setsid, RT_SYS_INSIDE, sys_getpid },
	{ __NR_wait4, RT_SYS_INSIDE, sys_echild },
	{ __NR_waitid, RT_SYS_INSIDE, sys_echild },
	{ __NR_umask, 0, sys_umask },
	{ __NR_uname, RT_SYS_INSIDE, sys_uname },
	{ __NR_sethostname, RT_SYS_INSIDE, sys_eperm },
	{ __NR_sysinfo, RT_SYS_INSIDE, sys_sysinfo },
	{ __NR_getrlimit, 0, sys_getrlimit },
	{ __NR_setrlimit, 0, sys_setrlimit },
	{ __NR_prlimit64, 0, sys_prlimit },
	{ __NR_getrusage, 0, sys_getrusage },
	{ __NR_getrandom, RT_SYS_INSIDE, sys_getrandom },
	{ __NR_prctl, 0, sys_prctl },
	{ __NR_sched_getaffinity, RT_SYS_INSIDE, sys_getaffinity },
	{ __NR_sched_setaffinity, RT_SYS_INSIDE, sys_ok },
	{ __NR_getcpu, RT_SYS_INSIDE, sys_getcpu },
	{ __NR_rseq, RT_SYS_INSIDE, sys_enosys },
	{ 0, 0, NULL },
};
