/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals from outside, and the end of the process.
 *
 * Signals meant for the program are blocked in every thread and fetched by one, which carries them into the enclave on
 * its own service slot; what they do (handler, default action, nothing) is decided inside. Not forwarded: faults (they
 * belong to the SGX layer), stop and continue (the kernel stops the process as usual), KILL, two signals of our own, and
 * signals that were ignored when the process started (nohup): those stay ignored.
 *
 * A program that dies of a signal dies of it for its parent too: the host process takes the default action.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "creds.h"
#include "internal.h"
#include "util.h"

#define EXIT_HOOKS_MAX 32
#define INFO_FIELDS    16    /* in siginfo_t: what follows si_signo, si_errno, si_code */

static sigset_t forwarded;

static const int candidates[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD, SIGURG,
	SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR };

static void add_unless_ignored(int signo)
{
	struct sigaction action;

	if (sigaction(signo, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(&forwarded, signo);
}

void host_signals_block(void)
{
	sigset_t own;

	sigemptyset(&forwarded);
	for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
		add_unless_ignored(candidates[i]);
	for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
		if (signo != HOST_KICK_SIGNAL && signo != HOST_CREDS_SIGNAL)
			add_unless_ignored(signo);
	sigaddset(&forwarded, OM_IO_SIGNAL);
	signal(OM_IO_SIGNAL, SIG_DFL); /* ignored, it would not be queued */
	pthread_sigmask(SIG_BLOCK, &forwarded, NULL);
	/* A parent may have left them blocked. */
	sigemptyset(&own);
	sigaddset(&own, HOST_KICK_SIGNAL);
	sigaddset(&own, HOST_CREDS_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &own, NULL);
	/* The host's writes report EPIPE; the signal is the enclave's own affair. */
	signal(SIGPIPE, SIG_IGN);
}

static pthread_mutex_t divert_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*divert_handler)(void *context, int signo);
static void *divert_context;

void host_signals_divert(void (*handler)(void *context, int signo), void *context)
{
	pthread_mutex_lock(&divert_lock);
	divert_handler = handler;
	divert_context = context;
	pthread_mutex_unlock(&divert_lock);
}

static bool diverted(int signo)
{
	void (*handler)(void *, int);
	void *context;

	pthread_mutex_lock(&divert_lock);
	handler = divert_handler;
	context = divert_context;
	pthread_mutex_unlock(&divert_lock);
	if (handler)
		handler(context, signo);
	return handler != NULL;
}

_Noreturn void host_serve_signals(struct host_enclave *e)
{
	int error = host_slot_prepare(&e->slots[HOST_SLOT_SIGNALS], OM_TBUF_SIZE_MIN);

	while (!error) {
		siginfo_t info;
		int signo = sigwaitinfo(&forwarded, &info);

		/* A negative code is somebody's who sends the signal by itself. */
		if (signo == OM_IO_SIGNAL && info.si_code > 0 && info.si_code < SI_KERNEL) {
			error = host_ecall(e, HOST_SLOT_SIGNALS, OM_ECALL_IO, (uint64_t)info.si_fd,
				(uint64_t)info.si_code | (uint64_t)info.si_band << 32);
			continue;
		}
		if (signo < 0 || diverted(signo))
			continue;
		memcpy(e->slots[HOST_SLOT_SIGNALS].tbuf->arg, (const char *)&info + INFO_FIELDS, 16);
		error = host_ecall(e, HOST_SLOT_SIGNALS, OM_ECALL_SIGNAL, (uint64_t)signo, (uint64_t)info.si_code);
	}
	host_error_cure(error, e->image.header.program_name);
	host_exit(HOST_EXIT_FAILED, 0);
}

static struct { void (*handler)(void *); void *context; } hooks[EXIT_HOOKS_MAX];
static atomic_uint hook_count;
static atomic_flag exiting = ATOMIC_FLAG_INIT;

void host_at_exit(void (*handler)(void *context), void *context)
{
	unsigned i = atomic_fetch_add(&hook_count, 1);

	if (i >= EXIT_HOOKS_MAX)
		abort();
	hooks[i].handler = handler;
	hooks[i].context = context;
}

static void die_of(int signo)
{
	sigset_t one;

	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	/* To this thread: the one that waits for signals would take a signal of the process. */
	raise(signo);
	/* Delivered before raise() returns unless its default action is not to die. */
}

_Noreturn void host_exit(int status, int signo)
{
	static _Thread_local bool mine;

	/* A hook that fails ends here again: skip the others. */
	if (mine)
		_exit(HOST_EXIT_FAILED);
	if (atomic_flag_test_and_set(&exiting))
		for (;;)
			pause();
	mine = true;
	for (unsigned i = atomic_load(&hook_count); i-- > 0;)
		hooks[i].handler(hooks[i].context);
	if (signo)
		die_of(signo);
	_exit(signo ? 128 + signo : status);
}
