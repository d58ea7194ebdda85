/* SPDX-License-Identifier: Apache-2.0 */
/* Files, their locks, directories, and what a process has of the file system. */
#include "states.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/syscall.h>

/* open SLOT NAME FLAGS MODE: r, w, b (both); a appends, c makes it, t truncates, x wants it new */
static void do_open(void)
{
	const char *how = text(3);
	int flags = strchr(how, 'b') ? O_RDWR : strchr(how, 'w') ? O_WRONLY : O_RDONLY;
	struct slot *s;

	flags |= strchr(how, 'a') ? O_APPEND : 0;
	flags |= strchr(how, 'c') ? O_CREAT : 0;
	flags |= strchr(how, 't') ? O_TRUNC : 0;
	flags |= strchr(how, 'x') ? O_EXCL : 0;
	s = put(1, open(work_path(text(2)), flags, (mode_t)strtol(text(4), NULL, 8)), REGULAR);
	if (s)
		say("ok");
}

static struct slot *file(int i)
{
	return slot(i, REGULAR);
}

/* fwrite SLOT SIZE LETTER */
static void do_fwrite(void)
{
	static char data[70000];
	struct slot *s = file(1);
	long size = number(2);

	if (!s || size < 0 || size > (long)sizeof data)
		return;
	memset(data, *text(3), (size_t)size);
	size = write(s->fd, data, (size_t)size);
	say("%s %ld", result(size), size);
}

static unsigned long checksum(const char *data, long size)
{
	unsigned long sum = 5381;

	for (long i = 0; i < size; i++)
		sum = (sum * 33 + (unsigned char)data[i]) & 0xffffffff;
	return sum;
}

static void do_fread(void)
{
	static char data[70000];
	struct slot *s = file(1);
	long size = number(2);

	if (!s || size < 0 || size > (long)sizeof data)
		return;
	size = read(s->fd, data, (size_t)size);
	say("%s %ld %lx", result(size), size, checksum(data, size));
}

/* seek SLOT OFFSET WHENCE: s, c, e */
static void do_seek(void)
{
	struct slot *s = file(1);
	long at;

	if (!s)
		return;
	at = lseek(s->fd, number(2), *text(3) == 's' ? SEEK_SET : *text(3) == 'c' ? SEEK_CUR : SEEK_END);
	say("%s %ld", result(at), at);
}

static void do_trunc(void)
{
	struct slot *s = file(1);

	if (s)
		say("%s", result(ftruncate(s->fd, number(2))));
}

static void do_rename(void)
{
	say("%s", result(rename(work_path(text(1)), work_path(text(2)))));
}

static void do_link(void)
{
	say("%s", result(link(work_path(text(1)), work_path(text(2)))));
}

static void do_symlink(void)
{
	say("%s", result(symlink(text(1), work_path(text(2)))));
}

static void do_unlink(void)
{
	say("%s", result(unlink(work_path(text(1)))));
}

static void do_mkdir(void)
{
	say("%s", result(mkdir(work_path(text(1)), (mode_t)strtol(text(2), NULL, 8))));
}

static void do_rmdir(void)
{
	say("%s", result(rmdir(work_path(text(1)))));
}

static void do_chmod(void)
{
	say("%s", result(chmod(work_path(text(1)), (mode_t)strtol(text(2), NULL, 8))));
}

static void do_umask(void)
{
	say("%o", (unsigned)umask((mode_t)strtol(text(1), NULL, 8)));
}

/* Only the last part of the name: the folder is another in each run. */
static void say_cwd(void)
{
	char path[400], *last;

	if (!getcwd(path, sizeof path)) {
		say("cwd %s", error_name(errno));
		return;
	}
	last = strrchr(path, '/');
	say("cwd %s", strcmp(path, work_path(".")) == 0 || strncmp(last + 1, "d", 1) != 0 ? "as at first" : last + 1);
}

static void do_chdir(void)
{
	say("%s", result(chdir(work_path(text(1)))));
	say_cwd();
}

static void do_flock(void)
{
	struct slot *s = file(1);
	int how = *text(2) == 's' ? LOCK_SH : *text(2) == 'x' ? LOCK_EX : LOCK_UN;

	if (s)
		say("%s", result(flock(s->fd, how | LOCK_NB)));
}

