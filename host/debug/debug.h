/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a program in a debug image: where it died, which system calls it makes, what its functions are called. docs/debugging.md is
 * for users. A production image refuses all of it: its enclave says nothing, and its memory cannot be read.
 */
#ifndef OPTMIG_HOST_DEBUG_DEBUG_H
#define OPTMIG_HOST_DEBUG_DEBUG_H

#include <stdbool.h>
#include "hostcall.h"
#include "load/enclave.h"

/* Return: 0, or OM_EDEBUG with words, for whom `wish` is refused. */
__attribute__((warn_unused_result))
int debug_image_only(const struct host_enclave *enclave, const char *wish);

/* OM_HC_DEATH (death.c): the program's frames, to standard error, if the signal is a mistake's, or all is to be said. */
void debug_death(const struct host_enclave *enclave, const struct om_death *death);

/* /tmp/perf-PID.map, by which perf names functions in memory without a file (perfmap.c). Return: OM_EDEBUG, OM_EIO, OM_EIMAGE. */
__attribute__((warn_unused_result))
int debug_perf_map(const struct host_enclave *enclave);

/* ---- gdb (tracer.c) ---------------------------------------------------------------------------------------------- */

/* Says on `fd` that the enclave stands, and waits for a debugger. Return: OM_EDEBUG, OM_EIO. */
__attribute__((warn_unused_result))
int debug_wait(const struct host_enclave *enclave, int fd);
/* SIGINT has come, and gdb is there: it was meant for gdb, and is a trap now. False: it is the program's. */
bool debug_interrupt(const struct host_enclave *enclave);

/* ---- system calls (trace.c) -------------------------------------------------------------------------------------- */

/* To this file, or standard error if NULL; `times`: with the time of day at their begin, and how long they took. Before the enclave is
 * loaded, with OM_BOOT_TRACE. Return: OM_EIO. */
__attribute__((warn_unused_result))
int debug_trace_begin(const char *path, bool times);
/* OM_HC_TRACE of the slot's thread. Context: any thread. */
void debug_trace(uint32_t slot, const struct om_trace *trace);
/* The process ends, by this status or signal: calls that have not ended, and the last line. */
void debug_trace_end(int status, int signo);

#endif
