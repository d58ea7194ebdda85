/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endure DIRECTORY ROUNDS: a program that goes on whatever its calls return, because its host lies at random. It does not
 * believe results; it looks after its memory. Every buffer that a call may write lies between guards, and megabytes of its
 * heap hold a pattern that no call has a business with, and that a second thread rewrites meanwhile.
 *
 * Exit: 0 "intact"; 2 something was written where nothing may be; any other end is its runtime's.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GUARD 256
#define ROOM  8192
#define WORDS (1u << 18)

static struct { uint8_t before[GUARD], room[ROOM], after[GUARD]; } box;
static uint64_t *memory;
static atomic_bool stop;
static uint64_t beats;

static void broken(const char *where)
{
	printf("BROKEN: %s\n", where);
	fflush(stdout);
	_exit(2);
}

static uint64_t word(uint64_t i) { return (i + 1) * 0x9e3779b97f4a7c15u; }

/* `size` bytes between guards; what lies behind them in the box is guarded too. */
static void *arm(size_t size)
{
	memset(&box, 0xa5, sizeof box);
	memset(box.room, 0, size);
	return box.room;
}

static void look(size_t size, const char *where)
{
	for (size_t i = 0; i < GUARD; i++)
		if (box.before[i] != 0xa5 || box.after[i] != 0xa5)
			broken(where);
	for (size_t i = size; i < ROOM; i++)
		if (box.room[i] != 0xa5)
			broken(where);
}

#define TRY(size, call) do { \
	void *in = arm(size); \
	(void)in; \
	long result_ __attribute__((unused)) = (long)(call); \
	look(size, #call); \
} while (0)

static void *keeper(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		for (size_t i = beats % 64; i < WORDS; i += 64) {
			if (memory[i] != word(i))
				broken("the heap");
			memory[i] = word(i);
		}
		beats++;
		if (beats % 16 == 0)
			usleep(100);
	}
	return NULL;
}

static void files(const char *directory)
{
	struct iovec two[2] = { { box.room, 10 }, { box.room + 10, 20 } };
	char path[300], other[300];
	int fd, d;

	snprintf(path, sizeof path, "%s/file", directory);
	snprintf(other, sizeof other, "%s/other", directory);
	fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0600);
	TRY(500, write(fd, in, 500));
	TRY(100, (lseek(fd, 0, SEEK_SET), read(fd, in, 100)));
	TRY(77, pread(fd, in, 77, 450));
	TRY(33, pwrite(fd, in, 33, 5));
	TRY(30, readv(fd, two, 2));
	TRY(30, writev(fd, two, 2));
	TRY(sizeof(struct stat), fstat(fd, in));
	TRY(sizeof(struct stat), stat(path, in));
	TRY(sizeof(struct statfs), fstatfs(fd, in));
	TRY(sizeof(struct flock), fcntl(fd, F_GETLK, in));
	TRY(0, ftruncate(fd, 100) + fsync(fd) + fdatasync(fd) + fchmod(fd, 0600));
	TRY(50, readlink("/proc/self/exe", in, 50));
	TRY(60, (symlink("nowhere", other), readlink(other, in, 60)));
	TRY(0, unlink(other) + rename(path, other) + access(other, R_OK) + truncate(other, 10) + unlink(other));
	d = open(directory, O_RDONLY | O_DIRECTORY);
	TRY(1024, getdents(d, in, 1024));
	TRY(300, getcwd(in, 300));
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED)
		munmap(map, 4096);
	close(d);
	close(fd);
}

