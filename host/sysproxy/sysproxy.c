/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of system calls and the shape of their arguments. A shape is a string, one letter per argument:
 *
 *   .   a value
 *   s   string: NUL-terminated inside the buffer (NULL allowed)
 *   b   buffer whose size is the next argument (NULL allowed)
 *   l   buffer whose size is the uint32_t that the next argument points to (NULL allowed with it)
 *   w   the next argument is a count of struct iovec; this one points to them, each inside the buffer
 *   m   struct msghdr, everything it points to inside the buffer
 *   8tTEgFSXRIUQ   one struct (NULL allowed), sizes in struct_size()
 *   G   array of gid_t, count is the argument before
 *   e   array of struct epoll_event, count is the next argument
 *   f   array of struct pollfd, count is the next argument
 *   0   must be NULL
 *   ?   fcntl, ioctl, prctl: depends on the request
 *
 * The kernel checks everything else. A message header is checked and then read again by the kernel. The enclave
 * thread that could change the header in between is the one waiting for this call. Another thread could only harm its own
 * process' buffers. So this is a sanity check and not a wall.
 */
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>
#include "testhooks.h"
#include "load/creds.h"
#include "priv/priv.h"
#include "sysproxy.h"

struct call { const char *name, *shape; };
#define DUPLICATES_MAX 32u

#define CALL(name, shape) [SYS_##name] = { #name, shape }

static const struct call calls[] = {
	/* descriptors */
	CALL(read, ".b."), CALL(write, ".b."), CALL(pread64, ".b.."), CALL(pwrite64, ".b.."),
	CALL(readv, ".w."), CALL(writev, ".w."), CALL(preadv, ".w..."), CALL(pwritev, ".w..."),
	CALL(preadv2, ".w...."), CALL(pwritev2, ".w...."),
	CALL(close, "."), CALL(lseek, "..."), CALL(dup, "."), CALL(dup2, ".."), CALL(dup3, "..."), CALL(fcntl, "..?"),
	CALL(ioctl, "..?"), CALL(fsync, "."), CALL(fdatasync, "."), CALL(syncfs, "."), CALL(sync, ""), CALL(sync_file_range, "...."),
	CALL(ftruncate, ".."), CALL(fallocate, "...."), CALL(fadvise64, "...."), CALL(readahead, "..."), CALL(flock, ".."),
	CALL(sendfile, "..8."), CALL(copy_file_range, ".8.8.."), CALL(splice, ".8.8.."), CALL(tee, "...."),
	CALL(pipe, "8"), CALL(pipe2, "8."), CALL(close_range, "..."),
	/* paths */
	CALL(open, "s.."), CALL(openat, ".s.."), CALL(creat, "s."), CALL(stat, "sS"), CALL(lstat, "sS"), CALL(fstat, ".S"),
	CALL(newfstatat, ".sS."), CALL(statx, ".s..X"), CALL(access, "s."), CALL(faccessat, ".s."), CALL(faccessat2, ".s.."),
	CALL(readlink, "sb."), CALL(readlinkat, ".sb."), CALL(getdents64, ".b."), CALL(getcwd, "b."),
	CALL(chdir, "s"), CALL(fchdir, "."), CALL(mkdir, "s."), CALL(mkdirat, ".s."), CALL(rmdir, "s"), CALL(unlink, "s"),
	CALL(unlinkat, ".s."), CALL(rename, "ss"), CALL(renameat, ".s.s"), CALL(renameat2, ".s.s."), CALL(link, "ss"),
	CALL(linkat, ".s.s."), CALL(symlink, "ss"), CALL(symlinkat, "s.s"), CALL(truncate, "s."), CALL(chmod, "s."),
	CALL(fchmod, ".."), CALL(fchmodat, ".s."), CALL(chown, "s.."), CALL(lchown, "s.."), CALL(fchown, "..."),
	CALL(fchownat, ".s..."), CALL(utimensat, ".sT."), CALL(utime, "st"), CALL(utimes, "sT"), CALL(futimesat, ".sT"),
	CALL(mknod, "s.."), CALL(mknodat, ".s.."), CALL(statfs, "sF"), CALL(fstatfs, ".F"), CALL(umask, "."),
	CALL(getxattr, "ssb."), CALL(lgetxattr, "ssb."), CALL(fgetxattr, ".sb."), CALL(setxattr, "ssb.."), CALL(fsetxattr, ".sb.."),
	CALL(listxattr, "sb."), CALL(flistxattr, ".b."), CALL(removexattr, "ss"), CALL(fremovexattr, ".s"),
	CALL(inotify_init1, "."), CALL(inotify_add_watch, ".s."), CALL(inotify_rm_watch, ".."), CALL(memfd_create, "s."),
	/* sockets */
	CALL(socket, "..."), CALL(socketpair, "...8"), CALL(bind, ".b."), CALL(listen, ".."), CALL(connect, ".b."),
	CALL(accept, ".l."), CALL(accept4, ".l.."), CALL(shutdown, ".."), CALL(getsockname, ".l."), CALL(getpeername, ".l."),
	CALL(setsockopt, "...b."), CALL(getsockopt, "...l."), CALL(sendto, ".b..b."), CALL(recvfrom, ".b..l."),
	CALL(sendmsg, ".m."), CALL(recvmsg, ".m."),
	/* events */
	CALL(poll, "f.."), CALL(ppoll, "f.tg."), CALL(select, ".QQQt"), CALL(pselect6, ".QQQt0"),
	CALL(epoll_create, "."), CALL(epoll_create1, "."), CALL(epoll_ctl, "...E"), CALL(epoll_wait, ".e.."),
	CALL(epoll_pwait, ".e..g."), CALL(epoll_pwait2, ".e.tg."), CALL(eventfd, "."), CALL(eventfd2, ".."),
	CALL(timerfd_create, ".."), CALL(timerfd_settime, "..TT"), CALL(timerfd_gettime, ".T"),
	/* time, limits, facts */
	CALL(nanosleep, "tt"), CALL(clock_nanosleep, "..tt"), CALL(clock_gettime, ".t"), CALL(clock_getres, ".t"),
	CALL(gettimeofday, "t8"), CALL(time, "8"), CALL(getrandom, "b.."), CALL(sched_yield, ""), CALL(sched_getaffinity, ".b."),
	CALL(sched_setscheduler, "..8"), CALL(sched_getscheduler, "."), CALL(sched_getparam, ".8"), CALL(sched_rr_get_interval, ".t"),
	CALL(getpriority, ".."), CALL(setpriority, "..."),
	CALL(getrusage, ".R"), CALL(times, "T"), CALL(sysinfo, "I"), CALL(uname, "U"), CALL(getrlimit, ".t"), CALL(prlimit64, "0.tt"), CALL(getpid, ""),
	CALL(setuid, "."), CALL(setgid, "."), CALL(setreuid, ".."), CALL(setregid, ".."), CALL(setresuid, "..."), CALL(setresgid, "..."),
	CALL(getresuid, "888"), CALL(getresgid, "888"), CALL(setgroups, ".G"), CALL(getgroups, ".G"), CALL(capget, "8T"), CALL(capset, "8T"),
	CALL(prctl, "?...."), CALL(kill, ".."),
	CALL(getppid, ""), CALL(getpgrp, ""), CALL(getpgid, "."), CALL(getsid, "."), CALL(setsid, ""), CALL(setpgid, ".."),
};
#define CALL_COUNT (sizeof calls / sizeof calls[0])

