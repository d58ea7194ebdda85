/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of the allowed calls. A call that is on no list gets the answer of a kernel without that call (ENOSYS), which C libraries know how
 * to live with. A call that is listed with other arguments gets EPERM or EAFNOSUPPORT.
 *
 * A filter cannot read memory. clone3() has its flags in memory, so it is on no list; clone() is allowed for threads only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "filter.h"
#include "sysproxy/sysproxy.h"
#include "util.h"

#define CALLS        512u
#define PROGRAM_MAX  2048u
#define NR_MSEAL     462u
#define X32_BIT      0x40000000u
#define USER_DISPATCH 59u                /* PR_SET_SYSCALL_USER_DISPATCH: the software CPU's */
#define MAX_ARGUMENTS 32u

struct program { struct sock_filter code[PROGRAM_MAX]; unsigned short length; };

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

/* Memory, threads, signals, waiting: what the C library and the loader live on. */
static const uint16_t basic[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_close, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex,
	SYS_set_robust_list, SYS_rseq, SYS_set_tid_address, SYS_exit, SYS_exit_group, SYS_gettid, SYS_getpid, SYS_tgkill, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime,
	SYS_getrandom, SYS_sched_yield, SYS_sched_getaffinity, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_fstat, SYS_newfstatat,
	SYS_lseek, SYS_poll, SYS_ppoll,
};

static const uint16_t receiver[] = {
	SYS_mincore, SYS_msync, SYS_membarrier, SYS_arch_prctl, SYS_rt_sigtimedwait, SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigqueueinfo,
	SYS_pause, SYS_userfaultfd, SYS_sched_setaffinity, SYS_getcpu, SYS_getdents64, SYS_recvmmsg, SYS_sendmmsg, SYS_setitimer,
	SYS_getitimer, SYS_alarm, SYS_mlock, SYS_munlock, NR_MSEAL,
};

/* libnftables and the packets behind it; what the operations are. */
static const uint16_t server[] = {
	SYS_recvmsg, SYS_sendmsg, SYS_sendto, SYS_recvfrom, SYS_bind, SYS_getsockopt, SYS_setsockopt, SYS_getsockname, SYS_getpeername,
	SYS_fchownat, SYS_select, SYS_pselect6, SYS_fcntl, SYS_capget,
};

/* Calls of which an argument is looked at. @only: these values; else all but these. */
static const struct checked {
	uint16_t call;
	uint8_t argument;
	bool only;
	uint16_t error;
	uint8_t count;
	uint32_t values[MAX_ARGUMENTS];
} receiver_checks[] = {
	{ SYS_socket, 0, true, EAFNOSUPPORT, 4, { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK } },
	{ SYS_socketpair, 0, true, EAFNOSUPPORT, 1, { AF_UNIX } },
	{ SYS_ioctl, 1, false, EPERM, 2, { TIOCSTI, TIOCLINUX } },
	{ SYS_prctl, 0, true, EINVAL, 15, { PR_SET_KEEPCAPS, PR_GET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ,
		PR_CAPBSET_DROP, PR_SET_DUMPABLE, PR_GET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, USER_DISPATCH,
		0x53564d41 /* PR_SET_VMA */, PR_SET_TIMERSLACK } },
}, server_checks[] = {
	{ SYS_socket, 0, true, EAFNOSUPPORT, 4, { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET } },
	{ SYS_ioctl, 1, true, EPERM, 3, { 0x8927 /* SIOCGIFHWADDR */, 0x8933 /* SIOCGIFINDEX */, 0x8910 /* SIOCGIFNAME */ } },
	{ SYS_prctl, 0, true, EINVAL, 2, { PR_SET_NAME, 0x53564d41 } },
};

/* ---- code ------------------------------------------------------------------------------------------------------------ */

static void add(struct program *p, struct sock_filter one)
{
	if (p->length < PROGRAM_MAX)
		p->code[p->length] = one;
	p->length++;
}

static void answer(struct program *p, uint32_t action)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static size_t argument_at(unsigned i)
{
	return offsetof(struct seccomp_data, args) + (size_t)i * 8;   /* the lower half, which is what the kernel looks at */
}

/* The number is loaded, here and behind. */
static void add_checked(struct program *p, const struct checked *c)
{
	unsigned short skip = p->length;

	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->call, 0, 0));
	load(p, argument_at(c->argument));
	for (uint8_t i = 0; i < c->count; i++) {
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->values[i], 0, 1));
		answer(p, c->only ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | c->error);
	}
	answer(p, c->only ? SECCOMP_RET_ERRNO | c->error : SECCOMP_RET_ALLOW);
	p->code[skip].jf = (uint8_t)(p->length - skip - 1);
}

