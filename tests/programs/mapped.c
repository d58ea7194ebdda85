/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of files: what they show after writes, truncations, discards and moves, and every errno on the way. Prints the same
 * inside and outside. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 24

static char path[64];
static sigjmp_buf jump;
static volatile sig_atomic_t jump_signal, jump_code;

static void fault(int signo, siginfo_t *info, void *context)
{
	(void)context;
	jump_signal = signo;
	jump_code = info->si_code;
	siglongjmp(jump, 1);
}

/* The byte there, or the negative signal that reading it raises. */
static int look(const volatile unsigned char *at)
{
	if (sigsetjmp(jump, 1))
		return -jump_signal;
	return *at;
}

static int store(volatile unsigned char *at)
{
	if (sigsetjmp(jump, 1))
		return -jump_signal;
	*at = 'S';
	return 0;
}

static const char *name(int error)
{
	static const struct { int number; const char *name; } names[] = { { 0, "ok" }, { EACCES, "EACCES" }, { EBADF, "EBADF" },
		{ EBUSY, "EBUSY" }, { EINVAL, "EINVAL" }, { ENODEV, "ENODEV" }, { ENOMEM, "ENOMEM" }, { EOVERFLOW, "EOVERFLOW" },
		{ EFAULT, "EFAULT" }, { EOPNOTSUPP, "EOPNOTSUPP" }, { EPERM, "EPERM" } };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].number == error)
			return names[i].name;
	return "?";
}

#define SAY(what, result) printf("%s: %s\n", what, name((long)(result) == -1 ? errno : 0))
#define MAP(size, prot, flags, fd, offset) mmap(NULL, size, prot, flags, fd, offset)

static void sum(const char *what, const unsigned char *at, size_t pages)
{
	uint32_t hash = 2166136261u;
	size_t good = 0;

	for (size_t i = 0; i < pages; i++) {
		int first = look(at + i * PAGE);

		if (first >= 0) {
			good++;
			for (size_t k = 0; k < PAGE; k++)
				hash = (hash ^ at[i * PAGE + k]) * 16777619u;
		} else if (-first != SIGBUS || jump_code != BUS_ADRERR) {
			printf("%s: page %zu: signal %d, code %d\n", what, i, -first, (int)jump_code);
		}
	}
	printf("%s: %zu of %zu pages, %08x\n", what, good, pages, hash);
}

static unsigned rnd(unsigned n)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % n);
}

static int fresh_file(size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < size; i += PAGE) {
		unsigned char page[PAGE];

		memset(page, 'a' + (int)(i / PAGE % 26), PAGE);
		if (write(fd, page, size - i < PAGE ? size - i : PAGE) < 0)
			abort();
	}
	return fd;
}

