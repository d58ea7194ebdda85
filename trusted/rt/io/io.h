/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual descriptors: what the files of rt/io share.
 *
 *   fd number ──► struct rt_io_fd (table.c) ──► struct rt_io_ofd, an open file description ──► host descriptor
 *                                                     │
 *                                                     └──► struct rt_io_watch (epoll.c), one per interest
 *
 * The enclave's table is the authority; the host's descriptor is a means that a migration replaces. Every
 * member here is resident: it migrates, and rt_io_rebuild gives each description a new host descriptor.
 *
 * What the host holds and we do not (offsets of files that never sought, queues, counters) is fetched by rt_io_freeze.
 * Nothing that the host says about files and sockets is secret or trusted: an application that needs more encrypts and
 * signs its data.
 *
 * Locking: rt_io_lock() protects the tables' structure (slots, reference counts, watch lists). Host calls and
 * application memory are never touched under it. Plain members of a description are written by calls of the
 * application on that description; a program that races with itself on one gets one of the two outcomes.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_IO_H
#define OPTMIG_TRUSTED_RT_IO_IO_H

#include "launch.h"
#include "rt/io/linux.h"
#include "rt/mapped.h"
#include "rt/rt.h"

#define RT_IO_FD_MAX      65536u         /* numbers of descriptors */
#define RT_IO_OFD_MAX     65536u         /* open file descriptions; 0 is none */
#define RT_IO_WATCH_MAX   131072u        /* epoll interests; 0 is none */
#define RT_IO_LOCK_MAX    16384u         /* record locks held; 0 is none */
#define RT_IO_BLOB_SIZE   (16u << 20)    /* option lists, contents of virtual files */
#define RT_IO_FROZEN_SIZE (128u << 20)    /* what rt_io_freeze fetched from the host */
#define RT_IO_SPAN_BATCH  16u

enum rt_io_kind {
	RT_IO_FREE = 0,
	RT_IO_STD,       /* descriptors 0-2 as inherited: each host's own */
	RT_IO_FILE,      /* regular file */
	RT_IO_DIR,
	RT_IO_OTHER,     /* fifo, tty or device opened by path; O_PATH descriptors: cannot migrate */
	RT_IO_VIRTUAL,   /* content made inside: /proc/self/stat, /proc/self/fd/ ... */
	RT_IO_DEVICE,    /* /dev/null, zero, full, urandom: made inside */
	RT_IO_MEMORY,    /* memfd_create, /dev/shm/NAME: memory.c */
	RT_IO_PIPE,
	RT_IO_EVENTFD,
	RT_IO_TIMERFD,
	RT_IO_SIGNALFD,
	RT_IO_MQUEUE,    /* a POSIX message queue: mqueue.c */
	RT_IO_EPOLL,
	RT_IO_SOCKET,
};

enum rt_io_socket_state {
	RT_IO_S_NEW = 0,     /* perhaps bound */
	RT_IO_S_LISTENING,
	RT_IO_S_CONNECTING,  /* connect was issued and has not been seen to end */
	RT_IO_S_CONNECTED,
	RT_IO_S_PAIR,        /* socketpair with both ends inside */
	RT_IO_S_DEAD,        /* the connection ended before a migration: a stand-in of the host's, closed as it was */
};

/* A destination: what of the host side has to wait until the source has let go of its own (migrate.c). */
enum rt_io_claim {
	RT_IO_CLAIM_NOTHING = 0,
	RT_IO_CLAIM_ALL,
	RT_IO_CLAIM_RESERVED, /* it has its port, which is the source's still */
};

