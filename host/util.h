/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every host-side tool shares: messages to people, time, small safe helpers.
 *
 * Messages go to stderr as "optmig: words". They are printed by the top of a tool, once, with cause and cure;
 * library code of host/ returns errors (OM_E*) and leaves words in host_reason().
 */
#ifndef OPTMIG_HOST_UTIL_H
#define OPTMIG_HOST_UTIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

/* Quiet drops notes, verbose adds details. OPTMIG_QUIET=1 and OPTMIG_VERBOSE=1 do the same for direct execution. */
void host_log_options(bool quiet, bool verbose);
/* Are details wanted? To be asked where they are dear to make. */
bool host_log_verbose(void);

__attribute__((format(printf, 1, 2))) void host_error(const char *format, ...);   /* always */
__attribute__((format(printf, 1, 2))) void host_note(const char *format, ...);    /* unless quiet */
__attribute__((format(printf, 1, 2))) void host_detail(const char *format, ...);  /* only if verbose */

/* "what: reason (error name); cure": the one message a failed tool prints. @error: OM_E*. */
void host_error_cure(int error, const char *object);

/* Words for the last failure of this thread: set by the function that fails, read by the one that reports. */
__attribute__((format(printf, 2, 3)))
int  host_fail(int error, const char *format, ...);      /* returns `error` */
/* Never NULL; "" before the first failure. Valid until this thread's next failure; host_error_cure() empties it. */
const char *host_reason(void);

/* CLOCK_MONOTONIC in nanoseconds: of this boot, never set, and it stands while the machine sleeps. */
uint64_t host_monotonic_ns(void);
/* Sleeps for about so many milliseconds; a signal ends it sooner. */
void host_pause_ms(unsigned ms);
/* For timed waits by CLOCK_MONOTONIC: the wall clock may be set meanwhile. */
void host_cond_init(pthread_cond_t *condition);
/* A thread that nobody waits for. Return: 0 or an errno. */
__attribute__((warn_unused_result))
int  host_thread_begin(void *(*main)(void *), void *argument);

/* The nearest of `words` (NULL-terminated) to `word`, or NULL if none is near. */
const char *host_did_you_mean(const char *word, const char *const *words);

/* Whether a seccomp filter decides about this process' system calls, as in most containers. */
bool host_filtered(void);

/* Whether this thread has it in force: CAP_*. */
bool host_has_capability(unsigned capability);

/* True for a variable that is set to anything but "", "0", "no", "off". */
bool host_env_true(const char *name);

/* Strict numbers: whole string, in range. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int host_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* All bytes or an error. Return: OM_EIO, OM_ETRUNCATED at the end of the file. */
__attribute__((warn_unused_result))
int host_write_all(int fd, const void *data, size_t size);
/* Reads again after EINTR, and waits for what has not come. Return: as above, with words. */
__attribute__((warn_unused_result))
int host_read_all(int fd, void *data, size_t size);

#endif
