/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of messages, POSIX's and System V's: what a program sees of its own; the same as natively. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *name(long n)
{
	static const struct { int number; const char *name; } names[] = { { EINVAL, "EINVAL" }, { ENOENT, "ENOENT" }, { EEXIST, "EEXIST" }, { EIDRM, "EIDRM" },
		{ EAGAIN, "EAGAIN" }, { E2BIG, "E2BIG" }, { EINTR, "EINTR" }, { EFAULT, "EFAULT" }, { EACCES, "EACCES" }, { EBADF, "EBADF" }, { EBUSY, "EBUSY" },
		{ EMSGSIZE, "EMSGSIZE" }, { ETIMEDOUT, "ETIMEDOUT" }, { ENAMETOOLONG, "ENAMETOOLONG" }, { ENOMSG, "ENOMSG" }, { EPERM, "EPERM" } };

	for (size_t i = 0; n < 0 && i < sizeof names / sizeof *names; i++)
		if (errno == names[i].number)
			return names[i].name;
	return n < 0 ? "another error" : "ok";
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static int running;             /* thread that is about to wait */
static char said[300];          /* by it, when it has waited */

static void *in_thread(void *(*function)(void *), void *argument, pthread_t *ret)
{
	pthread_create(ret, NULL, function, argument);
	while (!__atomic_load_n(&running, __ATOMIC_SEQ_CST))
		pause_ms(1);
	pause_ms(100);          /* and waits, very likely */
	__atomic_store_n(&running, 0, __ATOMIC_SEQ_CST);
	return NULL;
}

static int ended;               /* it has */

/* A signal that comes before it waits does not interrupt it. */
static void interrupt(pthread_t t)
{
	for (__atomic_store_n(&ended, 0, __ATOMIC_SEQ_CST); !__atomic_load_n(&ended, __ATOMIC_SEQ_CST); pause_ms(20))
		pthread_kill(t, SIGUSR1);
}

static void joined(pthread_t t)
{
	pthread_join(t, NULL);
	printf("%s\n", said);
}

/* ---- POSIX ------------------------------------------------------------------------------------------------------------------------ */

static char queue_name[64];
static char *volatile nowhere; /* compilers know that NULL is none */
static mqd_t queue;

static const char *ready(mqd_t q)
{
	static const char *const words[] = { "nothing", "in", "out", "in and out" };
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT };

	poll(&p, 1, 0);
	return words[(p.revents & POLLIN ? 1 : 0) | (p.revents & POLLOUT ? 2 : 0)];
}

static void say_queue(mqd_t q)
{
	struct mq_attr a;

	memset(&a, 0xee, sizeof a);
	printf("%s: ", name(mq_getattr(q, &a)));
	printf("flags %lo, %ld of %ld messages of %ld bytes, ready for %s\n", a.mq_flags, a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize, ready(q));
}

static void take(mqd_t q)
{
	char buffer[200] = "";
	unsigned priority = 77;
	ssize_t n = mq_receive(q, buffer, sizeof buffer, &priority);

	printf("%s %zd %u %.20s\n", name(n), n, priority, n > 0 ? buffer : "");
}

