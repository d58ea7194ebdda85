/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: handlers, masks, siginfo, alternate stack, faults with recovery, nesting, restart, waiting, timers. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s\n", __LINE__, #c); failures++; } } while (0)

static volatile sig_atomic_t count, last_code, nested;
static volatile uintptr_t last_address;
static char *volatile stack_seen;
static sigjmp_buf jump;

static void on_count(int signo) { (void)signo; count++; }

static void install(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO };
	sigemptyset(&a.sa_mask);
	CHECK(sigaction(signo, &a, NULL) == 0);
}

static void on_info(int signo, siginfo_t *info, void *context)
{
	char here;

	(void)signo, (void)context;
	count++;
	last_code = info->si_code;
	stack_seen = &here;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	last_address = (uintptr_t)info->si_addr;
	last_code = info->si_code;
	siglongjmp(jump, signo);
}

static void on_fault_skip(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo, (void)info;
	count++;
	/* divl %ecx is 2 bytes long */
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RAX] = 77;
}

static void on_nested(int signo)
{
	nested++;
	if (signo == SIGUSR1) {
		kill(getpid(), SIGUSR2);
		sched_yield();
	}
}

static void basics(void)
{
	sigset_t set, old;

	signal(SIGUSR1, on_count);
	CHECK(raise(SIGUSR1) == 0 && count == 1);
	kill(getpid(), SIGUSR1);
	CHECK(count == 2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK(count == 2);
	sigpending(&set);
	CHECK(sigismember(&set, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK(count == 3);
	signal(SIGUSR1, SIG_IGN);
	kill(getpid(), SIGUSR1);
	CHECK(count == 3);
	signal(SIGUSR1, on_nested);
	signal(SIGUSR2, on_nested);
	raise(SIGUSR1);
	CHECK(nested == 2);
	count = 0;
	install(SIGUSR1, on_info, SA_RESETHAND);
	union sigval value = { .sival_int = 4711 };
	CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
	CHECK(count == 1 && last_code == SI_QUEUE);
	struct sigaction a;
	sigaction(SIGUSR1, NULL, &a);
	CHECK(a.sa_handler == SIG_DFL);
	printf("basics done\n");
}

/* Registers, vector registers among them, survive a handler that runs at a poll or a system call. */
static double survive(volatile sig_atomic_t *flag)
{
	double a = 1.25, b = 2.5, c = 3.75, sum = 0;
	long i = 0;

	for (; *flag == 0 && i < 4000000000L; i++) {
		sum += a * b - c;
		a += 1e-9;
	}
	return *flag ? sum / (double)(i ? i : 1) : -1;
}

static void timers(void)
{
	struct itimerval v = { { 0, 0 }, { 0, 20000 } }, old;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec spec = { { 0, 5000000 }, { 0, 5000000 } };
	timer_t id;
	double r;

	count = 0;
	install(SIGALRM, on_info, 0);
	setitimer(ITIMER_REAL, &v, NULL);
	r = survive(&count);
	CHECK(r > -0.7 && r < 10);
	CHECK(count == 1);
	v.it_value.tv_usec = 10000;
	setitimer(ITIMER_REAL, &v, NULL);
	CHECK(pause() == -1 && errno == EINTR && count == 2);
	alarm(100);
	getitimer(ITIMER_REAL, &old);
	CHECK(old.it_value.tv_sec >= 98 && alarm(0) >= 99);
	install(SIGRTMIN + 1, on_info, 0);
	count = 0;
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &id) == 0);
	CHECK(timer_settime(id, 0, &spec, NULL) == 0);
	while (count < 5)
		usleep(1000);
	CHECK(last_code == SI_TIMER);
	CHECK(timer_delete(id) == 0);
	printf("timers done\n");
}

static void faults(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned result;

	install(SIGSEGV, on_fault, 0);
	install(SIGFPE, on_fault, 0);
	install(SIGILL, on_fault, 0);
	if (sigsetjmp(jump, 1) == 0) {
		*(volatile int *)0 = 1;
		CHECK(!"reached");
	}
	CHECK(last_address < 4096 && last_code == SEGV_MAPERR);
	CHECK(mprotect(page, 4096, PROT_READ) == 0);
	if (sigsetjmp(jump, 1) == 0) {
		*(volatile char *)page = 1;
		CHECK(!"reached");
	}
	CHECK(last_address == (uintptr_t)page && last_code == SEGV_ACCERR);
	page[4096] = 5;
	CHECK(mprotect(page, 8192, PROT_READ) == 0);
	if (sigsetjmp(jump, 1) == 0) {
		page[4097] = 1;
		CHECK(!"reached");
	}
	CHECK(last_address >> 12 == (uintptr_t)(page + 4096) >> 12);
	CHECK(mprotect(page, 8192, PROT_READ | PROT_WRITE) == 0);
	page[4097] = 2;
	CHECK(page[4096] == 5 && page[4097] == 2);
	munmap(page, 8192);
	page = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(page, 1, 16 << 20);
	munmap(page, 16 << 20);
	if (sigsetjmp(jump, 1) == 0) {
		failures += *(volatile char *)page;
		CHECK(!"reached");
	}
	CHECK(last_address == (uintptr_t)page && last_code == SEGV_MAPERR);
	if (sigsetjmp(jump, 1) == 0) {
		__builtin_trap();
	}
	CHECK(last_code == ILL_ILLOPN);
	count = 0;
	install(SIGFPE, on_fault_skip, 0);
	__asm__ volatile ("xorl %%edx,%%edx; xorl %%ecx,%%ecx; movl $1,%%eax; divl %%ecx" : "=a"(result) : : "ecx", "edx", "cc");
	CHECK(count == 1 && result == 77);
	for (int i = 0; i < 1000; i++)
		if (sigsetjmp(jump, 1) == 0)
			*(volatile int *)8 = 1;
	printf("faults done\n");
}

static __attribute__((noinline)) int recurse(int depth)
{
	volatile char waste[1024];
	waste[0] = (char)depth;
	return depth > 1000000 ? 0 : recurse(depth + 1) + waste[0];
}

static void alternate(void)
{
	size_t size = 65536;
	char *memory = malloc(size);
	stack_t s = { .ss_sp = memory, .ss_size = size }, old;

	CHECK(sigaltstack(&s, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_sp == memory);
	install(SIGUSR1, on_info, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(stack_seen >= memory && stack_seen < memory + size);
	install(SIGSEGV, on_fault, SA_ONSTACK);
	if (sigsetjmp(jump, 1) == 0) {
		recurse(0);
		CHECK(!"reached");
	}
	s.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&s, NULL) == 0);
	printf("alternate stack done\n");
}

static void *kick_main(void *arg)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

static void waiting(void)
{
	pthread_t self = pthread_self(), t;
	struct timespec nothing = { 0, 10000000 };
	siginfo_t info;
	sigset_t set, empty;
	int signo;

	count = 0;
	install(SIGUSR1, on_info, 0);
	pthread_create(&t, NULL, kick_main, &self);
	CHECK(usleep(2000000) == -1 && errno == EINTR && count == 1);
	pthread_join(t, NULL);
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sigtimedwait(&set, &info, &nothing) == -1 && errno == EAGAIN);
	pthread_create(&t, NULL, kick_main, &self);
	CHECK(sigsuspend(&empty) == -1 && errno == EINTR && count == 2);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, kick_main, &self);
	CHECK(sigwait(&set, &signo) == 0 && signo == SIGUSR1 && count == 2);
	pthread_join(t, NULL);
	kill(getpid(), SIGUSR1);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_pid == getpid());
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(count == 2);
	printf("waiting done\n");
}

