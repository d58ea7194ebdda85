/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of earlier work on enclave migration, without anything that would slow it down: the program stands still
 * while its memory is encrypted into an image file, the image is copied to the other host over TCP, and restored from
 * there. No enclave, no attestation, the engine's own cipher on all cores; so it is a lower bound for that shape.
 *
 *   checkpoint BYTES [DIRECTORY [THREADS]]     default /dev/shm and one thread per core
 *
 * Prints {"dump_s":, "copy_s":, "restore_s":, "total_s":, "cpu_s":}. All of total_s is downtime. Memory that a step no
 * longer needs is given back, so twice BYTES suffice. The restored content is compared with what was written.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "common.h"
#include "crypto/gcm.h"

#define RECORD (256u << 10)
#define STORED (RECORD + 16)

static struct om_gcm key;
static uint64_t size, records;
static unsigned char *memory;
static int threads, image = -1, restoring;

static uint64_t word_at(uint64_t i)
{
	i = (i + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
	return i ^ i >> 29;
}

static void *some_records(void *argument)
{
	unsigned char *buffer = malloc(STORED), nonce[12] = { 0 };
	uint64_t thread = (uint64_t)(intptr_t)argument;
	if (!buffer)
		die("memory");
	for (uint64_t i = thread * records / (uint64_t)threads; i < (thread + 1) * records / (uint64_t)threads; i++) {
		unsigned char *page = memory + i * RECORD;
		memcpy(nonce, &i, 8);
		if (restoring) {
			if (pread(image, buffer, STORED, (off_t)(i * STORED)) != (ssize_t)STORED)
				die("read image");
			if (om_gcm_open(&key, nonce, NULL, 0, buffer, RECORD, page, buffer + RECORD) != 0) {
				fprintf(stderr, "checkpoint: record %llu does not authenticate\n", (unsigned long long)i);
				exit(1);
			}
		} else {
			om_gcm_seal(&key, nonce, NULL, 0, page, RECORD, buffer, buffer + RECORD);
			if (pwrite(image, buffer, STORED, (off_t)(i * STORED)) != (ssize_t)STORED)
				die("write image");
		}
	}
	free(buffer);
	return NULL;
}

static void all_records(int restore)
{
	pthread_t thread[64];
	restoring = restore;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, some_records, (void *)(intptr_t)i) != 0)
			die("thread");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

static void *sender(void *argument)
{
	int fd = *(int *)argument;
	for (uint64_t left = records * STORED; left > 0;) {
		ssize_t n = sendfile(fd, image, NULL, left < 1 << 24 ? left : 1 << 24);
		if (n <= 0)
			die("sendfile");
		left -= (uint64_t)n;
	}
	close(fd);
	return NULL;
}

static int new_image(const char *directory)
{
	char path[512];
	snprintf(path, sizeof path, "%s/checkpoint-XXXXXX", directory);
	int fd = mkstemp(path);
	if (fd < 0)
		die(path);
	unlink(path);
	return fd;
}

/* To another file through TCP on loopback; the first file is given up. */
static void copy(const char *directory)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0), to, there = new_image(directory);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address;
	unsigned char *buffer = malloc(1u << 20);
	pthread_t thread;
	ssize_t n;
	if (!buffer || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0
		|| getsockname(listener, (struct sockaddr *)&address, &length) != 0 || connect(from, (struct sockaddr *)&address, length) != 0
		|| (to = accept(listener, NULL, NULL)) < 0)
		die("socket");
	if (lseek(image, 0, SEEK_SET) != 0 || pthread_create(&thread, NULL, sender, &from) != 0)
		die("sender");
	while ((n = recv(to, buffer, 1u << 20, 0)) > 0)
		if (write(there, buffer, (size_t)n) != n)
			die("write copy");
	if (n < 0)
		die("recv");
	pthread_join(thread, NULL);
	free(buffer);
	close(to);
	close(listener);
	close(image);
	image = there;
}

static unsigned char *fresh(void)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("memory");
	return p;
}

int main(int argc, char **argv)
{
	static const unsigned char secret[32] = "a key for measuring, not secret";
	const char *directory = argc > 2 ? argv[2] : "/dev/shm";
	struct rusage before, after;
	records = (argc > 1 ? strtoull(argv[1], NULL, 10) : 0) / RECORD;
	size = records * RECORD;
	threads = argc > 3 ? (int)strtol(argv[3], NULL, 10) : (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (records < 1 || threads < 1 || threads > 64) {
		fprintf(stderr, "usage: checkpoint BYTES [DIRECTORY [THREADS]]\n");
		return 2;
	}
	om_gcm_init(&key, secret, cpu_features());
	memory = fresh();
	for (uint64_t i = 0; i < size / 8; i++)
		((uint64_t *)(void *)memory)[i] = word_at(i);
	image = new_image(directory);
	getrusage(RUSAGE_SELF, &before);
	double start = now_s();
	all_records(0);
	double dumped = now_s();
	munmap(memory, size); /* the source is gone; its time for that counts for the copy */
	copy(directory);
	double copied = now_s();
	memory = fresh();
	all_records(1);
	double restored = now_s();
	getrusage(RUSAGE_SELF, &after);
	for (uint64_t i = 0; i < size / 8; i++)
		if (((uint64_t *)(void *)memory)[i] != word_at(i)) {
			fprintf(stderr, "checkpoint: word %llu is wrong\n", (unsigned long long)i);
			return 1;
		}
	double cpu = (double)(after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec - before.ru_stime.tv_sec)
		+ (double)(after.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_utime.tv_usec - before.ru_stime.tv_usec) * 1e-6;
	printf("{\"dump_s\": %.3f, \"copy_s\": %.3f, \"restore_s\": %.3f, \"total_s\": %.3f, \"cpu_s\": %.2f, \"threads\": %d}\n",
		dumped - start, copied - dumped, restored - copied, restored - start, cpu, threads);
	return 0;
}
