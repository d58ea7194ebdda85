/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of every kind used as servers use them: files, directories, pipes, TCP and UDP and UNIX sockets between
 * threads, epoll, poll, select, event counters, timers, locks, /proc. Prints one line per part, the same everywhere. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s (errno %d)\n", __LINE__, #c, errno); failures++; } } while (0)
#define SIZE 3000017

static uint8_t *out, *in;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(void)
{
	out = malloc(SIZE);
	in = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)((i * 2654435761u) >> 11);
}

static void files(void)
{
	struct iovec iov[3] = { { out, 5 }, { out + 5, 70001 }, { out + 70006, 1 } };
	struct stat st;
	char text[64];
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);
	FILE *f;
	void *map;

	CHECK(fd >= 0);
	CHECK(write(fd, out, SIZE) == SIZE);
	CHECK(lseek(fd, 0, SEEK_CUR) == SIZE && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(read(fd, in, SIZE + 100) == SIZE && memcmp(in, out, SIZE) == 0);
	CHECK(pwritev(fd, iov, 3, 1000) == 70007);
	CHECK(pread(fd, in, 70007, 1000) == 70007 && memcmp(in, out, 70007) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == SIZE && S_ISREG(st.st_mode));
	CHECK(ftruncate(fd, 100) == 0 && stat("data", &st) == 0 && st.st_size == 100);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(pwrite(fd, "mapped", 6, 0) == 6);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && memcmp(map, "mapped", 6) == 0);
	CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
	f = fopen("lines", "w");
	for (int i = 0; i < 10000; i++)
		fprintf(f, "line %d\n", i);
	CHECK(fclose(f) == 0);
	f = fopen("lines", "r");
	for (int i = 0; i < 10000; i++) {
		int n = -1;
		CHECK(fgets(text, sizeof text, f) && sscanf(text, "line %d", &n) == 1 && n == i);
	}
	CHECK(!fgets(text, sizeof text, f) && feof(f) && fclose(f) == 0);
	f = tmpfile();
	CHECK(f && fputs("x", f) >= 0 && fclose(f) == 0);
	CHECK(open("nowhere/file", O_RDONLY) == -1 && errno == ENOENT);
	puts("files ok");
}

/* A working directory is not the name that it had. */
static void renamed_directory(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "name" };
	char path[4096];
	struct stat here, there;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(mkdir("old", 0755) == 0 && chdir("old") == 0 && close(creat("file", 0600)) == 0 && rename("../old", "../new") == 0);
	CHECK(access("file", W_OK) == 0 && truncate("file", 100) == 0 && stat("file", &there) == 0 && there.st_size == 100);
	CHECK(getcwd(path, sizeof path) && strcmp(strrchr(path, '/'), "/new") == 0);
	CHECK(readlink("/proc/self/cwd", path, sizeof path) > 0 && access("/proc/self/cwd/file", F_OK) == 0);
	CHECK(stat(".", &here) == 0 && stat("../new", &there) == 0 && here.st_ino == there.st_ino);
	CHECK(bind(s, (void *)&address, sizeof address) == 0 && close(s) == 0 && unlink("../new/name") == 0);
	CHECK(unlink("file") == 0 && rmdir("../new") == 0 && !getcwd(path, sizeof path) && errno == ENOENT);
	CHECK(open("file", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT && chdir("..") == 0);
}

static void directories(void)
{
	char path[4096], name[32];
	int count = 0;
	DIR *d;

	CHECK(mkdir("many", 0755) == 0 && chdir("many") == 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "file-%03d", i);
		close(creat(name, 0600));
	}
	CHECK(getcwd(path, sizeof path) && strcmp(strrchr(path, '/'), "/many") == 0);
	d = opendir(".");
	for (struct dirent *e; (e = readdir(d)); )
		count += e->d_name[0] == 'f';
	CHECK(count == 300 && closedir(d) == 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "file-%03d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(chdir("..") == 0 && rmdir("many") == 0);
	renamed_directory();
	CHECK(symlink("data", "link") == 0 && readlink("link", path, sizeof path) == 4);
	CHECK(realpath("link", path) && strcmp(strrchr(path, '/'), "/data") == 0);
	CHECK(rename("data", "moved") == 0 && access("link", F_OK) == -1 && access("moved", R_OK) == 0 && unlink("link") == 0);
	puts("directories ok");
}

