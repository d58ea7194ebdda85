/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small questions and small answers: what servers ask at their start, and calls with nothing to do. It prints the same inside
 * and outside (tests/programs/run compares).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* By number: the two C libraries have different words. */
#define SAY(what, call) do { errno = 0; long r_ = (long)(call); printf("%-34s %ld %d\n", what, r_, r_ < 0 ? errno : 0); } while (0)

/* ---- interfaces ---- */

static void request(int s, const char *what, unsigned long number, struct ifreq r)
{
	long result = ioctl(s, number, &r);

	printf("%-34s %ld %d: ", what, result, result < 0 ? errno : 0);
	for (size_t i = 0; result == 0 && i < sizeof r; i++)
		printf("%02x", ((unsigned char *)&r)[i]);
	puts("");
}

static void list(int s, const char *what, void *buffer, int size)
{
	struct ifconf c = { .ifc_len = size, .ifc_buf = buffer };

	SAY(what, ioctl(s, SIOCGIFCONF, &c));
	printf("  %d bytes\n", c.ifc_len);
	for (int i = 0; buffer && i < c.ifc_len / (int)sizeof(struct ifreq); i++)
		printf("  %s\n", c.ifc_req[i].ifr_name);
}

static void interfaces(int family)
{
	static const struct { const char *name; unsigned long number; } asked[] = { { "FLAGS", SIOCGIFFLAGS }, { "ADDR", SIOCGIFADDR },
		{ "NETMASK", SIOCGIFNETMASK }, { "BRDADDR", SIOCGIFBRDADDR }, { "DSTADDR", SIOCGIFDSTADDR }, { "METRIC", SIOCGIFMETRIC },
		{ "MTU", SIOCGIFMTU }, { "HWADDR", SIOCGIFHWADDR }, { "INDEX", SIOCGIFINDEX }, { "TXQLEN", SIOCGIFTXQLEN }, { "MAP", SIOCGIFMAP } };
	struct ifreq none = { .ifr_name = "none-such" }, lo = { .ifr_name = "lo" }, numbered = { .ifr_ifindex = 1 };
	static char buffer[16384];
	int s = socket(family, SOCK_DGRAM, 0);

	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		request(s, asked[i].name, asked[i].number, lo);
		request(s, "  of none", asked[i].number, none);
	}
	request(s, "NAME", SIOCGIFNAME, numbered);
	numbered.ifr_ifindex = 99999;
	request(s, "NAME of none", SIOCGIFNAME, numbered);
	list(s, "CONF", buffer, sizeof buffer);
	list(s, "CONF of one", buffer, sizeof(struct ifreq));
	list(s, "CONF, size", NULL, 0);
	list(s, "CONF, no room", buffer, 0);
	SAY("FLAGS at NULL", ioctl(s, SIOCGIFFLAGS, NULL));
	SAY("CONF at NULL", ioctl(s, SIOCGIFCONF, NULL));
	SAY("FLAGS of no socket", ioctl(0, SIOCGIFFLAGS, &lo));
	SAY("unknown", ioctl(s, 0x89ef, &lo));
	SAY("SO_BINDTODEVICE", setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "none-such", 9));
	close(s);
}

