/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are memory: memfd_create, shm_open and sem_open, their mappings, seals and names; the same as natively. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static const char *name(long n)
{
	static const struct { int number; const char *name; } names[] = { { EINVAL, "EINVAL" }, { ENOENT, "ENOENT" }, { EEXIST, "EEXIST" }, { EPERM, "EPERM" },
		{ EBADF, "EBADF" }, { EBUSY, "EBUSY" }, { EACCES, "EACCES" }, { EXDEV, "EXDEV" }, { ENOTDIR, "ENOTDIR" } };

	for (size_t i = 0; n < 0 && i < sizeof names / sizeof *names; i++)
		if (errno == names[i].number)
			return names[i].name;
	return n < 0 ? "another error" : "ok";
}

static void *map(int fd, size_t size, int prot, long offset)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, offset);
}

static const char *got(void *p)
{
	return name(p == MAP_FAILED ? -1 : 0);
}

static void say_file(int fd)
{
	struct stat s;
	time_t now = time(NULL);

	fstat(fd, &s);
	printf("mode %o links %d size %ld owner %d times %d %d\n", s.st_mode, (int)s.st_nlink, (long)s.st_size, s.st_uid == geteuid(),
		s.st_mtime <= now && s.st_mtime > now - 60, s.st_ctime <= now && s.st_ctime > now - 60);
}

static void content(void)
{
	char link[128] = "", path[64], buffer[16] = "";
	int fd = memfd_create("a name", MFD_CLOEXEC), again, copy;
	char *p, *q, *own;

	printf("flags %d %#x ", fcntl(fd, F_GETFD), (unsigned)fcntl(fd, F_GETFL) & ~0100000u);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	readlink(path, link, sizeof link - 1);
	printf("%s ", link);
	say_file(fd);
	printf("write %ld at %ld", (long)write(fd, "hello world", 11), (long)lseek(fd, 0, SEEK_CUR));
	printf(" pread %ld %s", (long)pread(fd, buffer, 5, 6), buffer);
	printf(" pwrite %ld end %ld read %ld\n", (long)pwrite(fd, "W", 1, 6), (long)lseek(fd, 0, SEEK_END), (long)read(fd, buffer, 1));
	printf("truncate %s: ", name(ftruncate(fd, 3 * PAGE + 10)));
	say_file(fd);
	p = map(fd, 3 * PAGE + 10, PROT_READ | PROT_WRITE, 0);
	printf("mapped %s: %s %d\n", got(p), p, p[3 * PAGE]);
	p[0] = 'H';
	memset(p + 2 * PAGE, 'x', PAGE);
	pread(fd, buffer, 5, 0);
	printf("seen by a read: %.5s", buffer);
	pwrite(fd, "J", 1, 0);
	printf(" and by the mapping: %.5s\n", p);
	copy = dup(fd);
	q = map(copy, PAGE, PROT_READ, 2 * PAGE);
	printf("second mapping %s: %.3s", got(q), q);
	p[2 * PAGE] = 'y';
	printf(" %.3s\n", q);
	own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	own[0] = 'P';
	printf("private: %.5s, shared: %.5s\n", own, p);
	printf("advice %s keeps %.3s\n", name(madvise(p + 2 * PAGE, PAGE, MADV_DONTNEED)), p + 2 * PAGE);
	munmap(q, PAGE);
	printf("unmapped, and still %.3s\n", p + 2 * PAGE);
	again = open(path, O_RDONLY);
	printf("opened again %s: %ld %.5s, write %s, map %s\n", name(again), (long)read(again, buffer, 5), buffer, name(write(again, "x", 1)),
		got(map(again, PAGE, PROT_READ | PROT_WRITE, 0)));
	close(fd);
	close(copy);
	close(again);
	printf("closed, and still %.5s", p);
	munmap(p, 3 * PAGE + 10);
	munmap(own, PAGE);
	fd = memfd_create("", 0);
	ftruncate(fd, 100);
	p = map(fd, 100, PROT_READ | PROT_WRITE, 0);
	memset(p, 'z', 100);
	ftruncate(fd, 50);
	ftruncate(fd, 100);
	printf(", cut off: %d%d%d", p[49] == 'z', p[50], p[99]);
	printf(" allocate %s %s", name(posix_fallocate(fd, 0, 4000)), name(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000)));
	printf(" sync %s\n", name(fsync(fd)));
	munmap(p, 100);
	/* Grown again and again, by what is written. */
	for (int i = 0; i < 3000; i++) {
		memset(buffer, 'a' + i % 26, sizeof buffer);
		pwrite(fd, buffer, sizeof buffer, i * 1000L);
	}
	pread(fd, buffer, 5, 2999000);
	printf("grown to %ld: %.5s, a hole %ld\n", (long)lseek(fd, 0, SEEK_END), buffer, (long)pread(fd, buffer, 5, 500000 + 500) + buffer[0]);
	close(fd);
}