static void errors(void)
{
	int fd = fresh_file(2 * PAGE), reader = open(path, O_RDONLY), writer = open(path, O_WRONLY), dir = open(".", O_RDONLY), pipes[2],
		zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
	unsigned char *map;

	if (pipe(pipes))
		abort();
	SAY("bad descriptor", MAP(PAGE, PROT_READ, MAP_SHARED, 999, 0));
	SAY("bad descriptor, size 0", MAP(0, PROT_READ, MAP_PRIVATE, -1, 0));
	SAY("size 0", MAP(0, PROT_READ, MAP_PRIVATE, fd, 0));
	SAY("no type", MAP(PAGE, PROT_READ, 0, fd, 0));
	SAY("offset within a page", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1));
	SAY("offset at the end of time", MAP(PAGE, PROT_READ, MAP_PRIVATE, fd, INT64_MAX - PAGE + 1));
	SAY("write-only, private", MAP(PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
	SAY("write-only, shared", MAP(PAGE, PROT_READ, MAP_SHARED, writer, 0));
	SAY("read-only, shared for writing", MAP(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0));
	SAY("read-only, private for writing", MAP(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0));
	SAY("directory", MAP(PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
	SAY("pipe", MAP(PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
	SAY("pipe for writing", MAP(PAGE, PROT_READ, MAP_PRIVATE, pipes[1], 0));
	SAY("/dev/null", MAP(PAGE, PROT_READ, MAP_PRIVATE, null, 0));
	SAY("validated, unknown flag", MAP(PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200000, fd, 0));
	map = MAP(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
	SAY("/dev/zero", (long)map);
	map[5] = 1;
	printf("/dev/zero: %d %d\n", map[4], map[5]);
	map = MAP(2 * PAGE, PROT_READ, MAP_SHARED, reader, 0);
	SAY("mprotect for writing", mprotect(map, PAGE, PROT_READ | PROT_WRITE));
	SAY("mprotect, unknown bit", mprotect(map, PAGE, 0x40));
	SAY("unknown advice", madvise(map, PAGE, 77));
	SAY("negative advice", madvise(map, PAGE, -1));
	SAY("advice within a page", madvise(map + 1, PAGE, MADV_NORMAL));
	SAY("advice for nothing", madvise(map, 0, MADV_WILLNEED));
	SAY("free a file's pages", madvise(map, PAGE, MADV_FREE));
	SAY("msync, both ways", msync(map, PAGE, MS_SYNC | MS_ASYNC));
	SAY("msync, unknown flag", msync(map, PAGE, 64));
	SAY("msync within a page", msync(map + 1, PAGE, MS_SYNC));
	SAY("lock", mlock(map, PAGE));
	SAY("invalidate what is locked", msync(map, PAGE, MS_SYNC | MS_INVALIDATE));
	SAY("discard what is locked", madvise(map, PAGE, MADV_DONTNEED));
	SAY("unlock", munlock(map, PAGE));
	SAY("invalidate", msync(map, PAGE, MS_SYNC | MS_INVALIDATE));
	SAY("discard", madvise(map, PAGE, MADV_DONTNEED));
	munmap(map, 2 * PAGE);
	SAY("msync of nothing", msync(map, PAGE, MS_SYNC));
	SAY("lock nothing", mlock(map, PAGE));
	SAY("discard nothing", madvise(map, PAGE, MADV_DONTNEED));
	SAY("lock all, no flag", mlockall(0));
	SAY("lock all, unknown flag", mlockall(64));
	SAY("lock all, on fault only", mlockall(4));
	close(fd), close(reader), close(writer), close(dir), close(zero), close(null), close(pipes[0]), close(pipes[1]);
}

static void ends(void)
{
	int fd = fresh_file(2 * PAGE + 100), buffer_fd = open("/dev/null", O_WRONLY);
	unsigned char *shared = MAP(5 * PAGE, PROT_READ, MAP_SHARED, fd, 0), *private = MAP(5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	printf("tail %d %d\n", shared[2 * PAGE + 99], shared[2 * PAGE + 100]);
	printf("behind the end: %d %d, store %d %d\n", look(shared + 3 * PAGE), look(private + 4 * PAGE), store(shared), store(private + 3 * PAGE));
	printf("code of both: %d %d\n", look(shared + 3 * PAGE) + jump_code, store(shared) + jump_code);
	SAY("a call's buffer behind the end", pwrite(fd, shared + 3 * PAGE, 1, 0));
	SAY("and protect it", mprotect(private + 3 * PAGE, 2 * PAGE, PROT_READ));
	printf("still behind: %d, store %d\n", look(private + 3 * PAGE), store(private + 3 * PAGE));
	if (pwrite(fd, "grown", 5, 3 * PAGE + 7) != 5)
		abort();
	sum("grown shared", shared, 5);
	sum("grown private", private, 5);
	private[1] = private[PAGE + 1] = 'p';  /* what the truncated file does to a page that was not written is not said */
	if (ftruncate(fd, PAGE + 10))
		abort();
	sum("truncated shared", shared, 5);
	sum("truncated private", private, 5);
	if (truncate(path, 5 * PAGE))
		abort();
	sum("longer shared", shared, 5);
	sum("longer private", private, 5);
	close(open(path, O_RDWR | O_TRUNC));
	sum("empty shared", shared, 5);
	munmap(shared, 5 * PAGE), munmap(private, 5 * PAGE);
	close(fd), close(buffer_fd);
}

static void writes(void)
{
	int fd = fresh_file(PAGES * PAGE), other = open(path, O_RDWR | O_APPEND), from = open("/proc/self/exe", O_RDONLY);
	unsigned char *shared = MAP(2 * PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0), text[3 * PAGE];

	for (int i = 0; i < 60; i++) {
		size_t size = 1 + rnd(sizeof text - 1);
		struct iovec iov[2] = { { text, size / 2 }, { text + size / 2, size - size / 2 } };
		off_t at = rnd(PAGES * PAGE);
		ssize_t put;

		memset(text, 'A' + i % 26, size);
		switch (i % 6) {
		case 0: put = pwrite(fd, text, size, at); break;
		case 1: put = pwritev(fd, iov, 2, at); break;
		case 2: lseek(fd, at, SEEK_SET); put = write(fd, text, size); break;
		case 3: put = write(other, text, size); break;
		case 4: lseek(fd, at, SEEK_SET); put = writev(fd, iov, 2); break;
		default: put = pwrite(fd, text, 1, at); size = 1; break;
		}
		if (put != (ssize_t)size)
			abort();
		if (ftruncate(fd, PAGES * PAGE + rnd(PAGES * PAGE)))
			abort();
		if (i % 10 == 9)
			sum("written", shared, 2 * PAGES);
	}
	if (from >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE + 5, 2 * PAGE) == 0)
		sum("hole", shared, 2 * PAGES);
	close(fd), close(other), close(from);
	sum("closed", shared, 2 * PAGES);
	other = open(path, O_RDWR);
	if (pwrite(other, "late", 4, 2 * PAGE) != 4)
		abort();
	sum("written by another descriptor", shared, 2 * PAGES);
	close(other);
	munmap(shared, 2 * PAGES * PAGE);
}

static void discards(void)
{
	static unsigned char anonymous_only[4 * PAGE] __attribute__((aligned(PAGE)));
	int fd = fresh_file(PAGES * PAGE - 50);
	unsigned char *map = MAP(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *moved;

	close(fd);
	for (int i = 0; i < PAGES; i++)
		map[i * PAGE + 17] = 'x';
	sum("modified", map, PAGES);
	madvise(map + 3 * PAGE, 4 * PAGE, MADV_DONTNEED);
	sum("four pages anew", map, PAGES);
	mprotect(map + 8 * PAGE, PAGE, PROT_READ);
	madvise(map + 7 * PAGE, 3 * PAGE, MADV_DONTNEED);
	printf("protection stays: %d %d %d\n", store(map + 7 * PAGE), store(map + 8 * PAGE), store(map + 9 * PAGE));
	munmap(map + 12 * PAGE, 2 * PAGE);
	if (mmap(map + 12 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		abort();
	map[12 * PAGE] = 'z';
	SAY("discard with a hole in it", madvise(map + 10 * PAGE, 8 * PAGE, MADV_DONTNEED));
	sum("before the hole", map, 13);
	sum("behind the hole", map + 14 * PAGE, PAGES - 14);
	SAY("move several mappings", mremap(map, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE));
	map[16 * PAGE] = 'm';
	moved = mremap(map + 15 * PAGE, (PAGES - 15) * PAGE, PAGES * PAGE, MREMAP_MAYMOVE);
	sum("moved and grown behind the end", moved, PAGES);
	madvise(moved, PAGES * PAGE, MADV_DONTNEED);
	sum("and anew", moved, PAGES);
	moved = mremap(moved, PAGES * PAGE, 3 * PAGE, 0);
	madvise(moved, 3 * PAGE, MADV_DONTNEED);
	sum("made smaller", moved, 3);
	munmap(moved, 3 * PAGE), munmap(map, 15 * PAGE);
	fd = open(path, O_RDWR);
	map = MAP(4 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	moved = mremap(map, 4 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
	if (pwrite(fd, "through", 7, 9 * PAGE) != 7)
		abort();
	sum("shared, moved, grown, written", moved, 9);
	close(fd);
	map = MAP(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(map + 4 * PAGE, 4 * PAGE, PROT_READ);
	SAY("grow what has two protections", mremap(map, 8 * PAGE, 12 * PAGE, MREMAP_MAYMOVE));
	SAY("grow its second part", mremap(map + 4 * PAGE, 4 * PAGE, 12 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	SAY("make its first part smaller", mremap(map, 4 * PAGE, 2 * PAGE, 0));
	map = MAP(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(map + 4 * PAGE, 4 * PAGE, PROT_READ);
	SAY("make what has two protections smaller", mremap(map, 8 * PAGE, 3 * PAGE, 0));
	memset(anonymous_only, 1, sizeof anonymous_only);
	SAY("discard bss", madvise(anonymous_only, sizeof anonymous_only, MADV_DONTNEED));
	printf("bss: %d\n", anonymous_only[5000]);
}

/* Record locks go with a descriptor, not with a mapping. */
static void locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 }, seen;
	int fd = fresh_file(3 * PAGE), other = open(path, O_RDWR), third = open(path, O_RDWR);
	void *map = MAP(3 * PAGE, PROT_READ, MAP_SHARED, fd, 0), *alone = MAP(3 * PAGE, PROT_READ, MAP_PRIVATE, third, 0);

	close(third);
	printf("lock: %d", fcntl(fd, F_SETLK, &lock));
	for (int i = 0; i < 3; i++) {
		seen = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
		printf(" %s", fcntl(other, F_OFD_GETLK, &seen) ? "?" : seen.l_type == F_UNLCK ? "none" : "there");
		if (i == 0)
			munmap(map, 3 * PAGE);
		else if (i == 1)
			munmap(alone, 3 * PAGE);       /* the last of its description */
	}
	close(other);
	other = open(path, O_RDWR);
	seen = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	printf(", after a close %s\n", fcntl(other, F_OFD_GETLK, &seen) ? "?" : seen.l_type == F_UNLCK ? "none" : "there");
	close(other), close(fd);
}

/* MAP_FIXED where the limit leaves no room. */
static void limited(void)
{
	struct rlimit before, none = { 1 << 20, RLIM_INFINITY };
	char *map = MAP(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(map + 32 * PAGE, 32 * PAGE);
	getrlimit(RLIMIT_AS, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_AS, &none);
	SAY("fixed beyond the limit", mmap(map + 32 * PAGE, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	SAY("fixed over what is there", mmap(map, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	setrlimit(RLIMIT_AS, &before);
	munmap(map, 32 * PAGE);
}

/* ---- all at once: whoever unmaps while a file is read again must not find that content in memory of its own ---- */

static int shared_fd;
static atomic_int bad;

static void *map_files(void *seed)
{
	unsigned s = (unsigned)(uintptr_t)seed;

	for (int i = 0; i < 300; i++) {
		size_t pages = 1 + rand_r(&s) % 60, offset = rand_r(&s) % 60;
		unsigned char *map = MAP(pages * PAGE, PROT_READ, rand_r(&s) % 2 ? MAP_SHARED : MAP_PRIVATE, shared_fd, (off_t)offset * PAGE);

		for (size_t k = 0; k < pages && k + offset < 64; k++)
			bad += map[k * PAGE + 1] != 'b';
		if (rand_r(&s) % 3 == 0)
			madvise(map, pages * PAGE, MADV_DONTNEED);
		if (rand_r(&s) % 3 == 0) {
			map = mremap(map, pages * PAGE, (pages + 5) * PAGE, MREMAP_MAYMOVE);
			pages += 5;
		}
		munmap(map, pages * PAGE);
	}
	return NULL;
}

static void *map_nothing(void *seed)
{
	unsigned s = (unsigned)(uintptr_t)seed;

	for (int i = 0; i < 1000; i++) {
		size_t pages = 1 + rand_r(&s) % 60;
		unsigned char *map = MAP(pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t k = 0; k < pages; k++) {
			bad += map[k * PAGE] != 0;
			map[k * PAGE] = 1;
		}
		for (size_t k = 0; k < pages; k++)
			bad += map[k * PAGE] != 1 || map[k * PAGE + 1] != 0;
		munmap(map, pages * PAGE);
	}
	return NULL;
}

/* Given back in many pieces, between which others run and map some of them; a stop makes the call begin again. */
static void *map_holes(void *unused)
{
	(void)unused;
	for (int i = 0; i < 300; i++) {
		unsigned char *map = MAP(120 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t k = 0; k < 120; k += 2)
			map[k * PAGE] = 1;
		munmap(map, 120 * PAGE);
	}
	return NULL;
}

static void *write_file(void *seed)
{
	unsigned s = (unsigned)(uintptr_t)seed;

	for (int i = 0; i < 1500; i++) {
		char byte = (char)('a' + rand_r(&s) % 20);

		bad += pwrite(shared_fd, &byte, 1, rand_r(&s) % 64 * PAGE) != 1;
	}
	return NULL;
}

static void together(void)
{
	void *(*const what[])(void *) = { map_files, map_files, map_holes, map_holes, map_nothing, write_file, write_file };
	pthread_t threads[7];
	unsigned char page[PAGE];

	shared_fd = fresh_file(0);
	memset(page, 'b', PAGE);
	for (int i = 0; i < 64; i++)
		bad += write(shared_fd, page, PAGE) != PAGE;
	for (size_t i = 0; i < 7; i++)
		pthread_create(&threads[i], NULL, what[i], (void *)(uintptr_t)(i + 1));
	for (size_t i = 0; i < 7; i++)
		pthread_join(threads[i], NULL);
	printf("together: %d bad\n", (int)bad);
	close(shared_fd);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };

	snprintf(path, sizeof path, "/tmp/mapped.%d", (int)getpid());
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	errors();
	ends();
	writes();
	discards();
	locks();
	limited();
	together();
	unlink(path);
	return 0;
}
