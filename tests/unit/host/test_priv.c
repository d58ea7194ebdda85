/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver whose program has taken its process over: what it may call, and what it gets of its server. All of it is the real thing,
 * made by priv_begin() in a network namespace of its own. Without root only what lists mean is tested.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "net/sockopt.h"
#include "priv/wire.h"
#include "util.h"

#define CHECK(c) do { if (!(c)) { fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #c, errno); _exit(1); } } while (0)
#define REFUSED(call, error) do { errno = 0; CHECK((call) == -1 && errno == (error)); } while (0)

/* ---- lists ------------------------------------------------------------------------------------------------------------ */

static void test_lists(void)
{
	struct priv_limits l;

	CHECK(priv_limits_init(&l, "no-such-user") == OM_ENOTFOUND && priv_limits_init(&l, "root") == OM_EINVAL && priv_limits_init(&l, "0") == OM_EINVAL);
	CHECK(priv_limits_init(&l, "nobody") == 0 && l.uid != 0 && l.group_count >= 1);
	CHECK(priv_port_allowed(&l, l.first_unprivileged, false) && !priv_port_allowed(&l, (uint16_t)(l.first_unprivileged - 1), false));
	CHECK(priv_port_allowed(&l, 0, false) && !priv_port_allowed(&l, 0, true));
	CHECK(priv_limits_ports(&l, "80,7000-7001") == 0);
	for (uint32_t port = 1; port < 65536; port++) {
		bool listed = port == 80 || port == 7000 || port == 7001, chosen = port >= l.ephemeral.first && port <= l.ephemeral.last;

		CHECK(priv_port_allowed(&l, (uint16_t)port, false) == listed);
		CHECK(priv_port_allowed(&l, (uint16_t)port, true) == (listed || chosen));
	}
	for (const char *const *bad = (const char *const[]){ ",", "1,", "1,,2", "0", "65536", "5-4", "-5", "5-", "a", "1 ", NULL }; *bad; bad++)
		CHECK(priv_limits_ports(&l, *bad) != 0);
	CHECK(priv_owner_allowed(&l, l.uid, l.gid) && priv_owner_allowed(&l, UINT32_MAX, l.gid) && !priv_owner_allowed(&l, 0, l.gid));
	CHECK(priv_limits_owners(&l, "1:2,:3") == 0);
	CHECK(priv_owner_allowed(&l, 1, 2) && priv_owner_allowed(&l, l.uid, 3) && priv_owner_allowed(&l, l.uid, 2) && priv_owner_allowed(&l, 1, l.gid));
	CHECK(!priv_owner_allowed(&l, 1, 3) && !priv_owner_allowed(&l, 0, 2) && !priv_owner_allowed(&l, 1, 0) && !priv_owner_allowed(&l, 2, 2));
}

/* ---- in the receiver -------------------------------------------------------------------------------------------------- */

static int server_fd(void)
{
	for (int fd = 3; fd < 64; fd++) {
		int type = 0;
		socklen_t size = sizeof type;

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
			return fd;
	}
	CHECK(!"a socket to the server");
	return -1;
}

