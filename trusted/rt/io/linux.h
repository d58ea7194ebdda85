/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux' system call interface as the descriptor code needs it: the kernel's own headers, and what the kernel
 * leaves to libc (socket families, flags, message layout). x86-64 only.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_LINUX_H
#define OPTMIG_TRUSTED_RT_IO_LINUX_H

#include <stddef.h>
#include <stdint.h>
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/socket.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#ifndef AF_UNIX
#define AF_UNSPEC       0
#define AF_UNIX         1
#define AF_INET         2
#define AF_INET6        10
#define AF_NETLINK      16
#endif

#define LX_SOCK_STREAM    1
#define LX_SOCK_DGRAM     2
#define LX_SOCK_RAW       3
#define LX_SOCK_SEQPACKET 5
#define LX_SOCK_TYPE_MASK 0xf
#define LX_SOCK_NONBLOCK  O_NONBLOCK
#define LX_SOCK_CLOEXEC   O_CLOEXEC

#define LX_AT_EACCESS 0x200
#define LX_SIOCOUTQ 0x5411
#define LX_SHUT_RD 0
#define LX_SHUT_WR 1
#define LX_SHUT_RDWR 2

#define LX_IPPROTO_IP   0
#define LX_IPPROTO_TCP  6
#define LX_IPPROTO_UDP  17
#define LX_IPPROTO_IPV6 41
#define LX_TCP_MD5SIG   14
#define LX_TCP_REPAIR   19
#define LX_TCP_REPAIR_QUEUE 20
#define LX_TCP_QUEUE_SEQ 21
#define LX_TCP_REPAIR_OPTIONS 22
#define LX_TCP_REPAIR_WINDOW 29
#define LX_TCP_ULP      31
#define LX_TCP_ZEROCOPY_RECEIVE 35

#define LX_MSG_OOB      0x1
#define LX_MSG_PEEK     0x2
#define LX_MSG_DONTWAIT 0x40
#define LX_MSG_CTRUNC   0x8
#define LX_MSG_TRUNC    0x20
#define LX_MSG_WAITALL  0x100
#define LX_MSG_ERRQUEUE 0x2000
#define LX_MSG_NOSIGNAL 0x4000
#define LX_MSG_WAITFORONE 0x10000
#define LX_MSG_ZEROCOPY 0x4000000
#define LX_MSG_FASTOPEN 0x20000000
#define LX_MSG_CMSG_CLOEXEC 0x40000000
#define LX_SCM_RIGHTS   1

#define LX_SIGPIPE      13
#define LX_SIGXFSZ      25

/* <asm/ioctls.h> makes these of a structure that <asm/termbits.h> has for kernels only. */
#define LX_TCGETS2      0x802c542au
#define LX_TCSETS2      0x402c542bu
#define LX_TCSETSW2     0x402c542cu
#define LX_TCSETSF2     0x402c542du

#define LX_EFD_SEMAPHORE 1
#define LX_TFD_TIMER_ABSTIME 1
#define LX_TFD_TIMER_CANCEL_ON_SET 2
#define LX_CLOCK_REALTIME 0
#define LX_CLOCK_MONOTONIC 1
#define LX_CLOCK_BOOTTIME 7

#define LX_SPLICE_F_NONBLOCK 2
#define LX_SPLICE_F_ALL 0xfu
#define LX_RESOLVE_CACHED 0x20u
#define LX_RESOLVE_ALL 0x3fu
#define LX_RWF_HIPRI 1u
#define LX_RWF_DSYNC 2u
#define LX_RWF_SYNC 4u
#define LX_RWF_NOWAIT 8u
#define LX_O_KNOWN 037777703u          /* the flags that open() has */
#define LX_LOCK_SH 1
#define LX_LOCK_EX 2
#define LX_LOCK_NB 4
#define LX_LOCK_UN 8

#define LX_S_IFMT   0170000
#define LX_S_IFSOCK 0140000
#define LX_S_IFLNK  0120000
#define LX_S_IFREG  0100000
#define LX_S_IFBLK  0060000
#define LX_S_IFDIR  0040000
#define LX_S_IFCHR  0020000
#define LX_S_IFIFO  0010000

#define LX_SEEK_SET 0
#define LX_SEEK_CUR 1
#define LX_SEEK_END 2
#define LX_SEEK_DATA 3
#define LX_SEEK_HOLE 4
#define LX_W_OK 2
#define LX_O_TMPFILE        020000000u          /* the bit that O_DIRECTORY does not have */
#define LX_RENAME_NOREPLACE 1u
#define LX_FALLOC_KEEP_SIZE 1u

#define LX_PATH_MAX 4096
#define LX_IOV_MAX  1024
#define LX_SOCKADDR_MAX 128u
#define LX_SUN_PATH_MAX 108u

/* File status flags that F_SETFL may change. */
#define LX_SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

struct lx_timespec { int64_t sec, nsec; };
struct lx_timeval { int64_t sec, usec; };
struct lx_itimerspec { struct lx_timespec interval, value; };
struct lx_iovec { uint64_t base, size; };
struct lx_msghdr {
	uint64_t name;
	uint32_t name_size, pad0;
	uint64_t iov, iov_count, control, control_size;
	int32_t  flags;
	uint32_t pad1;
};
struct lx_mmsghdr { struct lx_msghdr header; uint32_t length, pad; };
struct lx_cmsghdr { uint64_t length; int32_t level, type; };
struct lx_flock { int16_t type, whence; uint32_t pad0; int64_t start, length; int32_t pid; uint32_t pad1; };
struct lx_dirent64 { uint64_t inode; int64_t offset; uint16_t length; uint8_t type; char name[]; };
struct lx_epoll_event { uint32_t events; uint64_t data; } __attribute__((packed));

_Static_assert(sizeof(struct lx_msghdr) == 56, "struct msghdr");
_Static_assert(sizeof(struct lx_flock) == 32, "struct flock");
_Static_assert(sizeof(struct lx_epoll_event) == 12, "struct epoll_event");
_Static_assert(sizeof(struct stat) == 144, "struct stat");

void *memcpy(void *restrict to, const void *restrict from, size_t size); /* not libc's: libmem.c, which marks no cards */
void *memmove(void *to, const void *from, size_t size);                 /* may overlap */
void *memset(void *to, int byte, size_t size);                          /* returns `to` */
int memcmp(const void *a, const void *b, size_t size);                  /* by unsigned bytes */

#endif
