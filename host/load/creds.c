/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc does the same for itself (setxid), but neither for capabilities nor for threads that are inside an emulated enclave
 * when glibc's signal comes. Here the signal is one of ours, whose handler may run at any time (tee_sigaction).
 *
 *   1. The calling thread makes the call itself. If the kernel refuses, that is the answer, and no other thread has done anything.
 *   2. Every other thread is sent the signal and makes the same call in its handler. The calling thread waits for all of them.
 *   3. Step 2 is repeated until no new thread is seen, for a thread that had not yet followed may have made another one.
 *
 * A thread whose maker had followed has the right rights already. So where the call fails in such a thread, the result counts.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "creds.h"
#include "enclave.h"
#include "tee.h"
#include "util.h"

#define JOBS_MAX    64u        /* a bounding set may lose each of 41 capabilities alone */
#define GROUPS_MAX  256u
#define THREADS_MAX 4096u
#define WAIT_MS     10000u

struct job {
	uint32_t nr;
	uint64_t arg[6];
	struct __user_cap_header_struct header;     /* capset's arguments, and setgroups' */
	struct __user_cap_data_struct data[2];
	uint32_t groups[GROUPS_MAX];
};

/* Of a thread that can make the call no more: is it there all the same? */
struct ids { uint32_t uid[3], gid[3], group_count, groups[GROUPS_MAX]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled = PTHREAD_COND_INITIALIZER;
static struct job *jobs;                /* under the lock; read by handlers while it is held */
static uint32_t job_count;
static bool deferred;                   /* under the lock */
static atomic_bool any_deferred;
static struct ids wanted;               /* what the thread that began has become */

static struct { int32_t tid; atomic_bool done; } followers[THREADS_MAX];
static atomic_uint follower_count;
static atomic_int failure;              /* errno of a thread that could not follow */
static _Thread_local bool of_program, taken_on;

/* Not syscall(3): the handler must not touch errno. */
static int64_t call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	int64_t result;

