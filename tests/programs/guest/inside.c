/* SPDX-License-Identifier: Apache-2.0 */
/* Does in a guest what it is told on standard input, a line each: what comes back has been through everything that lies between. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void note(int signo)
{
	caught = signo;
}

static void show_file(const char *path)
{
	char bytes[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
	struct stat status;

	if (n < 0)
		printf("file %s\n", strerror(errno));
	else
		printf("file %.*s %o\n", (int)n, bytes, fstat(fd, &status) ? 0 : (unsigned)status.st_mode & 0777);
	if (fd >= 0)
		close(fd);
}

static void show_place(int argc, char **argv)
{
	char directory[4096];
	struct utsname name;

	printf("place %s %s", uname(&name) ? "?" : name.nodename, getcwd(directory, sizeof directory));
	for (int i = 0; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf(" {%s} {%s}\n", getenv("INSIDE") ? getenv("INSIDE") : "", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	printf("write %s\n", fd < 0 ? strerror(errno) : "done");
	if (fd >= 0)
		close(fd);
}

static void many(long count)
{
	for (long i = 0; i < count; i++)
		putchar('a' + (int)(i % 26));
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = note };
	char line[8192];

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strcmp(line, "place") == 0)
			show_place(argc, argv);
		else if (strncmp(line, "file ", 5) == 0)
			show_file(line + 5);
		else if (strncmp(line, "write ", 6) == 0)
			write_file(line + 6);
		else if (strncmp(line, "many ", 5) == 0)
			many(atol(line + 5));
		else if (strncmp(line, "length ", 7) == 0)
			printf("length %zu\n", strlen(line));
		else if (strncmp(line, "error ", 6) == 0)
			fprintf(stderr, "%s\n", line + 6);
		else if (strcmp(line, "signal") == 0) {
			printf("waiting\n");
			fflush(stdout);
			while (!caught)
				pause();
			printf("signal %d\n", (int)caught);
			caught = 0;
		}
		fflush(stdout);
	}
	printf("end of input\n");
	return 42;
}