static void test_calls(void)
{
	struct io_uring_params params = { 0 };
	struct sockaddr_in low = { .sin_family = AF_INET, .sin_port = htons(22) };
	struct sockaddr_in foreign = { .sin_family = AF_INET, .sin_port = htons(7002) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	char *none[] = { NULL };

	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	REFUSED(setuid(0), EPERM);
	REFUSED(setgid(0), EPERM);
	REFUSED(syscall(SYS_setgroups, 0, NULL), EPERM);
	REFUSED(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_pidfd_open, getppid(), 0), ENOSYS);
	REFUSED(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL), ENOSYS);
	REFUSED(syscall(SYS_umount2, "/tmp", 0), ENOSYS);
	REFUSED(syscall(SYS_pivot_root, "/", "/"), ENOSYS);
	REFUSED(syscall(SYS_chroot, "/tmp"), ENOSYS);
	REFUSED(syscall(SYS_fsopen, "tmpfs", 0), ENOSYS);
	REFUSED(syscall(SYS_unshare, CLONE_NEWUSER), ENOSYS);
	REFUSED(syscall(SYS_setns, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_init_module, NULL, 0, ""), ENOSYS);
	REFUSED(syscall(SYS_finit_module, 0, "", 0), ENOSYS);
	REFUSED(syscall(SYS_kexec_load, 0, 0, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_bpf, 0, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0), ENOSYS);
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_add_key, NULL, NULL, NULL, 0, 0), ENOSYS);
	REFUSED(syscall(SYS_io_uring_setup, 1, &params), ENOSYS);
	REFUSED(syscall(SYS_seccomp, 1, 0, NULL), ENOSYS);
	REFUSED(syscall(SYS_personality, 0xffffffff), ENOSYS);
	REFUSED(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_open_by_handle_at, 0, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_quotactl, 0, NULL, 0, NULL), ENOSYS);
	REFUSED(syscall(SYS_reboot, 0, 0, 0, NULL), ENOSYS);
	REFUSED(syscall(SYS_syslog, 0, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_acct, NULL), ENOSYS);
	REFUSED(syscall(SYS_swapon, "/", 0), ENOSYS);
	REFUSED(syscall(SYS_settimeofday, NULL, NULL), ENOSYS);
	REFUSED(syscall(SYS_clock_settime, 0, NULL), ENOSYS);
	REFUSED(syscall(SYS_adjtimex, NULL), ENOSYS);
	REFUSED(syscall(SYS_sethostname, "x", 1), ENOSYS);
	REFUSED(syscall(SYS_iopl, 3), ENOSYS);
	REFUSED(syscall(SYS_modify_ldt, 0, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_vmsplice, 0, NULL, 0, 0), ENOSYS);
	REFUSED(execve("/bin/true", none, none), ENOSYS);
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0), ENOSYS);
	REFUSED(syscall(SYS_fork), ENOSYS);
	REFUSED(syscall(SYS_vfork), ENOSYS);
	REFUSED(syscall(SYS_clone3, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
	REFUSED(syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER, 0, 0, 0, 0), EPERM);
	REFUSED(ioctl(0, TIOCSTI, "x"), EPERM);
	REFUSED(prctl(PR_SET_SECCOMP, 1), EINVAL);
	REFUSED(prctl(PR_SET_PTRACER, -1), EINVAL);
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), EPERM);
	REFUSED(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), EPERM);
	REFUSED(setsockopt(fd, SOL_SOCKET, SO_MARK, &on, sizeof on), EPERM);
	REFUSED(bind(fd, (struct sockaddr *)&low, sizeof low), EACCES);
	if (syscall(444, NULL, 0, 1) >= 4)       /* Landlock */
		REFUSED(bind(fd, (struct sockaddr *)&foreign, sizeof foreign), EACCES);
	REFUSED(kill(getppid(), 0), EPERM);
	REFUSED(open("/etc/shadow", O_RDONLY), EACCES);
	close(fd);
}

/* x32 numbers are another table: who calls one is ended. */
static void test_other_tables(void)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(0x40000000L + SYS_getpid) : "rcx", "r11", "memory");
	_exit(3);                                /* not reached */
}

static int say(int fd, const void *bytes, size_t size, const int *fds, uint32_t count, struct priv_answer *ret)
{
	union { struct cmsghdr align; uint8_t bytes[CMSG_SPACE(253 * sizeof(int))]; } control = { 0 };
	struct iovec piece = { (void *)(uintptr_t)bytes, size };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };

	if (count) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){ CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, count * sizeof(int));
	}
	CHECK(sendmsg(fd, &header, MSG_NOSIGNAL) == (ssize_t)size);
	CHECK(recv(fd, ret, sizeof *ret, 0) >= (ssize_t)offsetof(struct priv_answer, results));
	return ret->result;
}

static int ask(int to, uint32_t op, struct priv_request r, const void *rest, size_t rest_size, const int *fds, uint32_t count)
{
	static union priv_message m;
	struct priv_answer a;
	int result;

	r.version = PRIV_VERSION;
	r.op = op;
	m.head = r;
	memcpy(m.items, rest, rest_size);
	result = say(to, &m, sizeof m.head + rest_size, fds, count, &a);
	return result || op != PRIV_OP_REPAIR ? result : a.results[0];
}

