/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each word of calls.h. A function that cannot read what its pointer leads to prints the pointer. It also prints the pointer
 * to memory that a failed call should have filled.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include "decode.h"
#include "memory.h"
#include "passrt.h"

#define N(x) { x, #x }
#define END  { 0, NULL }

struct call { const char *name, *words; };
static const struct call calls[] = {
#define CALL(name, words) [SYS_##name] = { #name, words },
#include "calls.h"
#undef CALL
};
/* Of abi/passrt.h: what libc's overlay issues in the place of Linux's. */
static const struct { uint64_t nr; struct call call; } own[] = {
	{ OM_SYS_CLONE, { "clone", "clone>" } }, { OM_SYS_UNMAPSELF, { "munmap", "ptr size" } }, { OM_SYS_SET_TP, { "arch_prctl", "settp" } },
	{ OM_SYS_SIGRETURN, { "rt_sigreturn", "" } },
};

static const struct call *find(uint64_t nr)
{
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (own[i].nr == nr)
			return &own[i].call;
	return nr < sizeof calls / sizeof calls[0] && calls[nr].name ? &calls[nr] : NULL;
}

void decode_name(uint64_t nr, struct text *to)
{
	const struct call *call = find(nr);

	if (call)
		text_add(to, "%s", call->name);
	else
		text_add(to, "syscall_%#llx", (unsigned long long)nr);
}

bool decode_is_last(uint64_t nr)
{
	return nr == SYS_exit || nr == SYS_exit_group || nr == OM_SYS_UNMAPSELF || nr == OM_SYS_SIGRETURN;
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static const struct name access_modes[] = { N(O_RDONLY), N(O_WRONLY), N(O_RDWR), END };
/* Those of several bits first. O_LARGEFILE is 0 in this libc's header. */
static const struct name open_flags[] = { N(O_TMPFILE), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_SYNC),
	N(O_DSYNC), { 0100000, "O_LARGEFILE" }, N(O_NOFOLLOW), N(O_DIRECTORY), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), N(O_DIRECT), N(O_ASYNC), END };
static const struct name at_flags[] = { N(AT_SYMLINK_NOFOLLOW), N(AT_SYMLINK_FOLLOW), N(AT_EACCESS), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH), END };
static const struct name unlink_flags[] = { N(AT_REMOVEDIR), END };
static const struct name access_flags[] = { { 0, "F_OK" }, N(R_OK), N(W_OK), N(X_OK), END };
static const struct name whences[] = { N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), END };
static const struct name fcntls[] = { N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW), N(F_SETOWN),
	N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS), N(F_GET_SEALS), N(F_OFD_GETLK),
	N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETOWN_EX), N(F_GETOWN_EX), END };
static const struct name ioctls[] = { N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TIOCGWINSZ), N(TIOCSWINSZ), N(FIONREAD), N(FIONBIO), N(FIOCLEX),
	N(FIONCLEX), N(FIOASYNC), N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCGPTN), N(TIOCSPTLCK), N(TIOCSCTTY), N(TIOCNOTTY), N(TIOCOUTQ), END };
static const struct name locks[] = { N(LOCK_SH), N(LOCK_EX), N(LOCK_UN), N(LOCK_NB), END };
static const struct name file_advices[] = { N(POSIX_FADV_NORMAL), N(POSIX_FADV_RANDOM), N(POSIX_FADV_SEQUENTIAL), N(POSIX_FADV_WILLNEED),
	N(POSIX_FADV_DONTNEED), N(POSIX_FADV_NOREUSE), END };
static const struct name protections[] = { { 0, "PROT_NONE" }, N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), END };
static const struct name map_flags[] = { N(MAP_SHARED_VALIDATE), N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_NORESERVE),
	N(MAP_POPULATE), N(MAP_STACK), N(MAP_GROWSDOWN), N(MAP_LOCKED), N(MAP_HUGETLB), N(MAP_FIXED_NOREPLACE), END };
static const struct name remap_flags[] = { N(MREMAP_MAYMOVE), N(MREMAP_FIXED), END };
static const struct name advices[] = { N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED), N(MADV_FREE),
	N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE), N(MADV_DONTFORK), N(MADV_DONTDUMP), END };
