/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boundary between an enclave and its host process: enclave calls in, host calls out, and the untrusted
 * memory both use. Everything the host writes here is hostile to the enclave, which copies in once, checks,
 * and only then uses it. Structures are packed by construction (no padding) and fully initialised.
 *
 * Entering.  The host enters slot s with  tee_enter(enclave, EENTER, rdi, rsi, rdx, r8, r9):
 *     rdi  enum om_ecall       rsi  address of a struct om_tbuf, outside ELRANGE, 4,096-byte aligned
 *     rdx  its size in bytes   r8, r9  arguments of the call
 * Leaving.   The enclave writes tbuf->exit (enum om_exit) and executes EEXIT.
 *
 *   OM_EXIT_HOSTCALL   do tbuf->op with nr and arg[], put the result into tbuf->ret, enter the same slot again
 *                      with OM_ECALL_RETURN and the same tbuf
 *   OM_EXIT_DONE       the call is finished; results in arg[]
 *   OM_EXIT_PARKED     the application thread of this slot stopped at a safepoint; its host thread ends its run.
 *                      It continues when the host enters the slot with OM_ECALL_THREAD, here or on another machine
 *   OM_EXIT_THREAD     the application thread of this slot ended; the slot may be used again after this exit
 *   OM_EXIT_FATAL      the enclave refuses to go on; arg[0] = OM_E*, arg[1] = detail, data = words (NUL-terminated)
 *
 * Exceptions. When tee_enter reports an exception, the host enters the same slot with OM_ECALL_EXCEPTION and a
 * SECOND tbuf (the first may be in use by the interrupted code). Host calls may come out of it as well. After
 * OM_EXIT_DONE the host continues with ERESUME; OM_EXIT_FATAL ends the process by tbuf->arg[2] = signal number.
 */
#ifndef OPTMIG_ABI_HOSTCALL_H
#define OPTMIG_ABI_HOSTCALL_H

#include <stdint.h>

#define OM_HOSTCALL_VERSION 5
#define OM_TBUF_DATA        4096u              /* data begins here */
#define OM_TBUF_SIZE_MIN    (64u * 1024u)
#define OM_TBUF_SIZE_APP    (256u * 1024u + OM_TBUF_DATA)
#define OM_TBUF_SIZE_EXC    (64u * 1024u)
#define OM_TBUF_SIZE_MAX    (64u * 1024u * 1024u)
#define OM_INHERITED_MAX    1024u              /* descriptors above are not passed on */

enum om_ecall {
	OM_ECALL_INIT = 1,   /* slot 0, once: r8 = struct om_boot *, r9 = size of boot block with strings.
	                        Done: arg[0] = slot of the main thread, or 0 if booted to receive a migration, or if the program waits
	                        for its owner: the enclave starts it */
	OM_ECALL_THREAD,     /* application slot: start or resume its thread. r8 = the host thread's tid, r9 = its CPU time in ns */
	OM_ECALL_RETURN,     /* a host call has been carried out */
	OM_ECALL_EXCEPTION,  /* CSSA = 1 */
	OM_ECALL_SIGNAL,     /* service slot: r8 = signal number for the process, r9 = si_code, arg[0..1] = the 16 bytes of siginfo_t
	                        behind it (pid, uid, value) */
	OM_ECALL_ENGINE,     /* service slot: migration engine, r8 = enum om_engine_op (abi/engine.h), arguments in arg[]/data */
	OM_ECALL_STATS,      /* service slot: data = struct om_enclave_stats */
	OM_ECALL_STOP,       /* service slot, for tests and measurements: r8 = enum om_stop_op, r9 its argument; OM_E* in ret.
	                        OM_EDEBUG unless the image is a debug image: a host that resumes threads or clears cards
	                        at the wrong moment would undo a hand-over. OM_ESTATE while a migration session is under way */
	OM_ECALL_IO,         /* service slot: a descriptor with O_ASYNC is ready. r8 = the host's number of it, r9 = si_code, and si_band
	                        in the upper half */
	OM_ECALL_UNLOCK,     /* service slot: messages from and to the program's owner, r8 = enum om_unlock_op (abi/ownercall.h) */
};

/* Park all application threads and let them go on in place; or what a round of pre-copy does to them. */
enum om_stop_op {
	OM_STOP_BEGIN = 1,   /* rt_stop_begin */
	OM_STOP_POLL,        /* rt_stop_poll: arg[0] = application threads that still run; call until 0 */
	OM_STOP_RESUME,      /* rt_resume_all */
	OM_ROUND_BEGIN,      /* clear all cards, rt_handshake_begin: arg[0] = the epoch */
	OM_ROUND_POLL,       /* r9 = epoch: arg[0] = 1 once every thread has passed a safepoint or is outside */
};