static int repair(int to, int fd, struct priv_item item)
{
	return ask(to, PRIV_OP_REPAIR, (struct priv_request){ .count = 1 }, &item, sizeof item, &fd, 1);
}

static struct priv_item at_port(uint16_t what, uint16_t port)
{
	return (struct priv_item){ .what = what, .family = AF_INET, .port = port, .address = { 127, 0, 0, 1 } };
}

static void test_garbage(int to)
{
	static uint8_t bytes[sizeof(union priv_message) + 64];
	struct priv_answer a;
	int fds[253], some = open("/", O_RDONLY);

	for (unsigned i = 0; i < 253; i++)
		fds[i] = some;
	for (unsigned i = 0; i < 3000; i++) {
		size_t size = 1 + (size_t)rand() % (i % 2 ? 64 : sizeof bytes - 1);

		CHECK(getrandom(bytes, size < 256 ? size : 256, 0) > 0);
		if (i % 3 == 0 && size >= sizeof(struct priv_request))
			memcpy(bytes, &(struct priv_request){ .version = 1, .op = (uint32_t)rand() % 12, .count = (uint32_t)rand() % 4 }, sizeof(struct priv_request));
		/* What is well-formed by chance may be carried out: prepare and lift. */
		(void)say(to, bytes, size, fds, (uint32_t)rand() % (i % 5 ? 3 : 254), &a);
		CHECK(a.count <= PRIV_BATCH);
	}
	CHECK(ask(to, PRIV_OP_PREPARE, (struct priv_request){ .reserved = 1 }, "", 0, NULL, 0) == -EINVAL);
	CHECK(ask(to, PRIV_OP_PREPARE, (struct priv_request){ .value = 1 }, "", 0, NULL, 0) == -EINVAL);
	CHECK(ask(to, PRIV_OP_PREPARE, (struct priv_request){ 0 }, "x", 1, NULL, 0) == -EINVAL);
	CHECK(ask(to, PRIV_OP_PREPARE, (struct priv_request){ 0 }, "", 0, fds, 1) == -EINVAL);
	CHECK(ask(to, PRIV_OP_COUNT, (struct priv_request){ 0 }, "", 0, NULL, 0) == -EINVAL);
	CHECK(ask(to, 0, (struct priv_request){ 0 }, "", 0, NULL, 0) == -EINVAL);
	close(some);
}

