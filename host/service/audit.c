/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of what was judged of other machines: one JSON object a line, only ever appended. Each line has the SHA-256 of the line before it, so
 * no line can be taken out or altered without altering all lines after it. Who keeps the last hash elsewhere sees a cut as well. `optmig unit audit`
 * checks that.
 *
 * Where the file system and our rights allow it, the kernel lets nobody write but at the end (chattr +a).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "crypto/sha256.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define LINE_MAX_BYTES 65536u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char path[RECORD_PATH_MAX + 32], previous[2 * OM_SHA256_SIZE + 1];
static json_int_t last_number;
static int fd = -1;

static void hash(const char *line, size_t size, char ret[sizeof previous])
{
	uint8_t bytes[OM_SHA256_SIZE];

	om_sha256(line, size, bytes);
	for (unsigned i = 0; i < sizeof bytes; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

/* Where the last line says nothing. */
static json_int_t count_lines(void)
{
	json_int_t lines = 0;
	char part[4096];
	off_t at = 0;
	ssize_t got;

	for (; (got = pread(fd, part, sizeof part, at)) > 0; at += got)
		for (ssize_t i = 0; i < got; i++)
			lines += part[i] == '\n';
	return lines;
}

/* The file's last line; one that a crash has cut short is ended, and is the one before all the same. */
static int read_last(void)
{
	char *text = malloc(LINE_MAX_BYTES), *line;
	const off_t size = lseek(fd, 0, SEEK_END), from = size > LINE_MAX_BYTES - 1 ? size - LINE_MAX_BYTES + 1 : 0;
	ssize_t got = text && size >= 0 ? pread(fd, text, LINE_MAX_BYTES - 1, from) : -1;
	json_t *entry;

	if (got > 0 && text[got - 1] != '\n' && write(fd, "\n", 1) != 1)
		got = -1;
	if (got < 0) {
		free(text);
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	}
	while (got > 0 && text[got - 1] == '\n')
		got--;
	text[got] = 0;
	line = got > 0 ? strrchr(text, '\n') : NULL;
	line = line ? line + 1 : text;
	if (got > 0) {
		hash(line, strlen(line), previous);
		entry = json_loads(line, 0, NULL);
		last_number = entry ? json_integer_value(json_object_get(entry, "number")) : count_lines();
		json_decref(entry);
	}
	free(text);
	return 0;
}

int audit_open(const char *given)
{
	struct stat status;
	int flags = 0;

	if (given)
		snprintf(path, sizeof path, "%s", given);
	else
		snprintf(path, sizeof path, "%s/.audit.jsonl", service.keep);
	memset(previous, '0', sizeof previous - 1);
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0 || fstat(fd, &status))
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return host_fail(OM_EINVAL, "--audit %s is no file", path);
	if (read_last())
		return OM_EIO;
	/* Tests' and users' directories are cleared by whoever made them. */
	if (!given && record_usual(NULL) && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_APPEND_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags); /* else its mode and the chain are what there is */
	}
	return 0;
}

void audit_write(json_t *entry)
{
	char when[64], *line, *whole;
	const time_t now = time(NULL);
	struct tm tm;
	size_t size;

	pthread_mutex_lock(&lock);
	if (gmtime_r(&now, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_object_set_new(entry, "time", json_string(when));
	json_object_set_new(entry, "number", json_integer(last_number + 1));
	json_object_set_new(entry, "previous", json_string(previous));
	line = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(entry);
	size = line ? strlen(line) : 0;
	whole = line && size < LINE_MAX_BYTES - 1 ? realloc(line, size + 2) : NULL;
	if (whole) {
		whole[size] = '\n';
		if (write(fd, whole, size + 1) != (ssize_t)(size + 1) || fdatasync(fd)) {
			host_error("audit: %s: %s", path, strerror(errno));
		} else {
			hash(whole, size, previous);
			last_number++;
		}
	}
	free(whole ? whole : line);
	pthread_mutex_unlock(&lock);
}