static const struct name domains[] = { N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), END };
static const struct name socket_types[] = { N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_SEQPACKET), END };
static const struct name socket_flags[] = { N(SOCK_CLOEXEC), N(SOCK_NONBLOCK), END };
static const struct name protocols[] = { N(IPPROTO_IP), N(IPPROTO_ICMP), N(IPPROTO_TCP), N(IPPROTO_UDP), N(IPPROTO_ICMPV6), N(IPPROTO_MPTCP), END };
static const struct name option_levels[] = { N(SOL_SOCKET), { IPPROTO_IP, "SOL_IP" }, N(SOL_TCP), { IPPROTO_UDP, "SOL_UDP" }, { IPPROTO_IPV6, "SOL_IPV6" }, END };
static const struct name socket_options[] = { N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_BROADCAST), N(SO_SNDBUF), N(SO_RCVBUF), N(SO_KEEPALIVE),
	N(SO_LINGER), N(SO_REUSEPORT), N(SO_RCVTIMEO), N(SO_SNDTIMEO), N(SO_ACCEPTCONN), N(SO_PROTOCOL), N(SO_DOMAIN), N(SO_PEERCRED), END };
static const struct name tcp_options[] = { N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL), N(TCP_KEEPCNT), N(TCP_SYNCNT),
	N(TCP_LINGER2), N(TCP_DEFER_ACCEPT), N(TCP_INFO), N(TCP_QUICKACK), N(TCP_CONGESTION), N(TCP_USER_TIMEOUT), N(TCP_FASTOPEN), END };
static const struct name message_flags[] = { N(MSG_OOB), N(MSG_PEEK), N(MSG_DONTWAIT), N(MSG_WAITALL), N(MSG_NOSIGNAL), N(MSG_TRUNC), N(MSG_CTRUNC),
	N(MSG_MORE), N(MSG_EOR), N(MSG_CMSG_CLOEXEC), END };
static const struct name shutdowns[] = { N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR), END };
static const struct name poll_events[] = { N(POLLIN), N(POLLPRI), N(POLLOUT), N(POLLERR), N(POLLHUP), N(POLLNVAL), N(POLLRDNORM), N(POLLRDBAND),
	N(POLLWRNORM), N(POLLWRBAND), N(POLLRDHUP), END };
static const struct name epoll_flags[] = { N(EPOLL_CLOEXEC), END };
static const struct name epoll_ops[] = { N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD), END };
static const struct name epoll_bits[] = { N(EPOLLIN), N(EPOLLPRI), N(EPOLLOUT), N(EPOLLERR), N(EPOLLHUP), N(EPOLLRDNORM), N(EPOLLRDBAND), N(EPOLLWRNORM),
	N(EPOLLWRBAND), N(EPOLLRDHUP), N(EPOLLEXCLUSIVE), N(EPOLLWAKEUP), N(EPOLLONESHOT), { (uint32_t)EPOLLET, "EPOLLET" }, END };
static const struct name futex_ops[] = { N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE), N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI),
	N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI), N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), END };
static const struct name clone_flags[] = { N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_THREAD), N(CLONE_SYSVSEM), N(CLONE_SETTLS),
	N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID), N(CLONE_CHILD_SETTID), { 0x400000, "CLONE_DETACHED" }, END };
static const struct name clocks[] = { N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW),
	N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), END };
static const struct name sleep_flags[] = { N(TIMER_ABSTIME), END };
static const struct name hows[] = { N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END };
static const struct name action_flags[] = { { 0x04000000, "SA_RESTORER" }, { 0x08000000, "SA_ONSTACK" }, { 0x10000000, "SA_RESTART" }, N(SA_NOCLDSTOP),
	N(SA_NOCLDWAIT), N(SA_SIGINFO), N(SA_NODEFER), { 0x80000000, "SA_RESETHAND" }, END };
static const struct name limits[] = { N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS), N(RLIMIT_NPROC),
	N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS), N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE), N(RLIMIT_RTPRIO), END };