static void names(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 100 }, wrong = { .mq_maxmsg = -1, .mq_msgsize = 100 }, none = { .mq_maxmsg = 4 };
	char longest[400];
	struct stat s;
	mqd_t other;

	printf("not there: %s\n", name(mq_open(queue_name, O_RDWR)));
	printf("attributes: %s", name(mq_open(queue_name, O_RDWR | O_CREAT, 0600, &wrong)));
	printf(" %s\n", name(mq_open(queue_name, O_RDWR | O_CREAT, 0600, &none)));
	queue = mq_open(queue_name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0640, &attr);
	say_queue(queue);
	printf("twice: %s", name(mq_open(queue_name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr)));
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	longest[sizeof longest - 1] = 0;
	printf(" too long: %s", name(mq_open(longest, O_RDWR | O_CREAT, 0600, NULL)));
	printf(" %s", name(mq_unlink(longest)));
	printf(" folder: %s", name(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL)));
	printf(" empty: %s\n", name(mq_open("/", O_RDWR | O_CREAT, 0600, NULL)));
	printf("file: %s", name(fstat(queue, &s)));
	printf(" mode %o links %d size %ld owner %d\n", s.st_mode, (int)s.st_nlink, (long)s.st_size, s.st_uid == geteuid());
	other = mq_open(queue_name, O_RDONLY);
	printf("flags %o %d, of another kind %o\n", (unsigned)fcntl(queue, F_GETFL) & 04003, fcntl(queue, F_GETFD), (unsigned)fcntl(other, F_GETFL) & 04003);
	printf("only for reading: %s, not a queue: %s %s\n", name(mq_send(other, "a", 1, 0)), name(mq_send(1, "a", 1, 0)), name(mq_send(-1, "a", 1, 0)));
	mq_close(other);
	other = mq_open(queue_name, O_WRONLY);
	printf("only for writing: %s\n", name(mq_receive(other, longest, 100, NULL)));
	mq_close(other);
	printf("default: ");
	mq_unlink("/optmig-queues-default");
	other = mq_open("/optmig-queues-default", O_RDWR | O_CREAT, 0600, NULL);
	say_queue(other);
	mq_unlink("/optmig-queues-default");
	mq_close(other);
}

static void order(void)
{
	char text[64], large[101] = "";
	unsigned priorities[] = { 3, 0, 32767, 3 };
	ssize_t n;

	for (unsigned i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "message %u of priority %u", i, priorities[i]);
		printf("%s ", name(mq_send(queue, text, strlen(text), priorities[i])));
		printf("%s, ", ready(queue));
	}
	say_queue(queue);
	printf("full: %s\n", name(mq_send(queue, "x", 1, 0)));
	snprintf(text, sizeof text, "/proc/self/fd/%d", queue);
	n = readlink(text, large, sizeof large - 1);
	printf("called %d", n > 0 && strcmp(large, queue_name) == 0);
	n = pread(queue, large, sizeof large - 1, 0);
	n = n < 0 ? read(queue, large, sizeof large - 1) : n;
	printf(" and says %.*s", n > 0 ? (int)strcspn(large, "\n") : 0, large);
	printf(", write %s\n", name(write(queue, "x", 1)));
	take(queue);
	take(queue);
	printf("small: %s", name(mq_receive(queue, text, 10, NULL)));
	printf(" large: %s", name(mq_send(queue, large, 101, 0)));
	printf(" priority: %s", name(mq_send(queue, "x", 1, 32768)));
	printf(" nowhere: %s\n", name(mq_send(queue, nowhere, 5, 0)));    /* a receive would lose the message natively */
	printf("nothing in it: %s\n", name(mq_send(queue, "", 0, 3)));
	take(queue);
	take(queue);
	take(queue);
	take(queue);
	say_queue(queue);
}

static void *receiver(void *argument)
{
	mqd_t *q = argument;
	char buffer[200] = "";
	const char *result;

	__atomic_store_n(&running, 1, __ATOMIC_SEQ_CST);
	result = name(mq_receive(*q, buffer, sizeof buffer, NULL));

	snprintf(said, sizeof said, "waited and got %s %s", result, buffer);
	return NULL;
}

static void *sender(void *argument)
{
	mqd_t *q = argument;

	__atomic_store_n(&running, 1, __ATOMIC_SEQ_CST);
	snprintf(said, sizeof said, "waited and sent %s", name(mq_send(*q, "last", 4, 1)));
	return NULL;
}

static void nothing(int signo)
{
	(void)signo;
}

