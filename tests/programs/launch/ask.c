/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does with files what it is asked on standard input, or by its arguments, and says what came of it, one line each: a number, or -errno.
 * What it says is judged by tests/integration/launch. Bytes are told by their count and FNV-1a hash.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;
static char word[4][4200];
static long number[4];
static uint64_t hash;
static char buffer[1 << 20];

static void add(const char *bytes, long size)
{
	for (long i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
}

static long result(long value)
{
	return value < 0 ? -errno : value;
}

static void told(long value)
{
	printf("%ld %016llx\n", value, (unsigned long long)hash);
}

static int flags_of(const char *letters)
{
	static const struct { char letter; int flag; } all[] = { { 'r', O_RDONLY }, { 'w', O_WRONLY }, { 'u', O_RDWR }, { 'c', O_CREAT }, { 'x', O_EXCL },
		{ 't', O_TRUNC }, { 'a', O_APPEND }, { 'd', O_DIRECTORY }, { 'p', O_PATH }, { 'n', O_NOFOLLOW } };
	int flags = 0;

	for (; *letters; letters++)
		for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
			flags |= *letters == all[i].letter ? all[i].flag : 0;
	return flags;
}

/* To the end, in pieces of `size`. */
static long read_all(int fd, long size)
{
	long total = 0, got;

	while ((got = read(fd, buffer, (size_t)size)) > 0) {
		add(buffer, got);
		total += got;
	}
	return got < 0 ? result(got) : total;
}

static long map(int fd, long size, int shared)
{
	char *at = mmap(NULL, (size_t)size, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	add(at, size);
	munmap(at, (size_t)size);
	return size;
}

/* Through a pipe. */
static long send_all(int fd, long size)
{
	long total = 0, sent = 0;
	int end[2];

	if (pipe(end))
		return -errno;
	while (total < size && (sent = sendfile(end[1], fd, NULL, size - total < 4096 ? (size_t)(size - total) : 4096)) > 0) {
		add(buffer, read(end[0], buffer, (size_t)sent) == sent ? sent : 0);
		memset(buffer, 0, 4096);
		total += sent;
	}
	sent = sent < 0 ? -errno : 0;
	close(end[0]);
	close(end[1]);
	return sent ? sent : total;
}

static long copy(int fd, const char *to, long size)
{
	int out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
	long total = 0, done = 0;
	loff_t at = 0, here = 0;

	if (out < 0)
		return -errno;
	while (total < size && (done = copy_file_range(fd, &at, out, &here, (size_t)(size - total), 0)) > 0)
		total += done;
	if (done < 0)
		total = -errno;
	lseek(out, 0, SEEK_SET);
	read_all(out, sizeof buffer);
	close(out);
	return total;
}

/* Threads that read at random places a file whose words of 8 bytes are their own numbers. */
struct reading { int fd; long size; unsigned seed; };

static void *read_words(void *context)
{
	struct reading *r = context;
	static const long most = 70000;
	uint64_t *words = malloc((size_t)most);

	for (int i = 0; i < 200; i++) {
		const long at = (long)(rand_r(&r->seed) % (r->size / 8)) * 8, want = rand_r(&r->seed) % most;
		const long got = pread(r->fd, words, (size_t)want, at);

		if (got != (r->size - at < want ? r->size - at : want))
			return "count";
		for (long w = 0; w < got / 8; w++)
			if (words[w] != (uint64_t)(at / 8 + w))
				return "content";
	}
	free(words);
	return NULL;
}

static long many(int fd, long count)
{
	struct stat s;
	pthread_t threads[64];
	struct reading readings[64];
	long bad = 0;
	void *words;

	if (fstat(fd, &s) || count > 64)
		return -EINVAL;
	for (long i = 0; i < count; i++) {
		readings[i] = (struct reading){ fd, s.st_size, (unsigned)i + 1 };
		if (pthread_create(&threads[i], NULL, read_words, &readings[i]))
			return -EAGAIN;
	}
	for (long i = 0; i < count; i++) {
		pthread_join(threads[i], &words);
		bad += words != NULL;
	}
	return bad;
}

static long facts(int error, const struct stat *s)
{
	if (error)
		return -errno;
	hash = (uint64_t)s->st_size;
	return s->st_mode & S_IFMT;
}

static long unix_socket(const char *path, int listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long error;

	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	error = result(listening ? bind(fd, (struct sockaddr *)&a, sizeof a) : connect(fd, (struct sockaddr *)&a, sizeof a));
	close(fd);
	return error;
}

static long count_entries(const char *path)
{
	DIR *d = opendir(path);
	long count = 0;

	if (!d)
		return -errno;
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static long text(const char *what)
{
	if (!what)
		return -errno;
	printf("%s ", what);
	return 0;
}

#define IS(name) (strcmp(word[0], name) == 0)

static long act(void)
{
	struct stat s;
	char path[4200];
	ssize_t n;
	int count;

	if (IS("open")) return result(open(word[1], flags_of(word[2]), 0600));
	if (IS("openat")) return result(openat((int)number[1], word[2], flags_of(word[3]), 0600));
	if (IS("close")) return result(close((int)number[1]));
	if (IS("read")) return n = read((int)number[1], buffer, (size_t)number[2]), add(buffer, n), result(n);
	if (IS("pread")) return n = pread((int)number[1], buffer, (size_t)number[2], number[3]), add(buffer, n), result(n);
	if (IS("all")) return read_all((int)number[1], number[2]);
	if (IS("write")) return result(write((int)number[1], "x", 1));
	if (IS("seek")) return result(lseek((int)number[1], number[2], (int)number[3]));
	if (IS("map")) return map((int)number[1], number[2], (int)number[3]);
	if (IS("send")) return send_all((int)number[1], number[2]);
	if (IS("copy")) return copy((int)number[1], word[2], number[3]);
	if (IS("many")) return many((int)number[1], number[2]);
	if (IS("fdname")) return n = readlink(word[1], path, sizeof path - 1), path[n > 0 ? n : 0] = 0, text(n > 0 ? path : NULL);
	if (IS("left")) return ioctl((int)number[1], FIONREAD, &count) ? -errno : count;
	if (IS("stat")) return facts(stat(word[1], &s), &s);
	if (IS("lstat")) return facts(lstat(word[1], &s), &s);
	if (IS("fstat")) return facts(fstat((int)number[1], &s), &s);
	if (IS("access")) return result(access(word[1], (int)number[2]));
	if (IS("readlink")) return result(readlink(word[1], path, sizeof path));
	if (IS("realpath")) return text(realpath(word[1], path));
	if (IS("unlink")) return result(unlink(word[1]));
	if (IS("rename")) return result(rename(word[1], word[2]));
	if (IS("link")) return result(link(word[1], word[2]));
	if (IS("symlink")) return result(symlink(word[1], word[2]));
	if (IS("mkdir")) return result(mkdir(word[1], 0700));
	if (IS("chmod")) return result(chmod(word[1], 0600));
	if (IS("fchmod")) return result(fchmod((int)number[1], 0600));
	if (IS("truncate")) return result(truncate(word[1], number[2]));
	if (IS("ftruncate")) return result(ftruncate((int)number[1], number[2]));
	if (IS("utimes")) return result(utimensat(AT_FDCWD, word[1], NULL, 0));
	if (IS("chdir")) return result(chdir(word[1]));
	if (IS("fchdir")) return result(fchdir((int)number[1]));
	if (IS("cwd")) return text(getcwd(path, sizeof path));
	if (IS("list")) return count_entries(word[1]);
	if (IS("bind")) return unix_socket(word[1], 1);
	if (IS("connect")) return unix_socket(word[1], 0);
	if (IS("dup")) return result(dup((int)number[1]));
	return -ENOSYS;
}

static void obey(const char *line)
{
	memset(word, 0, sizeof word);
	sscanf(line, "%4199s %4199s %4199s %4199s", word[0], word[1], word[2], word[3]);
	for (int i = 0; i < 4; i++)
		number[i] = strtol(word[i], NULL, 0);
	hash = 0xcbf29ce484222325u;
	told(act());
}

/* Reads a file in pieces, says where it is, and goes on with each SIGUSR1. */
static int steps(const char *name, long piece)
{
	int fd = open(name, O_RDONLY), signo;
	sigset_t usr1;
	long got;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	do {
		hash = 0xcbf29ce484222325u;
		got = read(fd, buffer, (size_t)piece);
		add(buffer, got);
		told(result(got));
		sigwait(&usr1, &signo);
	} while (got != 0);
	return 0;
}

int main(int argc, char **argv)
{
	char line[8600];

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; argc > 1 && strcmp(argv[1], "show") == 0 && i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (char **e = environ; argc > 1 && strcmp(argv[1], "show") == 0 && *e; e++)
		printf("env %s\n", *e);
	if (argc > 3 && strcmp(argv[1], "steps") == 0)
		return steps(argv[2], strtol(argv[3], NULL, 0));
	if (argc > 1 && strcmp(argv[1], "show") == 0)
		return 0;
	while (fgets(line, sizeof line, stdin))
		obey(line);
	return 0;
}