static const struct name prctls[] = { N(PR_SET_NAME), N(PR_GET_NAME), N(PR_SET_DUMPABLE), N(PR_GET_DUMPABLE), N(PR_SET_PDEATHSIG), N(PR_SET_NO_NEW_PRIVS),
	N(PR_GET_NO_NEW_PRIVS), N(PR_SET_VMA), N(PR_SET_KEEPCAPS), N(PR_SET_TIMERSLACK), END };
static const struct name arch_prctls[] = { N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_SET_GS), N(ARCH_GET_GS), END };

/* ---- words ------------------------------------------------------------------------------------------------------------- */

/* One argument: its value, all of them, and the result once there is one. */
struct at { uint64_t v; const uint64_t *all; unsigned i; const int64_t *result; struct text *to; };

static bool failed(const struct at *a) { return a->result && *a->result < 0; }
static uint64_t behind(const struct at *a, unsigned n) { return a->i + n < 6 ? a->all[a->i + n] : 0; }

static void w_int(const struct at *a) { text_add(a->to, "%lld", a->v >> 32 && (int64_t)a->v > 0 ? (long long)a->v : (long long)(int32_t)a->v); }
static void w_uint(const struct at *a) { text_add(a->to, "%u", (uint32_t)a->v); }
static void w_size(const struct at *a) { text_add(a->to, "%llu", (unsigned long long)a->v); }
static void w_hex(const struct at *a) { text_add(a->to, a->v ? "%#llx" : "0", (unsigned long long)a->v); }
static void w_off(const struct at *a) { w_hex(a); }
static void w_mode(const struct at *a) { text_add(a->to, "%#03o", (uint32_t)a->v); }

static void w_ptr(const struct at *a)
{
	if (a->v)
		text_add(a->to, "%#llx", (unsigned long long)a->v);
	else
		text_add(a->to, "NULL");
}

static void w_dirfd(const struct at *a)
{
	if ((int32_t)a->v == AT_FDCWD)
		text_add(a->to, "AT_FDCWD");
	else
		w_int(a);
}

static void w_path(const struct at *a)
{
	char name[4096];
	long length = debug_read_string(a->v, name, sizeof name);

	if (length < 0 || !a->v) {
		w_ptr(a);
		return;
	}
	text_quote(a->to, (const uint8_t *)name, (size_t)length, (size_t)length, false);
}

static void quoted(const struct at *a, uint64_t size)
{
	uint8_t bytes[TEXT_BYTES];
	size_t some = size < sizeof bytes ? size : sizeof bytes;

	if (a->v && debug_read(a->v, bytes, some))
		text_quote(a->to, bytes, some, TEXT_BYTES, size > TEXT_BYTES);
	else
		w_ptr(a);
}

static void w_bytes(const struct at *a)
{
	if (failed(a))
		w_ptr(a);
	else
		quoted(a, a->result && (uint64_t)*a->result < behind(a, 1) ? (uint64_t)*a->result : behind(a, 1));
}

static void w_cwd(const struct at *a)
{
	if (failed(a))
		w_ptr(a);
	else
		w_path(a);
}

static void w_iov(const struct at *a)
{
	struct { uint64_t base, size; } v[16];
	uint64_t count = behind(a, 1), left = a->result && *a->result >= 0 ? (uint64_t)*a->result : UINT64_MAX;

	if (failed(a) || count > 16 || !debug_read(a->v, v, count * sizeof v[0])) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "[");
	for (uint64_t i = 0; i < count; i++) {
		struct at one = { .v = v[i].base, .all = a->all, .to = a->to };
		uint64_t size = v[i].size < left ? v[i].size : left;

		text_add(a->to, "%s{iov_base=", i ? ", " : "");
		quoted(&one, size);
		text_add(a->to, ", iov_len=%llu}", (unsigned long long)v[i].size);
		left -= left == UINT64_MAX ? 0 : size;
	}
	text_add(a->to, "]");
}

static void w_pair(const struct at *a)
{
	int32_t fds[2];

	if (failed(a) || !debug_read(a->v, fds, sizeof fds))
		w_ptr(a);
	else
		text_add(a->to, "[%d, %d]", fds[0], fds[1]);
}

