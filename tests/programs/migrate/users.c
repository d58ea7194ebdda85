/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon that was started as root and gives its rights up, all but one capability and a connection. SIGUSR1 makes it look
 * again what it may do, and say so on the connection if it moves: users SECRET PORT [net] (a file of root's; a port on which somebody listens, 0: none; keep what it
 * takes to move connections)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

static const char *secret;
static volatile int go;

static const char *may_open(void)
{
	int fd = open(secret, O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? "yes" : errno == EACCES ? "no" : strerror(errno);
}

/* Inside the enclave while the rights change. */
static void *spin(void *result)
{
	while (!go)
		continue;
	*(const char **)result = may_open();
	return NULL;
}

static void *wait_in_host(void *fd)
{
	char c;

	return read(*(int *)fd, &c, 1) == 1 ? (void *)may_open() : "?";
}

static void look(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];
	gid_t groups[4];
	uid_t r, e, s;

	getresuid(&r, &e, &s);
	printf("user %u %u %u, ", r, e, s);
	getresgid(&r, &e, &s);
	printf("group %u %u %u, groups %d, ", r, e, s, getgroups(4, groups));
	printf("capget %ld: %x %x, ", syscall(SYS_capget, &header, caps), caps[0].effective, caps[0].permitted);
	printf("bounding %d, new privileges %d, secret %s\n", prctl(PR_CAPBSET_READ, CAP_SYS_BOOT), !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), may_open());
}

static void drop(bool net)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { { .effective = 1u << CAP_NET_BIND_SERVICE, .permitted = 1u << CAP_NET_BIND_SERVICE } };
	const unsigned more = net ? 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW : 0;
	const gid_t groups[] = { 12345, 54321 };

	caps[0].effective |= more;
	caps[0].permitted |= more;
	printf("seteuid %d %d, secret %s, back %d\n", setegid(NOBODY), seteuid(NOBODY), may_open(), seteuid(0) | setegid(0));
	printf("bounding %d, keep %d\n", prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT), prctl(PR_SET_KEEPCAPS, 1));
	printf("setgroups %d, ", setgroups(2, groups));
	printf("setgid %d, ", setgid(NOBODY));
	printf("setuid %d, ", setuid(NOBODY));
	printf("capset %ld, ", syscall(SYS_capset, &header, caps));
	printf("no_new_privs %d\n", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	printf("setuid back %s\n", setuid(0) == 0 ? "ok" : errno == EPERM ? "EPERM" : strerror(errno));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(argc > 2 ? (uint16_t)atoi(argv[2]) : 0), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd[2], s = socket(AF_INET, SOCK_STREAM, 0), signo;
	pthread_t spinning, waiting;
	const char *said = "?";
	void *result;
	sigset_t usr1;

	secret = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	if (to.sin_port && connect(s, (struct sockaddr *)&to, sizeof to))
		return 1;
	if (pipe(fd) || pthread_create(&spinning, NULL, spin, &said) || pthread_create(&waiting, NULL, wait_in_host, fd))
		return 1;
	drop(argc > 3);
	go = 1;
	pthread_join(spinning, NULL);
	if (write(fd[1], "x", 1) != 1)
		return 1;
	pthread_join(waiting, &result);
	printf("threads: %s %s\n", said, (const char *)result);
	for (;;) {
		look();
		sigwait(&usr1, &signo);
		if (argc > 3 && write(s, "?", 1) != 1)
			return 1;
	}
}
