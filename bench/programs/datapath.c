/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits that a migration can be measured against: encrypt -> TCP over loopback -> decrypt in place, one thread each side,
 * with the very cipher the engine uses; into memory that is already there, and into memory (huge pages) that the kernel
 * has to give and clear first, as a destination's. Prints {"gb_per_s": ..., "cpu_s_per_gb": ..., "fresh_gb_per_s": ..., ...}.
 *
 *   datapath [GIBIBYTES [RECORD_KIB [BITS]]]  default 4 GiB in records of 128 KiB, on the widest registers there are
 *   datapath cipher RECORD_KIB BITS           the cipher alone
 *
 * BITS 512 or 256 allows VAES on registers of so many bits, 128 AES-NI alone: what an enclave has by its xfrm.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "common.h"
#include "crypto/gcm.h"
#include "hostcall.h"

static struct om_gcm key;
static uint64_t total, record, target_size;
static unsigned char *source, *target;

enum { WINDOW = 1 << 30 };

static void whole(int fd, unsigned char *data, size_t size, int writing)
{
	while (size > 0) {
		ssize_t n = writing ? send(fd, data, size, MSG_NOSIGNAL) : recv(fd, data, size, MSG_WAITALL);
		if (n <= 0)
			die(writing ? "send" : "recv");
		data += n;
		size -= (size_t)n;
	}
}

static void nonce_of(uint64_t i, unsigned char nonce[12])
{
	memset(nonce, 0, 12);
	memcpy(nonce, &i, 8);
}

static void *receiver(void *argument)
{
	int fd = *(int *)argument;
	unsigned char nonce[12], tag[16];
	for (uint64_t i = 0; i < total / record; i++) {
		unsigned char *to = target + i * record % target_size;
		whole(fd, to, record, 0);
		whole(fd, tag, sizeof tag, 0);
		nonce_of(i, nonce);
		if (om_gcm_open(&key, nonce, NULL, 0, to, record, to, tag) != 0) {
			fprintf(stderr, "datapath: record %llu does not authenticate\n", (unsigned long long)i);
			exit(1);
		}
	}
	return NULL;
}

static void *memory(uint64_t size, int there)
{
	unsigned char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		die("memory");
	madvise(m, size, MADV_HUGEPAGE);
	if (there)
		memset(m, 0x5a, size);
	return m;
}

static void connected(int *ret_from, int *ret_to)
{
	int one = 1, buffer = 4 << 20, listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0), to;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;

	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0
		|| getsockname(listener, (struct sockaddr *)&address, &size) != 0 || connect(from, (struct sockaddr *)&address, size) != 0
		|| (to = accept(listener, NULL, NULL)) < 0)
		die("socket");
	setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(from, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	close(listener);
	*ret_from = from;
	*ret_to = to;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void send_all(int fd, unsigned char *out)
{
	unsigned char nonce[12];

	for (uint64_t i = 0; i < total / record; i++) {
		nonce_of(i, nonce);
		if (om_gcm_seal(&key, nonce, NULL, 0, source + i * record % WINDOW, record, out, out + record) != 0)
			die("seal");
		whole(fd, out, record + 16, 1);
	}
}

/* Into a target of its own; prints "PREFIXgb_per_s": ..., "PREFIXcpu_s_per_gb": ... */
static void measure(const char *prefix, uint64_t size, int there, unsigned char *out)
{
	double gigabytes = (double)total * 1e-9, start, cpu;
	pthread_t thread;
	int from, to;

	target_size = size;
	target = memory(size + record, there);
	connected(&from, &to);
	start = now_s();
	cpu = cpu_s();
	if (pthread_create(&thread, NULL, receiver, &to) != 0)
		die("pthread_create");
	send_all(from, out);
	pthread_join(thread, NULL);
	printf("\"%sgb_per_s\": %.3f, \"%scpu_s_per_gb\": %.3f, ", prefix, gigabytes / (now_s() - start), prefix, (cpu_s() - cpu) / gigabytes);
	close(from);
	close(to);
	munmap(target, size + record);
}

/* The cipher alone, on memory in the cache. */
static void cipher(unsigned char *out)
{
	unsigned char nonce[12];
	const uint64_t times = (1ull << 31) / record;
	double start = now_s(), sealed;

	for (uint64_t i = 0; i < times; i++) {
		nonce_of(i, nonce);
		if (om_gcm_seal(&key, nonce, NULL, 0, source, record, out, out + record) != 0)
			die("seal");
	}
	sealed = now_s();
	for (uint64_t i = 0; i < times; i++) {
		nonce_of(times - 1, nonce);
		if (om_gcm_open(&key, nonce, NULL, 0, out, record, source, out + record) != 0)
			die("open");
	}
	printf("\"seal_gb_per_s\": %.2f, \"open_gb_per_s\": %.2f, ", (double)(times * record) * 1e-9 / (sealed - start),
		(double)(times * record) * 1e-9 / (now_s() - sealed));
}

int main(int argc, char **argv)
{
	static const unsigned char secret[32] = "a key for measuring, not secret";
	const int alone = argc > 1 && strcmp(argv[1], "cipher") == 0;
	total = (argc > 1 && !alone ? strtoull(argv[1], NULL, 10) : 4) << 30;
	record = (argc > 2 ? strtoull(argv[2], NULL, 10) : 128) << 10;
	if (total < 1 || record < 4096 || record > 1 << 24)
		return 2;
	unsigned bits = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 512;
	om_gcm_init(&key, secret, cpu_features() & ~(uint64_t)((bits < 512 ? OM_CPU_AVX512 : 0) | (bits < 256 ? OM_CPU_VAES : 0)));
	source = memory(alone ? record : WINDOW + record, 1);
	unsigned char *out = malloc(record + 16);
	if (!out)
		die("memory");
	printf("{");
	if (!alone) {
		measure("", WINDOW, 1, out);
		measure("fresh_", total, 0, out);
	}
	cipher(out);
	printf("\"vaes\": %u}\n", key.vaes);
	return 0;
}