struct rt_io_file {
	uint64_t device, inode;      /* as the host reports it */
	uint32_t flock;              /* LX_LOCK_SH, LX_LOCK_EX or 0 */
	uint32_t vault;              /* 1 + its slot, or 0: see vault.h */
	uint32_t trusted;            /* 1 + its index among the image's trusted files, or 0: see trusted.c */
	uint64_t position;           /* atomic, see position.c */
};
struct rt_io_dir { uint32_t name, size; };           /* blob of the name it was opened by, for rules.c; O_PATH descriptors too */
struct rt_io_virtual {
	uint32_t blob, size;         /* the text; 0: made when it is read */
	uint64_t offset;             /* of a directory: the next entry's position */
	uint8_t  node;               /* procself.c's, 0: a text */
	int32_t  tid;                /* whose it is; 0: the process' */
	const char *name;            /* of the image's: the same on every host. A path, or a name below the process' directory */
};
struct rt_io_memory { uint32_t object; uint64_t position; };     /* object: object.h's */
struct rt_io_pipe { uint32_t peer; uint32_t writer; };           /* peer: description of the other end, 0 when closed */
struct rt_io_eventfd { uint32_t flags; };
struct rt_io_timerfd {
	int32_t  clock;
	uint32_t flags;              /* of the last settime */
	int64_t  deadline_ns;        /* next expiry on `clock` (virtual for MONOTONIC and BOOTTIME); 0: disarmed */
	int64_t  interval_ns;
	uint64_t extra_ticks;        /* expirations to be added to the next read: from before a migration */
};
struct rt_io_signalfd { uint64_t mask; uint32_t next; };         /* next: description of another one, signalfd.c */
/* next: description of another one, mqueue.c; watched: its counter is kept; position: of the text that a read gives. */
struct rt_io_mqueue { uint32_t queue, next, watched, position; };
struct rt_io_epoll {
	uint32_t first;
	uint8_t  memory;             /* used by rt_io_epoll_rearm: a watch has an edge or a single shot */
};
struct rt_io_socket {
	uint16_t domain, type, protocol;
	uint8_t  state;              /* enum rt_io_socket_state */
	uint8_t  shut;               /* bit 0 reading, bit 1 writing shut down */
	uint8_t  bound, remote_size;
	uint8_t  reuse;              /* TCP: SO_REUSEADDR as the program knows it; see socket.c */
	uint8_t  dumped;             /* the record of freeze is that of a connection, which is in repair mode unless it is over */
	uint8_t  log_lost;           /* an option that cannot be read back was set and is not in the log: cannot move */
	uint8_t  v6only;             /* a TCP connection that was moved: 1 + IPV6_V6ONLY, which a bind changes; 0: the host knows */
	uint8_t  refused;            /* DEAD: it never was connected, the attempt failed */
	uint16_t error;              /* DEAD: errno that stands behind the stand-in's ECONNRESET or ECONNREFUSED, or 0 */
	uint16_t local_size;         /* DEAD: of local; 0: none */
	uint32_t backlog;
	uint32_t peer;               /* PAIR: the other end, 0 when closed */
	uint32_t log, log_size, log_room; /* blob of options that cannot be read back from a kernel (sockopt.c), or 0 */
	int64_t  timeout_ns[2];      /* SO_RCVTIMEO, SO_SNDTIMEO; 0: none */
	uint32_t pending_first, pending_last; /* LISTENING: connections accepted by rt_io_freeze; served before the host's */
	uint32_t pending_next;       /* link in that list */
	uint32_t listen_id;          /* LISTENING: this time it listens, never 0 */
	uint32_t origin, origin_id;  /* a connection that was accepted: its listener, and that one's listen_id */
	uint16_t settings;           /* LISTENING: how often its options were set. A connection: its listener's number then */
	uint8_t  settings_own;       /* a connection: its options may not be its listener's */
	uint8_t  settings_late;      /* LISTENING: its options were changed while it listened */
	uint8_t  remote[28];         /* CONNECTING: where to. DEAD: the local name */
};

struct rt_io_ofd {
	uint8_t  kind;               /* enum rt_io_kind */
	uint8_t  device;             /* DEVICE: enum rt_io_device */
	uint8_t  made_again;         /* host side replaced by rt_io_thaw: to be watched anew */
	uint8_t  claim;              /* enum rt_io_claim */
	uint8_t  inherited;          /* inherit.c made it: other processes may share it */
	uint32_t refs;
	int32_t  host_fd;            /* -1: none */
	uint32_t status;             /* as F_GETFL reports: access mode and flags */
	uint32_t watches;            /* first watch on it */
	uint32_t frozen;             /* record of rt_io_freeze, or 0 */
	uint32_t next_free;
	int32_t  owner;              /* async.c: who is told, 0: nobody */
	int32_t  async_fd;           /* under which number O_ASYNC was asked for */
	uint8_t  owner_type, async_signal; /* F_OWNER_*; F_SETSIG */
	union {
		struct rt_io_file file;
		struct rt_io_dir dir;
		struct rt_io_virtual virt;
		struct rt_io_memory memory;
		struct rt_io_pipe pipe;
		struct rt_io_eventfd event;
		struct rt_io_timerfd timer;
		struct rt_io_signalfd signals;
		struct rt_io_mqueue mqueue;
		struct rt_io_epoll epoll;
		struct rt_io_socket socket;
	};
};

struct rt_io_fd { uint32_t ofd; uint32_t flags; };   /* flags: FD_CLOEXEC */

extern struct rt_io_ofd rt_io_ofds[RT_IO_OFD_MAX];
extern struct rt_io_fd rt_io_fds[RT_IO_FD_MAX];
extern uint32_t rt_io_ofd_end;                       /* descriptions in use lie below it */

