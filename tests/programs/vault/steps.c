/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a directory. `steps mix DIR ROUNDS PAUSE`: does one thing or another with them and says what it has found, the same everywhere.
 * `steps keep DIR`: files of two versions, read again with each SIGUSR1; tests/integration/vault is the host that alters them meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 5
#define MOST  (600 << 10)
#define KEPT  (2 << 20)              /* more than is kept of a file in memory */

static char buffer[KEPT], name[FILES][4096];
static int fd[FILES];
static uint64_t seed = 1;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static uint64_t hash_of(const char *bytes, long size)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (long i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return hash;
}

/* With words that a search finds. */
static void fill(size_t size)
{
	const unsigned which = (unsigned)rnd(1000000);

	for (size_t at = 0; at < size; at += 32) {
		char words[64];

		snprintf(words, sizeof words, "plaintext-needle %06u %08zu", which, at);
		memcpy(buffer + at, words, size - at < 32 ? size - at : 32);
	}
}

static long result(long value)
{
	return value < 0 ? -errno : value;
}

static void reopen(int i, int flags)
{
	close(fd[i]);
	fd[i] = open(name[i], O_RDWR | O_CREAT | flags, 0600);
	if (fd[i] < 0)
		printf("open: %s\n", strerror(errno));
}

static long map_all(int i, long size)
{
	char *at = size ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd[i], 0) : NULL;
	long hash;

	if (at == MAP_FAILED)
		return -errno;
	hash = (long)hash_of(at, size);
	if (at)
		munmap(at, (size_t)size);
	return hash;
}

static long act(int i)
{
	const size_t size = rnd(4) ? rnd(9000) : rnd(200000);
	const off_t at = (off_t)rnd(MOST - 200000);
	struct iovec parts[2] = { { buffer, size / 3 }, { buffer + size / 3, size - size / 3 } };
	struct stat s;
	long got;

	switch (rnd(16)) {
	case 0: case 1: case 2: case 3:
		fill(size);
		return result(pwrite(fd[i], buffer, size, at));
	case 4:
		fill(size);
		return result(writev(fd[i], parts, 2));
	case 5: return result(ftruncate(fd[i], at));
	case 6: return result(fsync(fd[i]));
	case 7: reopen(i, 0); return 0;
	case 8: reopen(i, O_APPEND); return 1;
	case 9: reopen(i, O_TRUNC); return 2;
	case 10:
		got = rename(name[i], name[(i + 1) % FILES]);
		reopen((i + 1) % FILES, 0);
		reopen(i, 0);
		return result(got);
	case 11:
		got = unlink(name[i]);
		fill(100);
		got = got ? -errno : pwrite(fd[i], buffer, 100, 7); /* it has no name any more */
		got = result(got) + pread(fd[i], buffer, 50, 9);
		reopen(i, 0);
		return got;
	case 12: return fstat(fd[i], &s) || stat(name[i], &s) ? -errno : map_all(i, s.st_size);
	case 13: return stat(name[i], &s) ? -errno : s.st_size;
	case 14: return result(lseek(fd[i], (off_t)rnd(3) - 1, SEEK_END));
	default: return result(lseek(fd[i], at, SEEK_SET));
	}
}

/* Into memory that may not be written, then into memory that may. */
static long into_nothing(int i)
{
	static char *wall;
	long got, hash;

	if (!wall) {
		wall = mmap(NULL, 300 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (wall == MAP_FAILED)
			return -errno;
	}
	mprotect(wall, 300 << 10, PROT_READ);
	got = result(pread(fd[i], wall, 300 << 10, 0));
	mprotect(wall, 300 << 10, PROT_READ | PROT_WRITE);
	hash = (long)hash_of(wall, pread(fd[i], wall, 300 << 10, 0));
	memset(wall, 0, 300 << 10);
	return got ^ hash;
}

static int mix(long rounds, unsigned pause)
{
	for (int i = 0; i < FILES; i++)
		fd[i] = -1, reopen(i, 0);
	for (long round = 0; round < rounds; round++) {
		const int i = (int)rnd(FILES), other = (int)rnd(FILES);
		const long did = round % 5 ? act(i) : into_nothing(i), got = pread(fd[other], buffer, MOST, (off_t)rnd(3) * 1000);

		printf("beat %ld %ld %ld %016llx\n", round, did, got, (unsigned long long)hash_of(buffer, got));
		fflush(stdout);
		usleep(pause);
	}
	return 0;
}

static void next(void)
{
	sigset_t usr1;
	int signo;

	fflush(stdout);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigwait(&usr1, &signo);
}

static void put(int file, long size)
{
	fill((size_t)size);
	if (pwrite(file, buffer, (size_t)size, 0) != size || fsync(file))
		printf("put: %s\n", strerror(errno));
}

static long get(int file)
{
	const long got = result(file < 0 ? -1 : pread(file, buffer, KEPT, 0));

	return got < 0 ? got : (long)(hash_of(buffer, got) >> 1);
}

/* a, b: closed. c: open. */
static int keep(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	for (int version = 1; version <= 2; version++) {
		for (int i = 0; i < 3; i++) {
			fd[i] = open(name[i], O_RDWR | O_CREAT, 0600);
			put(fd[i], KEPT);
			if (i < 2)
				close(fd[i]);
		}
		printf("version %d\n", version);
		next();
	}
	for (int round = 0;; round++) {
		long got[3];

		for (int i = 0; i < 2; i++) {
			const int file = open(name[i], O_RDONLY);

			got[i] = get(file);
			if (file >= 0)
				close(file);
		}
		got[2] = get(fd[2]);
		printf("read %d: %ld %ld %ld\n", round, got[0], got[1], got[2]);
		next();
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	for (int i = 0; i < FILES; i++)
		snprintf(name[i], sizeof name[i], "%s/%c", argv[2], 'a' + i);
	if (strcmp(argv[1], "keep") == 0)
		return keep();
	return argc == 5 ? mix(atol(argv[3]), (unsigned)atol(argv[4])) : 2;
}
