/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on descriptors, against this process' kernel as an honest host and as a lying one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "rt/rt.h"
#include "unit/unit.h"
#include "fake.h"

static char folder[] = "/tmp/rtio.XXXXXX";

static int enter(void **state)
{
	(void)state;
	return 0;
}

/* ---- numbers ---- */

static void numbers(void **state)
{
	int fd[4];

	(void)state;
	fd[0] = (int)CALL(SYS_open, "a", O_RDWR | O_CREAT, 0644);
	assert_int_equal(fd[0], 3);
	assert_int_equal(CALL(SYS_dup, 3), 4);
	assert_int_equal(CALL(SYS_fcntl, 3, F_DUPFD, 100), 100);
	assert_int_equal(CALL(SYS_fcntl, 3, F_DUPFD_CLOEXEC, 100), 101);
	assert_int_equal(CALL(SYS_fcntl, 101, F_GETFD), FD_CLOEXEC);
	assert_int_equal(CALL(SYS_fcntl, 100, F_GETFD), 0);
	assert_int_equal(CALL(SYS_dup2, 3, 200), 200);
	assert_int_equal(CALL(SYS_dup2, 3, 3), 3);
	assert_int_equal(CALL(SYS_dup3, 3, 3, 0), -EINVAL);
	assert_int_equal(CALL(SYS_dup3, 3, 4, O_CLOEXEC), 4);
	assert_int_equal(CALL(SYS_dup2, 3, 256), -EBADF);
	assert_int_equal(CALL(SYS_close, 3), 0);
	assert_int_equal(CALL(SYS_close, 3), -EBADF);
	assert_int_equal(CALL(SYS_read, 3, folder, 1), -EBADF);
	assert_int_equal(CALL(SYS_write, 200, "x", 1), 1);
	assert_int_equal(CALL(SYS_lseek, 101, 0, SEEK_CUR), 1);
	assert_int_equal(CALL(SYS_close_range, 100, 255, 0), 0);
	assert_int_equal(CALL(SYS_write, 200, "x", 1), -EBADF);
	for (int i = 0; i < 252; i++)
		assert_int_equal(CALL(SYS_dup, 4), i == 0 ? 3 : i + 4);
	assert_int_equal(CALL(SYS_dup, 4), -EMFILE);
	assert_int_equal(CALL(SYS_open, "a", O_RDWR), -EMFILE);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
	assert_int_equal(CALL(SYS_fcntl, 3, F_GETFL), -EBADF);
}

/* ---- files ---- */

