/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ordinary programs ask of libc and kernel beside the themes of the other files: kinds of mutexes, cancellation inside
 * calls, limits and affinity, clocks, masks that hold during a wait, and refusals, which have to be errors and nothing else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s (errno %d)\n", __LINE__, #c, errno); failures++; } } while (0)

extern char **environ;
static volatile sig_atomic_t hits;
static void on_signal(int signo) { (void)signo; hits++; }

static struct timespec soon(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *die_with(void *mutex) { pthread_mutex_lock(mutex); return NULL; }

static void mutexes(void)
{
	struct timespec until = soon(CLOCK_REALTIME, 2);
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	pthread_spinlock_t spin;
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
	CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_trylock(&m) == 0);
	CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == 0);
	/* The owner ends: the next one learns it. */
	pthread_mutexattr_init(&a);
	CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
	pthread_mutex_init(&m, &a);
	pthread_create(&t, NULL, die_with, &m);
	pthread_join(t, NULL);
	CHECK(pthread_mutex_lock(&m) == EOWNERDEAD && pthread_mutex_consistent(&m) == 0 && pthread_mutex_unlock(&m) == 0);
	pthread_mutex_init(&m, NULL);
	pthread_mutex_lock(&m);
	CHECK(pthread_mutex_timedlock(&m, &until) == ETIMEDOUT);
	CHECK(pthread_rwlock_rdlock(&rw) == 0 && pthread_rwlock_tryrdlock(&rw) == 0 && pthread_rwlock_trywrlock(&rw) == EBUSY);
	until = soon(CLOCK_REALTIME, 2);
	CHECK(pthread_rwlock_timedwrlock(&rw, &until) == ETIMEDOUT);
	CHECK(pthread_spin_init(&spin, 0) == 0 && pthread_spin_lock(&spin) == 0 && pthread_spin_trylock(&spin) == EBUSY);
	printf("mutexes done\n");
}

/* ---- cancellation where threads really wait ---- */
static int silent[2];
static sem_t never;
static _Atomic int inside;

static void *in_condition(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;

	pthread_mutex_lock(&m);
	inside = 1;
	pthread_cond_wait(&c, &m);
	return arg;
}
static void *in_read(void *arg)
{
	char c;

	inside = 1;
	CHECK(read(silent[0], &c, 1) < 0);
	return arg;
}
static void *in_semaphore(void *arg) { inside = 1; sem_wait(&never); return arg; }
static void *in_poll(void *arg)
{
	struct pollfd p = { .fd = silent[0], .events = POLLIN };

	inside = 1;
	poll(&p, 1, -1);
	return arg;
}
static void *in_loop(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	inside = 1;
	for (volatile unsigned long i = 0;; i++)
		;
	return arg;
}
static void *disabled(void *arg)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	inside = 1;
	usleep(10000);
	return arg;
}

static void cancellation(void)
{
	void *(*const where[])(void *) = { in_condition, in_read, in_semaphore, in_poll, in_loop };
	pthread_t t;
	void *r;

	CHECK(pipe(silent) == 0);
	sem_init(&never, 0, 0);
	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		inside = 0;
		CHECK(pthread_create(&t, NULL, where[i], NULL) == 0);
		while (!inside)
			sched_yield();
		usleep(1000);
		CHECK(pthread_cancel(t) == 0 && pthread_join(t, &r) == 0 && r == PTHREAD_CANCELED);
	}
	inside = 0;
	pthread_create(&t, NULL, disabled, (void *)&inside);
	while (!inside)
		sched_yield();
	CHECK(pthread_cancel(t) == 0 && pthread_join(t, &r) == 0 && r == (void *)&inside);
	printf("cancellation done\n");
}

/* ---- destructors that set their key again; stacks; names ---- */
static pthread_key_t key;
static int rounds;
static void again(void *value)
{
	if (++rounds < 3)
		pthread_setspecific(key, value);
}
static void *attributes(void *arg)
{
	pthread_attr_t a;
	char name[32], *stack;
	size_t size;

	pthread_setspecific(key, &rounds);
	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, (void **)&stack, &size);
	CHECK(name > stack && name < stack + size && size >= 256 << 10);
	CHECK(pthread_setname_np(pthread_self(), "worker") == 0 && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "worker") == 0);
	return arg;
}

static void threads(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_key_create(&key, again);
	pthread_attr_init(&a);
	CHECK(pthread_attr_setstacksize(&a, 256 << 10) == 0);
	CHECK(pthread_create(&t, &a, attributes, NULL) == 0);
	pthread_join(t, NULL);
	CHECK(rounds == 3);
	printf("threads done\n");
}