/* ---- table.c ---------------------------------------------------------------------------------------------- */
/* The lock of all tables of descriptors, a struct rt_lock: held across nothing that may fault, leave the enclave or park. */
void rt_io_lock(void);
/* By who holds it. */
void rt_io_unlock(void);

static inline uint32_t rt_io_index(const struct rt_io_ofd *ofd) { return (uint32_t)(ofd - rt_io_ofds); }

/* ---- inherit.c: descriptors above 2 that the process was started with -------------------------------------- */
extern uint32_t rt_io_inherited_count;               /* such numbers that nobody has used yet */
/* Makes the description of one, NULL if `fd` is none. Context: not under the lock. */
struct rt_io_ofd *rt_io_inherit(uint64_t fd);
/* Is it such a number that nobody has used yet? */
bool rt_io_inherited(uint64_t fd);
/* @bits: OM_INHERITED_MAX of them: which descriptors were open at the start. Trust: the host's word. */
void rt_io_inherit_boot(const uint64_t *bits);
/* Before a migration: those that can move become descriptions, used or not. */
void rt_io_inherit_settle(void);
/* On a destination: the others are not there. */
void rt_io_inherit_forget(void);
void rt_io_number_reserve(uint32_t number);          /* table.c: taken, with nothing behind it yet */
/* A number that was reserved is free again. */
void rt_io_number_release(uint32_t number);

/* The description behind fd with one more reference, or NULL. Not under the lock. */
struct rt_io_ofd *rt_io_refer(uint64_t fd);
/* The description behind fd, or NULL. Not under the lock. No reference is taken: descriptions live in a static table, so a racing close
 * leads to a host error or another description's answer, as it would between threads of any program. */
static inline struct rt_io_ofd *rt_io_get(uint64_t fd)
{
	uint32_t index = fd < RT_IO_FD_MAX ? __atomic_load_n(&rt_io_fds[fd].ofd, __ATOMIC_ACQUIRE) : 0;

	if (index)
		return &rt_io_ofds[index];
	return rt_io_inherited_count ? rt_io_inherit(fd) : NULL;
}

/* New description with one reference, or NULL. `host_fd` may be -1. */
struct rt_io_ofd *rt_io_ofd_new(enum rt_io_kind kind, int32_t host_fd, uint32_t status);
/* Drop one reference; the last one closes the host side. */
void rt_io_ofd_put(struct rt_io_ofd *ofd);
/* Give it the lowest free number >= least. Takes over the caller's reference. Return: the number, or -EMFILE and then
 * the reference is dropped. */
long rt_io_install(struct rt_io_ofd *ofd, uint32_t least, uint32_t fd_flags);
/* For calls that create on the host: description and number in one, closing host_fd on failure. */
long rt_io_install_host(enum rt_io_kind kind, long host_fd, uint32_t status, uint32_t fd_flags, struct rt_io_ofd **ret_ofd);
/* True if a number is free, so that a call that would create a descriptor may begin. */
bool rt_io_room(uint32_t count);
/* close() by the program. Return: 0, -EBADF, or what a last commit of an encrypted file says. */
long rt_io_close(uint64_t fd);
/* F_SETFL. */
long rt_io_set_status(struct rt_io_ofd *ofd, uint32_t status);
rt_syscall_fn rt_io_ioctl;                           /* ioctl.c */
/* Lowest number that refers to it, or -1; slow, for messages. */
int32_t rt_io_number_of(const struct rt_io_ofd *ofd);

/* ---- results of the host --------------------------------------------------------------------------------- */
/* A length may not exceed what was asked. */
static inline long rt_io_checked(long result, size_t asked)
{
	if (result > 0 && (size_t)result > asked)
		rt_fatal(OM_EHOST, "host returned more bytes than asked for");
	return result;
}
/* A call that returns only 0 or an error. */
static inline long rt_io_zero(long result)
{
	if (result > 0)
		rt_fatal(OM_EHOST, "host returned a value where only 0 is possible");
	return result;
}
static inline long rt_io_checked_fd(long result)
{
	if (result > 0x3fffffff)
		rt_fatal(OM_EHOST, "host returned an impossible descriptor");
	return result;
}
/* Two descriptors that a call has written, as pipe2 does. Success means that both are there. */
static inline void rt_io_get_pair(uint64_t untrusted, int32_t ret_fd[2])
{
	int32_t fd[2];

	rt_ub_get(fd, (void *)untrusted, sizeof fd);
	if (fd[0] < 0 || fd[1] < 0 || fd[0] > 0x3fffffff || fd[1] > 0x3fffffff)
		rt_fatal(OM_EHOST, "host returned an impossible pair of descriptors");
	ret_fd[0] = fd[0];
	ret_fd[1] = fd[1];
}
/* Closes a descriptor of the host's; -1 is none. Errors are nobody's business: the number is free either way. */
void rt_io_host_close(int32_t host_fd);
/* Copies `size` bytes into new space of the transfer buffer; 0 if they do not fit. */
uint64_t rt_io_ub_copy(const void *trusted, size_t size);
/* `size` bytes of the transfer buffer; 0 if they do not fit. */
uint64_t rt_io_ub_space(size_t size);

