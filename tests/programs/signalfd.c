/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd: what is read, what poll, epoll and select say, masks, the process' signals and a thread's own; the same as natively. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static sigset_t set_of(int a, int b, int c)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		if ((int[]){ a, b, c }[i])
			sigaddset(&set, (int[]){ a, b, c }[i]);
	return set;
}


/* The names that matter here. */
static const char *name(long n)
{
	return n >= 0 ? "ok" : errno == EAGAIN ? "EAGAIN" : errno == EINVAL ? "EINVAL" : errno == EBADF ? "EBADF" : errno == EFAULT ? "EFAULT" :
		errno == EINTR ? "EINTR" : errno == ESPIPE ? "ESPIPE" : errno == ENOTTY ? "ENOTTY" : "another error";
}

static int ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void say(const char *what, const struct signalfd_siginfo *s)
{
	static const char zeros[sizeof s->__pad];

	printf("%s: %u errno %d code %d pid %d uid %d fd %d band %x overrun %u trapno %u status %d int %d ptr %d utime %d addr %d rest %d\n", what,
		s->ssi_signo >= (uint32_t)SIGRTMIN ? 100 + s->ssi_signo - (uint32_t)SIGRTMIN : s->ssi_signo, s->ssi_errno, s->ssi_code, s->ssi_pid == (uint32_t)getpid(), s->ssi_uid == getuid(), s->ssi_fd != 0, s->ssi_band, s->ssi_overrun,
		s->ssi_trapno, s->ssi_status, s->ssi_int, (int)s->ssi_ptr, (int)s->ssi_utime, (int)s->ssi_addr, memcmp(s->__pad, zeros, 20));
}

static void errors(void)
{
	sigset_t set = set_of(SIGUSR1, SIGKILL, SIGSTOP);
	struct signalfd_siginfo info;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), other[2];
	char link[64] = "", path[64];

	printf("flags %d %#x\n", fcntl(fd, F_GETFD), (unsigned)fcntl(fd, F_GETFL));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	printf("link %d %s\n", (int)readlink(path, link, sizeof link - 1), link);
	printf("empty: %s", name(read(fd, &info, sizeof info)));
	printf(" short %s", name(read(fd, &info, sizeof info - 1)));
	printf(" write %s", name(write(fd, &info, sizeof info)));
	printf(" address %s", name(syscall(SYS_signalfd4, -1, 8, 8, 0)));
	printf(" size %s", name(syscall(SYS_signalfd4, -1, &set, 16, 0)));
	printf(" flags %s", name(syscall(SYS_signalfd4, -1, &set, 8, 1)));
	printf(" closed %s", name(signalfd(99, &set, 0)));
	pipe(other);
	printf(" pipe %s", name(signalfd(other[0], &set, 0)));
	printf(" same %d ready %d\n", signalfd(fd, &set, 0) == fd, ready(fd));
	close(other[0]);
	close(other[1]);
	close(fd);
}

static void reads(void)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2, SIGRTMIN + 2);
	struct signalfd_siginfo info[4];
	struct iovec parts[3] = { { info, 100 }, { (char *)info + 100, 128 }, { (char *)info + 228, 60 } };
	int fd;
	long n;

	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	kill(getpid(), SIGUSR2);
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 17 });
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = -18 });
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	printf("ready %d\n", ready(fd));
	n = readv(fd, parts, 3);    /* two, and a rest that is too small */
	printf("read %ld\n", n);
	say("first", &info[0]);
	say("second", &info[1]);
	printf("ready %d\n", ready(fd));
	n = read(fd, info, sizeof info);
	printf("read %ld\n", n);
	say("third", &info[0]);
	say("fourth", &info[1]);
	printf("ready %d, %s\n", ready(fd), name(read(fd, info, sizeof info)));
	/* What the mask does not have stays. */
	kill(getpid(), SIGUSR1);
	set = set_of(SIGUSR2, 0, 0);
	printf("before %d", ready(fd));
	signalfd(fd, &set, 0);
	printf(" without %d", ready(fd));
	set = set_of(SIGUSR1, 0, 0);
	signalfd(fd, &set, 0);
	printf(" again %d", ready(fd));
	signal(SIGUSR1, SIG_IGN);   /* which drops it */
	printf(" ignored %d\n", ready(fd));
	signal(SIGUSR1, SIG_DFL);
	kill(getpid(), SIGUSR1);
	n = sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 });
	printf("taken %d, then %d\n", n == SIGUSR1, ready(fd));
	close(fd);
}

