/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by pid and start time, and files that appear whole. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "control/rundir.h"
#include "record.h"
#include "strerror.h"
#include "util.h"

#define STAT_MAX   1024
#define RECORD_MAX (1u << 20)
#define KEEP_OF_ROOT "/var/lib/optmig/service"

static char boot[40];

static void read_boot(void)
{
	const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, boot, 36) != 36)
		snprintf(boot, sizeof boot, "unknown");
	if (fd >= 0)
		close(fd);
}

const char *record_boot(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, read_boot);
	return boot;
}

/* proc(5): the third field is the state, the 22nd the start time; the name before them may have anything in it. */
bool record_process_get(pid_t pid, struct record_process *ret)
{
	char path[40], text[STAT_MAX], state, *at;
	unsigned long long start;
	ssize_t size;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size = read(fd, text, sizeof text - 1);
	close(fd);
	if (size <= 0)
		return false;
	text[size] = 0;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &start) != 2)
		return false;
	if (state == 'Z' || state == 'X')
		return false;
	*ret = (struct record_process){ pid, start };
	return true;
}

bool record_process_alive(const struct record_process *process)
{
	struct record_process now;

	return process->pid > 0 && record_process_get(process->pid, &now) && now.start_ticks == process->start_ticks;
}

int64_t record_process_since(const struct record_process *process)
{
	struct timespec real, since;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &since);
	return real.tv_sec - since.tv_sec + (int64_t)(process->start_ticks / (uint64_t)sysconf(_SC_CLK_TCK));
}

json_t *record_process_json(const struct record_process *process)
{
	return json_pack("{sI sI}", "pid", (json_int_t)process->pid, "start", (json_int_t)process->start_ticks);
}

void record_process_read(const json_t *object, struct record_process *ret)
{
	const json_int_t pid = json_integer_value(json_object_get(object, "pid")), start = json_integer_value(json_object_get(object, "start"));

	*ret = (struct record_process){ pid > 0 && pid < 1 << 30 ? (pid_t)pid : 0, (uint64_t)start };
}

/* Whole on the disk, then seen, then seen after a crash as well. */
static int put(const char *directory, const char *name, const char *text)
{
	char path[RECORD_PATH_MAX + 80], unready[RECORD_PATH_MAX + 120];
	int fd, folder, error;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	snprintf(unready, sizeof unready, "%s.new.%d.%lx", path, (int)gettid(), (unsigned long)host_monotonic_ns());
	fd = open(unready, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", unready, strerror(errno));
	error = host_write_all(fd, text, strlen(text));
	if (!error && fsync(fd))
		error = host_fail(OM_EIO, "%s: %s", unready, strerror(errno));
	close(fd);
	if (!error && rename(unready, path))
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (error) {
		unlink(unready);
		return error;
	}
	folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		(void)fsync(folder); /* a record that a crash of the machine takes away is one of a program that it took as well */
		close(folder);
	}
	return 0;
}

int record_write(const char *directory, const char *name, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	int error;

	json_decref(object);
	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	error = put(directory, name, text);
	free(text);
	return error;
}

int record_read(const char *directory, const char *name, json_t **ret)
{
	char path[RECORD_PATH_MAX + 80];
	json_error_t problem;
	json_t *object;
	char *text;
	ssize_t size;
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	text = fd >= 0 ? malloc(RECORD_MAX) : NULL;
	size = text ? read(fd, text, RECORD_MAX) : -1;
	if (fd >= 0)
		close(fd);
	object = size > 0 && (size_t)size < RECORD_MAX ? json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, &problem) : NULL;
	free(text);
	if (!json_is_object(object)) {
		json_decref(object);
		return host_fail(OM_ENOTFOUND, "%s: no such record", path);
	}
	*ret = object;
	return 0;
}

void record_remove(const char *directory, const char *name)
{
	char path[RECORD_PATH_MAX + 80];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	unlink(path);
}

int record_folder(const char *given, char *ret, size_t size)
{
	const char *own = given ? given : getenv("OPTMIG_SERVICE_STATE");
	char runtime[HOST_RUNDIR_MAX];
	int length, error = 0;

	if (own && *own) {
		length = snprintf(ret, size, "%s", own);
	} else {
		error = host_rundir(1, runtime, sizeof runtime);
		length = snprintf(ret, size, "%s-service", error ? "" : runtime);
	}
	if (error)
		return error;
	return length < 0 || (size_t)length >= size || *ret != '/' ? host_fail(OM_EINVAL, "the records' directory: a whole path of less than %zu bytes", size) : 0;
}

bool record_usual(const char *given)
{
	static const char *const names[] = { "OPTMIG_SERVICE_STATE", "OPTMIG_RUNTIME_DIR" };

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return false;
	}
	return !given;
}

/* Where STATE is elsewhere, so are other hosts' that share this machine's files: what is kept is never shared unless that is said. */
int record_keep(const char *given, const char *state, bool usual, char *ret, size_t size)
{
	const char *own = given ? given : getenv("OPTMIG_SERVICE_KEEP"), *home = getenv("HOME");
	int length;

	if (own && *own)
		length = snprintf(ret, size, "%s", own);
	else if (usual && geteuid() == 0)
		length = snprintf(ret, size, "%s", KEEP_OF_ROOT);
	else if (usual && home && *home == '/')
		length = snprintf(ret, size, "%s/.local/state/optmig/service", home);
	else
		length = snprintf(ret, size, "%s-keep", state);
	return length < 0 || (size_t)length >= size || *ret != '/' ? host_fail(OM_EINVAL, "the directory of what is kept: a whole path of less than %zu bytes", size) : 0;
}