struct range { uintptr_t begin, end; };

static bool inside(const struct range *r, uint64_t address, uint64_t size)
{
	return address >= r->begin && address <= r->end && size <= r->end - address;
}

static bool inside_or_null(const struct range *r, uint64_t address, uint64_t size)
{
	return address == 0 || inside(r, address, size);
}

static bool string_ok(const struct range *r, uint64_t address)
{
	return address == 0 || (inside(r, address, 1) && memchr((const void *)address, 0, r->end - address));
}

static bool array_ok(const struct range *r, uint64_t address, uint64_t count, uint64_t size)
{
	return address == 0 ? count == 0 : count <= 65536 && inside(r, address, count * size);
}

static bool vectors_ok(const struct range *r, uint64_t address, uint64_t count)
{
	const struct iovec *v = (const struct iovec *)address;

	if (count > 1024 || !array_ok(r, address, count, sizeof *v))
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (v[i].iov_len && !inside(r, (uintptr_t)v[i].iov_base, v[i].iov_len))
			return false;
	return true;
}

static bool message_ok(const struct range *r, uint64_t address)
{
	const struct msghdr *m = (const struct msghdr *)address;

	return inside(r, address, sizeof *m) && inside_or_null(r, (uintptr_t)m->msg_name, m->msg_namelen) &&
		inside_or_null(r, (uintptr_t)m->msg_control, m->msg_controllen) &&
		vectors_ok(r, (uintptr_t)m->msg_iov, m->msg_iovlen);
}

static bool sized_ok(const struct range *r, uint64_t address, uint64_t size_address)
{
	if (address == 0 && size_address == 0)
		return true;
	return inside(r, size_address, 4) && inside_or_null(r, address, *(const uint32_t *)size_address);
}