static void kinds(void)
{
	sigset_t set = set_of(SIGALRM, SIGRTMIN + 3, SIGIO);
	struct signalfd_siginfo info;
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 77 };
	struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };
	struct itimerval alarm_soon = { { 0, 0 }, { 0, 1000 } };
	int fd, pair[2];
	timer_t timer;

	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, 0);
	setitimer(ITIMER_REAL, &alarm_soon, NULL);
	printf("read %ld\n", (long)read(fd, &info, sizeof info));
	info.ssi_pid = (uint32_t)getpid();
	say("alarm", &info);
	timer_create(CLOCK_MONOTONIC, &e, &timer);
	timer_settime(timer, 0, &soon, NULL);
	printf("read %ld\n", (long)read(fd, &info, sizeof info));
	info.ssi_tid = 0;
	say("timer", &info);
	timer_delete(timer);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fcntl(pair[0], F_SETOWN, getpid());
	fcntl(pair[0], F_SETSIG, SIGRTMIN + 3);
	fcntl(pair[0], F_SETFL, O_ASYNC);
	write(pair[1], "x", 1);
	printf("read %ld\n", (long)read(fd, &info, sizeof info));
	printf("descriptor: %d code %d fd %d band %#x\n", info.ssi_signo == (uint32_t)SIGRTMIN + 3, info.ssi_code, info.ssi_fd == pair[0], info.ssi_band & POLLIN);
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

static int wait_for(int e, int ms)
{
	struct epoll_event event;
	int n = epoll_wait(e, &event, 1, ms);

	return n > 0 ? (int)event.events : n;
}

static void sets(void)
{
	sigset_t set = set_of(SIGUSR1, 0, 0);
	struct signalfd_siginfo info;
	int fd = signalfd(-1, &set, SFD_NONBLOCK), copy = dup(fd), level = epoll_create1(0), edge = epoll_create1(0), once = epoll_create1(0), outer = epoll_create1(0);
	fd_set readable;

	epoll_ctl(level, EPOLL_CTL_ADD, fd, &(struct epoll_event){ EPOLLIN, { .fd = fd } });
	epoll_ctl(edge, EPOLL_CTL_ADD, fd, &(struct epoll_event){ EPOLLIN | EPOLLET, { .fd = fd } });
	epoll_ctl(once, EPOLL_CTL_ADD, fd, &(struct epoll_event){ EPOLLIN | EPOLLONESHOT, { .fd = fd } });
	epoll_ctl(outer, EPOLL_CTL_ADD, level, &(struct epoll_event){ EPOLLIN, { .fd = level } });
	printf("none: %d %d %d %d\n", wait_for(level, 0), wait_for(edge, 0), wait_for(once, 0), wait_for(outer, 0));
	kill(getpid(), SIGUSR1);
	printf("one: %d %d %d %d\n", wait_for(level, 1000), wait_for(edge, 1000), wait_for(once, 1000), wait_for(outer, 1000));
	printf("still: %d %d %d %d\n", wait_for(level, 0), wait_for(edge, 0), wait_for(once, 0), wait_for(outer, 0));
	FD_ZERO(&readable);
	FD_SET(copy, &readable);
	printf("select %d", select(copy + 1, &readable, NULL, NULL, &(struct timeval){ 0, 0 }));
	printf(" read %ld\n", (long)read(copy, &info, sizeof info));
	printf("read: %d %d %d %d\n", wait_for(level, 0), wait_for(edge, 0), wait_for(once, 0), wait_for(outer, 0));
	kill(getpid(), SIGUSR1);
	printf("next: %d %d %d %d\n", wait_for(level, 0), wait_for(edge, 0), wait_for(once, 0), wait_for(outer, 0));
	read(fd, &info, sizeof info);
	for (int i = 0; i < 2; i++)
		close((int[]){ fd, copy }[i]);
	kill(getpid(), SIGUSR1);
	printf("closed: %d %d %d %d\n", wait_for(level, 0), wait_for(edge, 0), wait_for(once, 0), wait_for(outer, 0));
	sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 });
	for (int i = 0; i < 4; i++)
		close((int[]){ level, edge, once, outer }[i]);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