static void pattern(uint8_t *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

static void large_and_scattered(void **state)
{
	enum { SIZE = 1000003 };
	uint8_t *out = malloc(SIZE), *in = malloc(SIZE);
	struct iovec iov[200];
	size_t at = 0;
	int fd = (int)CALL(SYS_open, "big", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)state;
	pattern(out, SIZE, 1);
	assert_int_equal(CALL(SYS_write, fd, out, SIZE), SIZE);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_SET), 0);
	assert_int_equal(CALL(SYS_read, fd, in, SIZE + 5), SIZE);
	assert_memory_equal(in, out, SIZE);
	memset(in, 0, SIZE);
	assert_int_equal(CALL(SYS_pread64, fd, in, 333, 7), 333);
	assert_memory_equal(in, out + 7, 333);
	for (int i = 0; i < 200; i++) {
		iov[i] = (struct iovec){ out + at, (size_t)(i * 37 % 9001) };
		at += iov[i].iov_len;
	}
	assert_int_equal(CALL(SYS_pwritev, fd, iov, 200, 11), at);
	memset(in, 0, SIZE);
	for (int i = 0; i < 200; i++)
		iov[i].iov_base = in + ((uint8_t *)iov[i].iov_base - out);
	assert_int_equal(CALL(SYS_lseek, fd, 11, SEEK_SET), 11);
	assert_int_equal(CALL(SYS_readv, fd, iov, 200), at);
	assert_memory_equal(in, out, at);
	assert_int_equal(CALL(SYS_readv, fd, iov, 1025), -EINVAL);
	assert_int_equal(CALL(SYS_read, fd, 8, 10), -EFAULT);
	assert_int_equal(CALL(SYS_close, fd), 0);
	fd = (int)CALL(SYS_open, "big", O_WRONLY | O_APPEND, 0);
	assert_int_equal(CALL(SYS_read, fd, in, 1), -EBADF);
	assert_int_equal(CALL(SYS_write, fd, "end", 3), 3);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), SIZE + 3);
	assert_int_equal(CALL(SYS_fcntl, fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	assert_int_equal(CALL(SYS_close, fd), 0);
	free(out);
	free(in);
}

/* After the first seek the position is the runtime's: no call of the host, and everything agrees on where it is. */
static void positions(void **state)
{
	char text[16];
	int fd = (int)CALL(SYS_open, "seek", O_RDWR | O_CREAT | O_TRUNC, 0600), twin, other;
	struct flock f = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 1 };
	struct iovec two[2] = { { text, 2 }, { text + 2, 3 } };
	loff_t at = 3;
	uint64_t calls;

	(void)state;
	assert_int_equal(CALL(SYS_write, fd, "0123456789", 10), 10);
	assert_int_equal(CALL(SYS_lseek, fd, -8L, SEEK_CUR), 2);
	twin = (int)CALL(SYS_dup, fd);
	calls = fake.hostcalls;
	assert_int_equal(CALL(SYS_lseek, fd, 5, SEEK_SET), 5);
	assert_int_equal(CALL(SYS_lseek, twin, -2L, SEEK_CUR), 3);
	assert_int_equal(CALL(SYS_lseek, twin, 0, SEEK_CUR), 3);
	assert_int_equal(CALL(SYS_lseek, fd, -4L, SEEK_CUR), -EINVAL);
	assert_int_equal(CALL(SYS_lseek, fd, INT64_MAX, SEEK_CUR), -EINVAL);
	assert_int_equal(fake.hostcalls, calls);
	assert_int_equal(CALL(SYS_readv, twin, two, 2), 5);
	assert_memory_equal(text, "34567", 5);
	assert_int_equal(CALL(SYS_write, fd, "ab", 2), 2);
	assert_int_equal(CALL(SYS_lseek, twin, 0, SEEK_CUR), 10);
	/* The end of the file: what was not there is not counted. */
	assert_int_equal(CALL(SYS_read, fd, text, 9), 0);
	assert_int_equal(CALL(SYS_lseek, fd, -3L, SEEK_CUR), 7);
	assert_int_equal(CALL(SYS_read, fd, text, 9), 3);
	assert_memory_equal(text, "7ab", 3);
	assert_int_equal(CALL(SYS_read, fd, 8, 9), -EFAULT);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 10);
	assert_int_equal(CALL(SYS_lseek, fd, 1, SEEK_END), 11);
	assert_int_equal(CALL(SYS_lseek, fd, -1L, SEEK_SET), -EINVAL);
	assert_int_equal(CALL(SYS_lseek, fd, 0, 77), -EINVAL);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 11);
	/* Locks that are counted from it. */
	assert_int_equal(CALL(SYS_lseek, fd, 4, SEEK_SET), 4);
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETLK, &f), 0);
	other = open("seek", O_RDWR);
	f = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1 };
	assert_int_equal(fcntl(other, F_OFD_SETLK, &f), -1);
	f.l_start = 4;
	assert_int_equal(fcntl(other, F_OFD_SETLK, &f), 0);
	close(other);
	/* Copies use the host's, which must be the same; with an offset of their own they leave it alone. */
	other = (int)CALL(SYS_open, "copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(CALL(SYS_lseek, other, 1, SEEK_SET), 1);
	assert_int_equal(CALL(SYS_lseek, other, 2, SEEK_SET), 2);
	assert_int_equal(CALL(SYS_sendfile, other, fd, 0L, 2L), 2);
	assert_int_equal(CALL(SYS_sendfile, other, fd, &at, 1L), 1);
	assert_int_equal(CALL(SYS_read, fd, text, 1), 1);
	assert_int_equal(text[0], '6');
	assert_int_equal(CALL(SYS_lseek, fd, 8, SEEK_SET), 8);
	assert_int_equal(CALL(SYS_lseek, other, 0, SEEK_CUR), 5);
	assert_int_equal(CALL(SYS_copy_file_range, fd, 0L, other, 0L, 1L, 0L), 1);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 9);
	assert_int_equal(CALL(SYS_pread64, other, text, 9, 0), 6);
	assert_memory_equal(text, "\0\0" "453a", 6);
	/* O_APPEND, switched on while the position is ours. */
	assert_int_equal(CALL(SYS_lseek, fd, 1, SEEK_SET), 1);
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(CALL(SYS_read, fd, text, 1), 1);
	assert_int_equal(text[0], '1');
	assert_int_equal(CALL(SYS_write, fd, "end", 3), 3);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 13);
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETFL, 0), 0);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_SET), 0);
	assert_int_equal(CALL(SYS_read, fd, text, 2), 2);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 2);
	/* Far away the file system decides, and may be right to refuse. */
	assert_int_equal(CALL(SYS_lseek, fd, 1L << 40, SEEK_SET), 1L << 40);
	assert_int_equal(CALL(SYS_read, fd, text, 1), 0);
	assert_int_equal(CALL(SYS_lseek, fd, 1, SEEK_CUR), (1L << 40) + 1);
	assert_int_equal(CALL(SYS_close, fd), 0);
	assert_int_equal(CALL(SYS_close, twin), 0);
	assert_int_equal(CALL(SYS_close, other), 0);
}