/* Threads, and nothing that would be a process or a namespace. */
static void add_clone(struct program *p)
{
	const uint32_t threads = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 5));
	load(p, argument_at(0));
	add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, threads | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, threads, 0, 1));
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, SECCOMP_RET_ERRNO | EPERM);
}

static void allow(bool set[CALLS], const uint16_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		set[list[i]] = true;
}

/* Ranges, upwards: what is below the end of one and not in it is in a gap. */
static void add_ranges(struct program *p, const bool set[CALLS])
{
	for (uint32_t first = 0; first < CALLS; first++) {
		uint32_t behind = first;

		while (behind < CALLS && set[behind])
			behind++;
		if (behind == first)
			continue;
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, behind, 3, 0));
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 1));
		answer(p, SECCOMP_RET_ALLOW);
		answer(p, SECCOMP_RET_ERRNO | ENOSYS);
		first = behind;
	}
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
}

static const char *install(const bool set[CALLS], const struct checked *checks, size_t check_count)
{
	static struct program p;                 /* too large for a stack; used once in each process */
	struct sock_fprog filter;

	p.length = 0;
	load(&p, offsetof(struct seccomp_data, arch));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	answer(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	answer(&p, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < check_count; i++)
		add_checked(&p, &checks[i]);
	add_clone(&p);
	add_ranges(&p, set);
	filter = (struct sock_fprog){ p.length, p.code };
	if (p.length > PROGRAM_MAX)
		return "its filter is too long";
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) ? "its filter of system calls cannot be installed" : NULL;
}

const char *priv_filter_server(void)
{
	bool set[CALLS] = { false };

	allow(set, basic, sizeof basic / sizeof *basic);
	allow(set, server, sizeof server / sizeof *server);
	return install(set, server_checks, sizeof server_checks / sizeof *server_checks);
}

const char *priv_filter_receiver(void)
{
	bool set[CALLS] = { false };

	for (uint32_t nr = 0; nr < CALLS; nr++)
		set[nr] = host_syscall_name(nr) != NULL;
	allow(set, basic, sizeof basic / sizeof *basic);
	allow(set, receiver, sizeof receiver / sizeof *receiver);
	return install(set, receiver_checks, sizeof receiver_checks / sizeof *receiver_checks);
}

/* ---- Landlock -------------------------------------------------------------------------------------------------------- */

/* As in linux/landlock.h of Linux 6.7, which is newer than the C library's headers. */
#define NR_CREATE_RULESET  444
#define NR_ADD_RULE        445
#define NR_RESTRICT_SELF   446
#define LANDLOCK_VERSION   1u
#define LANDLOCK_NET_ABI   4
#define ACCESS_BIND_TCP    1u
#define ACCESS_REFER       (1u << 13)
#define RULE_PATH_BENEATH  1
#define RULE_NET_PORT      2
struct ruleset { uint64_t files, net; };
struct net_port { uint64_t allowed, port; };
struct beneath { uint64_t allowed; int32_t fd; } __attribute__((packed));

static const char *add_port(int rules, uint16_t port)
{
	struct net_port rule = { ACCESS_BIND_TCP, port };

	return syscall(NR_ADD_RULE, rules, RULE_NET_PORT, &rule, 0) ? "its Landlock rules cannot be made" : NULL;
}

/* Every set of rules forbids to move files between folders, unless it says otherwise. */
static const char *allow_moves(int rules)
{
	struct beneath rule = { ACCESS_REFER, open("/", O_PATH | O_CLOEXEC) };
	long result = syscall(NR_ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0);

	if (rule.fd >= 0)
		close(rule.fd);
	return result ? "its Landlock rules cannot be made" : NULL;
}

const char *priv_landlock(const struct priv_limits *limits)
{
	const struct ruleset attributes = { ACCESS_REFER, ACCESS_BIND_TCP };
	const char *why;
	int rules;

	if (!limits->ports_given)
		return NULL;
	if (syscall(NR_CREATE_RULESET, NULL, 0, LANDLOCK_VERSION) < LANDLOCK_NET_ABI) {
		host_note("this kernel has no Landlock for TCP (Linux 6.7): --allow-ports is checked when the program comes, and for privileged ports later");
		return NULL;
	}
	rules = (int)syscall(NR_CREATE_RULESET, &attributes, sizeof attributes, 0);
	if (rules < 0)
		return "its Landlock rules cannot be made";
	why = allow_moves(rules);
	if (!why)
		why = add_port(rules, 0);         /* the kernel chooses */
	for (uint32_t i = 0; i < limits->port_count && !why; i++)
		for (uint32_t port = limits->ports[i].first; port <= limits->ports[i].last && !why; port++)
			why = add_port(rules, (uint16_t)port);
	if (!why && syscall(NR_RESTRICT_SELF, rules, 0))
		why = "Landlock cannot be switched on";
	close(rules);
	return why;
}