static void seals(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING), plain = memfd_create("plain", 0);
	void *p;

	printf("flags %s, seals %d %d", name(memfd_create("x", 0x4000)), fcntl(fd, F_GET_SEALS), fcntl(plain, F_GET_SEALS));
	printf(" not sealable %s", name(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK)));
	write(fd, "0123456789", 10);
	p = map(fd, 10, PROT_READ | PROT_WRITE, 0);
	printf(" mapped %s", name(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	munmap(p, 10);
	printf(" sizes %s", name(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)));
	printf(": %s %s %s", name(ftruncate(fd, 9)), name(ftruncate(fd, 11)), name(pwrite(fd, "x", 1, 10)));
	printf(" inside %s", name(pwrite(fd, "x", 1, 9)));
	printf(" all %s", name(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL)));
	printf(": %s %s %s", name(pwrite(fd, "x", 1, 0)), got(map(fd, 10, PROT_READ | PROT_WRITE, 0)), got(map(fd, 10, PROT_READ, 0)));
	printf(" more %s, %d\n", name(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)), fcntl(fd, F_GET_SEALS));
	close(fd);
	close(plain);
}

static void names(void)
{
	char one[40], two[40], path[64];
	struct stat s, t;
	int fd, other;
	char *p, *q;

	snprintf(one, sizeof one, "/optmig-one-%d", (int)getpid());
	snprintf(two, sizeof two, "/optmig-two-%d", (int)getpid());
	printf("none: %s", name(shm_open(one, O_RDWR, 0)));
	fd = shm_open(one, O_RDWR | O_CREAT | O_EXCL, 0640);
	printf(" made: %s exists: %s ", name(fd), name(shm_open(one, O_RDWR | O_CREAT | O_EXCL, 0600)));
	say_file(fd);
	ftruncate(fd, 5000);
	p = map(fd, 5000, PROT_READ | PROT_WRITE, 0);
	strcpy(p + PAGE, "by name");
	other = shm_open(one, O_RDONLY, 0);
	q = map(other, 5000, PROT_READ, 0);
	printf("another sees: %s, write %s\n", q + PAGE, name(pwrite(other, "x", 1, 0)));
	snprintf(path, sizeof path, "/dev/shm%s", one);
	stat(path, &s);
	fstat(fd, &t);
	printf("stat: size %ld the same %d access %s\n", (long)s.st_size, s.st_ino == t.st_ino && s.st_dev == t.st_dev, name(access(path, R_OK | W_OK)));
	printf("removed: %s then %s %s, still %s ", name(shm_unlink(one)), name(shm_unlink(one)), name(shm_open(one, O_RDWR, 0)), q + PAGE);
	say_file(fd);
	close(fd);
	close(other);
	munmap(p, 5000);
	printf("one mapping is left: %s\n", q + PAGE);
	munmap(q, 5000);
	fd = shm_open(two, O_RDWR | O_CREAT, 0600);
	write(fd, "12345", 5);
	close(fd);
	fd = shm_open(two, O_RDWR | O_TRUNC, 0);
	say_file(fd);
	close(fd);
	shm_unlink(two);
}

static void *post(void *arg)
{
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	sem_post(arg);
	return NULL;
}

static void semaphores(void)
{
	char text[40];
	pthread_t thread;
	sem_t *s, *again;
	int value;

	snprintf(text, sizeof text, "/optmig-sem-%d", (int)getpid());
	printf("none: %s", name(sem_open(text, 0) == SEM_FAILED ? -1 : 0));
	s = sem_open(text, O_CREAT, 0600, 2);
	printf(" made: %s", name(s == SEM_FAILED ? -1 : 0));
	again = sem_open(text, O_CREAT, 0600, 7);
	printf(" the same: %d exists: %s\n", s == again, name(sem_open(text, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED ? -1 : 0));
	sem_wait(s);
	sem_wait(again);
	sem_getvalue(s, &value);
	printf("value %d\n", value);
	pthread_create(&thread, NULL, post, again);
	printf("waited %d\n", sem_wait(s));
	pthread_join(thread, NULL);
	sem_close(again);
	printf("removed %s, then %s\n", name(sem_unlink(text)), name(sem_open(text, 0) == SEM_FAILED ? -1 : 0));
	sem_close(s);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	content();
	seals();
	names();
	semaphores();
	printf("done\n");
	return 0;
}
