/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self (also as /proc/PID, /proc/thread-self, /dev/fd, /dev/std*): a small tree of names, decoded once for all calls.
 *
 *     self/  cmdline comm environ limits maps smaps smaps_rollup stat statm status      texts; comm may be written
 *            exe cwd root                                                               links into the host's files
 *            fd/N                                                                       links to descriptors
 *            task/TID/                                                                  the same for one thread
 *
 * and /dev/attestation (attestation.c), which has the program's own evidence.
 *
 * Between procname.c, which knows the tree, and procself.c, which does what is asked of a name in it.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_PROCSELF_H
#define OPTMIG_TRUSTED_RT_IO_PROCSELF_H

#include "rt/io/io.h"

enum rt_io_own_node {
	MISSING,                                             /* `error` says why */
	OWN, TASK, THREAD, FDS, ATTEST, ATTEST_KEYS, ATTEST_TLS, /* directories */
	TEXT, COMM, CMDLINE, ENVIRON,                        /* files */
	ATTEST_TYPE, ATTEST_DATA, ATTEST_TARGET, ATTEST_MY_TARGET, ATTEST_REPORT, ATTEST_QUOTE, ATTEST_CERT, ATTEST_KEY,
	ATTEST_SECRET,
	SELF, THREAD_SELF, EXE, CWD, ROOT, FD,               /* links */
};

struct rt_io_own {
	enum rt_io_own_node node;
	int error;
	int32_t tid;                 /* of a name below task/; 0: the process */
	uint32_t fd;                 /* or of a secret, its number */
	const char *name;
	rt_io_make_fn *make;
	const char *rest;            /* what follows a link's name: "" or "/..." */
};

struct rt_io_own_row { const char *name; enum rt_io_own_node node; rt_io_make_fn *make; };
#define RT_IO_OWN_ROWS 15u
extern const struct rt_io_own_row rt_io_own_rows[RT_IO_OWN_ROWS];   /* what is in a process' directory; task/ first */

#define RT_IO_ATTEST_ROWS 8u
#define RT_IO_TLS_ROWS 2u
extern const struct rt_io_own_row rt_io_attest_rows[RT_IO_ATTEST_ROWS], rt_io_tls_rows[RT_IO_TLS_ROWS];

static inline bool rt_io_own_is_directory(enum rt_io_own_node node) { return node >= OWN && node <= ATTEST_TLS; }
static inline bool rt_io_own_is_attest(enum rt_io_own_node node) { return node >= ATTEST_TYPE && node <= ATTEST_SECRET; }
static inline bool rt_io_own_is_link(enum rt_io_own_node node) { return node >= SELF; }

/* False: not ours. */
bool rt_io_own_decode(const char *path, struct rt_io_own *ret_own);
/* The name of the directory, or of the process' or thread's directory that the node is in. */
void rt_io_own_add_directory(struct rt_io_words *w, enum rt_io_own_node node, int32_t tid);
/* The application's thread, or NULL. */
struct rt_thread *rt_io_own_thread(uint64_t tid);
/* One behind the last slot that a thread of the application's may have. */
uint32_t rt_io_own_slots_end(void);

/* ---- attestation.c ---- */
/*
 * Opens a file of /dev/attestation; what it shows is made now, and stays as it is while it is open, but for those that can be
 * written. @flags: open's. Return: a descriptor, or -errno; -EACCES: it cannot be opened for writing; and what refuses to make
 * it. May call the host.
 */
long rt_io_attest_open(const struct rt_io_own *own, uint32_t flags);
/* user_report_data and target_info, which programs write before they read what is made of them. */
bool rt_io_attest_writable(enum rt_io_own_node node);
/* Of one that is open. */
uint64_t rt_io_attest_size(const struct rt_io_ofd *ofd);
/* Of files that are writable. */
long rt_io_attest_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* Writes at the description's position. At the beginning it replaces all of the content, zeros behind what is given; what lies
 * behind its end is dropped. Return: all of the bytes, or -EFAULT, and nothing has changed. */
long rt_io_attest_write(struct rt_io_ofd *ofd, struct rt_io_span *span);

#endif