/* Anything of a file may have been written by the program: mappings show it. */
static inline void rt_io_file_changed(const struct rt_io_ofd *ofd)
{
	rt_mapped_written(ofd->file.device, ofd->file.inode, 0, INT64_MAX / 2);
}

static inline bool rt_io_blocking(const struct rt_io_ofd *ofd) { return !(ofd->status & O_NONBLOCK); }

/* ---- span.c: a list of application buffers ----------------------------------------------------------------- */
struct rt_io_span {
	uint64_t base, size;         /* what is left of the present element */
	uint64_t next;               /* application address of the next struct iovec */
	uint32_t count;              /* elements at `next` */
	uint64_t total;              /* bytes left */
};
/* One buffer. Nothing is looked at yet: faults come where it is used. */
void rt_io_span_one(struct rt_io_span *span, uint64_t base, uint64_t size);
/* An array of struct iovec, whose sizes are summed up now. Return: 0, -EINVAL (too many, too large), -EFAULT. */
long rt_io_span_iov(struct rt_io_span *span, uint64_t iov, uint64_t count);
/* What is in front, in one piece, at most as much as is left: for a caller that writes there itself, and skips it then. */
long rt_io_span_front(struct rt_io_span *span, uint64_t *ret_base, uint64_t *ret_size);
/* Passes over `size` bytes, at most span->total. Return, as of the four that follow: 0 or -EFAULT. */
long rt_io_span_skip(struct rt_io_span *span, uint64_t size);
/* From the application's buffers into the transfer buffer. */
long rt_io_span_to_ub(struct rt_io_span *span, uint64_t untrusted, uint64_t size);
/* The other way. Trust: what lies there is the host's. */
long rt_io_span_from_ub(struct rt_io_span *span, uint64_t untrusted, uint64_t size);
/* From the runtime's memory into the application's buffers. */
long rt_io_span_put(struct rt_io_span *span, const void *trusted, uint64_t size);
/* The other way. */
long rt_io_span_get(struct rt_io_span *span, void *trusted, uint64_t size);

/* ---- blob.c: small resident memory ---------------------------------------------------------------------------- */
void rt_io_attest_forget(void);                       /* the process' keys: the program is gone for good */
void rt_io_blob_clear(void);                          /* all of them, likewise */
uint32_t rt_io_blob_new(uint32_t size);              /* 0: none left */
/* Wiped, and free again. @size: as it was asked for; blob 0 is none. */
void rt_io_blob_free(uint32_t blob, uint32_t size);
/* Its memory; it stays where it is. */
void *rt_io_blob_at(uint32_t blob);
/* The arena of rt_io_freeze: emptied at its start, records are found by their offset (never 0). */
void rt_io_frozen_reset(void);
/* Zeroes what a migration left there, unless it is more than `limit` bytes: the next one would send it again. */
void rt_io_frozen_clear(uint32_t limit);
/* `size` bytes of that arena. Return: an offset, or 0: no room. */
uint32_t rt_io_frozen_new(uint64_t size);
/* Bytes that are left of it. */
uint64_t rt_io_frozen_left(void);
/* Memory of a record, valid until the next freeze. */
void *rt_io_frozen_at(uint32_t offset);

/* ---- path.c ---------------------------------------------------------------------------------------------- */
struct rt_io_path {
	uint64_t host_dir;           /* argument for the host's *at call */
	uint64_t untrusted;          /* the string in the transfer buffer */
	enum om_launch_verdict verdict; /* of the image's lists; OM_LAUNCH_IS_ALLOWED if they say nothing of files */
	uint32_t trusted;            /* OM_LAUNCH_IS_TRUSTED: which one */
	uint32_t vault;              /* OM_LAUNCH_IS_ENCRYPTED, by descriptor: 1 + its slot, else 0 */
	char     text[LX_PATH_MAX];  /* as the program means it: the host's name may be another (procself.c) */
	char     real[LX_PATH_MAX];  /* while the lists say something: the name that was judged; "": none */
};
/* What for: to look at it, to change it or what is there, or to open it, which the caller judges further (rules.h). */
enum rt_io_want { RT_IO_LOOK, RT_IO_CHANGE, RT_IO_OPEN };
/* Copies a path in, and asks the image's lists. `text` is absolute if it is relative to the working directory; the host gets it with that
 * directory, or while the lists say something the name that was judged. */