static void *pipe_writer(void *arg)
{
	CHECK(write(*(int *)arg, out, SIZE) == SIZE);
	close(*(int *)arg);
	return NULL;
}

static void pipes(void)
{
	int fd[2], second[2];
	size_t got = 0;
	ssize_t n;
	pthread_t t;

	CHECK(pipe(fd) == 0);
	pthread_create(&t, NULL, pipe_writer, &fd[1]);
	while ((n = read(fd[0], in + got, SIZE - got)) > 0)
		got += (size_t)n;
	CHECK(got == SIZE && memcmp(in, out, SIZE) == 0);
	pthread_join(t, NULL);
	close(fd[0]);
	CHECK(pipe2(second, O_NONBLOCK | O_CLOEXEC) == 0 && read(second[0], in, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(second[0], F_GETFD) == FD_CLOEXEC && (fcntl(second[0], F_GETFL) & O_NONBLOCK));
	CHECK(write(second[1], "abc", 3) == 3);
	n = 0;
	CHECK(ioctl(second[0], FIONREAD, &n) == 0 && n == 3);
	close(second[0]);
	CHECK(write(second[1], "x", 1) == -1 && errno == EPIPE);
	close(second[1]);
	puts("pipes ok");
}

/* ---- an echo server on epoll, eight clients on threads ---- */
static struct sockaddr_in server_address;
static int stop_event;

static void *echo_server(void *arg)
{
	int listener = *(int *)arg, ep = epoll_create1(EPOLL_CLOEXEC), served = 0;
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, got[16];
	static char buffer[65536];

	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) == 0);
	e.data.fd = stop_event;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, stop_event, &e) == 0);
	for (;;) {
		int n = epoll_wait(ep, got, 16, 5000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;
			ssize_t size;

			if (fd == stop_event) {
				close(ep);
				return (void *)(intptr_t)served;
			}
			if (fd == listener) {
				e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
				CHECK(e.data.fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e) == 0);
				served++;
				continue;
			}
			size = read(fd, buffer, sizeof buffer);
			if (size <= 0) {
				CHECK(size == 0 && close(fd) == 0);
				continue;
			}
			for (ssize_t done = 0, put; done < size; done += put) {
				struct pollfd p = { fd, POLLOUT, 0 };
				put = write(fd, buffer + done, (size_t)(size - done));
				if (put < 0) {
					CHECK(errno == EAGAIN && poll(&p, 1, 5000) == 1);
					put = 0;
				}
			}
		}
	}
}

static void *echo_client(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	size_t seed = (size_t)arg;
	uint8_t reply[20000];

	CHECK(connect(fd, (struct sockaddr *)&server_address, sizeof server_address) == 0);
	CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
	for (int round = 0; round < 200; round++) {
		size_t size = 1 + (seed * 7919 + (size_t)round * 104729) % sizeof reply, at = (size_t)round * 997;

		CHECK(send(fd, out + at, size, 0) == (ssize_t)size);
		CHECK(recv(fd, reply, size, MSG_WAITALL) == (ssize_t)size && memcmp(reply, out + at, size) == 0);
	}
	close(fd);
	return NULL;
}

static void tcp(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	pthread_t server, client[8];
	void *served;
	uint64_t v = 1;

	CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
	CHECK(bind(listener, (struct sockaddr *)&a, size) == 0 && listen(listener, 16) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&server_address, &size) == 0 && size == sizeof a);
	stop_event = eventfd(0, EFD_NONBLOCK);
	pthread_create(&server, NULL, echo_server, &listener);
	for (size_t i = 0; i < 8; i++)
		pthread_create(&client[i], NULL, echo_client, (void *)i);
	for (size_t i = 0; i < 8; i++)
		pthread_join(client[i], NULL);
	CHECK(write(stop_event, &v, 8) == 8);
	pthread_join(server, &served);
	close(listener);
	close(stop_event);
	printf("tcp ok, %d clients\n", (int)(intptr_t)served);
}