/* SA_RESTART: a read goes on, a poll-like call does not. */
static int pipe_fd[2];
static void *kick_and_write(void *arg)
{
	kick_main(arg);
	usleep(20000);
	CHECK(write(pipe_fd[1], "x", 1) == 1);
	return NULL;
}

static void restart(void)
{
	pthread_t self = pthread_self(), t;
	char c;

	if (pipe(pipe_fd) < 0) {
		printf("restart skipped\n");
		return;
	}
	count = 0;
	install(SIGUSR1, on_info, SA_RESTART);
	pthread_create(&t, NULL, kick_and_write, &self);
	CHECK(read(pipe_fd[0], &c, 1) == 1 && count == 1);
	pthread_join(t, NULL);
	install(SIGUSR1, on_info, 0);
	pthread_create(&t, NULL, kick_and_write, &self);
	CHECK(read(pipe_fd[0], &c, 1) == -1 && errno == EINTR && count == 2);
	pthread_join(t, NULL);
	CHECK(read(pipe_fd[0], &c, 1) == 1);
	printf("restart done\n");
}

/* A signal for the process shows in both threads, and one of them takes it: the other's call goes on. */
static volatile sig_atomic_t alarms;
static int alarms_wanted;
static void on_alarm(int signo) { (void)signo; alarms++; }

static void *write_after_alarm(void *arg)
{
	while (alarms < alarms_wanted)
		usleep(20);
	CHECK(write(pipe_fd[1], "x", 1) == 1);
	return arg;
}

static void shared(void)
{
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	pthread_t t;
	char c;

	CHECK(sigaction(SIGALRM, &a, NULL) == 0);
	for (int i = 0, failed = failures; i < 3000 && failures == failed; i++) {
		alarms_wanted = alarms + 1;
		ualarm(100 + i % 7 * 20, 0);
		pthread_create(&t, NULL, write_after_alarm, NULL);
		CHECK(read(pipe_fd[0], &c, 1) == 1 && c == 'x');
		pthread_join(t, NULL);
	}
	printf("shared done\n");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	basics();
	timers();
	faults();
	alternate();
	waiting();
	restart();
	shared();
	printf(failures ? "%d failures\n" : "all signals well\n", failures);
	return failures != 0;
}