static void names(void **state)
{
	struct stat st;
	char text[4096], entries[1024];
	long got;
	int dir;

	(void)state;
	assert_true(CALL(SYS_getcwd, text, sizeof text) > 1);
	assert_string_equal(text, folder);
	assert_int_equal(CALL(SYS_getcwd, text, 4), -ERANGE);
	assert_int_equal(CALL(SYS_mkdir, "sub", 0755), 0);
	assert_int_equal(CALL(SYS_chdir, "sub"), 0);
	assert_true(CALL(SYS_getcwd, text, sizeof text) == (long)strlen(folder) + 5);
	assert_int_equal(CALL(SYS_creat, "f", 0600), 3);
	assert_int_equal(CALL(SYS_rename, "f", "../g"), 0);
	assert_int_equal(CALL(SYS_chdir, ".."), 0);
	assert_int_equal(CALL(SYS_stat, "g", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(CALL(SYS_symlink, "g", "l"), 0);
	assert_int_equal(CALL(SYS_readlink, "l", text, sizeof text), 1);
	assert_int_equal(CALL(SYS_lstat, "l", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(CALL(SYS_chdir, "g"), -ENOTDIR);
	assert_int_equal(CALL(SYS_stat, "", &st), -ENOENT);
	assert_int_equal(CALL(SYS_newfstatat, 3, "", &st, AT_EMPTY_PATH), 0);
	dir = (int)CALL(SYS_open, ".", O_RDONLY | O_DIRECTORY);
	got = CALL(SYS_getdents64, dir, entries, sizeof entries);
	assert_true(got > 0);
	assert_int_equal(CALL(SYS_openat, dir, "g", O_RDONLY), dir + 1);
	assert_int_equal(CALL(SYS_unlinkat, dir, "l", 0), 0);
	assert_int_equal(CALL(SYS_unlink, "g"), 0);
	assert_int_equal(CALL(SYS_rmdir, "sub"), 0);
	assert_int_equal(CALL(SYS_access, "g", R_OK), -ENOENT);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

static void answered_inside(void **state)
{
	char text[4096];
	uint64_t before;
	int fd;

	(void)state;
	before = fake.hostcalls;
	fd = (int)CALL(SYS_open, "/proc/self/stat", O_RDONLY);
	assert_int_equal(fd, 3);
	memset(text, 0, sizeof text);
	assert_true(CALL(SYS_read, fd, text, sizeof text) > 100);
	assert_memory_equal(text, "4242 (fake) R ", 14);
	assert_int_equal(CALL(SYS_read, fd, text, sizeof text), 0);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_SET), 0);
	assert_int_equal(CALL(SYS_read, fd, text, 4), 4);
	fd = (int)CALL(SYS_open, "/proc/4242/cmdline", O_RDONLY);
	assert_int_equal(CALL(SYS_read, fd, text, sizeof text), 11);
	fd = (int)CALL(SYS_open, "/dev/urandom", O_RDONLY);
	assert_int_equal(CALL(SYS_read, fd, text, 1000), 1000);
	fd = (int)CALL(SYS_open, "/dev/null", O_RDWR);
	assert_int_equal(CALL(SYS_write, fd, text, 1000), 1000);
	assert_int_equal(CALL(SYS_read, fd, text, 1000), 0);
	assert_int_equal(CALL(SYS_open, "/proc/self/mem", O_RDWR), -ENOENT);
	assert_int_equal(CALL(SYS_open, "/proc/self/maps", O_RDWR), -EACCES);
	fd = (int)CALL(SYS_open, "/proc/self/environ", O_RDONLY);
	assert_int_equal(CALL(SYS_read, fd, text, sizeof text), 7);
	assert_memory_equal(text, "A=b\0C=", 7);
	fd = (int)CALL(SYS_open, "/proc/4242/task/4242/comm", O_RDWR);
	assert_int_equal(CALL(SYS_write, fd, "a name that is too long", 23), 23);
	assert_int_equal(CALL(SYS_pread64, fd, text, sizeof text, 0), 16);
	assert_memory_equal(text, "a name that is \n", 16);
	assert_int_equal(CALL(SYS_write, fd, "fake", 4), 4);
	assert_int_equal(CALL(SYS_write, fd, NULL, 4), -EFAULT);
	assert_int_equal(CALL(SYS_open, "/proc/4242/task/4243/comm", O_RDWR), -ENOENT);
	assert_int_equal(CALL(SYS_open, "/proc/self/fd/99999999999999999999", O_RDONLY), -ENOENT);
	fd = (int)CALL(SYS_open, "/proc/self/task/4242/fd", O_RDONLY);
	assert_int_equal(CALL(SYS_getdents64, fd, text, 20), -EINVAL);
	assert_int_equal(CALL(SYS_getdents64, fd, text, 24), 24);
	assert_int_equal(CALL(SYS_getdents64, fd, text, sizeof text), 24 * 11); /* .. and 0 to 9 */
	assert_int_equal(CALL(SYS_dup, fd), 10);
	assert_int_equal(CALL(SYS_getdents64, fd, text, sizeof text), 24);
	assert_int_equal(CALL(SYS_getdents64, fd, text, sizeof text), 0);
	assert_int_equal(CALL(SYS_lseek, fd, INT64_MAX, SEEK_SET), INT64_MAX);
	assert_int_equal(CALL(SYS_getdents64, fd, text, sizeof text), 0);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_SET), 0);
	assert_int_equal(CALL(SYS_getdents64, fd, NULL, sizeof text), -EFAULT);
	assert_int_equal(CALL(SYS_readlinkat, fd, "3", text, sizeof text), 15);
	assert_memory_equal(text, "/proc/4242/stat", 15);
	assert_int_equal(CALL(SYS_readlink, "/dev/fd/5", text, sizeof text), 12);
	assert_int_equal(CALL(SYS_readlink, "/proc/self/fd/200", text, sizeof text), -ENOENT);
	assert_int_equal(fake.hostcalls, before);
	assert_int_equal(CALL(SYS_readlink, "/proc/self/cwd", text, sizeof text) > 0, 1);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

/* ---- sockets ---- */

static int tcp_pair(int *ret_listener, int *ret_client)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;

	*ret_listener = (int)CALL(SYS_socket, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(CALL(SYS_bind, *ret_listener, &address, size), 0);
	assert_int_equal(CALL(SYS_listen, *ret_listener, 5), 0);
	assert_int_equal(CALL(SYS_getsockname, *ret_listener, &address, &size), 0);
	assert_int_equal(size, sizeof address);
	*ret_client = (int)CALL(SYS_socket, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(CALL(SYS_connect, *ret_client, &address, size), 0);
	return (int)CALL(SYS_accept4, *ret_listener, &address, &size, SOCK_NONBLOCK);
}

static void sockets(void **state)
{
	int listener, client, server = tcp_pair(&listener, &client), value, pair[2];
	socklen_t size = sizeof value;
	char text[64];

	(void)state;
	assert_true(server > 0);
	assert_int_equal(CALL(SYS_fcntl, server, F_GETFL), O_RDWR | O_NONBLOCK);
	assert_int_equal(CALL(SYS_read, server, text, 64), -EAGAIN);
	assert_int_equal(CALL(SYS_sendto, client, "hello", 5, 0, NULL, 0), 5);
	assert_int_equal(CALL(SYS_recvfrom, server, text, 64, MSG_PEEK, NULL, NULL), 5);
	assert_int_equal(CALL(SYS_recvfrom, server, text, 64, 0, NULL, NULL), 5);
	assert_int_equal(CALL(SYS_getsockopt, listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &size), 0);
	assert_int_equal(value, 1);
	value = 1;
	assert_int_equal(CALL(SYS_setsockopt, client, IPPROTO_TCP, 1, &value, 4), 0);
	assert_int_equal(CALL(SYS_setsockopt, client, SOL_SOCKET, SO_ATTACH_FILTER, &value, 4), -ENOPROTOOPT);
	assert_int_equal(CALL(SYS_close, server), 0);
	assert_int_equal(CALL(SYS_read, client, text, 64), 0);
	CALL(SYS_write, client, "x", 1);
	fake.signals[SIGPIPE] = 0;
	usleep(1000);
	assert_int_equal(CALL(SYS_sendto, client, "x", 1, MSG_NOSIGNAL, NULL, 0), -EPIPE);
	assert_int_equal(fake.signals[SIGPIPE], 0);
	assert_int_equal(CALL(SYS_sendto, client, "x", 1, 0, NULL, 0), -EPIPE);
	assert_int_equal(fake.signals[SIGPIPE], 1);
	assert_int_equal(CALL(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(CALL(SYS_recvfrom, pair[0], text, 64, MSG_DONTWAIT, NULL, NULL), -EAGAIN);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

static void messages(void **state)
{
	char a[7] = "abcdefg", b[3], c[20], control[64], path[108];
	struct iovec out[2] = { { a, 5 }, { a + 5, 2 } }, in[2] = { { b, 3 }, { c, 20 } };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "dgram" }, from;
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2, .msg_name = &un, .msg_namelen = sizeof un };
	struct cmsghdr *cmsg = (struct cmsghdr *)control;
	struct mmsghdr mm[3];
	int server = (int)CALL(SYS_socket, AF_UNIX, SOCK_DGRAM, 0), client = (int)CALL(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(CALL(SYS_bind, server, &un, sizeof un), 0);
	assert_int_equal(CALL(SYS_sendmsg, client, &m, 0), 7);
	memset(&m, 0, sizeof m);
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2, .msg_name = &from, .msg_namelen = sizeof from, .msg_control = control,
		.msg_controllen = sizeof control };
	assert_int_equal(CALL(SYS_recvmsg, server, &m, 0), 7);
	assert_memory_equal(b, "abc", 3);
	assert_memory_equal(c, "defg", 4);
	assert_int_equal(m.msg_controllen, 0);
	assert_int_equal(m.msg_flags, 0);
	memset(mm, 0, sizeof mm);
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){ .msg_iov = out, .msg_iovlen = (size_t)(1 + i % 2), .msg_name = &un, .msg_namelen = sizeof un };
	assert_int_equal(CALL(SYS_sendmmsg, client, mm, 3, 0), 3);
	assert_int_equal(mm[1].msg_len, 7);
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2 };
	assert_int_equal(CALL(SYS_recvmmsg, server, mm, 3, MSG_WAITFORONE, NULL), 3);
	assert_int_equal(mm[0].msg_len, 5);
	/* Descriptors cannot be passed. */
	memset(control, 0, sizeof control);
	cmsg->cmsg_len = CMSG_LEN(4);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	m = (struct msghdr){ .msg_iov = out, .msg_iovlen = 1, .msg_name = &un, .msg_namelen = sizeof un, .msg_control = control,
		.msg_controllen = CMSG_SPACE(4) };
	assert_int_equal(CALL(SYS_sendmsg, client, &m, 0), -EOPNOTSUPP);
	cmsg->cmsg_len = 1000;
	assert_int_equal(CALL(SYS_sendmsg, client, &m, 0), -EINVAL);
	snprintf(path, sizeof path, "%s/dgram", folder);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
	unlink(path);
}

/* ---- stops in the middle of calls ---- */

static int drain_fd;
static uint8_t drained[1 << 20];
static size_t drained_size;

static void drain(void)
{
	ssize_t got;

	while ((got = read(drain_fd, drained + drained_size, sizeof drained - drained_size)) > 0)
		drained_size += (size_t)got;
	fake.stop_in = 3;
}

/* A blocking write larger than the buffer is stopped every few pieces; each byte arrives once, in order. */
static void write_across_stops(void **state)
{
	enum { SIZE = 900001 };
	uint8_t *out = malloc(SIZE);
	int fd[2];

	(void)state;
	pattern(out, SIZE, 7);
	assert_int_equal(CALL(SYS_pipe2, fd, 0), 0);
	assert_true(CALL(SYS_fcntl, fd[1], F_SETPIPE_SZ, 1 << 20) >= SIZE);
	drain_fd = peek_host_fd(fd[0]);
	fcntl(drain_fd, F_SETFL, O_NONBLOCK);
	drained_size = 0;
	fake.ub_size = 64 << 10;
	fake.stop_in = 2;
	fake.stopped = drain;
	assert_int_equal(CALL(SYS_write, fd[1], out, SIZE), SIZE);
	drain();
	fake.stop_in = 0;
	fake.ub_size = OM_TBUF_SIZE_APP - OM_TBUF_DATA;
	assert_int_equal(drained_size, SIZE);
	assert_memory_equal(drained, out, SIZE);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
	free(out);
}

static int64_t stop_ns;
static void sleep_a_while(void)
{
	usleep(30000);
	stop_ns = rt_monotonic_ns();
}

/* The stop does not prolong a timeout. */
static void timeout_across_stop(void **state)
{
	struct epoll_event event;
	int ep = (int)CALL(SYS_epoll_create1, 0);
	int64_t begin = rt_monotonic_ns(), end;

	(void)state;
	fake.stop_in = 1;
	fake.stopped = sleep_a_while;
	assert_int_equal(CALL(SYS_epoll_pwait, ep, &event, 1, 50, NULL, 8), 0);
	end = rt_monotonic_ns();
	assert_in_range(end - begin, 50000000, 75000000);
	assert_int_equal(CALL(SYS_close, ep), 0);
}

/* ---- waiting ---- */

static void epoll_kinds(void **state)
{
	struct epoll_event event, got[4];
	int ep = (int)CALL(SYS_epoll_create1, 0), fd[2], twin;

	(void)state;
	assert_int_equal(CALL(SYS_pipe2, fd, O_NONBLOCK), 0);
	twin = (int)CALL(SYS_dup, fd[0]);
	event = (struct epoll_event){ .events = EPOLLIN, .data.u64 = 0x123456789abcdef0 };
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd[0], &event), 0);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd[0], &event), -EEXIST);
	event.data.u64 = 2;
	event.events |= EPOLLONESHOT;
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, twin, &event), 0);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 0), 0);
	assert_int_equal(CALL(SYS_write, fd[1], "x", 1), 1);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 10), 2);
	assert_true((got[0].data.u64 == 2) != (got[1].data.u64 == 2));
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 10), 1);
	assert_true(got[0].data.u64 == 0x123456789abcdef0);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, twin, &event), 0);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 10), 2);
	/* The registration lives as long as any number of the description, as on Linux. */
	assert_int_equal(CALL(SYS_close, fd[0]), 0);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 0), 1);
	assert_int_equal(CALL(SYS_close, twin), 0);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 0), 0);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_DEL, fd[1], NULL), -ENOENT);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, ep, &event), -EINVAL);
	assert_int_equal(CALL(SYS_epoll_wait, fd[1], got, 4, 0), -EINVAL);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