/* The host process' own signal for descriptors that become ready; what comes of it reaches the enclave as OM_ECALL_IO. */
#define OM_IO_SIGNAL 62

enum om_exit { OM_EXIT_HOSTCALL = 1, OM_EXIT_DONE, OM_EXIT_PARKED, OM_EXIT_THREAD, OM_EXIT_FATAL };

enum om_hostcall {
	OM_HC_SYSCALL = 1,   /* nr, arg[0..5]: the Linux system call; pointers point into this tbuf; ret = result or -errno.
	                        The host executes only numbers on its list (host/sysproxy) and answers others with -ENOSYS */
	OM_HC_THREAD_START,  /* arg[0] = slot: a host thread shall enter it with OM_ECALL_THREAD; arg[1] = 1: it shall be there,
	                        and wait for that. ret = 0 or -errno */
	OM_HC_PARK,          /* arg[0] = nanoseconds or -1: sleep until UNPARK of this slot (a permit given earlier counts),
	                        KICK or the timeout */
	OM_HC_UNPARK,        /* arg[0] = slot: give it the permit */
	OM_HC_KICK,          /* arg[0] = slot: its present interruptible host call, or else its next one, ends with -EINTR */
	OM_HC_EXIT,          /* arg[0] = status 0..255, arg[1] = 0 or the signal to die of. Does not return */
	OM_HC_SGX_RESTRICT,  /* arg[0] = offset, arg[1] = length, arg[2] = permissions; ret = 0 or OM_E* */
	OM_HC_SGX_MODIFY,    /* arg[0] = offset, arg[1] = length, arg[2] = page type */
	OM_HC_SGX_REMOVE,    /* arg[0] = offset, arg[1] = length (trimmed and accepted pages) */
	OM_HC_SGX_AUGMENT,   /* arg[0] = offset, arg[1] = length: hint before EACCEPT in bulk */
	OM_HC_QUOTE_TARGET,  /* data = struct sgx_targetinfo on return; ret = enum om_evidence_type, or OM_E* */
	OM_HC_QUOTE,         /* data = struct sgx_report in; evidence out, an envelope; ret = size or OM_E* */
	OM_HC_COLLATERAL,    /* arg[0] = size of evidence in data; collateral out; ret = size or OM_E* */
	OM_HC_TCP_DUMP,      /* arg[0] = host fd, arg[1] = offset, arg[2] = 1 if its connect() has not been seen to end, arg[3] = 0 or
	                        a number that connections with the same options have, arg[4] = 1 if it does not block: the
	                        connection is put into repair mode and dumped (opaque, host/net); data = what fits of the dump
	                        from the offset on; at offset 0 it is made anew. ret = size of the whole and OM_TCP_*, or -errno:
	                        -EINPROGRESS for one that is being set up. It tells the peer nothing if it is closed then */
	OM_HC_TCP_UNDUMP,    /* arg[0] = host fd, arg[1] = 1 if OM_TCP_REUSE was set: it goes on here; ret = 0 or -errno. fd -1: all
	                        that were dumped ahead and not asked for */
	OM_HC_TCP_RESTORE,   /* arg[0] = size of data, arg[1] = its offset in the dump, arg[2] = the dump's size, make the
	                        connection anew, silent. arg[3] = 0: now; 2: it is complete when TCP_STAND returns; 1: it has its port
	                        then, for the same one may still stand on this host, and TCP_CLAIM does the rest. ret = host fd
	                        once all pieces are there, 0 before, or -errno */
	OM_HC_TCP_CLAIM,     /* complete those that had to wait; ret = how many still have to, or -errno */
	OM_HC_NET_HOLD,      /* arg[0] = enum om_net_hold; HOLD: data = list of struct om_net_flow, arg[1] = count; ret = 0 or -errno */
	OM_HC_DATAGRAM,      /* data = packed struct om_datagram and the bytes, arg[0] = size of both: what waited in the queue of a
	                        UDP socket arrives there again, at OM_NET_RESUME. ret = 0 or -errno */
	OM_HC_OPTIONS_GET,   /* arg[0] = host fd: the socket's options into data (opaque, host/net); ret = size or -errno */
	OM_HC_OPTIONS_SET,   /* arg[0] = host fd, arg[1] = size of data; ret = 0 or -errno */
	OM_HC_LOG,           /* arg[0] = size of data: a line of diagnostics; the host may print it with --verbose, always
	                        if arg[1] is 1 */
	OM_HC_URGENT_PAGE,   /* post-copy: ask for a page. arg[0] = size of request frame in data; reply frame in data
	                        (OM_URGENT_FRAME_MAX fits an exception tbuf); ret = size, or -EAGAIN if the connection is
	                        down: after a pause, or when it is up again. arg[0] = 0: no request, wait arg[1] ns */
	OM_HC_ROUND,         /* arg[0] = enum om_round_point, arg[1] = number of the round, arg[2] = enum om_tracker; ret ignored */
	OM_HC_TCP_AHEAD,     /* data = list of struct om_tcp_wanted, arg[0] = count: dump them at once; TCP_DUMP, which comes for each
	                        in this order, finds them done, or does what could not be done ahead. ret = 0 or -errno */
	OM_HC_PAPER,         /* arg[0] = enum om_paper: data = what the host was given to hand over; ret = size, 0: none, or OM_E* */
	OM_HC_TCP_STAND,     /* all that were restored for it stand, or have their ports: no host thread has the descriptors any
	                        more. ret = 0 or OM_TCP_FAILURE of one */
	OM_HC_TCP_LEAVE,     /* data = list of host fds (int32_t) of dumped connections, arg[0] = count: arg[1] = 0, they do not stand on
	                        this host any more, and nobody hears of it; 1, the descriptors are closed too. ret = 0 or -errno */
	OM_HC_PERMIT,        /* may this program have that here, by its administrator's limits? arg[0] = enum om_permit.
	                        NAME: data = a socket's address, arg[1] = its size, arg[2] = 1 if it is a stream's;
	                        OWNER: of a UNIX socket's file, arg[1] = user, arg[2] = group. ret = 0 or -EACCES */
	OM_HC_SEAL,          /* data = a seal, arg[0] = its size, arg[1] = enum om_seal_keep: kept for the next start. ret = 0 or OM_E* */
	OM_HC_TRACE,         /* debug images alone, if OM_BOOT_TRACE was set: data = struct om_trace: a system call of the program begins, or
	                        has ended, or a handler of a signal is about to run. ret ignored */
	OM_HC_DEATH,         /* debug images alone: data = struct om_death: the program is about to die of a signal. ret ignored */
};