static void *interrupted(void *argument)
{
	mqd_t *q = argument;
	char buffer[200];

	__atomic_store_n(&running, 1, __ATOMIC_SEQ_CST);
	snprintf(said, sizeof said, "interrupted: %s", name(mq_receive(*q, buffer, sizeof buffer, NULL)));
	__atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void waiting(void)
{
	struct mq_attr attr = { .mq_flags = 0 }, old;
	struct timespec soon = in_ms(50), never = { 0, -1 }, past = { 1, 0 };
	struct sigaction action = { .sa_handler = nothing };
	char buffer[200];
	pthread_t t;

	printf("blocking now: %s", name(mq_setattr(queue, &attr, &old)));
	printf(", was %lo; nonsense %s\n", old.mq_flags, name(mq_setattr(queue, &(struct mq_attr){ .mq_flags = 7 }, NULL)));
	printf("timeouts: %s", name(mq_timedreceive(queue, buffer, sizeof buffer, NULL, &soon)));
	printf(" %s", name(mq_timedreceive(queue, buffer, sizeof buffer, NULL, &past)));
	printf(" %s\n", name(mq_timedreceive(queue, buffer, sizeof buffer, NULL, &never)));
	in_thread(receiver, &queue, &t);
	printf("%s\n", name(mq_send(queue, "at last", 7, 0)));
	joined(t);
	for (int i = 0; i < 4; i++)
		mq_send(queue, "four", 4, 0);
	soon = in_ms(50);
	printf("full: %s\n", name(mq_timedsend(queue, "five", 4, 0, &soon)));
	in_thread(sender, &queue, &t);
	take(queue);
	joined(t);
	for (int i = 0; i < 4; i++)
		take(queue);
	sigaction(SIGUSR1, &action, NULL);
	in_thread(interrupted, &queue, &t);
	interrupt(t);
	joined(t);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	in_thread(receiver, &queue, &t);
	pthread_kill(t, SIGUSR1);
	pause_ms(50);
	mq_send(queue, "after a signal", 14, 0);
	joined(t);
}

static void edges(void)
{
	int set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;

	printf("set: %s", name(epoll_ctl(set, EPOLL_CTL_ADD, queue, &event)));
	printf(" %d", epoll_wait(set, &got, 1, 0));
	for (int i = 0; i < 3; i++) {
		mq_send(queue, "edge", 4, 0);
		printf(" %d", epoll_wait(set, &got, 1, 1000));
		printf("%d", epoll_wait(set, &got, 1, 0));
	}
	for (int i = 0; i < 3; i++)
		mq_receive(queue, (char[200]){ 0 }, 200, NULL);
	epoll_wait(set, &got, 1, 0);
	event.events = EPOLLOUT;
	epoll_ctl(set, EPOLL_CTL_MOD, queue, &event);
	printf(" can be written %d", epoll_wait(set, &got, 1, 0));
	for (int i = 0; i < 4; i++)
		mq_send(queue, "edge", 4, 0);
	printf(" %d", epoll_wait(set, &got, 1, 0));
	for (int i = 0; i < 4; i++)
		mq_receive(queue, (char[200]){ 0 }, 200, NULL);
	printf(" %d\n", epoll_wait(set, &got, 1, 0));
	close(set);
}

static atomic_int told;

static void on_thread(union sigval value)
{
	atomic_store(&told, value.sival_int);
}

static void telling(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 42 };
	struct timespec second = { 1, 0 };
	siginfo_t info;
	sigset_t set;
	pthread_t t;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	printf("told: %s", name(mq_notify(queue, &event)));
	printf(" %s\n", name(mq_notify(queue, &event)));
	mq_send(queue, "1", 1, 0);
	printf("signal %d", sigtimedwait(&set, &info, &second) == SIGUSR2);
	printf(" code %d value %d by %d %d\n", info.si_code == SI_MESGQ, info.si_value.sival_int, info.si_pid == getpid(), info.si_uid == getuid());
	printf("once: %s", name(mq_notify(queue, &event)));      /* not of what was there */
	mq_send(queue, "2", 1, 0);
	second.tv_sec = 0;
	printf(" %s\n", name(sigtimedwait(&set, &info, &second)));
	take(queue);
	take(queue);
	in_thread(receiver, &queue, &t);
	pause_ms(200);
	mq_send(queue, "for who waits", 13, 0);
	joined(t);
	printf("nobody else is told: %s\n", name(sigtimedwait(&set, &info, &second)));
	mq_close(dup(queue));   /* the registration goes with the first of the numbers */
	printf("and again: %s", name(mq_notify(queue, &event)));
	printf(" off: %s", name(mq_notify(queue, NULL)));
	event.sigev_signo = 65;
	printf(" signal %s", name(mq_notify(queue, &event)));
	event.sigev_notify = 99;
	printf(" kind %s\n", name(mq_notify(queue, &event)));
	event = (struct sigevent){ .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value.sival_int = 5 };
	printf("a thread: %s", name(mq_notify(queue, &event)));
	printf(" %s", name(mq_notify(queue, &event)));
	printf(" %d", atomic_load(&told));
	mq_send(queue, "3", 1, 0);
	for (int i = 0; i < 5000 && !atomic_load(&told); i++)
		pause_ms(1);
	printf(" %d\n", atomic_load(&told));
	take(queue);
	event.sigev_value.sival_int = 6;
	printf("taken back: %s", name(mq_notify(queue, &event)));
	mq_notify(queue, NULL);
	mq_send(queue, "4", 1, 0);
	pause_ms(50);
	printf(" %d\n", atomic_load(&told));
	take(queue);
}

