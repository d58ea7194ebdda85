/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See move/fault.h. Faults are made of what the kernel offers to any process (limits, signals, shutdown), not of special
 * paths in the code that is to be tested; only a stall needs the pumps' help, and the clock that of the clock page.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "load/internal.h"
#include "move/fault.h"
#include "move/internal.h"
#include "testing.h"
#include "util.h"

#define RULES_MAX    8
#define STALL_NS     4000000000u
#define STORM_NS     1000000000u
#define STORM_US     100u
#define JUMP_NS      3600000000000

/*
 * OPTMIG_MIG_FAULT is a list of rules STEP:FAULT, separated by commas; each strikes once, when this process comes to that step for the
 * first time.
 */
#define MOVE_FAULTS(X) \
	X(KILL, "kill")             /* the process dies */ \
	X(CUT, "cut")               /* its connections are reset */ \
	X(CUT_TWICE, "cut-twice")   /* ... and once more as soon as they have been made anew and say the first word */ \
	X(GIVE_UP, "give-up")       /* its user does not want it any more, and cancels */ \
	X(STALL, "stall")           /* nothing moves for 4 s */ \
	X(DISK, "disk")             /* from now on writing to a file fails */ \
	X(MEMORY, "memory")         /* ... no address space is to be had */ \
	X(DESCRIPTORS, "descriptors") /* ... no descriptor */ \
	X(SIGNALS, "signals")       /* a signal every 100 us for a second */ \
	X(CLOCK_FORTH, "clock-forth") /* the enclave's clock jumps by an hour, and back after a second */ \
	X(CLOCK_BACK, "clock-back") \
	X(FORK, "fork")             /* the process forks, and the copy tries to run the program */

enum fault {
#define X(id, name) FAULT_##id,
	MOVE_FAULTS(X)
#undef X
	FAULT_COUNT
};
static const char *const step_names[] = {
#define X(id, name) name,
	MOVE_STEPS(X)
#undef X
};
static const char *const fault_names[] = {
#define X(id, name) name,
	MOVE_FAULTS(X)
#undef X
};

static struct rule { enum move_step step; enum fault fault; atomic_bool done; } rules[RULES_MAX];
static unsigned rule_count;
static _Atomic uint64_t stall_end_ns;
static atomic_bool cut_again, giving_up;
static _Atomic uint64_t clock_ahead_ns;

static int find(const char *const *names, unsigned count, const char *name, unsigned *ret_at)
{
	for (unsigned i = 0; i < count; i++)
		if (name && strcmp(names[i], name) == 0) {
			*ret_at = i;
			return 0;
		}
	return host_fail(OM_EINVAL, "OPTMIG_MIG_FAULT: there is no \"%s\"", name ? name : "");
}

int testing_steps_setup(void)
{
	const char *value = getenv("OPTMIG_MIG_FAULT");
	char text[512], *save, *one;
	int error = 0;

	if (!value || !*value)
		return 0;
	if (strlen(value) >= sizeof text)
		return host_fail(OM_EINVAL, "OPTMIG_MIG_FAULT is too long");
	memcpy(text, value, strlen(value) + 1);
	for (one = strtok_r(text, ",", &save); one && !error; one = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(one, ':');
		unsigned step = 0, fault = 0;

		if (!colon || rule_count == RULES_MAX)
			return host_fail(OM_EINVAL, "OPTMIG_MIG_FAULT: at most %d rules STEP:FAULT", RULES_MAX);
		*colon = 0;
		error = find(step_names, MOVE_STEP_COUNT, one, &step);
		if (!error)
			error = find(fault_names, FAULT_COUNT, colon + 1, &fault);
		rules[rule_count].step = (enum move_step)step;
		rules[rule_count++].fault = (enum fault)fault;
	}
	if (!error)
		host_error("FAULT INJECTION IS ON (OPTMIG_MIG_FAULT=%s): migrations of this process fail on purpose", value);
	return error;
}

/* What is there goes on working, more is not to be had. */
static void limit(int resource, rlim_t value)
{
	struct rlimit l;

	if (getrlimit(resource, &l) == 0) {
		l.rlim_cur = value < l.rlim_max ? value : l.rlim_max;
		(void)setrlimit(resource, &l); /* lowering cannot fail */
	}
}

static rlim_t used_address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static rlim_t used_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	rlim_t highest = 2;

	while (directory && (entry = readdir(directory)))
		if ((rlim_t)strtoul(entry->d_name, NULL, 10) > highest && strtol(entry->d_name, NULL, 10) != dirfd(directory))
			highest = strtoul(entry->d_name, NULL, 10);
	if (directory)
		closedir(directory);
	return highest + 1;
}