long rt_io_path(uint64_t dirfd, uint64_t app_path, enum rt_io_want want, struct rt_io_path *ret_path);
/* Joins a relative path to the working directory. Return: length or -ENAMETOOLONG. */
long rt_io_absolute(const char *relative, char *ret_path, size_t size);
/* Asks the host where the process is. A name that makes no sense is "/". */
void rt_io_cwd_boot(void);
/* The working directory's name as it is now. May call the host. Valid until the next call. */
const char *rt_io_cwd(void);
/* Asks the host for its name: somebody may have given it another. */
void rt_io_cwd_follow(void);
/* On a destination: the directory of that name, or none. */
void rt_io_cwd_rebuild(void);
/* The host's descriptor of it is given up. */
void rt_io_cwd_close(void);
/* Path of a host descriptor as the host's kernel sees it. Return: length without NUL or negative errno. */
long rt_io_host_path(int32_t host_fd, char *ret_path, size_t size);

/* ---- rw.c ------------------------------------------------------------------------------------------------ */
/* SIGPIPE for the calling thread. */
void rt_io_broken_pipe(struct rt_thread *t);

/* ---- file.c: fsync, or fdatasync -------------------------------------------------------------------------------- */
/* Return: 0 or a negative errno. @data_only: fdatasync. */
long rt_io_sync(uint64_t fd, bool data_only);

/* ---- position.c: where a regular file goes on; -errno is the host's ----------------------------------------------- */
/* Claims the next `size` bytes. False: the host has the position. */
bool rt_io_position_take(struct rt_io_ofd *ofd, uint64_t size, int64_t *ret_offset);
/* Of the `size` bytes claimed at `offset` only `done` were read or written. */
void rt_io_position_correct(struct rt_io_ofd *ofd, int64_t offset, uint64_t size, uint64_t done);
/* From here on the host has it. Any kind of description; nothing to do but for a regular file. Return: 0 or -errno. */
long rt_io_position_give(struct rt_io_ofd *ofd);
/* Whoever has it. */
int64_t rt_io_position_get(const struct rt_io_ofd *ofd);
/* Where a seek in something of this size leads to from `position`, or a negative errno. Holes: there are none before the end. */
int64_t rt_io_seek_target(int64_t offset, uint32_t whence, int64_t position, int64_t size);
/* lseek on what has a host descriptor. */
long rt_io_position_seek(struct rt_io_ofd *ofd, int64_t offset, uint32_t whence);

/* ---- lock.c: record locks ---------------------------------------------------------------------------------- */
/* fcntl's F_SETLK, F_SETLKW, F_GETLK and those of OFD. @app: struct flock. Return: 0 or a negative errno; may park, as rt_host_wait. */
long rt_io_lock_call(struct rt_thread *t, struct rt_io_ofd *ofd, uint32_t command, uint64_t app);
/* A descriptor of the file is being closed: POSIX drops the process' locks. */
void rt_io_lock_number_closed(const struct rt_io_ofd *ofd);
void rt_io_lock_ended(const struct rt_io_ofd *ofd);          /* of the description itself: OFD locks */
/* The host has closed a descriptor of that file, and has dropped all locks with it: those that the program still has are taken
 * again. One that somebody else has got meanwhile is lost, and told. Context: without the lock of io; calls the host. */
void rt_io_lock_host_closed(const struct rt_io_file *file);
int  rt_io_lock_release_all(void);                   /* freeze: give them up on the host, remember them */
int  rt_io_lock_take_all(char *words, size_t size);  /* thaw, rebuild */