static void gone(void)
{
	struct stat s;
	mqd_t other;

	mq_send(queue, "kept", 4, 0);
	printf("unlinked: %s", name(mq_unlink(queue_name)));
	printf(" %s", name(mq_unlink(queue_name)));
	printf(" %s\n", name(mq_open(queue_name, O_RDWR)));
	fstat(queue, &s);
	printf("links %d\n", (int)s.st_nlink);
	other = mq_open(queue_name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, NULL);
	printf("another of that name: %s", name(other));
	printf(" %s\n", name(mq_receive(other, (char[8192]){ 0 }, 8192, NULL)));
	take(queue);
	mq_unlink(queue_name);
	mq_close(other);
	mq_close(queue);
	printf("closed: %s\n", name(mq_send(queue, "x", 1, 0)));
}

/* Many of many sizes: none is lost, all in their order. */
static void many(void)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 5000 };
	unsigned sent = 0, got = 0, wrong = 0, seed = 1;
	char buffer[5000];

	queue = mq_open(queue_name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	mq_unlink(queue_name);
	while (got < 3000) {
		unsigned size = 8 + (seed = seed * 1103515245 + 12345) % 4992, number;

		memset(buffer, (int)sent, size);
		memcpy(buffer, &sent, sizeof sent);
		if (seed >> 20 & 1 && mq_send(queue, buffer, size, 1) == 0) {
			sent++;
		} else {
			ssize_t n = mq_receive(queue, buffer, sizeof buffer, NULL);

			if (n < 0)
				continue;
			memcpy(&number, buffer, sizeof number);
			wrong += number != got;
			for (ssize_t i = sizeof number; i < n; i++)
				wrong += (unsigned char)buffer[i] != (unsigned char)got;
			got++;
		}
	}
	printf("many: %u wrong\n", wrong);
	mq_close(queue);
}

/* ---- System V --------------------------------------------------------------------------------------------------------------------- */

struct message { long type; char text[9000]; };
static int id;

static void put(long type, const char *text)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	printf("%s ", name(msgsnd(id, &m, strlen(text), IPC_NOWAIT)));
}

static void get(long type, int flags)
{
	struct message m = { .type = -7 };
	ssize_t n = msgrcv(id, &m, 100, type, IPC_NOWAIT | flags);

	printf("%s %zd", name(n), n);
	if (n >= 0)
		printf(" %ld %.*s", m.type, (int)n, m.text);
	printf("\n");
}

static void say_ids(void)
{
	struct msqid_ds ds;
	time_t now = time(NULL);

	memset(&ds, 0xee, sizeof ds);
	printf("%s: ", name(msgctl(id, IPC_STAT, &ds)));
	printf("%lu messages, %lu bytes of %lu, mode %o owner %d %d times %d %d %d by %d %d\n", (unsigned long)ds.msg_qnum, ds.__msg_cbytes,
		(unsigned long)ds.msg_qbytes, ds.msg_perm.mode, ds.msg_perm.uid == geteuid(), ds.msg_perm.cgid == getegid(),
		ds.msg_stime == 0 ? 0 : ds.msg_stime <= now && ds.msg_stime > now - 60, ds.msg_rtime == 0 ? 0 : ds.msg_rtime <= now,
		ds.msg_ctime <= now && ds.msg_ctime > now - 60, ds.msg_lspid == getpid(), ds.msg_lrpid == getpid());
}