static void datagrams(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0), pair[2];
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from;
	socklen_t size = sizeof any;
	struct timeval limit = { 0, 20000 };
	struct iovec iov[2] = { { in, 3 }, { in + 10, 100 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_name = &from, .msg_namelen = sizeof from };

	CHECK(bind(a, (struct sockaddr *)&any, size) == 0 && getsockname(a, (struct sockaddr *)&any, &size) == 0);
	CHECK(sendto(a, "datagram", 8, 0, (struct sockaddr *)&any, size) == 8);
	CHECK(recvmsg(a, &m, 0) == 8 && memcmp(in, "dat", 3) == 0 && memcmp(in + 10, "agram", 5) == 0);
	CHECK(m.msg_namelen == sizeof from && from.sin_port == any.sin_port);
	CHECK(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
	CHECK(recv(a, in, 100, 0) == -1 && errno == EAGAIN);
	CHECK(b < 0 || close(b) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(writev(pair[0], (struct iovec[]){ { out, 1000 }, { out + 1000, 1 } }, 2) == 1001);
	CHECK(recv(pair[1], in, 1001, MSG_WAITALL) == 1001 && memcmp(in, out, 1001) == 0);
	/* However often the program is stopped: a socket's own timeout is over when it is over. */
	CHECK(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
	CHECK(read(pair[1], in, 1) == -1 && errno == EAGAIN);
	CHECK(recv(pair[1], in, 1, MSG_WAITALL) == -1 && errno == EAGAIN);
	CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 && listen(listener, 1) == 0);
	CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
	close(listener);
	CHECK(shutdown(pair[0], SHUT_WR) == 0 && read(pair[1], in, 1) == 0);
	close(pair[0]);
	CHECK(send(pair[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(pair[1]);
	close(a);
	puts("datagrams ok");
}

static void *late_writer(void *arg)
{
	usleep(20000);
	CHECK(write(*(int *)arg, "!", 1) == 1);
	return NULL;
}

static void waiting(void)
{
	int fd[2], ep = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), event = eventfd(2, EFD_SEMAPHORE);
	struct itimerspec spec = { { 0, 5000000 }, { 0, 10000000 } };
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 1ull << 60 }, got[2];
	struct pollfd p[2];
	struct timeval tv = { 1, 0 };
	uint64_t count;
	fd_set set;
	pthread_t t;
	double begin = now();

	CHECK(pipe(fd) == 0);
	p[0] = (struct pollfd){ fd[0], POLLIN, 0 };
	p[1] = (struct pollfd){ timer, POLLIN, 0 };
	CHECK(poll(p, 2, 30) == 0 && now() - begin >= 0.029);
	pthread_create(&t, NULL, late_writer, &fd[1]);
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, &tv) == 1 && FD_ISSET(fd[0], &set));
	pthread_join(t, NULL);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &e) == 0 && epoll_wait(ep, got, 2, 1000) == 1 && got[0].data.u64 == 1ull << 60);
	CHECK(epoll_wait(ep, got, 2, 0) == 0 && epoll_ctl(ep, EPOLL_CTL_MOD, fd[0], &e) == 0 && epoll_wait(ep, got, 2, 0) == 1);
	CHECK(timerfd_settime(timer, 0, &spec, NULL) == 0 && poll(p + 1, 1, 1000) == 1);
	CHECK(read(timer, &count, 8) == 8 && count >= 1);
	CHECK(read(event, &count, 8) == 8 && count == 1 && read(event, &count, 8) == 8 && count == 1);
	close(fd[0]);
	CHECK(poll(p, 1, 0) == 1 && p[0].revents == POLLNVAL);
	close(fd[1]);
	close(ep);
	close(timer);
	close(event);
	puts("waiting ok");
}

