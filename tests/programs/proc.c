/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program reads about itself in /proc/self. All that is printed must be the same inside an enclave and outside; what differs
 * from run to run (numbers of threads, inodes, sizes) is checked here instead.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TEXT_MAX 65536

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s (errno %d)\n", __LINE__, #c, errno); failures++; } } while (0)

extern char **environ;
static char text[TEXT_MAX];

/* The whole file into `text`, with a NUL behind it; its length or -1. */
__attribute__((format(printf, 1, 2))) static ssize_t slurp(const char *format, ...)
{
	char name[256];
	va_list list;
	ssize_t got, all = 0;
	int fd;

	va_start(list, format);
	vsnprintf(name, sizeof name, format, list);
	va_end(list);
	text[0] = 0;
	fd = open(name, O_RDONLY);
	if (fd < 0)
		return -1;
	while ((got = read(fd, text + all, (size_t)(TEXT_MAX - 1 - all))) > 0)
		all += got;
	close(fd);
	text[all] = 0;
	return all;
}

/* The C libraries have different words for them. */
static const char *error_name(int code)
{
	static const struct { int code; const char *name; } codes[] = { { ENOENT, "ENOENT" }, { EACCES, "EACCES" }, { ENOTDIR, "ENOTDIR" },
		{ EISDIR, "EISDIR" }, { EINVAL, "EINVAL" }, { ENXIO, "ENXIO" }, { ESRCH, "ESRCH" }, { EBADF, "EBADF" } };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].name;
	return "another error";
}

/* Whoever started us may have left descriptors open. */
static void closefrom_3(void)
{
	for (int fd = 3; fd < 256; fd++)
		close(fd);
}

/* ---- threads and their names ---- */

static sem_t born, die;
static pid_t tid;
static void *waits(void *arg)
{
	tid = gettid();
	sem_post(&born);
	sem_wait(&die);
	return arg;
}

static void names(void)
{
	const struct iovec empty_first[2] = { { text, 0 }, { (char[]){ "by vector" }, 9 } };
	pthread_t thread;
	char name[32];
	int fd;

	sem_init(&born, 0, 0);
	sem_init(&die, 0, 0);
	CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
	sem_wait(&born);
	CHECK(prctl(PR_SET_NAME, "the first") == 0);
	slurp("/proc/self/comm");
	printf("own %s", text);
	slurp("/proc/self/task/%d/comm", tid);
	CHECK(strncmp(text, "proc", 4) == 0); /* inherited from before it was renamed */
	CHECK(pthread_setname_np(thread, "another") == 0 && pthread_getname_np(thread, name, sizeof name) == 0);
	printf("another %s, ", name);
	slurp("/proc/%d/task/%d/comm", getpid(), tid);
	printf("%s", text);
	CHECK(pthread_setname_np(thread, "longer than fifteen") == ERANGE && pthread_getname_np(thread, name, 3) == ERANGE);
	CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
	printf("own still %s\n", name);

	fd = open("/proc/self/comm", O_RDWR);
	CHECK(fd >= 0 && write(fd, "0123456789abcdefghij", 20) == 20);
	CHECK(pread(fd, text, sizeof text, 0) == 16);
	printf("cut %.16s", text);
	CHECK(pwrite(fd, "x", 1, 0) == -1 && errno == ESPIPE && write(fd, "a\\b\nc", 5) == 5);
	slurp("/proc/self/stat");
	printf("in stat %.*s, ", (int)(strchr(text, ')') - strchr(text, '(') + 1), strchr(text, '('));
	slurp("/proc/thread-self/status");
	printf("in status %.*s, ", (int)(strchr(text, '\n') - text), text);
	slurp("/proc/self/comm");
	printf("in comm %s", text);
	CHECK(writev(fd, empty_first, 2) == 9);
	CHECK(prctl(PR_GET_NAME, name) == 0);
	printf("then %s\n", name);
	close(fd);
	fd = open("/proc/self/comm", O_RDONLY);
	CHECK(write(fd, "x", 1) == -1 && errno == EBADF);
	close(fd);

	slurp("/proc/self/task/%d/stat", tid);
	CHECK(atoi(text) == tid && strstr(text, "(another)"));
	slurp("/proc/self/task/%d/status", tid);
	CHECK(strstr(text, "Name:\tanother\n") && strstr(text, "\nThreads:\t2\n"));
	fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
	snprintf(name, sizeof name, "%d/comm", tid);
	CHECK(faccessat(fd, name, W_OK, 0) == 0 && openat(fd, "1", O_RDONLY) == -1 && errno == ENOENT);
	close(fd);
	fd = openat(AT_FDCWD, (snprintf(text, sizeof text, "/proc/self/task/%d/comm", tid), text), O_RDWR);
	sem_post(&die);
	pthread_join(thread, NULL);
	for (int i = 0; i < 1000 && pread(fd, text, sizeof text, 0) >= 0; i++)
		usleep(1000); /* outside the thread may need a moment to be gone */
	CHECK(errno == ESRCH && write(fd, "x", 1) == -1 && errno == ESRCH);
	close(fd);
	CHECK(slurp("/proc/self/task/%d/comm", tid) == -1 && errno == ENOENT);
}

