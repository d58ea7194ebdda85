/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig run --trace`: a line for each system call, as `strace -f` has them.
 *
 * A line begins when its call begins, so that a call that waits is seen to wait. If another thread has something to write meanwhile, the line ends
 * with "<unfinished ...>", and the call's rest comes as "<... NAME resumed>".
 *
 * All is under one lock, which is held while the program's memory is read. The program's threads wait for the lock only where they are outside anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "debug.h"
#include "decode.h"
#include "image.h"
#include "passrt.h"
#include "util.h"

#define NOBODY UINT32_MAX
#define COLUMN 39u           /* of the equal sign, as strace has it */

/* Of a slot: the call that has begun, if `call.event` is set. */
struct pending { struct om_trace call; unsigned shown; bool cut; uint64_t begin_ns; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static bool with_times;
static uint32_t open_line = NOBODY;              /* the slot whose line has no end yet */
static size_t written;                           /* how long that is */
static struct pending pending[OM_SLOTS_MAX];

int debug_trace_begin(const char *path, bool times)
{
	with_times = times;
	out = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0644) : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	return out < 0 ? host_fail(OM_EIO, "--trace: %s: %s", path ? path : "standard error", strerror(errno)) : 0;
}

/* Of the line that `t` ends in, which may have begun with what has been written. */
static size_t line_length(const struct text *t)
{
	const char *last = memrchr(t->at, '\n', t->used);

	return last ? (size_t)(t->at + t->used - last - 1) : written + t->used;
}

static void put(const struct text *t)
{
	written = line_length(t);
	/* There is nobody to tell that the list cannot be written. */
	(void)host_write_all(out, t->at, t->used);
}

static void add_prefix(struct text *t, int32_t tid)
{
	struct timespec now;
	struct tm tm;

	text_add(t, "%d ", tid);
	if (!with_times)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	text_add(t, "%02d:%02d:%02d.%06ld ", tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000);
}

/* The line that is open gets its end, unless it is this slot's. */
static void close_line(struct text *t, uint32_t slot)
{
	if (open_line == NOBODY || open_line == slot)
		return;
	text_add(t, " <unfinished ...>\n");
	pending[open_line].cut = true;
	open_line = NOBODY;
}

static void finish(struct text *t, struct pending *p, uint32_t slot, const int64_t *result)
{
	size_t length;

	close_line(t, slot);
	if (p->cut) {
		add_prefix(t, p->call.tid);
		text_add(t, "<... ");
		decode_name(p->call.nr, t);
		text_add(t, " resumed>");
	}
	if (result)
		(void)decode_arguments(&p->call, p->shown, result, t);
	text_add(t, ")");
	length = line_length(t);
	text_add(t, "%*s= ", length < COLUMN ? (int)(COLUMN + 1 - length) : 1, "");
	if (result)
		decode_result(&p->call, *result, t);
	else
		text_add(t, "?");
	if (with_times && result) {
		uint64_t ns = host_monotonic_ns() - p->begin_ns;

		text_add(t, " <%llu.%06llu>", (unsigned long long)ns / 1000000000, (unsigned long long)ns / 1000 % 1000000);
	}
	text_add(t, "\n");
	p->call.event = 0;
	open_line = NOBODY;
}

static void begin(struct text *t, struct pending *p, uint32_t slot, const struct om_trace *trace)
{
	/* Again after a stop: nothing has happened that the program knows of. */
	if (p->call.event && p->call.tid == trace->tid && p->call.nr == trace->nr && memcmp(p->call.arg, trace->arg, sizeof trace->arg) == 0)
		return;
	if (p->call.event)
		finish(t, p, slot, NULL);
	close_line(t, slot);
	*p = (struct pending) { .call = *trace, .begin_ns = host_monotonic_ns() };
	open_line = slot;
	add_prefix(t, trace->tid);
	decode_name(trace->nr, t);
	text_add(t, "(");
	p->shown = decode_arguments(trace, 0, NULL, t);
	if (trace->nr == OM_SYS_UNMAPSELF) {             /* on Linux these are two calls */
		text_add(t, ") = 0\n");
		add_prefix(t, trace->tid);
		text_add(t, "exit(0");
	}
	if (decode_is_last(trace->nr))
		finish(t, p, slot, NULL);
}

static void signal_line(struct text *t, uint32_t slot, const struct om_trace *trace)
{
	static const struct name codes[] = { { 0, "SI_USER" }, { 0x80, "SI_KERNEL" }, { (uint64_t)-1, "SI_QUEUE" }, { (uint64_t)-2, "SI_TIMER" },
		{ (uint64_t)-6, "SI_TKILL" }, { 0, NULL } };
	static const struct name faults[] = { { 1, "SEGV_MAPERR" }, { 2, "SEGV_ACCERR" }, { 0x80, "SI_KERNEL" }, { 0, NULL } };

	close_line(t, slot);
	add_prefix(t, trace->tid);
	text_add(t, "--- ");
	text_signal(t, trace->nr);
	text_add(t, " {si_signo=");
	text_signal(t, trace->nr);
	text_add(t, ", si_code=");
	text_name(t, trace->nr == 11 && (int64_t)trace->arg[0] > 0 ? faults : codes, trace->arg[0], false);
	if ((int64_t)trace->arg[0] > 0 && (int64_t)trace->arg[0] < 0x80)
		text_add(t, trace->arg[1] ? ", si_addr=%#llx" : ", si_addr=NULL", (unsigned long long)trace->arg[1]);
	else if ((int64_t)trace->arg[0] == 0 || (int64_t)trace->arg[0] == -6 || (int64_t)trace->arg[0] == -1)
		text_add(t, ", si_pid=%u, si_uid=%u", (uint32_t)trace->arg[1], (uint32_t)(trace->arg[1] >> 32));
	text_add(t, "} ---\n");
}

void debug_trace(uint32_t slot, const struct om_trace *trace)
{
	static struct text t;            /* under the lock: too large for the stacks of host threads */
	struct pending *p;

	if (out < 0 || slot >= OM_SLOTS_MAX)
		return;
	pthread_mutex_lock(&lock);
	t.used = 0;
	p = &pending[slot];
	switch (trace->event) {
	case OM_TRACE_CALL:
		begin(&t, p, slot, trace);
		break;
	case OM_TRACE_RESULT:
		if (p->call.event && p->call.nr == trace->nr)
			finish(&t, p, slot, &trace->result);
		break;
	case OM_TRACE_SIGNAL:
		if (p->call.event)
			finish(&t, p, slot, NULL);
		signal_line(&t, slot, trace);
		break;
	}
	put(&t);
	pthread_mutex_unlock(&lock);
}

void debug_trace_end(int status, int signo)
{
	static struct text t;

	if (out < 0)
		return;
	pthread_mutex_lock(&lock);
	t.used = 0;
	close_line(&t, NOBODY);
	for (uint32_t slot = 0; slot < OM_SLOTS_MAX; slot++)
		if (pending[slot].call.event) {
			add_prefix(&t, pending[slot].call.tid);
			text_add(&t, "<... ");
			decode_name(pending[slot].call.nr, &t);
			text_add(&t, " resumed>) = ?\n");
			put(&t);
			t.used = 0;
		}
	text_add(&t, "+++ ");
	if (signo) {
		text_add(&t, "killed by ");
		text_signal(&t, (uint64_t)signo);
		text_add(&t, " +++\n");
	} else
		text_add(&t, "exited with %d +++\n", status);
	put(&t);
	out = -1;
	pthread_mutex_unlock(&lock);
}