static volatile sig_atomic_t alarms;
static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

/* Not before the alarm, however late that is on a busy machine. */
static void *writer_after_alarm(void *arg)
{
	for (int i = 0; i < 10000 && alarms < 3; i++)
		usleep(1000);
	return late_writer(arg);
}

static void interrupted(void)
{
	struct sigaction restart = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, plain = { .sa_handler = on_alarm };
	int fd[2];
	char c;
	pthread_t t;
	struct pollfd p;

	CHECK(pipe(fd) == 0);
	p = (struct pollfd){ fd[0], POLLIN, 0 };
	sigaction(SIGALRM, &plain, NULL);
	ualarm(10000, 0);
	CHECK(read(fd[0], &c, 1) == -1 && errno == EINTR && alarms == 1);
	sigaction(SIGALRM, &restart, NULL);
	ualarm(10000, 0);
	CHECK(poll(&p, 1, 1000) == -1 && errno == EINTR && alarms == 2);
	ualarm(10000, 0);
	pthread_create(&t, NULL, writer_after_alarm, &fd[1]);
	CHECK(read(fd[0], &c, 1) == 1 && c == '!');
	pthread_join(t, NULL);
	CHECK(alarms == 3);
	close(fd[0]);
	close(fd[1]);
	puts("interrupted ok");
}

static void numbers(void)
{
	struct rlimit limit;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
	int fd = open("moved", O_RDWR), copy = dup(fd), high = fcntl(fd, F_DUPFD, 200);
	char text[128] = "";
	FILE *f;

	CHECK(copy > fd && high >= 200 && dup2(fd, 150) == 150 && dup3(fd, 150, O_CLOEXEC) == 150);
	CHECK(lseek(fd, 42, SEEK_SET) == 42 && lseek(high, 0, SEEK_CUR) == 42);
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	lock.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	close(copy);
	close(high);
	close(150);
	close(fd);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 3);
	limit.rlim_cur = 10;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (fd = 0; fd >= 0;)
		fd = open("/dev/null", O_RDWR);
	CHECK(errno == EMFILE);
	for (fd = 3; fd < 10; fd++)
		close(fd);
	f = fopen("/proc/self/stat", "r");
	CHECK(f && fgets(text, sizeof text, f) && atoi(text) == getpid());
	fclose(f);
	f = fopen("/proc/meminfo", "r");
	CHECK(f && fgets(text, sizeof text, f) && strncmp(text, "MemTotal:", 9) == 0);
	fclose(f);
	fd = open("/dev/urandom", O_RDONLY);
	CHECK(read(fd, in, 64) == 64 && read(fd, in + 64, 64) == 64 && memcmp(in, in + 64, 64) != 0);
	close(fd);
	CHECK(!isatty(open("/dev/zero", O_RDONLY)));
	puts("numbers ok");
}

static void send_file(void)
{
	int fd = open("big", O_RDWR | O_CREAT, 0600), copy = open("copy", O_RDWR | O_CREAT, 0600);
	off_t at = 17;
	ssize_t n;

	CHECK(write(fd, out, 1000000) == 1000000);
	while (at < 1000000 && (n = sendfile(copy, fd, &at, (size_t)(1000000 - at))) > 0)
		;
	CHECK(at == 1000000 && pread(copy, in, SIZE, 0) == 1000000 - 17 && memcmp(in, out + 17, 1000000 - 17) == 0);
	close(fd);
	close(copy);
	puts("sendfile ok");
}

int main(void)
{
	char folder[] = "/tmp/optmig-io.XXXXXX";
	static const char *const names[] = { "moved", "lines", "big", "copy", "link", "data" };

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	fill();
	files();
	directories();
	pipes();
	tcp();
	datagrams();
	waiting();
	interrupted();
	send_file();
	numbers();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	CHECK(rmdir(folder) == 0);
	printf("%d failures\n", failures);
	return failures != 0;
}