static void *wait_type(void *argument)
{
	struct message m = { 0 };
	ssize_t n;

	__atomic_store_n(&running, 1, __ATOMIC_SEQ_CST);
	n = msgrcv(id, &m, 100, (long)(intptr_t)argument, 0);
	snprintf(said, sizeof said, "waited for %ld: %s %.*s", (long)(intptr_t)argument, name(n), n > 0 ? (int)n : 0, m.text);
	__atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *wait_room(void *argument)
{
	struct message m = { .type = 9 };

	(void)argument;
	__atomic_store_n(&running, 1, __ATOMIC_SEQ_CST);
	snprintf(said, sizeof said, "waited for room: %s", name(msgsnd(id, &m, 8000, 0)));
	return NULL;
}

static void system_v(void)
{
	key_t key = 0x4f4d1000 + getpid();
	struct message m = { .type = 1 };
	struct msqid_ds ds;
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	pthread_t t;
	int first, other;

	printf("by key: %s", name(msgget(key, 0)));
	id = msgget(key, IPC_CREAT | IPC_EXCL | 0640);
	printf(" %s %s", name(id), name(msgget(key, IPC_CREAT | IPC_EXCL | 0600)));
	printf(" %d\n", msgget(key, 0) == id);
	say_ids();
	put(3, "three");
	put(1, "one");
	put(3, "three again");
	put(2, "");
	put(0, "zero");
	put(-1, "minus");
	printf("\n");
	say_ids();
	get(2, 0);
	get(7, 0);
	get(3, MSG_EXCEPT);
	put(5, "five");
	put(4, "four");
	printf("\n");
	get(-4, 0);
	get(1, 040000);         /* MSG_COPY: the second one */
	get(9, 040000);
	get(0, 0);
	get(-100, 0);
	get(-100, 0);
	get(0, 0);
	say_ids();
	put(1, "a long one");
	printf("large: %s", name(msgrcv(id, &m, 4, 0, 0)));
	printf(" cut %zd", msgrcv(id, &m, 4, 0, MSG_NOERROR));
	printf(" too large %s", name(msgsnd(id, &m, 8193, 0)));
	printf(" negative %s", name(msgrcv(id, &m, -1, 0, 0)));
	printf(" nowhere %s", name(msgsnd(id, nowhere, 1, 0)));
	printf(" nothing %s\n", name(msgsnd(id + 40000, &m, 1, 0)));
	in_thread(wait_type, (void *)3, &t);
	put(1, "not this");
	put(3, "this");
	printf("\n");
	joined(t);
	get(0, 0);
	m.type = 1;
	printf("filled: %s", name(msgsnd(id, &m, 8192, 0)));
	printf(" %s", name(msgsnd(id, &m, 8192, 0)));
	printf(" %s\n", name(msgsnd(id, &m, 1, IPC_NOWAIT)));
	in_thread(wait_room, NULL, &t);
	printf("made %zd\n", msgrcv(id, &m, 9000, 1, 0));
	joined(t);
	while (msgrcv(id, &m, 9000, 0, IPC_NOWAIT) >= 0)
		;
	sigaction(SIGUSR1, &action, NULL);
	in_thread(wait_type, (void *)1, &t);
	interrupt(t);                   /* never begun anew */
	joined(t);
	msgctl(id, IPC_STAT, &ds);
	ds.msg_qbytes = 100;
	ds.msg_perm.mode = 0600;
	printf("smaller: %s", name(msgctl(id, IPC_SET, &ds)));
	printf(" %s\n", name(msgsnd(id, &m, 101, IPC_NOWAIT)));
	say_ids();
	in_thread(wait_type, (void *)1, &t);
	printf("removed: %s\n", name(msgctl(id, IPC_RMID, NULL)));
	joined(t);
	printf("gone: %s", name(msgctl(id, IPC_STAT, &ds)));
	first = id;
	id = msgget(IPC_PRIVATE, 0600);
	other = msgget(IPC_PRIVATE, 0600);
	printf(" another: %d %d\n", id != first, other != id);
	msgctl(id, IPC_RMID, NULL);
	msgctl(other, IPC_RMID, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(0);
	snprintf(queue_name, sizeof queue_name, "/optmig-queues-%d", getpid());
	names();
	order();
	waiting();
	edges();
	telling();
	gone();
	many();
	system_v();
	printf("done\n");
	return 0;
}
