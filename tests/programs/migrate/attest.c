/* SPDX-License-Identifier: Apache-2.0 */
/* Shows /dev/attestation. Without arguments: every file of it, and what is refused. "serve": each SIGUSR1 makes a quote over the report
 * data that were written once, at the start, and leaves it in the file quote-N. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define D "/dev/attestation/"
#define WRONG(...) (printf("WRONG: " __VA_ARGS__), putchar('\n'))

static unsigned char bytes[32768];

static int get(const char *name)
{
	int fd = open(name, O_RDONLY), size;

	if (fd < 0)
		return -errno;
	size = (int)read(fd, bytes, sizeof bytes);
	close(fd);
	return size;
}

static int put(const char *name, const void *data, size_t size, int flags)
{
	int fd = open(name, flags), put;

	if (fd < 0)
		return -errno;
	put = (int)write(fd, data, size);
	close(fd);
	return put;
}

static void expect(const char *what, int got, int wanted)
{
	if (got != wanted)
		WRONG("%s: %d, not %d", what, got, wanted);
}

static void show(void)
{
	unsigned char data[100], target[512];
	struct dirent *entry;
	struct stat stat_of;
	DIR *directory = opendir("/dev/attestation");
	int type, fd, size;
	bool guest;

	while (directory && (entry = readdir(directory)))
		printf("%s\n", entry->d_name);
	if (directory)
		closedir(directory);
	type = get(D "attestation_type");
	printf("type %.*s\n", type, bytes);
	guest = type >= 3 && (!memcmp(bytes, "snp", 3) || !memcmp(bytes, "tdx", 3));
	for (int i = 0; i < 100; i++)
		data[i] = (unsigned char)(i + 1);
	/* Shorter: zeros follow. Longer: cut off. In two pieces: both count. */
	expect("5 bytes", put(D "user_report_data", data, 5, O_WRONLY), 5);
	expect("read", get(D "user_report_data"), 64);
	expect("5 bytes and zeros", memcmp(bytes, data, 5) || memcmp(bytes + 5, (char[59]){ 0 }, 59), 0);
	expect("100 bytes", put(D "user_report_data", data, 100, O_RDWR), 100);
	expect("read", get(D "user_report_data"), 64);
	expect("64 bytes", memcmp(bytes, data, 64), 0);
	fd = open(D "user_report_data", O_WRONLY);
	expect("first piece", (int)write(fd, data + 20, 10), 10);
	expect("second piece", (int)write(fd, data + 30, 10), 10);
	close(fd);
	get(D "user_report_data");
	expect("two pieces", memcmp(bytes, data + 20, 20) || memcmp(bytes + 20, (char[44]){ 0 }, 44), 0);
	expect("truncated", put(D "user_report_data", data, 0, O_WRONLY | O_TRUNC), 0);
	get(D "user_report_data");
	expect("is zero", memcmp(bytes, (char[64]){ 0 }, 64), 0);
	put(D "user_report_data", data, 64, O_WRONLY);

	expect("my_target_info", get(D "my_target_info"), 512);
	memcpy(target, bytes, 512);
	expect("target_info", put(D "target_info", target, 512, O_WRONLY), 512);
	expect("report", get(D "report"), 432);
	expect("report data of the report", memcmp(bytes + 320, data, 64), 0);
	expect("MRENCLAVE of report and target", memcmp(bytes + 64, target, 32), 0);
	target[511] = 1;
	put(D "target_info", target, 512, O_WRONLY);
	expect("a reserved byte", get(D "report"), -EINVAL);
	size = get(D "quote");
	expect("a quote is there", size > 1000, 1);
	/* A guest's evidence has the report body behind it. */
	expect("report data of the quote", memcmp(bytes + (guest ? size - 64 : 48 + 320), data, 64), 0);

	/* What only the migration engine says. */
	memcpy(data + 32, "optmig 1 evidence of a migration", 32);
	target[511] = 0;
	put(D "target_info", target, 512, O_WRONLY);
	put(D "user_report_data", data, 64, O_WRONLY);
	expect("the engine's label, quote", get(D "quote"), -EPERM);
	expect("the engine's label, report", get(D "report"), -EPERM);
	data[63] ^= 1;
	put(D "user_report_data", data, 64, O_WRONLY);
	expect("another label", get(D "report"), 432);

	expect("writing a quote", put(D "quote", data, 1, O_WRONLY), -EACCES);
	expect("no such name", get(D "nothing"), -ENOENT);
	expect("below a file", get(D "quote/x"), -ENOTDIR);
	expect("stat", stat(D "quote", &stat_of), 0);
	fd = open(D "tls/cert.pem", O_RDONLY);
	expect("fstat", fstat(fd, &stat_of), 0);
	expect("size", (int)stat_of.st_size, (int)read(fd, bytes, sizeof bytes));
	close(fd);
	expect("stat", stat(D "quote", &stat_of), 0);
	expect("mode", stat_of.st_mode, S_IFREG | 0444);
	expect("access", access(D "user_report_data", R_OK | W_OK), 0);
	expect("access", access(D "report", W_OK), -1);
	puts("done");
}

static void serve(void)
{
	sigset_t set;
	int signo;
	char name[32];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	put(D "user_report_data", "asked for by a client", 21, O_WRONLY);
	puts("ready");
	fflush(stdout);
	for (int n = 1; !sigwait(&set, &signo); n++) {
		int size = get(D "quote");

		snprintf(name, sizeof name, "quote-%d", n);
		expect("written", put(name, bytes, size > 0 ? (size_t)size : 0, O_WRONLY | O_CREAT | O_TRUNC), size);
		printf("quote %d: %d\n", n, size);
		fflush(stdout);
	}
}

/* What a careless program does: it quotes whatever somebody gives it. Prints the size of the quote, or why there is none. */
static void quote_any(const char *from, const char *to)
{
	char data[64];
	int fd = open(from, O_RDONLY), size;

	expect("given", fd >= 0 ? (int)read(fd, data, sizeof data) : -1, sizeof data);
	expect("taken", put(D "user_report_data", data, sizeof data, O_WRONLY), sizeof data);
	size = get(D "quote");
	if (size > 0)
		expect("written", put(to, bytes, (size_t)size, O_WRONLY | O_CREAT | O_TRUNC), size);
	printf("quoted: %d\n", size);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "quote")) {
		quote_any(argv[2], argv[3]);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "serve"))
		serve();
	else
		show();
	return 0;
}