/* ioctl: what the third argument points to; 0: it is a value. */
static const struct { uint32_t number; uint16_t size; } requests[] = {
	{ FIONREAD, 4 }, { SIOCOUTQ, 4 }, { SIOCOUTQNSD, 4 }, { SIOCATMARK, 4 }, { FIONBIO, 4 }, { FIOASYNC, 4 }, { FIOCLEX, 0 }, { FIONCLEX, 0 },
	{ FIOQSIZE, 8 }, { SIOCGSTAMP_OLD, 16 }, { SIOCGSTAMPNS_OLD, 16 },
	{ TCGETS, 36 }, { TCSETS, 36 }, { TCSETSW, 36 }, { TCSETSF, 36 }, { TCGETS2, 44 }, { TCSETS2, 44 }, { TCSETSW2, 44 }, { TCSETSF2, 44 },
	{ TIOCGWINSZ, 8 }, { TIOCSWINSZ, 8 }, { TIOCGPGRP, 4 }, { TIOCGSID, 4 }, { TIOCMGET, 4 }, { TIOCMSET, 4 }, { TIOCMBIS, 4 }, { TIOCMBIC, 4 },
	{ TIOCGPTN, 4 }, { TIOCSPTLCK, 4 }, { TIOCGPTLCK, 4 }, { TIOCPKT, 4 }, { TCSBRK, 0 }, { TCSBRKP, 0 }, { TCXONC, 0 }, { TCFLSH, 0 },
	{ TIOCEXCL, 0 }, { TIOCNXCL, 0 }, { TIOCGPKT, 4 }, { TIOCGEXCL, 4 }, { TIOCGETD, 4 }, { TIOCSIG, 0 }, { TIOCGPTPEER, 0 },
	/* netdevice(7), the questions */
	{ SIOCGIFNAME, 40 }, { SIOCGIFFLAGS, 40 }, { SIOCGIFADDR, 40 }, { SIOCGIFDSTADDR, 40 }, { SIOCGIFBRDADDR, 40 }, { SIOCGIFNETMASK, 40 },
	{ SIOCGIFMETRIC, 40 }, { SIOCGIFMEM, 40 }, { SIOCGIFMTU, 40 }, { SIOCGIFHWADDR, 40 }, { SIOCGIFSLAVE, 40 }, { SIOCGIFINDEX, 40 },
	{ SIOCGIFPFLAGS, 40 }, { SIOCGIFCOUNT, 40 }, { SIOCGIFTXQLEN, 40 }, { SIOCGIFMAP, 40 }, { SIOCGMIIPHY, 40 }, { SIOCGMIIREG, 40 },
};
_Static_assert(sizeof(struct ifreq) == 40, "struct ifreq");

static bool list_ok(const struct range *r, const struct ifconf *list)
{
	return list->ifc_len >= 0 && inside_or_null(r, (uintptr_t)list->ifc_buf, (uint64_t)list->ifc_len);
}

/* The third argument of the first two depends on the second, all of prctl's on its first. */
static bool request_ok(const struct range *r, uint32_t nr, const uint64_t *arg)
{
	if (nr == SYS_fcntl)
		switch (arg[1]) {
		case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
			return inside(r, arg[2], sizeof(struct flock));
		case F_GETOWN_EX: case F_SETOWN_EX:
			return inside(r, arg[2], 8);
		default:
			return true;
		}
	if (nr == SYS_prctl)
		switch (arg[0]) {
		case PR_SET_KEEPCAPS: case PR_GET_KEEPCAPS: case PR_SET_NO_NEW_PRIVS: case PR_GET_NO_NEW_PRIVS: case PR_CAPBSET_READ:
		case PR_CAPBSET_DROP: case PR_SET_DUMPABLE: case PR_GET_DUMPABLE: case PR_SET_PDEATHSIG:
			return true;
		default:
			return false;
		}
	if (arg[1] == SIOCGIFCONF)
		return inside(r, arg[2], sizeof(struct ifconf)) && list_ok(r, (const struct ifconf *)arg[2]);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].number == arg[1])
			return requests[i].size == 0 || inside(r, arg[2], requests[i].size);
	return false;
}

static uint64_t struct_size(char letter)
{
	switch (letter) {
	case '8': return 8;                              /* off_t, int[2], time_t */
	case 'g': return 8;                              /* the kernel's sigset_t */
	case 't': return sizeof(struct timespec);        /* also timeval, utimbuf, rlimit */
	case 'T': return 2 * sizeof(struct timespec);    /* also itimerspec, tms */
	case 'E': return sizeof(struct epoll_event);
	case 'F': return sizeof(struct statfs);
	case 'S': return sizeof(struct stat);
	case 'X': return sizeof(struct statx);
	case 'R': return sizeof(struct rusage);
	case 'I': return sizeof(struct sysinfo);
	case 'U': return sizeof(struct utsname);
	case 'Q': return sizeof(fd_set);
	default:  return UINT64_MAX;                     /* a mistake in the list: refuse */
	}
}