static void w_intat(const struct at *a)
{
	int32_t value;

	if (failed(a) || !debug_read(a->v, &value, sizeof value))
		w_ptr(a);
	else
		text_add(a->to, "[%d]", value);
}

static void w_offset(const struct at *a)
{
	int64_t value;

	if (!a->v || !debug_read(a->v, &value, sizeof value))
		w_ptr(a);
	else
		text_add(a->to, "[%lld]", (long long)value);
}

static void w_oflags(const struct at *a)
{
	/* pipe2, dup3 and the like have flags alone. */
	if (strstr("open openat", find(a->all[6])->name)) {
		text_name(a->to, access_modes, a->v & O_ACCMODE, true);
		if (!(a->v & ~(uint64_t)O_ACCMODE))
			return;
		text_add(a->to, "|");
	}
	text_flags(a->to, open_flags, (uint32_t)a->v & ~(uint32_t)O_ACCMODE);
}

static void w_omode(const struct at *a) { w_mode(a); }

static void w_filemode(const struct at *a)
{
	static const struct name types[] = { N(S_IFSOCK), N(S_IFLNK), N(S_IFREG), N(S_IFBLK), N(S_IFDIR), N(S_IFCHR), N(S_IFIFO), END };

	if (a->v & S_IFMT) {
		text_name(a->to, types, a->v & S_IFMT, true);
		text_add(a->to, "|");
	}
	text_add(a->to, "%#03o", (uint32_t)a->v & 07777);
}

static void w_stat(const struct at *a)
{
	struct stat s;

	if (failed(a) || !debug_read(a->v, &s, sizeof s)) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "{st_mode=");
	w_filemode(&(struct at) { .v = s.st_mode, .to = a->to });
	if (S_ISCHR(s.st_mode) || S_ISBLK(s.st_mode))
		text_add(a->to, ", st_rdev=makedev(%#x, %#x), ...}", (unsigned)(s.st_rdev >> 8 & 0xfff), (unsigned)(s.st_rdev & 0xff));
	else
		text_add(a->to, ", st_size=%lld, ...}", (long long)s.st_size);
}

static void timespec_at(const struct at *a)
{
	struct timespec t;

	if (!a->v || !debug_read(a->v, &t, sizeof t))
		w_ptr(a);
	else
		text_add(a->to, "{tv_sec=%lld, tv_nsec=%lld}", (long long)t.tv_sec, (long long)t.tv_nsec);
}

static void w_timespec(const struct at *a)
{
	if (failed(a))
		w_ptr(a);
	else
		timespec_at(a);
}

/* What is left of a sleep: only an interrupted one says it. */
static void w_rest(const struct at *a)
{
	if (*a->result == -EINTR)
		timespec_at(a);
	else
		w_ptr(a);
}

static void w_timeval(const struct at *a)
{
	struct timeval t;

	if (failed(a) || !debug_read(a->v, &t, sizeof t))
		w_ptr(a);
	else
		text_add(a->to, "{tv_sec=%lld, tv_usec=%lld}", (long long)t.tv_sec, (long long)t.tv_usec);
}

static void w_itimerspec(const struct at *a)
{
	struct itimerspec t;

	if (failed(a) || !a->v || !debug_read(a->v, &t, sizeof t))
		w_ptr(a);
	else
		text_add(a->to, "{it_interval={tv_sec=%lld, tv_nsec=%lld}, it_value={tv_sec=%lld, tv_nsec=%lld}}", (long long)t.it_interval.tv_sec,
			(long long)t.it_interval.tv_nsec, (long long)t.it_value.tv_sec, (long long)t.it_value.tv_nsec);
}

static void w_limit(const struct at *a)
{
	struct rlimit r;
	uint64_t v[2];

	if (failed(a) || !a->v || !debug_read(a->v, &r, sizeof r)) {
		w_ptr(a);
		return;
	}
	v[0] = r.rlim_cur, v[1] = r.rlim_max;
	for (int i = 0; i < 2; i++) {
		text_add(a->to, i ? ", rlim_max=" : "{rlim_cur=");
		if (v[i] == RLIM_INFINITY)
			text_add(a->to, "RLIM64_INFINITY");
		else if (v[i] > 1024 && v[i] % 1024 == 0)
			text_add(a->to, "%llu*1024", (unsigned long long)v[i] / 1024);
		else
			text_add(a->to, "%llu", (unsigned long long)v[i]);
	}
	text_add(a->to, "}");
}