/* lock SLOT TYPE START LENGTH, of the process; olock, of the open file */
static void set_lock(int command)
{
	struct slot *s = file(1);
	struct flock l = {
		.l_type = *text(2) == 's' ? F_RDLCK : *text(2) == 'x' ? F_WRLCK : F_UNLCK,
		.l_whence = SEEK_SET, .l_start = number(3), .l_len = number(4),
	};

	if (s)
		say("%s", result(fcntl(s->fd, command, &l)));
}

static void do_lock(void)
{
	set_lock(F_SETLK);
}

static void do_olock(void)
{
	set_lock(F_OFD_SETLK);
}

static void do_opendir(void)
{
	if (put(1, open(work_path(text(2)), O_RDONLY | O_DIRECTORY), DIRECTORY))
		say("ok");
}

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* readdir SLOT: the rest of it, sorted */
static void do_readdir(void)
{
	static char data[4096] __attribute__((aligned(8)));
	struct slot *s = slot(1, DIRECTORY);
	char list[400] = "";
	long n, count = 0;
	unsigned long sum = 0;

	if (!s)
		return;
	while ((n = syscall(SYS_getdents64, s->fd, data, number(2) ? (size_t)number(2) : sizeof data)) > 0) {
		for (long at = 0; at < n; at += ((struct entry *)(void *)(data + at))->size) {
			sum += checksum(((struct entry *)(void *)(data + at))->name, (long)strlen(((struct entry *)(void *)(data + at))->name));
			count++;
		}
		if (number(2))
			break;
	}
	/* A part of a directory comes in the file system's order. */
	if (number(2))
		say("%s", n < 0 ? error_name(errno) : n > 0 ? "some" : "end");
	else
		say("%s%s %ld entries %lx", n < 0 ? error_name(errno) : "ok", list, count, count ? sum : 0);
}

/* openat SLOT DIRECTORY NAME */
static void do_openat(void)
{
	struct slot *d = slot(2, DIRECTORY);

	if (d && put(1, openat(d->fd, text(3), O_RDWR | O_CREAT, 0600), REGULAR))
		say("ok");
}

static void do_fchdir(void)
{
	struct slot *d = slot(1, DIRECTORY);

	if (d) {
		say("%s", result(fchdir(d->fd)));
		say_cwd();
	}
}

void say_file(struct slot *s)
{
	struct stat st;

	if (fstat(s->fd, &st) != 0) {
		say("%s", error_name(errno));
		return;
	}
	say("mode %o", (unsigned)st.st_mode);
	if (s->kind == REGULAR)
		say("size %ld, links %ld, position %ld", (long)st.st_size, (long)st.st_nlink, (long)lseek(s->fd, 0, SEEK_CUR));
}

/* What is in the files themselves, and a name by each descriptor. */
void look_files(void)
{
	static char data[70000];
	mode_t mask = umask(0);

	umask(mask);
	printf("process\n");
	say("umask %o", (unsigned)mask);
	say_cwd();
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == REGULAR) {
			long n = pread(s->fd, data, sizeof data, 0);

			printf("file %d\n", slot_number(s));
			say("content %s %ld %lx", result(n), n, checksum(data, n));
			n = write(s->fd, "z", 1);
			say("write %s, position %ld", result(n), (long)lseek(s->fd, 0, SEEK_CUR));
		}
}

const struct op ops_files[] = {
	{ "open", do_open }, { "fwrite", do_fwrite }, { "fread", do_fread }, { "seek", do_seek }, { "trunc", do_trunc }, { "rename", do_rename },
	{ "link", do_link }, { "symlink", do_symlink }, { "unlink", do_unlink }, { "mkdir", do_mkdir }, { "rmdir", do_rmdir }, { "chmod", do_chmod },
	{ "umask", do_umask }, { "chdir", do_chdir }, { "fchdir", do_fchdir }, { "flock", do_flock }, { "lock", do_lock }, { "olock", do_olock },
	{ "opendir", do_opendir }, { "readdir", do_readdir }, { "openat", do_openat }, { NULL, NULL },
};