static void polls(void **state)
{
	struct pollfd p[4];
	struct timeval tv = { 0, 20000 };
	fd_set in, out;
	int fd[2], null = (int)CALL(SYS_open, "/dev/null", O_RDWR);

	(void)state;
	assert_int_equal(CALL(SYS_pipe2, fd, O_NONBLOCK), 0);
	p[0] = (struct pollfd){ fd[0], POLLIN, 99 };
	p[1] = (struct pollfd){ fd[1], POLLOUT, 0 };
	p[2] = (struct pollfd){ -1, POLLIN, 99 };
	p[3] = (struct pollfd){ 77, POLLIN, 0 };
	assert_int_equal(CALL(SYS_poll, p, 4, 0), 2);
	assert_int_equal(p[0].revents, 0);
	assert_int_equal(p[1].revents, POLLOUT);
	assert_int_equal(p[2].revents, 0);
	assert_int_equal(p[3].revents, POLLNVAL);
	assert_int_equal(CALL(SYS_poll, p, 1, 20), 0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fd[0], &in);
	assert_int_equal(CALL(SYS_select, fd[0] + 1, &in, NULL, NULL, &tv), 0);
	assert_false(FD_ISSET(fd[0], &in));
	FD_SET(fd[0], &in);
	FD_SET(fd[1], &out);
	FD_SET(null, &in);
	assert_int_equal(CALL(SYS_select, 1024, &in, &out, NULL, NULL), 2);
	assert_true(FD_ISSET(null, &in) && FD_ISSET(fd[1], &out) && !FD_ISSET(fd[0], &in));
	FD_SET(200, &in);
	assert_int_equal(CALL(SYS_select, 1024, &in, &out, NULL, NULL), -EBADF);
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

/* ---- a lying host ---- */

static void lie_length(const uint64_t arg[6]) { *(uint32_t *)arg[2] = 0xffffff; }
static void lie_option(const uint64_t arg[6]) { *(uint32_t *)arg[4] = 5000; }
static void lie_dents(const uint64_t arg[6]) { ((struct dirent64 *)arg[1])->d_reclen = 20000; }
static void lie_events(const uint64_t arg[6]) { memset((void *)arg[1], 0xff, 12); }
static void lie_pipe(const uint64_t arg[6]) { ((int *)arg[0])[1] = 0x7fffffff; }

static long lied(long nr, long result, void (*how)(const uint64_t arg[6]))
{
	fake.lie_nr = nr;
	fake.lie_result = result;
	fake.lie = how;
	return 0;
}

#define FATAL(call) do { assert_int_equal(call, FAKE_FATAL); assert_int_equal(fake.fatal, OM_EHOST); } while (0)

static void lies(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof address;
	struct epoll_event event = { .events = EPOLLIN };
	int fd = (int)CALL(SYS_open, "lie", O_RDWR | O_CREAT, 0600), dir = (int)CALL(SYS_open, ".", O_RDONLY), pair[2], value, ep;
	int s = (int)CALL(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	char text[1024];

	(void)state;
	lied(SYS_read, 65, NULL);
	FATAL(CALL(SYS_read, fd, text, 64));
	lied(SYS_write, 1L << 40, NULL);
	FATAL(CALL(SYS_write, fd, text, 64));
	lied(SYS_openat, 0x7fffffff, NULL);
	FATAL(CALL(SYS_open, "lie", O_RDONLY));
	lied(SYS_fstat, 1, NULL);
	FATAL(CALL(SYS_fstat, fd, text));
	lied(SYS_getdents64, 0, lie_dents);
	FATAL(CALL(SYS_getdents64, dir, text, sizeof text));
	lied(SYS_getsockname, 0, lie_length);
	FATAL(CALL(SYS_getsockname, s, &address, &size));
	lied(SYS_getsockopt, 0, lie_option);
	size = sizeof value;
	FATAL(CALL(SYS_getsockopt, s, SOL_SOCKET, SO_RCVBUF, &value, &size));
	lied(SYS_recvfrom, 65, NULL);
	FATAL(CALL(SYS_recvfrom, s, text, 64, MSG_DONTWAIT, NULL, NULL));
	lied(SYS_pipe2, 0, lie_pipe);
	FATAL(CALL(SYS_pipe2, pair, 0));
	lied(SYS_readlinkat, 5000, NULL);
	FATAL(CALL(SYS_readlink, "/proc/version", text, sizeof text));
	/* Events of nothing we watch are ignored. */
	ep = (int)CALL(SYS_epoll_create1, 0);
	assert_int_equal(CALL(SYS_pipe2, pair, 0), 0);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, pair[0], &event), 0);
	assert_int_equal(CALL(SYS_write, pair[1], "x", 1), 1);
	lied(SYS_epoll_wait, 0, lie_events);
	assert_int_equal(CALL(SYS_epoll_wait, ep, &event, 1, 0), 0);
	lied(SYS_epoll_wait, 2, NULL);
	FATAL(CALL(SYS_epoll_wait, ep, &event, 1, 0));
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(large_and_scattered), cmocka_unit_test(positions), cmocka_unit_test(names),
		cmocka_unit_test(answered_inside), cmocka_unit_test(sockets), cmocka_unit_test(messages),
		cmocka_unit_test(write_across_stops), cmocka_unit_test(timeout_across_stop), cmocka_unit_test(epoll_kinds),
		cmocka_unit_test(polls), cmocka_unit_test(lies),
	};
	char command[64];
	int failed;

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	fake_boot();
	failed = cmocka_run_group_tests(tests, enter, NULL);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) || failed;
}