static void set(const struct at *a, uint64_t bits)
{
	const char *join = "";
	bool most = __builtin_popcountll(bits) > 32;

	if (most)
		bits = ~bits;
	text_add(a->to, most ? "~[" : "[");
	for (unsigned signo = 1; signo <= 64; signo++)
		if (bits >> (signo - 1) & 1) {
			struct text name = { .used = 0 };

			text_signal(&name, signo);
			text_add(a->to, "%s%s", join, strncmp(name.at, "SIG", 3) == 0 ? name.at + 3 : name.at);
			join = " ";
		}
	text_add(a->to, "]");
}

static void w_sigset(const struct at *a)
{
	uint64_t bits;

	if (failed(a) || !a->v || !debug_read(a->v, &bits, sizeof bits))
		w_ptr(a);
	else
		set(a, bits);
}

static void w_signal(const struct at *a)
{
	text_signal(a->to, (uint32_t)a->v);
}

static void w_action(const struct at *a)
{
	struct { uint64_t handler, flags, restorer, mask; } act;

	if (failed(a) || !a->v || !debug_read(a->v, &act, sizeof act)) {
		w_ptr(a);
		return;
	}
	text_add(a->to, act.flags & SA_SIGINFO ? "{sa_sigaction=" : "{sa_handler=");
	if (act.handler < 2)
		text_add(a->to, act.handler ? "SIG_IGN" : "SIG_DFL");
	else
		text_add(a->to, "%#llx", (unsigned long long)act.handler);
	text_add(a->to, ", sa_mask=");
	set(a, act.mask);
	text_add(a->to, ", sa_flags=");
	text_flags(a->to, action_flags, act.flags);
	if (act.flags & 0x04000000)
		text_add(a->to, ", sa_restorer=%#llx", (unsigned long long)act.restorer);
	text_add(a->to, "}");
}

/* Of an abstract one all bytes count. */
static void unix_name(const struct at *a, const char *path, size_t size)
{
	const bool abstract = path[0] == 0;

	text_add(a->to, abstract ? ", sun_path=@" : ", sun_path=");
	text_quote(a->to, (const uint8_t *)path + abstract, abstract ? size - 1 : strnlen(path, size), size, false);
}

static void address_at(const struct at *a, uint64_t size)
{
	union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; struct sockaddr_un un; char bytes[128]; } s = { 0 };
	char words[INET6_ADDRSTRLEN];

	if (!a->v || size < 2 || !debug_read(a->v, &s, size < sizeof s ? size : sizeof s)) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "{sa_family=");
	text_name(a->to, domains, s.any.sa_family, true);
	if (s.any.sa_family == AF_INET && inet_ntop(AF_INET, &s.in.sin_addr, words, sizeof words))
		text_add(a->to, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(s.in.sin_port), words);
	else if (s.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &s.in6.sin6_addr, words, sizeof words))
		text_add(a->to, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr), sin6_scope_id=%u",
			ntohs(s.in6.sin6_port), ntohl(s.in6.sin6_flowinfo), words, s.in6.sin6_scope_id);
	else if (s.any.sa_family == AF_UNIX && size > 2)
		unix_name(a, s.un.sun_path, size < sizeof s.un ? size - 2 : sizeof s.un.sun_path);
	text_add(a->to, "}");
}

static void w_address(const struct at *a) { address_at(a, behind(a, 1)); }

/* Its size is where the next argument leads. */
static void w_peer(const struct at *a)
{
	uint32_t size;

	if (failed(a) || !debug_read(behind(a, 1), &size, sizeof size))
		w_ptr(a);
	else
		address_at(a, size);
}

static void w_peersize(const struct at *a)
{
	uint32_t size;

	if (failed(a) || !a->v || !debug_read(a->v, &size, sizeof size))
		w_ptr(a);
	else
		text_add(a->to, "[%u]", size);
}

