/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image's lists of files (core/launch.h) and the calls that name or read files: between path.c, file.c, rw.c and
 *
 *   rules.c     what a name is, and what may be done with it
 *   trusted.c   reading what has been measured
 */
#ifndef OPTMIG_TRUSTED_RT_IO_RULES_H
#define OPTMIG_TRUSTED_RT_IO_RULES_H

#include "launch.h"
#include "rt/io/io.h"

/* ---- rules.c ---- */
/* Do the lists say anything of files? If not, nothing below is asked. */
bool rt_io_ruled(void);
/* The directory in which the program was started: absolute, normal. */
void rt_io_rules_boot(const char *directory);
/* That directory. Valid as long as the enclave. */
const char *rt_io_rules_start(void);
/* rt_io_path() from the copied string on. */
long rt_io_ruled_path(uint64_t dirfd, enum rt_io_want want, struct rt_io_path *path);
/* An absolute path that a UNIX socket is bound or connected to: made normal in place. Return: 0 or -EACCES. */
long rt_io_ruled_socket(char *path);
/* Before an open by the host: may it be opened so? Changes the flags that the host gets. */
long rt_io_ruled_flags(const struct rt_io_path *path, uint32_t *flags);
/* After it: is it of the right kind? */
long rt_io_ruled_found(const struct rt_io_path *path, uint32_t flags, const struct stat *stat);
/* What the lists know better than the host. */
void rt_io_ruled_stat(enum om_launch_verdict verdict, uint32_t trusted, struct stat *stat);
/* The name by which a directory or an O_PATH descriptor was opened, or NULL. */
const char *rt_io_named(const struct rt_io_ofd *ofd);
/* Keeps a copy of `name` with a new directory or O_PATH descriptor, which has none yet. Return: 0 or -ENOMEM. */
long rt_io_name(struct rt_io_ofd *ofd, const char *name);
/* The name of what /proc/self/fd/N leads to, where it is known inside: without NUL, or cut off. False: only the host knows. */
bool rt_io_known_name(const struct rt_io_ofd *ofd, struct rt_io_words *words);
/* Gives back what rt_io_name() has kept. A description without a name is fine. */
void rt_io_name_free(struct rt_io_ofd *ofd);

/* ---- trusted.c ---- */
static inline bool rt_io_trusted(const struct rt_io_ofd *ofd) { return ofd->kind == RT_IO_FILE && ofd->file.trusted; }
/* As its list says, whatever the host's file has. 0: it is no trusted file any more. */
int64_t rt_io_trusted_size(const struct rt_io_ofd *ofd);
/* Reads at `offset`, never less than is there. Return: bytes, -EIO if the host's file is another, -EFAULT. Empties the transfer buffer. */
long rt_io_trusted_read(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* The rest of the block at `offset`, at most `size` bytes of it, in the transfer buffer: their count, and where in *ret_untrusted. */
long rt_io_trusted_to_ub(const struct rt_io_ofd *ofd, int64_t offset, uint64_t size, uint64_t *ret_untrusted);
/* Says, once for each of a few files, what is wrong with the host's. */
void rt_io_trusted_complain(uint32_t trusted, const char *words);

/* As RT_TELL_ONCE of rt/internal.h. */
#define RT_IO_TELL_ONCE(words) do { \
	static RT_LOCAL bool told_; \
	if (!__atomic_exchange_n(&told_, true, __ATOMIC_RELAXED)) \
		rt_tell(words); \
} while (0)

#endif
