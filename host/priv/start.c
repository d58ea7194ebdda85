/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dividing a receiver. The order is what counts. All that needs root is done first. Each process gives up what it does not need
 * before it hears anything. The receiver's filter comes last, since it forbids most of what came before.
 *
 * One pipe leads from the receiver to the supervisor. 'A' says that the receiver shall be made anew, 'S' that the program runs. A receiver
 * that lies there is made anew, or is not made anew; nothing else depends on the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "filter.h"
#include "load/blocking.h"
#include "load/creds.h"
#include "load/enclave.h"
#include "net/hold.h"
#include "net/tcp.h"
#include "store/store.h"
#include "util.h"
#include "wire.h"

#define AGAIN_PAUSE_NS 50000000
#define SERVER_END_MS  10000

static int supervisor_fd = -1;           /* receiver: to the supervisor */
static int server_fd = -1;
static pid_t supervisor;
static struct priv_hooks hooks;
static atomic_bool settled;

static uint64_t bit(unsigned capability)
{
	return 1ull << capability;
}

static int set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { (uint32_t)keep, (uint32_t)keep, 0 }, { (uint32_t)(keep >> 32), (uint32_t)(keep >> 32), 0 } };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* there were none, or a kernel before 4.3 has none */
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static uint64_t server_capabilities(const struct priv_limits *limits)
{
	uint64_t keep = bit(CAP_NET_ADMIN) | bit(CAP_NET_RAW);

	for (uint32_t i = 0; i < limits->port_count; i++)
		if (limits->ports[i].first < limits->first_unprivileged)
			keep |= bit(CAP_NET_BIND_SERVICE);
	return limits->owner_count ? keep | bit(CAP_CHOWN) : keep;
}

/* Who waits for the end of the program's streams must not wait for ours. */
static void forget_streams(int first, int behind)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = first; fd < behind; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (null > 2)
		close(null);
}

/* ---- the server ------------------------------------------------------------------------------------------------------ */

static _Noreturn void server_main(const struct priv_limits *limits, int fd)
{
	const char *why = "its capabilities cannot be given up";

	forget_streams(0, 2);
	if (dup2(fd, 3) == 3 && close_range(4, ~0u, 0) == 0 && set_capabilities(server_capabilities(limits)) == 0) {
		(void)fcntl(3, F_SETFD, FD_CLOEXEC); /* nothing is executed: for good measure */
		host_net_begin_here();
		if (!host_log_verbose())
			forget_streams(2, 3);
		why = priv_filter_server();
		if (!why)
			priv_serve_all(limits, 3);
	}
	if (why)
		host_error("receive: the privileged server: %s", why);
	_exit(why ? HOST_EXIT_FAILED : 0);
}

/* ---- the receiver ---------------------------------------------------------------------------------------------------- */

static const char *become_user(const struct priv_limits *limits)
{
	if (setgroups(limits->group_count, limits->groups))
		return "its groups cannot be set";
	for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
			return "its bounding set cannot be emptied";
	if (setresgid(limits->gid, limits->gid, limits->gid) || setresuid(limits->uid, limits->uid, limits->uid))
		return "it cannot become the user";
	if (set_capabilities(0))
		return "its capabilities cannot be given up";
	/* As the process of any user: /proc/self is its own. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return "it cannot be kept from new privileges";
	return NULL;
}

static const char *confine(const struct priv_limits *limits)
{
	const char *why = become_user(limits);

	if (!why)
		why = priv_landlock(limits);
	return why ? why : priv_filter_receiver();
}

static void set_environment(const struct priv_limits *limits, const char *directory)
{
	setenv("OPTMIG_RUNTIME_DIR", directory, 1);
	setenv("USER", limits->user, 1);
	setenv("LOGNAME", limits->user, 1);
	/* Root's own. */
	unsetenv("HOME");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	/* But the images are those that root has given to it. */
	(void)setenv("OPTMIG_IMAGE_STORE", STORE_OF_ROOT, 0);
}

/* ---- the supervisor -------------------------------------------------------------------------------------------------- */