static void w_socktype(const struct at *a)
{
	text_name(a->to, socket_types, a->v & 0xf, true);
	if (a->v & ~0xfull) {
		text_add(a->to, "|");
		text_flags(a->to, socket_flags, (uint32_t)a->v & ~0xfu);
	}
}

static void w_protocol(const struct at *a)
{
	if (a->all[0] == AF_INET || a->all[0] == AF_INET6)
		text_name(a->to, protocols, (uint32_t)a->v, true);
	else
		w_int(a);
}

static void w_sockname(const struct at *a)
{
	if (a->all[1] == SOL_SOCKET)
		text_name(a->to, socket_options, (uint32_t)a->v, true);
	else if (a->all[1] == SOL_TCP)
		text_name(a->to, tcp_options, (uint32_t)a->v, true);
	else
		text_add(a->to, "%#x", (uint32_t)a->v);
}

static void w_sockval(const struct at *a)
{
	if ((uint32_t)behind(a, 1) == 4)
		w_intat(a);
	else
		quoted(a, (uint32_t)behind(a, 1));
}

static void w_sockgot(const struct at *a)
{
	uint32_t size;

	if (!failed(a) && debug_read(behind(a, 1), &size, sizeof size) && size == 4)
		w_intat(a);
	else
		w_ptr(a);
}

static void pollfds(const struct at *a, bool results)
{
	struct pollfd v[16];
	const char *join = "";
	uint64_t count = a->all[1];

	if (!a->v || count > 16 || !debug_read(a->v, v, count * sizeof v[0])) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "[");
	for (uint64_t i = 0; i < count; i++)
		if (!results || v[i].revents) {
			text_add(a->to, results ? "%s{fd=%d, revents=" : "%s{fd=%d, events=", join, v[i].fd);
			text_flags(a->to, poll_events, (uint16_t)(results ? v[i].revents : v[i].events));
			text_add(a->to, "}");
			join = ", ";
		}
	text_add(a->to, "]");
}

static void w_pollfds(const struct at *a) { pollfds(a, false); }

static void epoll_events(const struct at *a, uint64_t count)
{
	struct epoll_event v[16];

	if (!a->v || count > 16 || !debug_read(a->v, v, count * sizeof v[0])) {
		w_ptr(a);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		text_add(a->to, i ? ", {events=" : "{events=");
		text_flags(a->to, epoll_bits, v[i].events);
		text_add(a->to, ", data={u32=%u, u64=%llu}}", v[i].data.u32, (unsigned long long)v[i].data.u64);
	}
}

static void w_epollevent(const struct at *a) { epoll_events(a, 1); }

static void w_epollevents(const struct at *a)
{
	if (failed(a)) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "[");
	if (*a->result)
		epoll_events(a, (uint64_t)*a->result);
	text_add(a->to, "]");
}

static void w_fcntlarg(const struct at *a)
{
	switch (a->all[1]) {
	case F_SETFD: text_add(a->to, a->v & FD_CLOEXEC ? "FD_CLOEXEC" : "%llu", (unsigned long long)a->v); break;
	case F_SETFL:
		text_name(a->to, access_modes, a->v & O_ACCMODE, true);
		if (a->v & ~(uint64_t)O_ACCMODE) {
			text_add(a->to, "|");
			text_flags(a->to, open_flags, (uint32_t)a->v & ~(uint32_t)O_ACCMODE);
		}
		break;
	case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW: {
		static const struct name kinds[] = { N(F_RDLCK), N(F_WRLCK), N(F_UNLCK), END };
		struct flock l;

		if (failed(a) || !debug_read(a->v, &l, sizeof l)) {
			w_ptr(a);
			break;
		}
		text_add(a->to, "{l_type=");
		text_name(a->to, kinds, (uint64_t)l.l_type, false);
		text_add(a->to, ", l_whence=");
		text_name(a->to, whences, (uint64_t)l.l_whence, false);
		text_add(a->to, ", l_start=%lld, l_len=%lld}", (long long)l.l_start, (long long)l.l_len);
		break;
	}
	default: w_int(a);
	}
}