/* What somebody whom the enclave trusts has signed, and the host only carries. */
enum om_paper { OM_PAPER_GUESTS, OM_PAPER_TICKET,
	OM_PAPER_SEAL,       /* of an earlier start (core/sealfile.h) */
	OM_PAPERS };
enum om_seal_keep {
	OM_SEAL_KEEP_NEW,    /* the first of its lineage: there must be none in its place */
	OM_SEAL_KEEP_SAME,   /* replaces an older one of the same lineage and image; another one stays, and it goes beside that */
};
enum om_permit { OM_PERMIT_NAME = 1, OM_PERMIT_OWNER };

/* In the result of OM_HC_TCP_DUMP. */
#define OM_TCP_REUSE  (1ull << 60)   /* the socket has SO_REUSEADDR on the host */
#define OM_TCP_CLOSED (1ull << 61)   /* the connection is over: what is left of it can be made anew at any time */
#define OM_TCP_SPOILT (1ull << 62)   /* and its pending error is in the dump only */
#define OM_TCP_SIZE(result)  ((result) & 0xffffffffffull)
#define OM_TCP_ERROR(result) ((result) >> 44 & 0xfff)    /* that pending error: an errno */

/* Result of OM_HC_TCP_STAND. @error: -errno. */
#define OM_TCP_FAILURE(fd, error)    ((int64_t)(error) - ((int64_t)(fd) << 12))
#define OM_TCP_FAILURE_ERROR(result) (-(-(result) & 0xfff))
#define OM_TCP_FAILURE_FD(result)    (-(result) >> 12)

/* A connection that is to be dumped: arg[0], arg[4] and arg[3] of OM_HC_TCP_DUMP. */
struct om_tcp_wanted {
	int32_t  fd;
	uint32_t nonblock;
	uint64_t kind;
};

/* Traffic of this process' addresses during the hand-over. */
enum om_net_hold {
	OM_NET_RELEASE,      /* the hold is lifted, what was held is sent on */
	OM_NET_HOLD,         /* what arrives is kept from the sockets; adds to a hold that is on */
	OM_NET_RESUME,       /* restored connections go on, and datagrams arrive that had been received; still held */
	OM_NET_HERE,         /* the program stays on this host: addresses that had moved away come back. No hold is lifted */
};

/* Where a round of pre-copy is, for a test tool that looks on. Only debug images say it; what the host does with it is its own
 * affair. */
enum om_round_point {
	OM_ROUND_TAKE = 1,   /* the cards are about to be taken */
	OM_ROUND_COPY,       /* handshake done, pages watched: the taken pages are about to be copied */
	OM_ROUND_STOP,       /* the program is parked, the last pages are chosen and about to be copied */
};