static void identity(void)
{
	struct rlimit limit, less;
	struct utsname names, names2;
	struct sysinfo info;
	struct rusage usage;
	struct tms times_;
	cpu_set_t set, set2;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 16);
	less = limit;
	less.rlim_cur = 8;
	CHECK(prlimit(0, RLIMIT_NOFILE, &less, NULL) == 0 && dup2(0, 20) == -1 && errno == EBADF);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && dup2(0, 20) == 20 && close(20) == 0);
	less.rlim_max = limit.rlim_max + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &less) == -1 && errno == EPERM);
	CHECK(uname(&names) == 0 && uname(&names2) == 0 && memcmp(&names, &names2, sizeof names) == 0);
	CHECK(sysinfo(&info) == 0 && info.totalram > 0 && info.freeram <= info.totalram);
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(sched_getaffinity(0, sizeof set2, &set2) == 0 && CPU_EQUAL(&set, &set2) && sched_setaffinity(0, sizeof set, &set) == 0);
	CHECK(CPU_ISSET(sched_getcpu(), &set));
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0 && times(&times_) != (clock_t)-1);
	CHECK(getpgrp() > 0 && getsid(0) > 0 && getpid() == gettid() && kill(getpid(), 0) == 0);
	CHECK(kill(99999999, 0) == -1 && errno == ESRCH && kill(getpid(), 99) == -1 && errno == EINVAL);
	printf("identity done\n");
}

static void clocks(void)
{
	const clockid_t all[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	struct itimerval once = { { 0, 0 }, { 0, 3000 } };
	struct timespec t, rest, until = soon(CLOCK_MONOTONIC, 2);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		CHECK(clock_gettime(all[i], &t) == 0 && t.tv_nsec < 1000000000 && clock_getres(all[i], &rest) == 0);
	CHECK(clock_gettime(99, &t) == -1 && errno == EINVAL);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	CHECK(t.tv_sec > until.tv_sec || (t.tv_sec == until.tv_sec && t.tv_nsec >= until.tv_nsec));
	CHECK(nanosleep(&(struct timespec){ 0, -1 }, NULL) == -1 && errno == EINVAL);
	hits = 0;
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &once, NULL);
	CHECK(nanosleep(&(struct timespec){ 20, 0 }, &rest) == -1 && errno == EINTR && rest.tv_sec >= 10 && rest.tv_sec < 20 && hits == 1);
	printf("clocks done\n");
}

/* The mask of a wait holds for just that wait. */
static void masks(void)
{
	struct timespec second = { 1, 0 };
	struct epoll_event event;
	sigset_t blocked, open, now;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGUSR2, on_signal);
	hits = 0;
	raise(SIGUSR2);
	CHECK(hits == 0 && ppoll(NULL, 0, &second, &open) == -1 && errno == EINTR && hits == 1);
	raise(SIGUSR2);
	CHECK(hits == 1 && pselect(0, NULL, NULL, NULL, &second, &open) == -1 && errno == EINTR && hits == 2);
	raise(SIGUSR2);
	CHECK(hits == 2 && epoll_pwait(epoll, &event, 1, 1000, &open) == -1 && errno == EINTR && hits == 3);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR2));
	close(epoll);
	printf("masks done\n");
}

static void on_thread(union sigval value) { hits += value.sival_int; }

static void notified(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value = { 5 } };
	struct itimerspec spec = { { 0, 0 }, { 0, 1000000 } };
	timer_t id;

	hits = 0;
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &id) == 0 && timer_settime(id, 0, &spec, NULL) == 0);
	for (int i = 0; i < 5000 && hits == 0; i++)
		usleep(1000);
	CHECK(hits == 5 && timer_delete(id) == 0);
	printf("notified done\n");
}

/* What an enclave cannot do is an error with the right number, and the program goes on. */
static void refusals(void)
{
	char *const argv[] = { "true", NULL };
	char name[] = "/tmp/optmig-posix-XXXXXX";
	int fd = mkstemp(name), pair[2];
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec one = { name, 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	pid_t pid;

	CHECK(fork() == -1 && errno == ENOSYS);
	CHECK(execv("/bin/true", argv) == -1 && errno == ENOSYS);
	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0);
	CHECK(system("true") == -1 && popen("true", "r") == NULL);
	CHECK(wait(NULL) == -1 && errno == ECHILD && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
	CHECK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096) != MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EACCES);
	close(fd);
	unlink(name);
	/* Descriptors cannot be sent: they exist inside only. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
	CHECK(sendmsg(pair[0], &message, 0) == -1 && errno == EOPNOTSUPP);
	CHECK(syscall(9999) == -1 && errno == ENOSYS);
	printf("refusals done\n");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mutexes();
	cancellation();
	threads();
	identity();
	clocks();
	masks();
	notified();
	refusals();
	printf(failures ? "%d failures\n" : "all well\n", failures);
	return failures != 0;
}