static bool argument_ok(const struct range *r, char letter, uint32_t nr, const uint64_t *arg, unsigned i)
{
	switch (letter) {
	case '.': return true;
	case 's': return string_ok(r, arg[i]);
	case 'b': return inside_or_null(r, arg[i], arg[i + 1]);
	case 'l': return sized_ok(r, arg[i], arg[i + 1]);
	case 'G': return array_ok(r, arg[i], arg[i - 1], sizeof(gid_t));
	case 'w': return vectors_ok(r, arg[i], arg[i + 1]);
	case 'm': return message_ok(r, arg[i]);
	case 'e': return array_ok(r, arg[i], arg[i + 1], sizeof(struct epoll_event));
	case 'f': return array_ok(r, arg[i], arg[i + 1], sizeof(struct pollfd));
	case '0': return arg[i] == 0;
	case '?': return request_ok(r, nr, arg);
	default:  return inside_or_null(r, arg[i], struct_size(letter));
	}
}

/* Not syscall(3): a result in -4095..-1 is the answer, and errno is nobody's business here. */
static int64_t plain_syscall(uint32_t nr, const uint64_t arg[6])
{
	int64_t result;
	register uint64_t r10 __asm__("r10");
	register uint64_t r8 __asm__("r8");
	register uint64_t r9 __asm__("r9");

	r10 = arg[3];
	r8 = arg[4];
	r9 = arg[5];
	__asm__ volatile("syscall" : "=a"(result) : "a"((uint64_t)nr), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8),
		"r"(r9) : "rcx", "r11", "memory");
	return result;
}

/* The enclave counts the descriptors that it gives to its program. Duplicates are those that it makes beside them. */
static uint64_t file_ceiling = INT32_MAX;

void host_sysproxy_files(uint64_t count)
{
	file_ceiling = count + DUPLICATES_MAX;
}

const char *host_syscall_name(uint32_t nr)
{
	return nr < CALL_COUNT ? calls[nr].name : NULL;
}

/* What the receiver of a program may not do and its server may. Return: false, it is a call like any other. */
static bool by_server(uint32_t nr, const uint64_t arg[6], int64_t *ret_result)
{
	switch (nr) {
	case SYS_setsockopt:
		return arg[3] && priv_setsockopt((int)arg[0], (int)arg[1], (int)arg[2], (const void *)arg[3], (socklen_t)arg[4], ret_result);
	case SYS_bind:
		return arg[1] && priv_bind((int)arg[0], (const void *)arg[1], (socklen_t)arg[2], ret_result);
	case SYS_fchownat:
		return priv_chown((int)arg[0], (const char *)arg[1], (uint32_t)arg[2], (uint32_t)arg[3], (int)arg[4], ret_result);
	case SYS_chown:
		return priv_chown(AT_FDCWD, (const char *)arg[0], (uint32_t)arg[1], (uint32_t)arg[2], 0, ret_result);
	case SYS_lchown:
		return priv_chown(AT_FDCWD, (const char *)arg[0], (uint32_t)arg[1], (uint32_t)arg[2], AT_SYMLINK_NOFOLLOW, ret_result);
	default:
		return false;
	}
}

int64_t host_sysproxy(struct host_wait *wait, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct range r = { (uintptr_t)tbuf + OM_TBUF_DATA, (uintptr_t)tbuf + tbuf_size };
	uint32_t nr = tbuf->nr;
	uint64_t arg[6];
	int64_t result;
	const char *shape;

	if (nr >= CALL_COUNT || !calls[nr].shape)
		return -ENOSYS;
	memcpy(arg, tbuf->arg, sizeof arg);
	shape = calls[nr].shape;
	if (nr == SYS_fcntl && arg[1] == F_SETOWN && arg[2])
		arg[2] = (uint64_t)getpid(); /* the enclave has another number for this process */
	for (unsigned i = 0; shape[i]; i++)
		if (shape[i] != '.' && !argument_ok(&r, shape[i], nr, arg, i))
			return nr == SYS_ioctl ? -ENOTTY : -EFAULT;
	if (host_hook_before(nr, &result))
		return result;
	if (priv_confined() && by_server(nr, arg, &result))
		return result;
	if (host_creds_is(nr, arg))
		result = host_creds_call(nr, arg);
	else if (tbuf->flags & OM_HCF_INTERRUPTIBLE)
		result = host_wait_syscall(wait, nr, arg);
	else
		result = plain_syscall(nr, arg);
	if (nr == SYS_fcntl && arg[1] == F_DUPFD_CLOEXEC && result > (int64_t)file_ceiling) {
		(void)plain_syscall(SYS_close, (const uint64_t[6]){ (uint64_t)result });
		result = -EMFILE;
	}
	return host_hook_after(nr, tbuf, tbuf_size, result);
}