static void w_ioctlarg(const struct at *a)
{
	struct winsize w;

	if (!failed(a) && (a->all[1] == FIONBIO || a->all[1] == FIONREAD || a->all[1] == FIOASYNC || a->all[1] == TIOCGPGRP))
		w_intat(a);
	else if (!failed(a) && a->all[1] == TIOCGWINSZ && debug_read(a->v, &w, sizeof w))
		text_add(a->to, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
	else
		w_ptr(a);
}

static void w_futexop(const struct at *a)
{
	text_name(a->to, futex_ops, a->v & FUTEX_CMD_MASK, true);
	if (a->v & FUTEX_PRIVATE_FLAG)
		text_add(a->to, "_PRIVATE");
	if (a->v & FUTEX_CLOCK_REALTIME)
		text_add(a->to, "|FUTEX_CLOCK_REALTIME");
}

static void w_futexval(const struct at *a) { text_add(a->to, "%u", (uint32_t)a->v); }

/* Who wakes has no more arguments; who waits may have a mask behind the time. */
static void w_futextime(const struct at *a)
{
	uint64_t op = a->all[1] & FUTEX_CMD_MASK;

	timespec_at(a);
	if (op == FUTEX_WAIT_BITSET)
		text_add(a->to, (uint32_t)a->all[5] == 0xffffffff ? ", FUTEX_BITSET_MATCH_ANY" : ", %#x", (uint32_t)a->all[5]);
}

static void w_clone(const struct at *a)
{
	struct om_clone c;

	if (!debug_read(a->v, &c, sizeof c)) {
		w_ptr(a);
		return;
	}
	text_add(a->to, "child_stack=%#lx, flags=", c.stack_top);
	text_flags(a->to, clone_flags, c.flags & ~0xffull);
	if (c.flags & CLONE_PARENT_SETTID)
		text_add(a->to, failed(a) ? ", parent_tid=%#llx" : ", parent_tid=[%lld]", failed(a) ? (long long)c.parent_tid : (long long)*a->result);
	if (c.flags & CLONE_SETTLS)
		text_add(a->to, ", tls=%#lx", c.tls);
	if (c.flags & (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID))
		text_add(a->to, ", child_tidptr=%#lx", c.child_tid);
}

static void w_settp(const struct at *a) { text_add(a->to, "ARCH_SET_FS, %#llx", (unsigned long long)a->v); }

/* Words that are one table. */
static const struct { const char *word; const struct name *names; bool flags, hex; } tables[] = {
	{ "whence", whences, false, false }, { "fcntl", fcntls, false, true }, { "ioctl", ioctls, false, true }, { "flock", locks, true, false },
	{ "fadvice", file_advices, false, false }, { "atflags", at_flags, true, true }, { "unlinkflags", unlink_flags, true, true },
	{ "access", access_flags, true, false }, { "domain", domains, false, true }, { "sockflags", socket_flags, true, true },
	{ "sockopt", option_levels, false, true }, { "msgflags", message_flags, true, true }, { "shutdown", shutdowns, false, false },
	{ "epollflags", epoll_flags, true, true }, { "epollop", epoll_ops, false, false }, { "prot", protections, true, true },
	{ "map", map_flags, true, true }, { "mremap", remap_flags, true, true }, { "madvice", advices, false, false }, { "clock", clocks, false, true },
	{ "sleepflags", sleep_flags, true, true }, { "how", hows, false, false }, { "rlimit", limits, false, false }, { "prctl", prctls, false, true },
	{ "archprctl", arch_prctls, false, true },
};
#define W(word) { #word, w_##word }
static const struct { const char *word; void (*write)(const struct at *a); } functions[] = {
	W(int), { "fd", w_int }, W(uint), W(size), W(hex), W(off), W(ptr), W(mode), W(dirfd), W(path), W(bytes), W(cwd), W(iov), W(pair), W(intat), W(offset),
	W(oflags), W(omode), W(filemode), W(stat), W(timespec), W(rest), W(timeval), W(itimerspec), W(limit), W(sigset), W(signal), W(action), W(address),
	W(peer), W(peersize), W(socktype), W(protocol), W(sockname), W(sockval), W(sockgot), W(pollfds), W(epollevent), W(epollevents), W(fcntlarg),
	W(ioctlarg), W(futexop), W(futexval), W(futextime), W(clone), W(settp),
};

static void write_word(const char *word, size_t length, const struct at *a)
{
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		if (strlen(tables[i].word) == length && memcmp(tables[i].word, word, length) == 0) {
			if (tables[i].flags)
				text_flags(a->to, tables[i].names, (uint32_t)a->v);
			else
				text_name(a->to, tables[i].names, (uint32_t)a->v, tables[i].hex);
			return;
		}
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
		if (strlen(functions[i].word) == length && memcmp(functions[i].word, word, length) == 0) {
			functions[i].write(a);
			return;
		}
	w_hex(a);
}

static bool opens_new(uint64_t flags) { return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE; }

/* Arguments that this call does not have: open's mode without O_CREAT, what a waker of futexes has no use for. */
static bool absent(const struct om_trace *call, const char *word, size_t length)
{
	if (length == 5 && memcmp(word, "omode", 5) == 0)
		return !opens_new(call->arg[call->nr == SYS_open ? 1 : 2]);
	if (length == 9 && memcmp(word, "futextime", 9) == 0)
		return (call->arg[1] & FUTEX_CMD_MASK) != FUTEX_WAIT && (call->arg[1] & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET;
	if (length == 9 && memcmp(word, "fcntlarg>", 9) == 0)
		return call->arg[1] == F_GETFD || call->arg[1] == F_GETFL || call->arg[1] == F_GETOWN || call->arg[1] == F_GETPIPE_SZ || call->arg[1] == F_GET_SEALS;
	return length == 4 && memcmp(word, "none", 4) == 0;
}

unsigned decode_arguments(const struct om_trace *call, unsigned from, const int64_t *result, struct text *to)
{
	const struct call *known = find(call->nr);
	const char *word = known ? known->words : "hex hex hex hex hex hex";
	uint64_t all[7];

	memcpy(all, call->arg, sizeof call->arg);
	all[6] = call->nr;
	for (unsigned i = 0; *word && i < 6; i++) {
		size_t length = strcspn(word, " ");
		bool later = word[length - 1] == '>';

		if (i >= from && !absent(call, word, length)) {
			if (later && !result)
				return i;
			if (i)
				text_add(to, ", ");
			write_word(word, length - later, &(struct at) { all[i], all, i, result, to });
		}
		word += length + (word[length] == ' ');
	}
	return 6;
}

void decode_result(const struct om_trace *call, int64_t result, struct text *to)
{
	if (result < 0 && result >= -4095) {
		text_error(to, (int)-result);
		return;
	}
	switch (call->nr) {
	case SYS_mmap: case SYS_brk: case SYS_mremap: case SYS_shmat:
		text_add(to, "%#llx", (unsigned long long)result);
		return;
	case SYS_fcntl:
		if (call->arg[1] == F_GETFL) {
			text_add(to, "%#llx (flags ", (unsigned long long)result);
			text_name(to, access_modes, (uint64_t)result & O_ACCMODE, true);
			if (result & ~(int64_t)O_ACCMODE) {
				text_add(to, "|");
				text_flags(to, open_flags, (uint64_t)result & ~(uint64_t)O_ACCMODE);
			}
			text_add(to, ")");
			return;
		}
		if (call->arg[1] == F_GETFD) {
			text_add(to, result ? "%#llx (flags FD_CLOEXEC)" : "%llu", (unsigned long long)result);
			return;
		}
		break;
	case SYS_umask:
		text_add(to, "%#03o", (unsigned)result);
		return;
	}
	text_add(to, "%lld", (long long)result);
	if (call->nr == SYS_poll || call->nr == SYS_ppoll) {
		text_add(to, result ? " (" : " (Timeout)");
		if (result) {
			pollfds(&(struct at) { .v = call->arg[0], .all = call->arg, .to = to }, true);
			text_add(to, ")");
		}
	}
}