static void test_sockets(int to)
{
	const uint16_t new = PRIV_REPAIR_ON | PRIV_REPAIR_BIND;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(7000) };
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0), file = open("/", O_RDONLY), on = 1;
	socklen_t size = sizeof name;
	struct priv_item low = at_port(0, 80), elsewhere = at_port(new, 7000), six;

	CHECK(repair(to, tcp, (struct priv_item){ .what = PRIV_REPAIR_ON }) == -EINVAL);          /* new, and not bound with it */
	CHECK(repair(to, tcp, at_port(new, 22)) == -EACCES);
	CHECK(repair(to, tcp, at_port(new, 7002)) == -EACCES);
	CHECK(repair(to, tcp, at_port(new | PRIV_REPAIR_FOREIGN, 7000)) == -EACCES);
	CHECK(repair(to, udp, at_port(new, 7000)) == -EOPNOTSUPP);
	CHECK(repair(to, file, at_port(new, 7000)) == -ENOTSOCK);
	CHECK(repair(to, tcp, at_port(PRIV_REPAIR_ON | PRIV_REPAIR_OFF, 0)) == -EINVAL);
	CHECK(repair(to, tcp, (struct priv_item){ .what = PRIV_REPAIR_OFF, .value = 1 }) == -EINVAL);
	CHECK(repair(to, tcp, (struct priv_item){ .what = PRIV_REPAIR_OFF, .send_buffer = UINT32_MAX }) == -EINVAL);
	CHECK(repair(to, tcp, (struct priv_item){ .what = PRIV_REPAIR_OFF }) == -EACCES);         /* it has no port */
	CHECK(getsockopt(tcp, IPPROTO_TCP, TCP_REPAIR, &on, &(socklen_t){ sizeof on }) == 0 && on == 0);
	CHECK(ask(to, PRIV_OP_BIND, (struct priv_request){ 0 }, &low, sizeof low, &tcp, 1) == -EACCES);
	CHECK(ask(to, PRIV_OP_BUFFER, (struct priv_request){ .value = SO_MARK, .size = 5 }, "", 0, &tcp, 1) == -EINVAL);
	CHECK(ask(to, PRIV_OP_BUFFER, (struct priv_request){ .value = SO_RCVBUFFORCE, .size = UINT32_MAX }, "", 0, &tcp, 1) == -EINVAL);
	CHECK(ask(to, PRIV_OP_FIN, (struct priv_request){ 0 }, "", 0, &tcp, 1) != 0);

	/* A bound one is nobody's to bind again. */
	CHECK(repair(to, tcp, at_port(new, 7000)) == 0);
	REFUSED(bind(tcp, (struct sockaddr *)&name, sizeof name), EINVAL);
	CHECK(repair(to, tcp, at_port(new, 7001)) == -EINVAL);
	CHECK(repair(to, tcp, (struct priv_item){ .what = PRIV_REPAIR_OFF, .value = -1 }) == 0);
	close(tcp);

	/* One that could not be bound is as before. */
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	elsewhere.address[0] = 192;
	CHECK(repair(to, tcp, elsewhere) == -EADDRNOTAVAIL);
	CHECK(getsockopt(tcp, IPPROTO_TCP, TCP_REPAIR, &on, &(socklen_t){ sizeof on }) == 0 && on == 0);
	close(tcp);

	/* The other family, and addresses of the first in it. */
	tcp = socket(AF_INET6, SOCK_STREAM, 0);
	six = (struct priv_item){ .what = new, .family = AF_INET6, .port = 7001, .address = { [15] = 1 } };
	CHECK(repair(to, tcp, at_port(new, 7001)) == -EINVAL);
	CHECK(repair(to, tcp, six) == 0);
	CHECK(getsockopt(tcp, IPPROTO_TCP, TCP_REPAIR, &on, &(socklen_t){ sizeof on }) == 0 && on == 1);
	close(tcp);
	tcp = socket(AF_INET6, SOCK_STREAM, 0);
	memcpy(six.address, (const uint8_t[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, 16);
	CHECK(repair(to, tcp, six) == 0);
	close(tcp);

	/* A listener, and connections that stand. */
	CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(listener, (struct sockaddr *)&name, size) == 0 && listen(listener, 1) == 0);
	CHECK(repair(to, listener, (struct priv_item){ .what = PRIV_REPAIR_ON }) == -EINVAL);
	CHECK(connect(client, (struct sockaddr *)&name, size) == 0);
	CHECK(ask(to, PRIV_OP_FIN, (struct priv_request){ 0 }, "", 0, &client, 1) == -EINVAL);    /* it speaks */
	CHECK(repair(to, client, (struct priv_item){ .what = PRIV_REPAIR_ON | PRIV_REPAIR_MARK }) == 0);
	CHECK(repair(to, client, (struct priv_item){ .what = PRIV_REPAIR_OFF | PRIV_REPAIR_UNMARK, .value = -1 }) == 0);
	CHECK(getsockopt(client, SOL_SOCKET, SO_MARK, &on, &(socklen_t){ sizeof on }) == 0 && on == 0);
	close(client);
	close(listener);
	close(udp);
	close(file);
}

