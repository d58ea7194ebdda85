/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with a secret from its owner: reads /dev/attestation/keys/NAME and prints "NAME SIZE checksum", again whenever it gets HUP, and
 * "beat N" all the time. What it must not be able to do is tried once. TERM ends it.
 *
 *     secret NAME
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop, again = 1;

static void on_signal(int signo)
{
	if (signo == SIGTERM)
		stop = 1;
	else
		again = 1;
}

static void show(const char *name)
{
	static uint8_t bytes[65536];
	char path[128];
	uint32_t sum = 1;
	ssize_t size;
	int fd;

	snprintf(path, sizeof path, "/dev/attestation/keys/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	size = read(fd, bytes, sizeof bytes);
	for (ssize_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	printf("%s %zd %08x\n", name, size, (unsigned)sum);
	memset(bytes, 0, sizeof bytes);
	close(fd);
	printf("write: %s\n", open(path, O_WRONLY) < 0 ? strerror(errno) : "allowed");
}

static void list(void)
{
	DIR *directory = opendir("/dev/attestation/keys");
	struct dirent *e;

	printf("keys:");
	while (directory && (e = readdir(directory)))
		if (e->d_name[0] != '.')
			printf(" %s", e->d_name);
	printf("\n");
	if (directory)
		closedir(directory);
}

/* Evidence with the label by which the runtime talks to the owner. */
static void forge(void)
{
	uint8_t data[64] = "0123456789abcdef0123456789abcdef" "optmig 1 evidence for the owner";
	int fd = open("/dev/attestation/user_report_data", O_WRONLY);

	data[63] = ':';
	if (fd < 0 || write(fd, data, sizeof data) != sizeof data)
		printf("user_report_data: %s\n", strerror(errno));
	close(fd);
	fd = open("/dev/attestation/quote", O_RDONLY);
	printf("forged: %s\n", fd < 0 ? strerror(errno) : "allowed");
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "token";

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	puts("begun");
	forge();
	for (unsigned beat = 1; !stop; beat++) {
		if (again) {
			again = 0;
			list();
			show(name);
		}
		printf("beat %u\n", beat);
		usleep(20000);
	}
	return 0;
}
