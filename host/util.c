/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and small helpers of the host side. Nothing here is called from a signal handler, or by a thread that is
 * inside the enclave.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "strerror.h"
#include "util.h"

static bool log_quiet, log_verbose;
static _Thread_local char reason[512];

void host_log_options(bool quiet, bool verbose)
{
	log_quiet = quiet;
	log_verbose = verbose;
}

bool host_log_verbose(void)
{
	return log_verbose;
}

/* One write per line, so that lines of several threads or processes do not mix. */
static void say(const char *format, va_list args)
{
	char line[1024];
	size_t used = (size_t)snprintf(line, sizeof line, "optmig: ");
	int added = vsnprintf(line + used, sizeof line - used - 1, format, args);

	if (added < 0)
		return;
	used += (size_t)added;
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	line[used++] = '\n';
	/* There is nowhere to report a stderr that cannot be written. */
	(void)!write(STDERR_FILENO, line, used);
}

#define SAY_IF(condition) do { \
	va_list args; \
	if (!(condition)) \
		return; \
	va_start(args, format); \
	say(format, args); \
	va_end(args); \
} while (0)

void host_error(const char *format, ...)
{
	SAY_IF(true);
}

void host_note(const char *format, ...)
{
	SAY_IF(!log_quiet);
}

void host_detail(const char *format, ...)
{
	SAY_IF(log_verbose);
}

int host_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof reason, format, args);
	va_end(args);
	return error;
}

const char *host_reason(void)
{
	return reason;
}

void host_error_cure(int error, const char *object)
{
	host_error("%s: %s", object, reason[0] ? reason : om_strerror(error));
	host_error("  %s", om_errcure(error));
	reason[0] = 0;
}

uint64_t host_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void host_pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

/* Levenshtein distance of short words, one row. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t length = strlen(b);

	if (length >= sizeof row / sizeof row[0])
		return 99;
	for (size_t j = 0; j <= length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; *a; a++, i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= length; j++) {
			unsigned best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

const char *host_did_you_mean(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)strlen(word) / 3 + 2;

	for (; *words; words++) {
		unsigned d = distance(word, *words);

		if (d < best)
			best = d, nearest = *words;
	}
	return nearest;
}

bool host_filtered(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
}

bool host_has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 && data[capability / 32].effective & 1u << capability % 32;
}

bool host_env_true(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0") && strcmp(value, "no") && strcmp(value, "off");
}

int host_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	char *end;
	uint64_t value;

	if (*text < '0' || *text > '9')
		return host_fail(OM_EINVAL, "\"%s\" is not a number", text);
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end || errno)
		return host_fail(OM_EINVAL, "\"%s\" is not a number", text);
	if (value < min || value > max)
		return host_fail(OM_EINVAL, "%s is not between %llu and %llu", text,
			(unsigned long long)min, (unsigned long long)max);
	*ret_value = value;
	return 0;
}

int host_write_all(int fd, const void *data, size_t size)
{
	const char *from = data;

	while (size > 0) {
		ssize_t done = write(fd, from, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return host_fail(OM_EIO, "write: %s", strerror(errno));
		from += done;
		size -= (size_t)done;
	}
	return 0;
}

int host_read_all(int fd, void *data, size_t size)
{
	char *to = data;

	while (size > 0) {
		ssize_t done = read(fd, to, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return host_fail(OM_EIO, "read: %s", strerror(errno));
		if (done == 0)
			return host_fail(OM_ETRUNCATED, "end of file");
		to += done;
		size -= (size_t)done;
	}
	return 0;
}

int host_thread_begin(void *(*main)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int code;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	code = pthread_create(&thread, &attributes, main, argument);
	pthread_attr_destroy(&attributes);
	return code;
}

void host_cond_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}