static void test_packets(int to)
{
	struct { struct om_datagram head; uint8_t bytes[3]; } d = { { AF_INET, 7000, 53, 0, { 127, 0, 0, 1 }, { 127, 0, 0, 1 } }, "hi" };
	struct om_net_flow flow = { .family = AF_INET, .protocol = IPPROTO_TCP, .local_port = 22 };
	const struct priv_request three = { .size = 3 };

	CHECK(ask(to, PRIV_OP_DATAGRAM, three, &d, sizeof d.head + 3, NULL, 0) == 0);
	d.head.local_addr[0] = 192;
	CHECK(ask(to, PRIV_OP_DATAGRAM, three, &d, sizeof d.head + 3, NULL, 0) == -EADDRNOTAVAIL);
	d.head.local_port = 53;
	CHECK(ask(to, PRIV_OP_DATAGRAM, three, &d, sizeof d.head + 3, NULL, 0) == -EACCES);
	CHECK(ask(to, PRIV_OP_HOLD, (struct priv_request){ .count = 1 }, &flow, sizeof flow, NULL, 0) == -EACCES);
	flow.local_port = 7000;
	flow.protocol = IPPROTO_ICMP;
	CHECK(ask(to, PRIV_OP_HOLD, (struct priv_request){ .count = 1 }, &flow, sizeof flow, NULL, 0) == -EINVAL);
	flow.protocol = IPPROTO_TCP;
	CHECK(ask(to, PRIV_OP_HOLD, (struct priv_request){ .count = 1 }, &flow, sizeof flow, NULL, 0) == 0);
	CHECK(ask(to, PRIV_OP_LIFT, (struct priv_request){ .value = 1 }, "", 0, NULL, 0) == 0);
	CHECK(ask(to, PRIV_OP_MOVE, (struct priv_request){ .value = PRIV_MOVE_ADD }, "", 0, NULL, 0) == -EINVAL);
}

static void test_files(int to, const char *folder)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd;

	CHECK(chdir(folder) == 0);
	fd = open("file", O_CREAT | O_RDWR, 0600);
	CHECK(ask(to, PRIV_OP_CHOWN, (struct priv_request){ .first = 1, .second = 2 }, "", 0, &fd, 1) == -EPERM);
	close(fd);
	snprintf(name.sun_path, sizeof name.sun_path, "socket");
	CHECK(bind(s, (struct sockaddr *)&name, sizeof name) == 0);
	fd = open("socket", O_PATH);
	CHECK(ask(to, PRIV_OP_CHOWN, (struct priv_request){ .first = 0, .second = 2 }, "", 0, &fd, 1) == -EACCES);
	CHECK(ask(to, PRIV_OP_CHOWN, (struct priv_request){ .first = 1, .second = 0 }, "", 0, &fd, 1) == -EACCES);
	CHECK(ask(to, PRIV_OP_CHOWN, (struct priv_request){ .first = 1, .second = 2 }, "", 0, &fd, 1) == 0);
	CHECK(ask(to, PRIV_OP_CHOWN, (struct priv_request){ .first = 1, .second = 2 }, "", 0, &fd, 1) == -EPERM); /* not its own any more */
	close(fd);
	close(s);
}

/* ---- */

static void up(const char *interface)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", interface);
	ifr.ifr_flags = IFF_UP;
	CHECK(ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
	close(fd);
}

/* Return: how a receiver that does `what` ended, as its supervisor tells it. */
static int receiver(const struct priv_limits *limits, const char *folder, bool other_tables)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(unshare(CLONE_NEWNET) == 0);
		up("lo");
		CHECK(priv_begin(limits, -1) == 0);
		CHECK(priv_confined() && priv_active());
		if (other_tables)
			test_other_tables();
		test_calls();
		test_garbage(server_fd());
		test_sockets(server_fd());
		test_packets(server_fd());
		test_files(server_fd(), folder);
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int main(void)
{
	char folder[] = "/tmp/optmig-priv.XXXXXX", run[64];
	struct priv_limits limits;
	int status;

	test_lists();
	if (geteuid() != 0 || unshare(CLONE_NEWNET)) {
		printf("needs root for the rest, and namespaces\n");
		return 77;
	}
	CHECK(priv_limits_init(&limits, "nobody") == 0 && priv_limits_ports(&limits, "443,7000-7001") == 0 && priv_limits_owners(&limits, "1:2") == 0);
	CHECK(mkdtemp(folder) && chmod(folder, 0777) == 0);
	snprintf(run, sizeof run, "%s/run", folder);
	setenv("OPTMIG_RUNTIME_DIR", run, 1);
	status = receiver(&limits, folder, false);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	status = receiver(&limits, folder, true);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	snprintf(run, sizeof run, "rm -r %s", folder);
	CHECK(system(run) == 0);
	printf("passed\n");
	return 0;
}
