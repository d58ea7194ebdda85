/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and structures of the Linux x86-64 ABI that the core of the runtime answers itself. The compiler's target has
 * no libc, so the kernel's names are spelled out here once.
 */
#ifndef OPTMIG_TRUSTED_RT_LINUX_ABI_H
#define OPTMIG_TRUSTED_RT_LINUX_ABI_H

#include <asm/unistd.h>
#include <stdint.h>

enum { EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, E2BIG = 7, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13,
	EFAULT = 14, EBUSY = 16, EEXIST = 17, ENODEV = 19, EINVAL = 22, ENOTTY = 25, EFBIG = 27, ENOSPC = 28, ERANGE = 34, EDEADLK = 35,
	ENAMETOOLONG = 36, ENOSYS = 38, ENOMSG = 42, EIDRM = 43, EOVERFLOW = 75, EMSGSIZE = 90, EOPNOTSUPP = 95, ETIMEDOUT = 110 };

enum { SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
	SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ,
	SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS };
#define SIG_MAX 64
#define SIG_RT_FIRST 32      /* from here on signals queue up */
#define SIG_BIT(signo) (1ULL << ((signo) - 1))
#define SIG_BITS_FIXED (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))   /* neither blocked nor ignored */
#define SIG_DFL 0
#define SIG_IGN 1

#define SA_SIGINFO   4u
#define SA_ONSTACK   0x08000000u
#define SA_RESTART   0x10000000u
#define SA_NODEFER   0x40000000u
#define SA_RESETHAND 0x80000000u
#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM 0x80000000u
#define SI_USER   0
#define SI_KERNEL 0x80
#define SI_TKILL  (-6)
#define SI_QUEUE  (-1)
#define SI_TIMER  (-2)
#define SI_MESGQ  (-3)
#define SI_SIGIO  (-5)

#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4
#define PROT_GROWSDOWN 0x01000000
#define PROT_KNOWN     0x0300000f   /* with PROT_SEM, PROT_GROWSDOWN, PROT_GROWSUP */
#define MAP_SHARED          0x01
#define MAP_PRIVATE         0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE            0x0f
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_32BIT           0x40
#define MAP_LOCKED          0x2000
#define MAP_STACK           0x20000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_LEGACY          0x7c07f9f3   /* what a kernel takes without MAP_SHARED_VALIDATE, sizes of huge pages included */
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED   2
#define MADV_DONTNEED 4
#define MADV_FREE     8
#define MADV_DONTFORK 10
#define MADV_DONTNEED_LOCKED 24
#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4
#define MLOCK_ONFAULT 1
#define MCL_CURRENT   1
#define MCL_FUTURE    2
#define MCL_ONFAULT   4

#define CLONE_VM             0x00000100
#define CLONE_VFORK          0x00004000
#define CLONE_THREAD         0x00010000
#define CLONE_SETTLS         0x00080000
#define CLONE_PARENT_SETTID  0x00100000
#define CLONE_CHILD_CLEARTID 0x00200000
#define CLONE_CHILD_SETTID   0x01000000

#define MEMBARRIER_QUERY      0
#define MEMBARRIER_GLOBAL     0x01
#define MEMBARRIER_GLOBAL_EXPEDITED            0x02
#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED   0x04
#define MEMBARRIER_PRIVATE_EXPEDITED           0x08
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED  0x10

#define FUTEX_WAIT          0
#define FUTEX_WAKE          1
#define FUTEX_REQUEUE       3
#define FUTEX_CMP_REQUEUE   4
#define FUTEX_WAKE_OP       5
#define FUTEX_LOCK_PI       6
#define FUTEX_UNLOCK_PI     7
#define FUTEX_TRYLOCK_PI    8
#define FUTEX_WAIT_BITSET   9
#define FUTEX_WAKE_BITSET   10
#define FUTEX_LOCK_PI2      13
#define FUTEX_PRIVATE_FLAG  128
#define FUTEX_WAITERS       0x80000000u
#define FUTEX_OWNER_DIED    0x40000000u
#define FUTEX_TID_MASK      0x3fffffffu
#define FUTEX_CLOCK_REALTIME 256

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI               11
#define TIMER_ABSTIME 1
#define SIGEV_SIGNAL 0
#define SIGEV_NONE   1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4

#define AT_NULL 0
#define AT_PHDR 3
#define AT_PHENT 4
#define AT_PHNUM 5
#define AT_PAGESZ 6
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_PLATFORM 15
#define AT_HWCAP 16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31

#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NPROC 6
#define RLIMIT_NOFILE 7
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9
#define RLIMIT_SIGPENDING 11
#define RLIMIT_COUNT 16
#define RLIM_INFINITY (~0ULL)

struct lx_timespec { int64_t sec, nsec; };
struct lx_timeval { int64_t sec, usec; };

#endif
