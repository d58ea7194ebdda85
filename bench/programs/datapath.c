/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit that a migration can be measured against: encrypt -> TCP over loopback -> decrypt in place into memory that
 * is already there, one thread each side, with the very cipher the engine uses. Prints {"gb_per_s": ..., "cpu_s_per_gb": ...}.
 *
 *   datapath [GIBIBYTES [RECORD_KIB]]        default 4 GiB in records of 128 KiB
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

static struct om_gcm key;
static uint64_t total, record;
static unsigned char *source, *target;

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
		unsigned char *to = target + i * record % (1u << 30);
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

int main(int argc, char **argv)
{
	static const unsigned char secret[32] = "a key for measuring, not secret";
	unsigned char nonce[12];
	int one = 1, buffer = 4 << 20;
	total = (argc > 1 ? strtoull(argv[1], NULL, 10) : 4) << 30;
	record = (argc > 2 ? strtoull(argv[2], NULL, 10) : 128) << 10;
	if (total < 1 || record < 4096 || record > 1 << 24)
		return 2;
	om_gcm_init(&key, secret, cpu_features());
	source = mmap(NULL, 1u << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	target = mmap(NULL, (1u << 30) + record, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	unsigned char *out = malloc(record + 16);
	if (source == MAP_FAILED || target == MAP_FAILED || !out)
		die("memory");
	memset(source, 0x5a, 1u << 30);
	memset(target, 0, (1u << 30) + record);
	int listener = socket(AF_INET, SOCK_STREAM, 0), from = socket(AF_INET, SOCK_STREAM, 0), to;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0
		|| getsockname(listener, (struct sockaddr *)&address, &size) != 0 || connect(from, (struct sockaddr *)&address, size) != 0
		|| (to = accept(listener, NULL, NULL)) < 0)
		die("socket");
	setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(from, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	pthread_t thread;
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	double start = now_s();
	if (pthread_create(&thread, NULL, receiver, &to) != 0)
		die("pthread_create");
	for (uint64_t i = 0; i < total / record; i++) {
		nonce_of(i, nonce);
		if (om_gcm_seal(&key, nonce, NULL, 0, source + i * record % (1u << 30), record, out, out + record) != 0)
			die("seal");
		whole(from, out, record + 16, 1);
	}
	pthread_join(thread, NULL);
	double seconds = now_s() - start, gigabytes = (double)total * 1e-9;
	getrusage(RUSAGE_SELF, &after);
	double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec)
		+ (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) * 1e-6;
	printf("{\"gb_per_s\": %.3f, \"cpu_s_per_gb\": %.3f, \"vaes\": %s}\n", gigabytes / seconds, cpu / gigabytes, key.vaes ? "true" : "false");
	return 0;
}