/* The receiver's control socket: a directory of the user's, beside root's own, which `optmig ps` of root looks into. */
static int make_directory(const struct priv_limits *limits, char *path, size_t size)
{
	const char *own = getenv("OPTMIG_RUNTIME_DIR");
	struct stat status;
	int length = snprintf(path, size, "%s-%u", own && *own ? own : "/run/optmig", limits->uid);

	if (length < 0 || (size_t)length >= size)
		return host_fail(OM_EINVAL, "the runtime directory's name is too long");
	if (mkdir(path, 0700) == 0 && chown(path, limits->uid, limits->gid))
		return host_fail(OM_EPERM, "%s: %s", path, strerror(errno));
	if (lstat(path, &status))
		return host_fail(OM_EPERM, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != limits->uid || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s is not a directory of user %s alone", path, limits->user);
	return 0;
}

/* Of the descriptors that a program may have some are kept for the process; root has them beside its limit, a user has not. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_max == RLIM_INFINITY)
		return;
	files.rlim_max += HOST_FILES_RESERVED;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* else the program has fewer */
}

/* What is ignored is not forwarded. It is blocked here, and as it was in a receiver until that one knows its program. */
static void hear_ignored(void)
{
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		if (signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU)
			signal(signo, SIG_DFL);
}

static void ignore_again(void)
{
	uint64_t ignored, blocked;

	host_signals_noted(&ignored, &blocked);
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		if (ignored & 1ull << (signo - 1))
			signal(signo, SIG_IGN);
}

/* Terminals send theirs to the receiver too. */
static void forward(int signals, pid_t receiver)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof info) == sizeof info) {
		union sigval value = { .sival_ptr = (void *)info.ssi_ptr };

		if (info.ssi_signo == SIGCHLD || info.ssi_code == SI_KERNEL)
			continue;
		if (info.ssi_code == SI_QUEUE)
			(void)sigqueue(receiver, (int)info.ssi_signo, value); /* it may have ended */
		else
			(void)kill(receiver, (int)info.ssi_signo);
	}
}

static int open_signals(sigset_t *ret_before)
{
	static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
		sigdelset(&all, stops[i]);
	sigprocmask(SIG_SETMASK, &all, ret_before);
	hear_ignored();
	return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct session { pid_t receiver, server; int words, signals, *listen_fd; bool again; };

/* What the receiver has said. */
static void hear(struct session *s)
{
	char word;
	ssize_t got;

	while (s->words >= 0 && (got = read(s->words, &word, 1)) >= 0) {
		if (got == 0) {
			close(s->words);
			s->words = -1;
		} else if (word == 'S') {
			if (*s->listen_fd >= 0)
				close(*s->listen_fd);    /* the receiver takes no other program */
			*s->listen_fd = -1;
			forget_streams(0, 3);
		} else if (word == 'A') {
			s->again = *s->listen_fd >= 0;
		}
	}
}

static bool ended(pid_t *pid, int *status)
{
	if (*pid > 0 && waitpid(*pid, status, WNOHANG) == *pid)
		*pid = 0;
	return *pid <= 0;
}

/* Return: the status of the receiver as wait has it. */
static int supervise(struct session *s)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	int status = 0, other;

	while (!ended(&s->receiver, &status)) {
		struct pollfd list[] = { { .fd = s->signals, .events = POLLIN }, { .fd = s->words, .events = POLLIN } };

		(void)poll(list, 2, -1); /* whatever it says, all is looked at */
		forward(s->signals, s->receiver);
		hear(s);
		(void)ended(&s->server, &other); /* its end is the receiver's to notice */
	}
	hear(s);
	/* Its table is gone when it is. */
	for (int i = 0; !ended(&s->server, &other) && i < SERVER_END_MS; i++)
		nanosleep(&pause, NULL);
	if (s->words >= 0)
		close(s->words);
	return status;
}

static _Noreturn void end_like(int status)
{
	static const struct rlimit none;
	sigset_t one;

	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	(void)setrlimit(RLIMIT_CORE, &none); /* the receiver has left one, if any */
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, WTERMSIG(status));
	raise(WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	_exit(128 + WTERMSIG(status));
}

struct ends { int pair[2], words[2]; };

static int make_ends(struct ends *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->pair))
		return host_fail(OM_EHOST, "socketpair: %s", strerror(errno));
	if (pipe2(e->words, O_CLOEXEC | O_NONBLOCK) == 0)
		return 0;
	close(e->pair[0]);
	close(e->pair[1]);
	return host_fail(OM_EHOST, "pipe: %s", strerror(errno));
}

