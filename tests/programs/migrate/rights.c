/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that asks for what may need rights, and says what it is told.
 *     rights PORT PATH [GROUP]     TCP and UDP on PORT, a UNIX socket at PATH (which belongs to GROUP)
 *
 * Lines of the first TCP client: "bind N", "bind6 N", "ping", "sleep MS" are answered with a line; "half": nothing more is read of the client
 * that comes next until "rest", which answers with all that one has sent, up to its end. A datagram is answered with itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static int bound(int type, int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = must(socket(AF_INET, type, 0), "socket"), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	must(bind(fd, (struct sockaddr *)&name, sizeof name), "bind");
	return fd;
}

static int named(const char *path, const char *group)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	must(bind(fd, (struct sockaddr *)&name, sizeof name), "bind");
	if (group)
		must(chown(path, (uid_t)-1, (gid_t)atoi(group)), "chown");
	must(chmod(path, 0660), "chmod");
	must(listen(fd, 5), "listen");
	return fd;
}

static const char *try_bind(int six, int port)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), error;

	error = fd < 0 ? errno : bind(fd, six ? (struct sockaddr *)&name : (struct sockaddr *)&name4, six ? sizeof name : sizeof name4) ? errno : 0;
	if (fd >= 0)
		close(fd);
	return error ? strerror(error) : "ok";
}

static int listener, half = -1;

static void obey(char *line, FILE *to)
{
	static char rest[1 << 20];
	size_t used = 0;
	ssize_t got;

	if (!strncmp(line, "bind6 ", 6))
		fprintf(to, "%s\n", try_bind(1, atoi(line + 6)));
	else if (!strncmp(line, "bind ", 5))
		fprintf(to, "%s\n", try_bind(0, atoi(line + 5)));
	else if (!strncmp(line, "sleep ", 6))
		fprintf(to, "%d\n", usleep((unsigned)atoi(line + 6) * 1000));
	else if (!strncmp(line, "half", 4))
		fprintf(to, "%s\n", (half = accept(listener, NULL, NULL)) >= 0 ? "ok" : strerror(errno));
	else if (!strncmp(line, "rest", 4)) {
		while ((got = recv(half, rest + used, sizeof rest - used, 0)) > 0)
			used += (size_t)got;
		fprintf(to, "%zd %zu %.20s\n", got, used, rest);
		close(half);
	} else {
		fprintf(to, "pong\n");
	}
	fflush(to);
}

int main(int argc, char **argv)
{
	char line[256];
	struct pollfd list[3];
	int udp, unix_fd, client;
	FILE *from, *to;

	if (argc < 3)
		return 2;
	listener = bound(SOCK_STREAM, atoi(argv[1]));
	must(listen(listener, 10), "listen");
	udp = bound(SOCK_DGRAM, atoi(argv[1]));
	unix_fd = named(argv[2], argc > 3 ? argv[3] : NULL);
	printf("ready\n");
	fflush(stdout);
	client = must(accept(listener, NULL, NULL), "accept");
	from = fdopen(client, "r");
	to = fdopen(dup(client), "w");
	setvbuf(from, NULL, _IONBF, 0);
	list[0] = (struct pollfd){ client, POLLIN, 0 };
	list[1] = (struct pollfd){ udp, POLLIN, 0 };
	list[2] = (struct pollfd){ unix_fd, POLLIN, 0 };
	for (;;) {
		must(poll(list, 3, -1), "poll");
		if (list[0].revents && !fgets(line, sizeof line, from))
			return 0;
		if (list[0].revents)
			obey(line, to);
		if (list[1].revents) {
			struct sockaddr_in peer;
			socklen_t size = sizeof peer;
			ssize_t got = recvfrom(udp, line, sizeof line, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);

			if (got >= 0)
				sendto(udp, line, (size_t)got, 0, (struct sockaddr *)&peer, size);
		}
		if (list[2].revents) {
			int fd = accept(unix_fd, NULL, NULL);

			if (fd >= 0 && write(fd, "hello\n", 6) == 6)
				close(fd);
		}
	}
}