static int thread_fd;
static _Atomic int thread_here;

static void *reader(void *arg)
{
	struct signalfd_siginfo info = { 0 };
	long n;

	(void)arg;
	thread_here = 1;
	n = read(thread_fd, &info, sizeof info);
	return (void *)(n == sizeof info ? (intptr_t)info.ssi_signo : -1);
}

static void *poller(void *arg)
{
	struct pollfd p = { .fd = thread_fd, .events = POLLIN };

	(void)arg;
	thread_here = 1;
	return (void *)(intptr_t)poll(&p, 1, 10000);
}

static void *waiter(void *arg)
{
	return (void *)(intptr_t)wait_for((int)(intptr_t)arg, 10000);
}

static void *own(void *arg)
{
	struct signalfd_siginfo info;

	(void)arg;
	pthread_kill(pthread_self(), SIGUSR2);
	return (void *)(intptr_t)(read(thread_fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2 && info.ssi_pid == (uint32_t)getpid());
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000L }, NULL);
}

static intptr_t during(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	thread_here = 0;
	pthread_create(&thread, NULL, fn, arg);
	pause_ms(30);
	kill(getpid(), SIGUSR1);
	pthread_join(thread, &result);
	return (intptr_t)result;
}

static void threads(void)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2, 0);
	struct signalfd_siginfo info;
	pthread_t thread;
	void *result;
	int e = epoll_create1(0);

	sigprocmask(SIG_BLOCK, &set, NULL);
	thread_fd = signalfd(-1, &set, 0);
	printf("a reader gets %d\n", (int)during(reader, NULL));
	printf("who polls sees %d, read %ld\n", (int)during(poller, NULL), (long)read(thread_fd, &info, sizeof info));
	epoll_ctl(e, EPOLL_CTL_ADD, thread_fd, &(struct epoll_event){ EPOLLIN | EPOLLET, { .fd = 0 } });
	printf("who waits sees %d, read %ld\n", (int)during(waiter, (void *)(intptr_t)e), (long)read(thread_fd, &info, sizeof info));
	pthread_create(&thread, NULL, own, NULL);
	pthread_join(thread, &result);
	printf("a thread's own: %d\n", (int)(intptr_t)result);
	pthread_create(&thread, NULL, reader, NULL);
	while (!thread_here)
		pause_ms(1);
	pause_ms(30);
	pthread_kill(thread, SIGUSR2);
	pthread_join(thread, &result);
	printf("sent to a reader: %d\n", (int)(intptr_t)result);
	fcntl(thread_fd, F_SETFL, O_NONBLOCK);
	pthread_kill(pthread_self(), SIGUSR1);
	printf("ready %d read %ld then %s\n", ready(thread_fd), (long)read(thread_fd, &info, sizeof info), name(read(thread_fd, &info, sizeof info)));
	close(e);
	close(thread_fd);
}

static void nothing(int signo)
{
	(void)signo;
}

static void *interrupter(void *arg)
{
	pause_ms(30);
	pthread_kill(*(pthread_t *)arg, SIGHUP);
	return NULL;
}

static void interrupted(void)
{
	sigset_t set = set_of(SIGUSR1, 0, 0), before;
	struct sigaction action = { .sa_handler = nothing };
	struct signalfd_siginfo info;
	pthread_t thread, self = pthread_self();
	int fd = signalfd(-1, &set, 0);

	(void)before;
	sigaction(SIGHUP, &action, NULL);
	pthread_create(&thread, NULL, interrupter, &self);
	printf("a handler: %s\n", name(read(fd, &info, sizeof info)));
	pthread_join(thread, NULL);
	close(fd);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	errors();
	reads();
	kinds();
	sets();
	threads();
	interrupted();
	printf("done\n");
	return 0;
}