int priv_may_begin(void)
{
	static const unsigned needed[] = { CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_NET_ADMIN, CAP_NET_RAW };

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (geteuid() != 0 || !host_has_capability(needed[i]))
			return host_fail(OM_EPERM, "--user needs root with the capabilities to become that user, and CAP_NET_ADMIN and CAP_NET_RAW");
	return 0;
}

static void be_receiver(const struct priv_limits *limits, const struct ends *e, const char *directory, const sigset_t *mask)
{
	const char *why;

	close(e->pair[0]);
	close(e->words[0]);
	ignore_again();
	supervisor_fd = e->words[1];
	supervisor = getppid();
	server_fd = e->pair[1];
	set_environment(limits, directory);
	priv_client_begin(limits, server_fd);
	why = confine(limits);
	if (why) {
		host_error("receive: --user %s: %s", limits->user, why);
		_exit(HOST_EXIT_FAILED);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
}

int priv_begin(const struct priv_limits *limits, int listen_fd)
{
	static const struct timespec pause = { .tv_nsec = AGAIN_PAUSE_NS };
	uint64_t keep = server_capabilities(limits) | bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_SETPCAP) | bit(CAP_KILL);
	char directory[100];
	sigset_t before;
	bool again;
	int status, signals, error = make_directory(limits, directory, sizeof directory);

	if (error)
		return error;
	raise_files();
	(void)host_tcp_stamps_tell(); /* to know it where nobody may ask */
	if (set_capabilities(keep) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return host_fail(OM_EPERM, "capabilities cannot be given up");
	signals = open_signals(&before);
	if (signals < 0)
		return host_fail(OM_EHOST, "signalfd: %s", strerror(errno));
	do {
		struct session s = { .signals = signals, .listen_fd = &listen_fd };
		struct ends e;

		error = make_ends(&e);
		if (error)
			return error;
		s.words = e.words[0];
		s.server = fork();
		if (s.server == 0)
			server_main(limits, e.pair[0]);
		s.receiver = s.server > 0 ? fork() : -1;
		if (s.receiver == 0) {
			close(signals);
			be_receiver(limits, &e, directory, &before);
			return 0;
		}
		close(e.pair[0]);
		close(e.pair[1]);
		close(e.words[1]);
		if (s.receiver < 0)
			return host_fail(OM_ENOMEM, "fork: %s", strerror(errno));
		status = supervise(&s);
		again = s.again;
		if (again)
			nanosleep(&pause, NULL);
	} while (again);
	end_like(status);
}

/* ---- the receiver's side --------------------------------------------------------------------------------------------- */

static void *watch(void *none)
{
	struct pollfd list[] = { { .fd = server_fd }, { .fd = supervisor_fd } };

	(void)none;
	for (;;) {
		if (poll(list, 2, -1) <= 0)
			continue;
		if (list[0].revents) {
			priv_client_end();
			list[0].fd = -1;
		}
		if (!atomic_load(&settled) && hooks.abandoned)
			hooks.abandoned(hooks.context);
		if (list[1].revents)
			list[1].fd = -1;
		if (list[0].fd < 0)
			return NULL;
	}
}

int priv_watch(const struct priv_hooks *given)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t mask, before;
	int code;

	if (!priv_confined())
		return 0;
	hooks = *given;
	/* Signals are the program's; but each thread takes on the program's rights, and this one may have to enter the enclave. */
	sigfillset(&mask);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(&mask, faults[i]);
	sigdelset(&mask, HOST_CREDS_SIGNAL);
	sigdelset(&mask, HOST_KICK_SIGNAL);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	code = pthread_create(&thread, &attributes, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return code ? host_fail(OM_ENOMEM, "thread: %s", strerror(code)) : 0;
}

pid_t priv_supervisor(void)
{
	return supervisor && getppid() == supervisor ? supervisor : 0;
}

static void say(char word)
{
	(void)!write(supervisor_fd, &word, 1); /* it may have gone */
}

void priv_settled(void)
{
	if (!priv_confined() || atomic_exchange(&settled, true))
		return;
	say('S');
}

_Noreturn void priv_start_over(void)
{
	say('A');
	host_exit(HOST_EXIT_FAILED, 0);
}