	__asm__ volatile("syscall" : "=a"(result) : "a"((uint64_t)nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return result;
}

static void get_ids(struct ids *ret)
{
	int64_t count = call(SYS_getgroups, GROUPS_MAX, (uintptr_t)ret->groups, 0, 0, 0);

	(void)call(SYS_getresuid, (uintptr_t)&ret->uid[0], (uintptr_t)&ret->uid[1], (uintptr_t)&ret->uid[2], 0, 0);
	(void)call(SYS_getresgid, (uintptr_t)&ret->gid[0], (uintptr_t)&ret->gid[1], (uintptr_t)&ret->gid[2], 0, 0);
	ret->group_count = count > 0 ? (uint32_t)count : 0;
}

static bool is_there(const struct job *job, const struct ids *want)
{
	struct ids now;

	if (job->nr == SYS_prctl && job->arg[0] == PR_CAPBSET_DROP)
		return call(SYS_prctl, PR_CAPBSET_READ, job->arg[1], 0, 0, 0) == 0;
	if (job->nr == SYS_prctl || job->nr == SYS_capset)
		return false;
	get_ids(&now);
	if (job->nr == SYS_setgroups)
		return now.group_count == want->group_count && memcmp(now.groups, want->groups, now.group_count * sizeof *now.groups) == 0;
	return memcmp(now.uid, want->uid, sizeof now.uid) == 0 && memcmp(now.gid, want->gid, sizeof now.gid) == 0;
}

static int64_t make(const struct job *job)
{
	switch (job->nr) {
	case SYS_capset:
		return call(SYS_capset, (uintptr_t)&job->header, (uintptr_t)job->data, 0, 0, 0);
	case SYS_setgroups:
		return call(SYS_setgroups, job->arg[0], (uintptr_t)job->groups, 0, 0, 0);
	default:
		return call(job->nr, job->arg[0], job->arg[1], job->arg[2], job->arg[3], job->arg[4]);
	}
}

/* What stands in a job alone, for jobs that were noted. */
static bool noted_is_there(const struct job *job)
{
	struct ids want;

	get_ids(&want);
	if (job->nr == SYS_setgroups) {
		want.group_count = (uint32_t)job->arg[0];
		memcpy(want.groups, job->groups, want.group_count * sizeof *want.groups);
	}
	for (int i = 0; i < 3 && job->nr == SYS_setresuid; i++)
		want.uid[i] = (uint32_t)job->arg[i];
	for (int i = 0; i < 3 && job->nr == SYS_setresgid; i++)
		want.gid[i] = (uint32_t)job->arg[i];
	return is_there(job, &want);
}

/* All jobs on this thread. Return: 0 or -errno. */
static int64_t follow(void)
{
	for (uint32_t i = 0; i < job_count; i++) {
		int64_t result = make(&jobs[i]);

		if (result < 0 && !(deferred ? noted_is_there(&jobs[i]) : is_there(&jobs[i], &wanted)))
			return result;
	}
	return 0;
}

static void on_signal(int signo, void *info, void *context)
{
	int32_t self = (int32_t)call(SYS_gettid, 0, 0, 0, 0, 0);
	unsigned count = atomic_load(&follower_count);
	int64_t result;

	(void)signo, (void)info, (void)context;
	for (unsigned i = 0; i < count; i++) {
		if (followers[i].tid != self || atomic_load(&followers[i].done))
			continue;
		result = follow();
		if (result < 0)
			atomic_store(&failure, (int)-result);
		atomic_store(&followers[i].done, true);
	}
}

int host_creds_setup(void)
{
	return tee_sigaction(HOST_CREDS_SIGNAL, on_signal, SA_RESTART);
}

/* Half of the threads with other rights than the rest must not go on. */
static _Noreturn void give_up(const char *why)
{
	host_error("a thread cannot take on the program's user and rights: %s", why);
	_exit(HOST_EXIT_FAILED);
}

static bool known(int32_t tid)
{
	for (unsigned i = 0; i < atomic_load(&follower_count); i++)
		if (followers[i].tid == tid)
			return true;
	return false;
}

/* Signals threads that have not been. Return: how many. */
static unsigned signal_new(int32_t self)
{
	DIR *list = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	if (!list)
		give_up("/proc/self/task cannot be read");
	while ((entry = readdir(list))) {
		int32_t tid = (int32_t)strtol(entry->d_name, NULL, 10);
		unsigned at = atomic_load(&follower_count);

		if (tid <= 0 || tid == self || known(tid))
			continue;
		count++;
		if (at >= THREADS_MAX)
			break;
		followers[at].tid = tid;
		atomic_store(&followers[at].done, false);
		atomic_store(&follower_count, at + 1);
		if (call(SYS_tgkill, (uint64_t)getpid(), (uint64_t)tid, HOST_CREDS_SIGNAL, 0, 0) < 0)
			atomic_store(&followers[at].done, true); /* it has ended */
	}
	closedir(list);
	if (atomic_load(&follower_count) == THREADS_MAX)
		give_up("there are too many");
	return count;
}

static void wait_for_all(void)
{
	const struct timespec rest = { .tv_nsec = 50000 };
	uint64_t end = host_monotonic_ns() + WAIT_MS * 1000000ull;

	for (unsigned i = 0; i < atomic_load(&follower_count); i++)
		while (!atomic_load(&followers[i].done)) {
			if (call(SYS_tgkill, (uint64_t)getpid(), (uint64_t)followers[i].tid, 0, 0, 0) < 0)
				break;
			if (host_monotonic_ns() > end)
				give_up("it does not answer");
			nanosleep(&rest, NULL);
		}
	if (atomic_load(&failure))
		give_up(strerror(atomic_load(&failure)));
}

/* Under the lock. */
static void lead_all(void)
{
	int32_t self = (int32_t)call(SYS_gettid, 0, 0, 0, 0, 0);

	atomic_store(&failure, 0);
	atomic_store(&follower_count, 0);
	while (signal_new(self) > 0)
		wait_for_all();
	atomic_store(&follower_count, 0);
}

static int fill(struct job *job, uint32_t nr, const uint64_t arg[6])
{
	memset(job, 0, sizeof *job);
	job->nr = nr;
	memcpy(job->arg, arg, sizeof job->arg);
	if (nr == SYS_setgroups) {
		if (arg[0] > GROUPS_MAX)
			return -EINVAL;
		memcpy(job->groups, (const void *)arg[1], arg[0] * sizeof *job->groups);
	}
	if (nr == SYS_capset) {
		memcpy(&job->header, (const void *)arg[0], sizeof job->header);
		memcpy(job->data, (const void *)arg[1], sizeof job->data);
		if (job->header.version != _LINUX_CAPABILITY_VERSION_3 || job->header.pid != 0)
			return -EINVAL;
	}
	return 0;
}

/* Will it be possible? Less is always possible. */
static bool allowed(const struct job *job)
{
	switch (job->nr) {
	case SYS_setresuid: return host_has_capability(CAP_SETUID) || noted_is_there(job);
	case SYS_setresgid:
	case SYS_setgroups: return host_has_capability(CAP_SETGID) || noted_is_there(job);
	case SYS_prctl:     return job->arg[0] != PR_CAPBSET_DROP || host_has_capability(CAP_SETPCAP) || noted_is_there(job);
	default:            return true;
	}
}

bool host_creds_is(uint32_t nr, const uint64_t arg[6])
{
	switch (nr) {
	case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid: case SYS_setresuid: case SYS_setresgid:
	case SYS_setgroups: case SYS_capset:
		return true;
	case SYS_prctl:
		return arg[0] == PR_SET_KEEPCAPS || arg[0] == PR_SET_NO_NEW_PRIVS || arg[0] == PR_CAPBSET_DROP;
	default:
		return false;
	}
}

int64_t host_creds_call(uint32_t nr, const uint64_t arg[6])
{
	int64_t result;

	pthread_mutex_lock(&lock);
	while (deferred && of_program)
		pthread_cond_wait(&settled, &lock);
	if (!jobs)
		jobs = calloc(JOBS_MAX, sizeof *jobs);
	result = !jobs || job_count == JOBS_MAX ? -ENOMEM : fill(&jobs[job_count], nr, arg);
	if (result == 0 && deferred) {
		result = allowed(&jobs[job_count]) ? 0 : -EPERM;
		job_count += result == 0;
		atomic_store(&any_deferred, job_count > 0);
	} else if (result == 0) {
		result = make(&jobs[0]);
		if (result == 0) {
			get_ids(&wanted);
			job_count = 1;
			lead_all();
			job_count = 0;
		}
	}
	pthread_mutex_unlock(&lock);
	return result;
}

void host_creds_defer(void)
{
	pthread_mutex_lock(&lock);
	deferred = true;
	pthread_mutex_unlock(&lock);
}

/* Nothing changes the list any more when the program has been started. */
void host_creds_take_on(void)
{
	int64_t result;

	of_program = true;
	if (taken_on || !atomic_load(&any_deferred))
		return;
	pthread_mutex_lock(&lock);
	result = deferred ? follow() : 0;
	pthread_mutex_unlock(&lock);
	if (result < 0)
		give_up(strerror((int)-result));
	taken_on = true;
}

void host_creds_settle(void)
{
	int64_t result;

	pthread_mutex_lock(&lock);
	if (deferred && job_count > 0) {
		lead_all();
		result = follow();
		if (result < 0)
			give_up(strerror((int)-result));
	}
	job_count = 0;
	deferred = false;
	atomic_store(&any_deferred, false);
	pthread_cond_broadcast(&settled);
	pthread_mutex_unlock(&lock);
}