static void *storm(void *argument)
{
	uint64_t end = host_monotonic_ns() + STORM_NS;

	(void)argument;
	while (host_monotonic_ns() < end) {
		(void)kill(getpid(), SIGWINCH); /* a program ignores it unless it asks for it */
		usleep(STORM_US);
	}
	return NULL;
}

uint64_t testing_clock(void)
{
	return atomic_load_explicit(&clock_ahead_ns, memory_order_relaxed);
}

static void *jump_back(void *argument)
{
	(void)argument;
	usleep(STORM_NS / 1000);
	atomic_store(&clock_ahead_ns, 0);
	return NULL;
}

/* Enters every slot once, as to start or resume its thread; whoever was entered is left where it stands. Return: how many. */
static uint32_t try_slots(struct host_enclave *e)
{
	uint32_t entered = 0;

	if (tee_thread_attach(e->platform))
		return 0;
	for (uint32_t i = 0; i < e->slot_count; i++) {
		struct tee_run run = { .tcs = host_slot_tcs(&e->slots[i]) };

		if (host_slot_prepare(&e->slots[i], OM_TBUF_SIZE_APP) == 0)
			entered += tee_enter(e->sgx, SGX_EENTER, OM_ECALL_THREAD, (uintptr_t)e->slots[i].tbuf, OM_TBUF_SIZE_APP, 0, 0, &run) == 0;
	}
	return entered;
}

/* What a host may try: the source's process twice. The copy has all of the host's part, its threads' stacks aside. */
static void fork_copy(struct host_move *move)
{
	pid_t pid;
	int status;

	if (!move)
		return;
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(5);
		_exit(try_slots(move->enclave) > 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		host_error("fault: no copy could be made");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		host_error("fault: the copy of this process cannot enter the enclave");
	else
		host_error("fault: THE COPY of this process: status 0x%x", (unsigned)status);
}

static void start(void *(*main)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, main, NULL) == 0)
		pthread_detach(thread);
}

static void cut(struct host_move *move)
{
	for (unsigned i = 0; move && i < MOVE_CONNECTIONS_MAX; i++)
		if (move->connection[i].fd >= 0)
			shutdown(move->connection[i].fd, SHUT_RDWR);
}

static void strike(struct host_move *move, enum fault fault)
{
	switch (fault) {
	case FAULT_KILL:
		(void)kill(getpid(), SIGKILL);
		return;
	case FAULT_CUT_TWICE:
		atomic_store(&cut_again, true);
		cut(move);
		return;
	case FAULT_CUT:
		cut(move);
		return;
	case FAULT_GIVE_UP:
		atomic_store(&giving_up, true);
		return;
	case FAULT_STALL:
		atomic_store(&stall_end_ns, host_monotonic_ns() + STALL_NS);
		return;
	case FAULT_DISK:
		(void)signal(SIGXFSZ, SIG_IGN);
		limit(RLIMIT_FSIZE, 0);
		return;
	case FAULT_MEMORY:
		limit(RLIMIT_AS, used_address_space());
		return;
	case FAULT_DESCRIPTORS:
		limit(RLIMIT_NOFILE, used_descriptors());
		return;
	case FAULT_SIGNALS:
		start(storm);
		return;
	case FAULT_CLOCK_FORTH:
	case FAULT_CLOCK_BACK:
		atomic_store(&clock_ahead_ns, (uint64_t)(fault == FAULT_CLOCK_FORTH ? JUMP_NS : -JUMP_NS));
		start(jump_back);
		return;
	case FAULT_FORK:
		fork_copy(move);
		return;
	case FAULT_COUNT:
		return;
	}
}

void testing_step(struct host_move *move, unsigned step)
{
	for (unsigned i = 0; i < rule_count; i++)
		if (rules[i].step == step && !atomic_exchange(&rules[i].done, true)) {
			host_error("fault: %s at %s", fault_names[rules[i].fault], step_names[step]);
			strike(move, rules[i].fault);
		}
}

void testing_step_sent(struct host_move *move)
{
	if (move && atomic_exchange(&giving_up, false) && move_cancel(move))
		host_error("fault: give-up: %s", host_reason());
}

void testing_step_frame(struct host_move *move, const uint8_t *frame)
{
	if (rule_count == 0 || frame[OM_FRAME_OFFSET_KIND] != OM_FRAME_RESUME)
		return;
	testing_step(move, move->source ? MOVE_STEP_SOURCE_RESUME : MOVE_STEP_DESTINATION_ANSWER);
	if (atomic_exchange(&cut_again, false))
		cut(move);
}

void testing_step_wait(struct host_move *move)
{
	if (atomic_load_explicit(&stall_end_ns, memory_order_relaxed) == 0)
		return;
	while (host_monotonic_ns() < atomic_load_explicit(&stall_end_ns, memory_order_relaxed) &&
	       !(move && atomic_load(&move->stopping)))
		usleep(10000);
}