static void sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a, given;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), c, s, u[2] = { -1, -1 };
	struct iovec iov = { box.room, 40 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = box.room + 40, .msg_controllen = 64, .msg_name = box.room + 104,
		.msg_namelen = 16 };

	(void)!bind(l, (struct sockaddr *)&a, sizeof a);
	(void)!listen(l, 5);
	(void)!getsockname(l, (struct sockaddr *)&a, &size);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)!connect(c, (struct sockaddr *)&a, sizeof a);
	given = 16;
	TRY(16, s = accept4(l, in, &given, SOCK_NONBLOCK));
	TRY(100, send(c, in, 100, MSG_NOSIGNAL));
	given = 16;
	TRY(200, recvfrom(s, in, 100, MSG_DONTWAIT, (struct sockaddr *)(box.room + 184), &given));
	given = 8;
	TRY(8, getsockopt(s, SOL_SOCKET, SO_RCVBUF, in, &given));
	given = 5;
	TRY(5, getpeername(s, in, &given));
	(void)!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, u);
	TRY(40, send(u[0], in, 40, MSG_NOSIGNAL));
	TRY(120, recvmsg(u[1], &m, MSG_DONTWAIT));
	(void)!shutdown(c, SHUT_WR);
	for (int i = 0; i < 2; i++)
		close(u[i]);
	close(s);
	close(c);
	close(l);
}

static void events(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 100000 };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.u64 = 0x1122334455667788 };
	int fds[2] = { -1, -1 }, e = epoll_create1(0), ev = eventfd(1, EFD_NONBLOCK), t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct pollfd *p = (struct pollfd *)box.room;
	struct timeval wait = { 0, 1000 };
	fd_set set;

	(void)!pipe2(fds, O_NONBLOCK);
	(void)!epoll_ctl(e, EPOLL_CTL_ADD, ev, &event);
	(void)!epoll_ctl(e, EPOLL_CTL_ADD, fds[1], &event);
	(void)!timerfd_settime(t, 0, &soon, NULL);
	TRY(24, epoll_wait(e, in, 2, 5));
	for (int i = 0; i < 2; i++) {
		struct epoll_event *got = (struct epoll_event *)box.room + i;

		if (got->data.u64 && got->data.u64 != event.data.u64)
			broken("an event of nobody's");
	}
	TRY(16, (p[0] = (struct pollfd){ fds[0], POLLIN, 0 }, p[1] = (struct pollfd){ ev, POLLIN, 0 }, poll(in, 2, 5)));
	FD_ZERO(&set);
	if (ev >= 0 && ev < FD_SETSIZE)
		FD_SET(ev, &set);
	TRY(0, select(ev + 1, &set, NULL, NULL, &wait));
	TRY(8, read(ev, in, 8));
	TRY(8, read(t, in, 8));
	TRY(sizeof(struct itimerspec), timerfd_gettime(t, in));
	TRY(64, write(fds[1], in, 64));
	TRY(64, read(fds[0], in, 64));
	TRY(sizeof(struct rusage), getrusage(RUSAGE_SELF, in));
	TRY(sizeof(struct timespec), clock_gettime(CLOCK_PROCESS_CPUTIME_ID, in));
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(e);
	close(ev);
	close(t);
}

/* Memory that grows and goes: pages that the host must add to the enclave and take from it. */
static void pages(unsigned round)
{
	size_t size = 300 << 12;
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	for (size_t i = 0; i < size; i += 4096) {
		if (p[i])
			broken("fresh memory");
		p[i] = (uint8_t)round;
	}
	(void)!mprotect(p, size / 2, PROT_READ);
	madvise(p + size / 2, size / 4, MADV_DONTNEED);
	if (p[0] != (uint8_t)round || p[size / 2])
		broken("memory that was protected, or given back");
	munmap(p, size);
}

static void *nothing(void *unused) { return unused; }

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
	struct timespec last = { 0, 0 }, now;
	pthread_t keeping, other;

	signal(SIGPIPE, SIG_IGN);
	memory = malloc(WORDS * sizeof *memory);
	if (!memory)
		return 1;
	for (size_t i = 0; i < WORDS; i++)
		memory[i] = word(i);
	bool kept = pthread_create(&keeping, NULL, keeper, NULL) == 0;
	for (unsigned i = 0; i < rounds; i++) {
		files(argc > 1 ? argv[1] : ".");
		sockets();
		events();
		pages(i + 1);
		if (pthread_create(&other, NULL, nothing, NULL) == 0)
			pthread_join(other, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec))
			broken("time");
		last = now;
	}
	atomic_store(&stop, true);
	if (kept)
		pthread_join(keeping, NULL);
	for (size_t i = 0; i < WORDS; i++)
		if (memory[i] != word(i))
			broken("the heap");
	puts("intact");
	return 0;
}