/* ---- async.c: O_ASYNC and owners ------------------------------------------------------------------------------- */
/* fcntl's F_SETOWN ... F_GETSIG. */
long rt_io_async_call(struct rt_io_ofd *ofd, uint32_t command, uint64_t argument);
/* FIOSETOWN, SIOCSPGRP and their answers. @app: an int. */
long rt_io_async_ioctl(struct rt_io_ofd *ofd, bool set, uint64_t app);
/* Before O_ASYNC is set on the host's side. */
long rt_io_async_begin(struct rt_io_ofd *ofd);
struct rt_io_words;
/* When a host side has been made anew, before the program runs: its owner and O_ASYNC. 0 or OM_EHOSTSTATE. */
int rt_io_reapply_async(struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- procfs.c: files and devices made inside ------------------------------------------------------------------ */
enum rt_io_device { RT_IO_DEV_NULL = 1, RT_IO_DEV_ZERO, RT_IO_DEV_FULL, RT_IO_DEV_RANDOM };
struct rt_io_words;
typedef void rt_io_make_fn(struct rt_io_words *words, const struct rt_thread *about);
/* Opens what is answered inside. True: *ret is the result of open. */
bool rt_io_virtual_open(const char *path, uint32_t flags, long *ret);
/* Is it one of them, of those outside of /proc/self? */
bool rt_io_virtual_named(const char *path);
/* A new description and number; takes over the content's blob. */
long rt_io_virtual_new(struct rt_io_virtual content, uint32_t status, uint32_t flags);
/* A text; `content` says whose. */
long rt_io_virtual_made(rt_io_make_fn *make, const struct rt_thread *about, struct rt_io_virtual content, uint32_t flags);
/* A new description and number of /dev/null and its kin. Return: the number or a negative errno. */
long rt_io_device_open(enum rt_io_device device, uint32_t flags);
/* read or pread (offset >= 0) of a text. */
long rt_io_virtual_give(struct rt_io_ofd *ofd, const void *text, uint64_t size, struct rt_io_span *span, int64_t offset);
/* read, or pread if `offset` is not negative, of what is made inside. Return: bytes, 0 at the end, or a negative errno. */
long rt_io_virtual_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* write, or pwrite likewise. */
long rt_io_virtual_write(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);

/* ---- proctext.c, procself.c: /proc/self. True: the name is of that tree, and *ret is the call's result ------------- */
rt_io_make_fn rt_io_make_stat, rt_io_make_statm, rt_io_make_status, rt_io_make_comm, rt_io_make_maps, rt_io_make_smaps,
	rt_io_make_smaps_rollup, rt_io_make_limits;
/* What /proc/self/exe says. */
const char *rt_io_program_path(void);
/* Has it a folder in /proc/self/task? */
bool rt_io_own_thread_shown(const struct rt_thread *t);
/* open, and in *ret its result. */
bool rt_io_own_open(const char *path, uint32_t flags, long *ret);
/* readlink: the text, of at most `size` bytes, without a NUL; *ret: its length. */
bool rt_io_own_link(const char *path, char *ret_text, size_t size, long *ret);
/* stat, or lstat if `follow` is false. */
bool rt_io_own_stat(const char *path, bool follow, struct stat *ret_stat, long *ret);
/* access: @mode: R_OK, W_OK, X_OK. */
bool rt_io_own_access(const char *path, uint32_t mode, long *ret);
/* For what lies behind a link: the host's name of it, in two parts. False: the name goes to the host as it is. */
bool rt_io_own_host_name(const char *path, char space[32], const char **ret_head, const char **ret_rest);
/* fstat of a description that is made inside. */
void rt_io_stat_inside(const struct rt_io_ofd *ofd, struct stat *ret_stat);
/* read or pread of a text of /proc/self, which is made at the first read. */
long rt_io_own_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* write: of `comm`, and of what may be written in /dev/attestation. */
long rt_io_own_write(struct rt_io_ofd *ofd, struct rt_io_span *span);
/* getdents64. */
long rt_io_own_list(struct rt_io_ofd *ofd, uint64_t app, uint64_t size);
/* A directory's name with '/' at its end. Return: its length, -ENOTDIR for what is no directory made inside. */
long rt_io_own_directory(const struct rt_io_ofd *ofd, char *ret_text, size_t size);

/* ---- socket.c, sockopt.c, message.c ---------------------------------------------------------------------------- */
/* Copies an address in; a UNIX name becomes absolute. Return: 0, -EINVAL, -EFAULT, -ENAMETOOLONG. */
long rt_io_sockaddr_in(uint64_t app, uint64_t size, uint8_t ret_address[LX_SOCKADDR_MAX], uint32_t *ret_size);
/* Gives the application an address that the host has written, cut off as Linux does; app 0: nobody asked. Trust: an impossible length ends the
 * enclave. */
long rt_io_sockaddr_out(uint64_t app, uint64_t app_size, uint64_t untrusted, uint64_t untrusted_size);
/* What the calls of io/ keep in syscall_scratch: bytes and messages done, and when a socket's own timeout is over. */
enum { RT_IO_SCRATCH_DONE, RT_IO_SCRATCH_MESSAGES, RT_IO_SCRATCH_DEADLINE };
/* Options that cannot be read back from a kernel, in the order in which they were set. */
struct rt_io_logged { int32_t level, name; uint32_t size; const uint8_t *value; };
/* The entry at *at, which begins with 0 and moves on. ret->value lies in the log: valid until that changes. False: no more. */
bool rt_io_log_next(const struct rt_io_ofd *ofd, uint32_t *at, struct rt_io_logged *ret);
/* Forgets all of them. */
void rt_io_log_free(struct rt_io_ofd *ofd);
/* SO_RCVTIMEO or SO_SNDTIMEO as it was set; 0: none. */
int64_t rt_io_option_timeout_ns(const struct rt_io_ofd *ofd, bool writing);
/* What a connection has from its listener and is known here. */
void rt_io_options_inherit(struct rt_io_ofd *ofd, const struct rt_io_ofd *listener);
/* Before a TCP socket listens (socket.c); `on` = false: it does not. */
void rt_io_keep_reusable(const struct rt_io_ofd *ofd, bool on);
/* A stand-in's error is not always the connection's. */
long rt_io_dead_error(struct rt_io_ofd *ofd, long error);
static inline bool rt_io_is_tcp(const struct rt_io_ofd *ofd)
{
	return (ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6) && ofd->socket.type == LX_SOCK_STREAM &&
		(ofd->socket.protocol == 0 || ofd->socket.protocol == LX_IPPROTO_TCP);
}
rt_syscall_fn rt_io_setsockopt, rt_io_getsockopt, rt_io_sendto, rt_io_recvfrom, rt_io_sendmsg, rt_io_recvmsg, rt_io_sendmmsg,
	rt_io_recvmmsg;
/* Connections accepted by rt_io_freeze that wait for accept, over all listeners. */
extern uint32_t rt_io_pending_total;
/* Of one listener: its waiting connections are reset. It listens no more. */
void rt_io_pending_reset(struct rt_io_ofd *listener);

/* ---- epoll.c ----------------------------------------------------------------------------------------------- */
struct rt_io_watch {
	uint32_t epoll, ofd;         /* descriptions; epoll == 0: free */
	uint32_t fd;                 /* number it was added under: part of its identity */
	uint32_t events;
	uint64_t data;               /* the application's */
	uint16_t life, arming;       /* tell a late event of an earlier use or arming from the present one */
	int32_t  host_dup;           /* own host descriptor when the description is watched twice, else -1 */
	uint8_t  spent;              /* EPOLLONESHOT: has fired since it was armed */
	uint8_t  absent;             /* the host does not know of it: what is spent need not be watched until it is armed again */
	uint8_t  twice;              /* needs a host_dup */
	uint8_t  due;                /* freeze: edge or one shot that the host had ready for the program */
	uint8_t  told;               /* of such connections, in this very call */
	uint32_t pending_seen;       /* EPOLLET: told about rt_io_freeze's accepted connections */
	uint32_t next_of_ofd, prev_of_ofd, next_of_epoll, prev_of_epoll;
};
/* All watches on a description, or of an epoll instance, go away with it. */
void rt_io_watches_drop(struct rt_io_ofd *ofd);
/* Does it hold a listener with connections that rt_io_freeze accepted, of which it has not told yet? */
bool rt_io_epoll_pending(const struct rt_io_ofd *epoll);
/* The host duplicates of what is made again. */
void rt_io_watch_dups_close(struct rt_io_ofd *ofd);
void rt_io_watch_dups_forget(void);                          /* they are numbers of another process */
/* Freeze: which edges and single shots are ready and not told yet. Asking takes them from the host; rt_io_epoll_thaw gives them
 * back, and watches again what rt_io_thaw made anew. */
int rt_io_epoll_freeze(struct rt_io_words *words);
/* Return, as of freeze: 0 or OM_EHOSTSTATE with words. */
int rt_io_epoll_thaw(struct rt_io_words *words);
/* A destination: everything is watched, nothing has been told. */
int rt_io_epoll_rearm(struct rt_io_words *words);
/* When all host sides are as they were: edges that the program had seen are not told again. */
void rt_io_epoll_settle(void);

/* ---- poll.c ------------------------------------------------------------------------------------------------ */
/* The host says now that one of these is so of its descriptor; false if it does not answer. Takes 8 bytes of the transfer buffer. */
bool rt_io_host_ready(const struct rt_io_ofd *ofd, int16_t events);
/* Milliseconds left, rounded up, for a timeout set once per call in t->deadline_ns; -1 for none. */
int rt_io_remaining_ms(struct rt_thread *t, int64_t timeout_ns);
/*
 * Before a socket call that may block: a call that is issued again waits only for what is left of SO_RCVTIMEO (`writing`:
 * SO_SNDTIMEO). Return: 0 to go on, -EAGAIN when that is over, -EINTR. May never return, as rt_host_wait.
 */
long rt_io_wait_again(struct rt_thread *t, const struct rt_io_ofd *ofd, bool writing);
/* 0 and *ret_ns (saturated), or -EINVAL. */
long rt_io_timeout_ns(const struct lx_timespec *timeout, int64_t *ret_ns);
/* The sigmask argument of ppoll, pselect6, epoll_pwait. */
long rt_io_mask(struct rt_thread *t, uint64_t app_mask, uint64_t size);

/* ---- event.c ------------------------------------------------------------------------------------------------ */
/* read of a timerfd: expirations of before a move are added to the first one after it. Return: 8 or a negative errno. */
long rt_io_timer_read(struct rt_io_ofd *ofd, struct rt_io_span *span);
/* On a destination: what is left of it runs on. Return: 0 or OM_EHOSTSTATE. */
int  rt_io_timer_arm(struct rt_io_ofd *ofd);

/* ---- memory.c ---------------------------------------------------------------------------------------------- */
/* Names in /dev/shm. True: it is one, and *ret the call's result. */
bool rt_io_memory_named(const char *path);
/* The process' umask, which is the host's. */
uint32_t rt_io_umask(void);
/* As open. */
bool rt_io_memory_open(const char *path, uint32_t flags, uint64_t mode, long *ret);
/* As unlink: who has it open keeps it. */
bool rt_io_memory_unlink(const char *path, long *ret);
/* As link. */
bool rt_io_memory_link(const char *from, const char *to, long *ret);
/* As stat. */
bool rt_io_memory_stat_name(const char *path, struct stat *ret_stat, long *ret);
/* A new description of the same. */
long rt_io_memory_again(const struct rt_io_ofd *ofd, uint32_t flags);
/* The last description of it is going. */
void rt_io_memory_closing(const struct rt_io_ofd *ofd);
/* read, or pread if `offset` is not negative. Return: bytes or a negative errno. */
long rt_io_memory_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* write, or pwrite likewise. Seals are kept. */
long rt_io_memory_write(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* lseek: the position or a negative errno. */
long rt_io_memory_seek(struct rt_io_ofd *ofd, int64_t offset, uint32_t whence);
/* ftruncate: 0 or a negative errno. */
long rt_io_memory_resize(struct rt_io_ofd *ofd, int64_t size);
/* fallocate: 0 or a negative errno. */
long rt_io_memory_allocate(struct rt_io_ofd *ofd, uint32_t mode, int64_t offset, int64_t size);
/* fcntl's F_ADD_SEALS (@add) and F_GET_SEALS. */
long rt_io_memory_seals(struct rt_io_ofd *ofd, bool add, uint64_t seals);
/* fchmod: 0 or a negative errno. */
long rt_io_memory_chmod(const struct rt_io_ofd *ofd, uint32_t mode);
/* fstat. */
void rt_io_memory_stat(const struct rt_io_ofd *ofd, struct stat *ret);
/* What readlink of its /proc/self/fd/N says. */
void rt_io_memory_link_text(const struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- signalfd.c -------------------------------------------------------------------------------------------- */
/* read of a signalfd: waits for the first signal, takes those that are there behind it. Return: bytes or a negative errno; may park. */
long rt_io_signalfd_read(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span);
/* The last description of it is going: it is told of no more signals. */
void rt_io_signalfd_closing(struct rt_io_ofd *ofd);

/* ---- mqueue.c ----------------------------------------------------------------------------------------------- */
/* The last description of it is going. */
void rt_io_mqueue_closing(const struct rt_io_ofd *ofd);
/* One of the numbers by which the program knows it is gone. */
void rt_io_mqueue_number_closed(const struct rt_io_ofd *ofd);
/* Somebody asks the host whether it is ready, now and perhaps again. */
void rt_io_mqueue_watch(struct rt_io_ofd *ofd);
/* read: of the text that Linux gives of a queue (QSIZE, NOTIFY, ...). Return: bytes, 0 at its end, or a negative errno. */
long rt_io_mqueue_read(struct rt_io_ofd *ofd, struct rt_io_span *span);
/* fstat. */
void rt_io_mqueue_stat(const struct rt_io_ofd *ofd, struct stat *ret);
/* What readlink of its /proc/self/fd/N says. */
void rt_io_mqueue_link_text(const struct rt_io_ofd *ofd, struct rt_io_words *words);

/* ---- words for people (words.c) ------------------------------------------------------------------------------ */
struct rt_io_words { char *text; size_t size, used; };
/* Appends text, as far as there is room. */
void rt_io_words_add(struct rt_io_words *words, const char *text);
/* ... a number in decimal digits. */
void rt_io_words_number(struct rt_io_words *words, uint64_t number);
/* ... in hexadecimal digits. */
void rt_io_words_hex(struct rt_io_words *words, uint64_t number);
/* ... the name, the number and the unit, with nothing between them: a line of /proc/self/status. */
void rt_io_words_line(struct rt_io_words *words, const char *name, uint64_t number, const char *unit);

#endif