/* What a debug image tells of its program for those who look for a mistake in it. Both structures are in the transfer buffer's data. */
enum om_trace_event {
	OM_TRACE_CALL = 1,   /* nr, arg[]: a system call begins, or begins again after a stop */
	OM_TRACE_RESULT,     /* nr, result: it has ended. Calls that never end have none */
	OM_TRACE_SIGNAL,     /* nr = signal, arg[0] = si_code, arg[1] = the word behind it: its handler is about to run */
};
struct om_trace {
	uint32_t event;      /* enum om_trace_event */
	int32_t  tid;        /* the program's number of its thread */
	uint64_t nr;         /* of Linux, or of abi/passrt.h */
	uint64_t arg[6];
	int64_t  result;
};
struct om_death {
	uint32_t signo;
	int32_t  tid;
	uint64_t address;    /* what was touched; 0: it was no fault, or one without an address */
	uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15;   /* of the program: where its frames are unwound from */
};

/* Flag in tbuf->flags of a host call. */
#define OM_HCF_INTERRUPTIBLE 1u  /* KICK ends it with -EINTR; without the flag a KICK waits for the next one that has it */

struct om_tbuf {
	uint32_t exit;     /* enum om_exit */
	uint32_t op;       /* enum om_hostcall */
	uint32_t flags;
	uint32_t nr;
	uint64_t arg[6];
	int64_t  ret;
	uint64_t reserved[7];
	/* data from OM_TBUF_DATA to the size given at entry */
};

/* How OM_ECALL_INIT is called. Strings follow the structure: argc arguments, then envc variables, each with its NUL. */
struct om_boot {
	uint32_t version;           /* OM_HOSTCALL_VERSION */
	uint32_t flags;             /* OM_BOOT_* */
	uint32_t argc, envc;
	uint64_t strings_size;
	uint64_t clock;             /* address of struct om_clock in untrusted memory */
	uint64_t cpu_features;      /* OM_CPU_*: what the host says the CPU can do; wrong answers cost only availability */
	uint32_t pid, ppid;         /* made virtual: fixed at first boot, kept across migrations */
	uint32_t uid, euid, gid, egid;
	uint32_t cpu_count;
	uint32_t std_kind;          /* bits 0-2: stdin, stdout, stderr are open */
	uint64_t file_limit;        /* descriptors: what the program finds as its soft limit, */
	uint64_t file_limit_max;    /* and how many this host has for it, now or when it raises its limit */
	uint64_t stack_limit;       /* bytes for the main thread's stack */
	char     host_name[64];
	uint64_t signals_ignored;   /* as exec leaves them, bit n - 1 for signal n */
	uint64_t signals_blocked;
	uint64_t inherited[OM_INHERITED_MAX / 64]; /* bit n: descriptor n > 2 was open when the process started */
};
#define OM_BOOT_RECEIVE 1u      /* do not start the program: wait for a migration */
#define OM_BOOT_TRACE   2u      /* debug images alone (the enclave refuses to boot otherwise): OM_HC_TRACE for each system call */
#define OM_CPU_AESNI    1u
#define OM_CPU_AVX2     2u
#define OM_CPU_AVX512   4u
#define OM_CPU_VAES     8u
#define OM_CPU_SHANI    16u

/* Host clock for reads without leaving the enclave; the host refreshes it now and then under `seq` (odd while writing).
 *   ns = base_ns + ((tsc - base_tsc) * mult >> 32).   The enclave never lets the result go backwards. */
struct om_clock {
	uint64_t seq;
	uint64_t base_tsc;
	uint64_t monotonic_ns, realtime_ns;
	uint64_t mult;
	uint64_t usable;            /* 0: TSC not constant; use host calls */
};

struct om_net_flow {            /* one local endpoint, or connection if remote_port != 0; addresses in network order */
	uint16_t family, protocol, local_port, remote_port;   /* ports in host order */
	uint8_t  local_addr[16], remote_addr[16];
};

struct om_datagram {            /* addresses as in struct om_net_flow; the bytes follow */
	uint16_t family, local_port, remote_port;
	uint8_t  ttl, tos;      /* 0: not known */
	uint8_t  local_addr[16], remote_addr[16];
};

struct om_enclave_stats {
	uint64_t hostcalls, syscalls, syscalls_inside;
	uint64_t pages_accepted, pages_tracked, pages_resident;
	uint64_t exceptions, page_faults_owed;
	uint64_t safepoint_stops, handshakes;
	uint64_t threads;
	uint64_t syscall_count[512];
};

#endif