/* ---- directories ---- */

static int count_entries(DIR *dir, const char *want)
{
	int count = 0;

	for (struct dirent *e; (e = readdir(dir));)
		count += want ? strcmp(e->d_name, want) == 0 : e->d_name[0] != '.';
	return count;
}

static void directories(void)
{
	const char *const own[] = { ".", "..", "task", "fd", "exe", "cwd", "cmdline", "environ", "comm", "stat", "statm", "status", "maps",
		"smaps", "limits" };
	DIR *dir = opendir("/proc/self/task");
	char name[16];
	long where;

	snprintf(name, sizeof name, "%d", gettid());
	CHECK(dir && count_entries(dir, NULL) == 1);
	rewinddir(dir);
	CHECK(count_entries(dir, name) == 1);
	closedir(dir);
	dir = opendir("/proc/self");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		rewinddir(dir);
		CHECK(count_entries(dir, own[i]) == 1);
	}
	closedir(dir);
	dir = opendir("/proc/self/fd/");
	CHECK(readdir(dir) && readdir(dir));
	where = telldir(dir);
	printf("descriptors");
	for (struct dirent *e; (e = readdir(dir));)
		printf(" %s%s", e->d_name, e->d_type == DT_LNK ? "" : "?");
	seekdir(dir, where);
	printf(", again from %s\n", readdir(dir)->d_name);
	CHECK(read(dirfd(dir), text, 1) == -1 && errno == EISDIR);
	closedir(dir);
}

/* ---- descriptors ---- */

static char directory_name[] = "/tmp/optmig-proc-XXXXXX";

static const char *without_directory(const char *path)
{
	size_t length = strlen(directory_name);

	return strncmp(path, directory_name, length) == 0 ? path + length : path;
}

/* The link's text up to what changes from run to run. */
static void show_link(int fd)
{
	char name[64], target[4096];
	ssize_t length;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	length = readlink(name, target, sizeof target - 1);
	if (length < 0) {
		printf("  %d %s\n", fd, error_name(errno));
		return;
	}
	target[length] = 0;
	for (char *c = target; *c; c++)
		if (c[0] == '[' && c[1] >= '0' && c[1] <= '9')
			c[1] = 0;
	printf("  %d %s\n", fd, without_directory(target));
}