static void names(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *found;
	struct sockaddr_in6 scoped = { .sin6_family = AF_INET6, .sin6_scope_id = 1, .sin6_addr = { { { 0xfe, 0x80, [15] = 9 } } } };
	struct ifaddrs *addresses = NULL;
	char name[IF_NAMESIZE], host[80];
	struct if_nameindex *all = if_nameindex();
	int loopbacks = 0;

	printf("lo is %u, 1 is %s\n", if_nametoindex("lo"), if_indextoname(1, name) ? name : "?");
	SAY("if_nametoindex(none)", if_nametoindex("none-such"));
	for (struct if_nameindex *i = all; i && i->if_index; i++)
		printf("%u %s\n", i->if_index, i->if_name);
	if_freenameindex(all);
	SAY("getifaddrs", getifaddrs(&addresses));
	for (struct ifaddrs *a = addresses; a; a = a->ifa_next)
		loopbacks += a->ifa_addr && a->ifa_addr->sa_family == AF_INET && strcmp(a->ifa_name, "lo") == 0;
	freeifaddrs(addresses);
	printf("addresses of lo: %d\n", loopbacks);
	if (getaddrinfo("fe80::1%lo", "80", &hints, &found) == 0) {
		printf("scope %u\n", ((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_scope_id);
		freeaddrinfo(found);
	}
	printf("scope by number: %d\n", getaddrinfo("fe80::1%1", "80", &hints, &found) == 0);
	printf("no such scope: %d\n", getaddrinfo("fe80::1%none-such", "80", &hints, &found) != 0);
	if (getnameinfo((struct sockaddr *)&scoped, sizeof scoped, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0)
		printf("%s\n", host);
}

/* ---- sockets ---- */

static void mark(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), b, on = 1;
	socklen_t size = sizeof at;
	struct pollfd p;
	char c[4] = "";

	bind(l, (struct sockaddr *)&at, sizeof at);
	listen(l, 1);
	getsockname(l, (struct sockaddr *)&at, &size);
	connect(a, (struct sockaddr *)&at, sizeof at);
	b = accept(l, NULL, NULL);
	send(a, "xy", 2, 0);
	send(a, "!", 1, MSG_OOB);
	p = (struct pollfd){ .fd = b, .events = POLLPRI };
	poll(&p, 1, 2000);
	SAY("sockatmark before", sockatmark(b));
	SAY("read", read(b, c, 4));
	SAY("sockatmark at", sockatmark(b));
	SAY("urgent", recv(b, c, 1, MSG_OOB));
	SAY("SIOCATMARK of a file", ioctl(0, SIOCATMARK, &on));
	SAY("SIOCOUTQ", ioctl(a, SIOCOUTQ, &on));
	SAY("SIOCINQ", ioctl(b, SIOCINQ, &on));
	close(a);
	close(b);
	close(l);
}

static void traffic_class(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0), one = 1, values[2] = { 7, 8 };
	static const int kinds[2] = { IPV6_HOPLIMIT, IPV6_TCLASS };
	char control[2 * CMSG_SPACE(sizeof(int))] = "", data[8] = "hi";
	struct iovec v = { data, 2 };
	socklen_t size = sizeof at;
	struct msghdr m = { .msg_name = &at, .msg_namelen = sizeof at, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	if (bind(s, (struct sockaddr *)&at, sizeof at)) {
		puts("no IPv6");
		return;
	}
	getsockname(s, (struct sockaddr *)&at, &size);
	SAY("IPV6_RECVHOPLIMIT", setsockopt(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof one));
	SAY("IPV6_RECVTCLASS", setsockopt(s, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, sizeof one));
	SAY("IPV6_TCLASS", setsockopt(c, IPPROTO_IPV6, IPV6_TCLASS, &one, sizeof one));
	for (int i = 0; i < 2; i++, h = (struct cmsghdr *)(void *)((char *)h + CMSG_SPACE(sizeof(int)))) {
		h->cmsg_level = IPPROTO_IPV6;
		h->cmsg_type = kinds[i];
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &values[i], sizeof(int));
	}
	SAY("sendmsg", sendmsg(c, &m, 0));
	m.msg_controllen = sizeof control;
	SAY("recvmsg", recvmsg(s, &m, 0));
	for (h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		printf("%d %d\n", h->cmsg_type, *(int *)(void *)CMSG_DATA(h));
	close(s);
	close(c);
}

/* ---- terminals ---- */

static void terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), null = open("/dev/null", O_RDWR), slave, peer, on = 1, got = -1;
	struct winsize size = { 20, 70, 0, 0 };
	char c[8] = "", name[64] = "";

	SAY("grantpt", grantpt(master));
	SAY("unlockpt", unlockpt(master));
	slave = open(ptsname(master) ? ptsname(master) : "", O_RDWR | O_NOCTTY);
	printf("slave %d, terminal %d\n", slave >= 0, isatty(slave));
	SAY("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &size));
	size.ws_row = 0;
	SAY("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &size));
	printf("%d rows\n", size.ws_row);
	SAY("tcflush", tcflush(slave, TCIOFLUSH));
	SAY("tcsendbreak", tcsendbreak(slave, 0));
	SAY("write", write(slave, "ab\n", 3));
	SAY("tcdrain", tcdrain(slave));
	SAY("read", read(master, c, 4));
	SAY("TIOCPKT", ioctl(master, TIOCPKT, &on));
	SAY("TIOCGPKT", ioctl(master, TIOCGPKT, &got));
	printf("packets %d\n", got);
	SAY("TIOCGEXCL", ioctl(slave, TIOCGEXCL, &got));
	SAY("TIOCGETD", ioctl(slave, TIOCGETD, &got));
	SAY("TIOCSIG", ioctl(master, TIOCSIG, SIGWINCH));
	SAY("TIOCGPTPEER of a slave", ioctl(slave, TIOCGPTPEER, O_RDWR));
	SAY("TIOCGPTPEER of none", ioctl(null, TIOCGPTPEER, O_RDWR));
	peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	printf("peer %d, the same %d, flags %d %x\n", peer >= 0, ttyname(peer) && strcmp(ttyname(peer), ptsname(master)) == 0,
		fcntl(peer, F_GETFD), fcntl(peer, F_GETFL) & O_ACCMODE);
	close(peer);
	close(slave);
	close(master);
	SAY("openpty", openpty(&master, &slave, name, NULL, &size));
	SAY("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &size));
	printf("%d columns, %s\n", size.ws_col, ttyname(slave) && strcmp(ttyname(slave), name) == 0 ? "named" : "other name");
	close(slave);
	close(master);
	close(null);
}

/* ---- signal-driven input ---- */

static volatile sig_atomic_t seen, seen_fd, seen_code, seen_band;
static volatile pid_t seen_tid;

static void on_ready(int signo, siginfo_t *info, void *context)
{
	(void)context;
	seen_fd = info->si_fd;
	seen_band = (int)info->si_band;
	seen_code = info->si_code;
	seen_tid = gettid();
	seen = signo;
}

static void wait_ready(const char *what, int with_info)
{
	for (int i = 0; i < 1000 && !seen; i++)
		usleep(2000);
	printf("%-34s signal %d, thread %s", what, seen, seen_tid == getpid() ? "main" : seen_tid ? "other" : "none");
	if (with_info)
		printf(", descriptor %d, code %d, band %x", seen_fd, seen_code, seen_band);
	puts("");
	seen = seen_tid = 0;
}

static void owner_is(int fd)
{
	struct f_owner_ex owner = { -1, -1 };

	printf("F_GETOWN_EX %d: type %d, %s\n", fcntl(fd, F_GETOWN_EX, &owner), owner.type, owner.pid == getpid() ? "us" : owner.pid ? "another" : "nobody");
}

static void *sleeper(void *fd)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };

	SAY("F_SETOWN_EX, thread", fcntl(*(int *)fd, F_SETOWN_EX, &owner));
	for (int i = 0; i < 1000 && !seen; i++)
		usleep(2000);
	return NULL;
}

static void signal_driven(void)
{
	struct sigaction action = { .sa_sigaction = on_ready, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct f_owner_ex owner = { 7, getpid() };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int p[2], l = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), b, on = 1, group = -getpgrp(), none = 0;
	socklen_t size = sizeof at;
	pthread_t thread;

	sigaction(SIGIO, &action, NULL);
	sigaction(SIGURG, &action, NULL);
	sigaction(45, &action, NULL);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	dup2(p[0], 77);
	owner_is(77);
	SAY("F_SETOWN", fcntl(77, F_SETOWN, getpid()));
	owner_is(77);
	SAY("F_GETOWN", fcntl(77, F_GETOWN) == getpid());
	SAY("F_SETOWN_EX, no type", fcntl(77, F_SETOWN_EX, &owner));
	SAY("F_SETSIG, none", fcntl(77, F_SETSIG, 65));
	SAY("FIOASYNC", ioctl(77, FIOASYNC, &on));
	SAY("F_GETFL", !!(fcntl(77, F_GETFL) & O_ASYNC));
	SAY("write", write(p[1], "x", 1));
	wait_ready("SIGIO", 0);
	SAY("F_SETSIG", fcntl(77, F_SETSIG, 45));
	SAY("F_GETSIG", fcntl(77, F_GETSIG) == 45);
	SAY("write", write(p[1], "x", 1));
	wait_ready("F_SETSIG", 1);
	pthread_create(&thread, NULL, sleeper, &p[0]);
	usleep(100000);
	SAY("write", write(p[1], "x", 1));
	pthread_join(thread, NULL);
	wait_ready("F_OWNER_TID", 1);
	SAY("F_SETOWN, nobody", fcntl(77, F_SETOWN, 0));
	owner_is(77);
	SAY("write", write(p[1], "x", 1));
	usleep(50000);
	printf("nobody: %d\n", seen);
	SAY("FIOSETOWN", ioctl(p[0], FIOSETOWN, &group));
	SAY("SIOCGPGRP", ioctl(p[0], SIOCGPGRP, &none));
	printf("group %d\n", none == group);
	SAY("O_ASYNC off", fcntl(p[0], F_SETFL, 0));
	SAY("F_SETLEASE of a socket", fcntl(p[0], F_SETLEASE, F_RDLCK));

	bind(l, (struct sockaddr *)&at, sizeof at);
	listen(l, 1);
	getsockname(l, (struct sockaddr *)&at, &size);
	connect(a, (struct sockaddr *)&at, sizeof at);
	b = accept(l, NULL, NULL);
	SAY("F_SETOWN", fcntl(b, F_SETOWN, getpid()));
	SAY("urgent", send(a, "!", 1, MSG_OOB));
	wait_ready("SIGURG", 0);
	for (int fd = 3; fd < 80; fd++)
		close(fd);
}

/* ---- limits ---- */

static volatile sig_atomic_t too_big;

static void on_too_big(int signo)
{
	too_big = signo;
}

static void set_limit(const char *what, int resource, rlim_t soft)
{
	struct rlimit limit, now;

	SAY("getrlimit", getrlimit(resource, &limit));
	limit.rlim_cur = soft;
	SAY(what, setrlimit(resource, &limit));
	getrlimit(resource, &now);
	printf("obeyed: %d %d\n", now.rlim_cur == soft, now.rlim_max == limit.rlim_max);
}

static void no_limit(int resource)
{
	struct rlimit limit;

	getrlimit(resource, &limit);
	limit.rlim_cur = limit.rlim_max;
	SAY("no limit", setrlimit(resource, &limit));
}

static void limits(void)
{
	static char block[300000];
	char name[] = "/tmp/optmig-calls-XXXXXX";
	int file = mkstemp(name), fd;
	void *p;

	signal(SIGXFSZ, on_too_big);
	set_limit("RLIMIT_FSIZE", RLIMIT_FSIZE, 1000);
	SAY("write", write(file, block, sizeof block));
	SAY("write", write(file, block, sizeof block));
	printf("signal %d\n", too_big);
	no_limit(RLIMIT_FSIZE);
	SAY("write", write(file, block, sizeof block));
	unlink(name);
	close(file);
	set_limit("RLIMIT_CORE", RLIMIT_CORE, 0);
	set_limit("RLIMIT_CPU", RLIMIT_CPU, 3600);
	set_limit("RLIMIT_AS", RLIMIT_AS, 700 << 20);
	p = mmap(NULL, 800 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("800 MiB: %s\n", p == MAP_FAILED && errno == ENOMEM ? "ENOMEM" : "mapped");
	p = mmap(NULL, 200 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("200 MiB: %s\n", p == MAP_FAILED ? "refused" : "mapped");
	munmap(p, 200 << 20);
	no_limit(RLIMIT_AS);
	set_limit("RLIMIT_NOFILE", RLIMIT_NOFILE, 64);
	while ((fd = dup(0)) >= 0)
		continue;
	SAY("dup", dup(0));
	SAY("dup2", dup2(0, 64));
	SAY("F_DUPFD", fcntl(0, F_DUPFD, 64));
	SAY("last", fcntl(63, F_GETFD));
	for (fd = 3; fd < 64; fd++)
		close(fd);
	no_limit(RLIMIT_NOFILE);
	SAY("unknown", syscall(SYS_setrlimit, 99, &(struct rlimit){ 0, 0 }));
}

/* ---- others ---- */

static void others(void)
{
	SAY("kill of the parent, 0", kill(getppid(), 0));
	SAY("kill of nobody", kill(0x3fffffff, SIGTERM));
	SAY("kill of no group", kill(-0x3fffffff, 0));
	SAY("kill, no signal", kill(getppid(), 65));
}

/* ---- nothing to do ---- */

extern char _end[];             /* behind the last variable */

static void nothing(void)
{
	int file = open("/proc/self/exe", O_RDONLY), null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), event = eventfd(0, 0);
	int pair[2], datagrams[2], pipes[2], ep = epoll_create1(0);
	struct iovec v = { NULL, 0 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 }, empty = { .msg_iov = NULL };

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, datagrams);
	SAY("pipe", pipe2(pipes, O_NONBLOCK));
	const struct { const char *name; int fd; } all[] = { { "file", file }, { "null", null }, { "zero", zero }, { "event", event }, { "stream", pair[0] },
		{ "datagrams", datagrams[0] }, { "pipe for reading", pipes[0] }, { "pipe for writing", pipes[1] }, { "epoll", ep }, { "none", 999 } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int fd = all[i].fd;

		puts(all[i].name);
		SAY("read", syscall(SYS_read, fd, NULL, 0));
		SAY("write", syscall(SYS_write, fd, NULL, 0));
		SAY("pread", syscall(SYS_pread64, fd, NULL, 0, 0));
		SAY("pwrite", syscall(SYS_pwrite64, fd, NULL, 0, 0));
		SAY("readv", syscall(SYS_readv, fd, NULL, 0));
		SAY("readv of nothing", syscall(SYS_readv, fd, &v, 1));
		SAY("writev", syscall(SYS_writev, fd, NULL, 0));
		SAY("writev of nothing", syscall(SYS_writev, fd, &v, 1));
		SAY("preadv", syscall(SYS_preadv, fd, NULL, 0, 0, 0));
		SAY("recvfrom", syscall(SYS_recvfrom, fd, NULL, 0, 0, NULL, NULL));
		SAY("sendto", syscall(SYS_sendto, fd, NULL, 0, 0, NULL, 0));
		SAY("sendto, no name", syscall(SYS_sendto, fd, "", 0, 0, NULL, 16));
		SAY("recvmsg", syscall(SYS_recvmsg, fd, &m, 0));
		SAY("sendmsg", syscall(SYS_sendmsg, fd, &m, 0));
		SAY("recvmsg of none", syscall(SYS_recvmsg, fd, &empty, 0));
		SAY("sendmsg of none", syscall(SYS_sendmsg, fd, &empty, 0));
		SAY("sendmmsg", syscall(SYS_sendmmsg, fd, NULL, 0, 0));
		SAY("recvmmsg", syscall(SYS_recvmmsg, fd, NULL, 0, 0, NULL));
		SAY("setsockopt", syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 0));
		SAY("bind", syscall(SYS_bind, fd, NULL, 0));
		SAY("connect", syscall(SYS_connect, fd, NULL, 0));
		SAY("getdents", syscall(SYS_getdents64, fd, NULL, 0));
		if (fd != null && fd != zero && fd != ep) /* refused inside: EINVAL */
			SAY("sendfile", syscall(SYS_sendfile, fd, file, NULL, 0));
	}
	SAY("poll", syscall(SYS_poll, NULL, 0, 0));
	SAY("ppoll", syscall(SYS_ppoll, NULL, 0, &(struct timespec){ 0, 0 }, NULL, 8));
	SAY("select", syscall(SYS_select, 0, NULL, NULL, NULL, &(struct timeval){ 0, 0 }));
	SAY("epoll_wait", syscall(SYS_epoll_wait, ep, NULL, 0, 0));
	SAY("getgroups", getgroups(0, NULL) >= 0);
	SAY("getrandom", syscall(SYS_getrandom, NULL, 0, 0));
	SAY("getcwd", syscall(SYS_getcwd, NULL, 0));
	SAY("access of the last byte there is", access(_end - 1, F_OK));
	SAY("readlink", syscall(SYS_readlink, "/proc/self/exe", NULL, 0));
	SAY("nanosleep", syscall(SYS_nanosleep, NULL, NULL));
	SAY("rt_sigprocmask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 8));
	SAY("uname", syscall(SYS_uname, NULL));
	SAY("pipe2", syscall(SYS_pipe2, NULL, 0));
	SAY("socketpair", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, NULL));
	SAY("getsockname", syscall(SYS_getsockname, pair[0], NULL, NULL));
	SAY("accept", syscall(SYS_accept, pair[0], NULL, NULL));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	interfaces(AF_INET);
	interfaces(AF_INET6);
	interfaces(AF_UNIX);
	names();
	mark();
	traffic_class();
	terminal();
	signal_driven();
	limits();
	others();
	nothing();
	return 0;
}