static void descriptors(void)
{
	char file[64], c, target[4096];
	struct stat a, b;
	int fd, pair[2], ends[2], again, directory;

	CHECK(mkdtemp(directory_name));
	snprintf(file, sizeof file, "%s/file", directory_name);
	fd = open(file, O_RDWR | O_CREAT, 0600);
	CHECK(write(fd, "content", 7) == 7);
	CHECK(open("/dev/null", O_RDWR) >= 0 && open("/proc/self/comm", O_RDONLY) >= 0 && pipe(ends) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && eventfd(0, 0) >= 0 && epoll_create1(0) >= 0 && open("/tmp", O_PATH) >= 0);
	directories();
	for (int i = fd; i < fd + 11; i++)
		if (i != fd + 2)
			show_link(i);
	CHECK(readlink("/proc/self/fd/5", target, sizeof target) == snprintf(file, sizeof file, "/proc/%d/comm", getpid()));
	CHECK(memcmp(target, file, strlen(file)) == 0);
	snprintf(file, sizeof file, "%s/file", directory_name);
	/* By name it is the same object, opened anew. */
	CHECK(stat("/proc/self/fd/3", &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_size == 7);
	CHECK(lstat("/proc/self/fd/3", &a) == 0 && S_ISLNK(a.st_mode));
	again = open("/proc/self/fd/3", O_RDONLY);
	CHECK(read(again, &c, 1) == 1 && c == 'c' && lseek(fd, 0, SEEK_CUR) == 7);
	close(again);
	again = open("/dev/fd/3", O_RDONLY);
	CHECK(read(again, &c, 1) == 1 && c == 'c');
	close(again);
	again = open("/proc/self/fd/4", O_RDWR); /* /dev/null */
	CHECK(again >= 0 && write(again, "x", 1) == 1 && read(again, &c, 1) == 0);
	close(again);
	again = open("/proc/self/fd/5", O_RDONLY); /* comm */
	CHECK(read(again, text, 100) == 10 && memcmp(text, "by vector\n", 10) == 0);
	close(again);
	CHECK(open("/proc/self/fd/8", O_RDWR) == -1);
	printf("a socket by name: %s\n", error_name(errno));
	CHECK(realpath("/proc/self/fd/3", target));
	printf("real path %s\n", without_directory(target));
	directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	CHECK(fstatat(directory, "3", &a, 0) == 0 && a.st_ino == b.st_ino && fstatat(directory, "77", &a, 0) == -1 && errno == ENOENT);
	CHECK(fstat(directory, &a) == 0 && S_ISDIR(a.st_mode) && fstatat(directory, "", &a, AT_EMPTY_PATH) == 0 && S_ISDIR(a.st_mode));
	CHECK(access("/proc/self/fd/3", R_OK) == 0 && access("/proc/self/fd/77", F_OK) == -1 && errno == ENOENT);
	CHECK(unlink(file) == 0 && rmdir(directory_name) == 0);
	show_link(fd);
	closefrom_3();
}

/* ---- what is refused, kinds and permissions ---- */

static void tried(const char *name, int flags)
{
	int fd = open(name, flags);

	printf("  open %s %s%s%s\n", name, flags & O_ACCMODE ? "to write " : "", flags & O_DIRECTORY ? "as directory " : "",
		fd < 0 ? error_name(errno) : "fine");
	if (fd >= 0)
		close(fd);
}

static void kinds(void)
{
	static const char *const files[] = { "self", "self/", "self/comm", "self/environ", "self/status", "self/smaps", "self/task", "self/fd",
		"self/nothing", "self/comm/below", "self/task/0/comm", "self/fd/x", "self/fd/-1" };
	char name[64];
	struct stat s;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(name, sizeof name, "/proc/%s", files[i]);
		if (lstat(name, &s))
			printf("  %s %s\n", files[i], error_name(errno));
		else
			printf("  %s %o %s, link %s\n", files[i], (unsigned)s.st_mode, s.st_uid == geteuid() ? "mine" : "another's",
				readlink(name, text, sizeof text) < 0 ? error_name(errno) : "fine");
	}
	CHECK(stat("/proc/self", &s) == 0 && S_ISDIR(s.st_mode) && access("/proc/self/status", R_OK) == 0);
	tried("/proc/self/comm", O_WRONLY);
	tried("/proc/self/comm", O_WRONLY | O_CREAT | O_TRUNC);
	tried("/proc/self/comm", O_RDONLY | O_DIRECTORY);
	tried("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	tried("/proc/self/fd", O_RDWR);
	tried("/proc/self/task/999999999/stat", O_RDONLY);
	tried("/proc/self/stat/x", O_RDONLY);
	CHECK(readlink("/proc/self", text, sizeof text) > 0 && atoi(text) == getpid());
}

/* ---- the program's own facts ---- */

static void facts(void)
{
	static const char *const fields[] = { "Rss:", "Pss:", "Shared_Clean:", "Shared_Dirty:", "Private_Clean:", "Private_Dirty:",
		"Referenced:", "Anonymous:", "AnonHugePages:", "Swap:", "Locked:" };
	struct stat a, b;
	char *at, exe[4096];
	ssize_t length;
	int fd;

	slurp("/proc/self/status");
	at = strstr(text, "\nPPid:\t");
	CHECK(at && atoi(at + 7) == getppid());
	at = strstr(text, "\nUid:\t");
	CHECK(at && (uid_t)atoi(at + 6) == getuid());
	for (int rollup = 0; rollup < 2; rollup++) {
		slurp(rollup ? "/proc/self/smaps_rollup" : "/proc/self/smaps");
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			printf("%s", strstr(text, fields[i]) ? "" : fields[i]);
		at = rollup ? text : strstr(text, "[heap]");
		at = at ? strstr(at, "\nPrivate_Dirty:") : NULL;
		CHECK(at && atoi(at + 15) > 0 && strstr(at, " kB\n"));
	}
	length = readlink("/proc/self/exe", exe, sizeof exe - 1);
	CHECK(length > 0);
	exe[length > 0 ? length : 0] = 0;
	CHECK(exe[0] == '/' && stat(exe, &a) == 0 && stat("/proc/self/exe", &b) == 0 && a.st_ino == b.st_ino);
	fd = open("/proc/self/exe", O_RDONLY);
	CHECK(read(fd, text, 4) == 4 && memcmp(text, "\177ELF", 4) == 0);
	close(fd);
	CHECK(chdir("/tmp") == 0 && (length = readlink("/proc/self/cwd", exe, sizeof exe)) == 4 && memcmp(exe, "/tmp", 4) == 0);
	CHECK(stat("/proc/self/cwd/.", &a) == 0 && stat("/tmp", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(stat("/proc/self/root", &a) == 0 && stat("/", &b) == 0 && a.st_ino == b.st_ino);
}

/* The memory where they lie is what is shown, so that a program can set its title. */
static void strings(int argc, char **argv)
{
	size_t size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
	char **e = environ, *at;
	ssize_t all = slurp("/proc/self/environ");

	for (at = text; at < text + all && *e && strcmp(at, *e) == 0; e++)
		at += strlen(at) + 1;
	CHECK(all > 0 && at == text + all && !*e);
	CHECK(setenv("OPTMIG_PROC_TEST", "new", 1) == 0 && slurp("/proc/self/environ") == all && !strstr(text, "OPTMIG_PROC_TEST"));
	CHECK(slurp("/proc/self/cmdline") == (ssize_t)size && memcmp(text, argv[0], size) == 0);
	argv[0][0] = '#';
	CHECK(slurp("/proc/self/cmdline") == (ssize_t)size && text[0] == '#');
	memset(argv[0], 'x', size + 4);
	memcpy(argv[0] + size, "yz", 3);
	CHECK(slurp("/proc/self/cmdline") == (ssize_t)size + 3 && text[0] == 'x');
	printf("title ...%s\n", text + size - 1);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	closefrom_3();
	names();
	descriptors();
	kinds();
	facts();
	strings(argc, argv);
	printf(failures ? "%d failures\n" : "all well\n", failures);
	return failures != 0;
}
