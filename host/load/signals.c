/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals from outside, and the end of the process.
 *
 * Signals meant for the program are blocked in every thread. One thread fetches them and carries them into the enclave on
 * its own service slot. What they do (handler, default action, nothing) is decided inside. Not forwarded: faults (they
 * belong to the SGX layer), stop and continue (the kernel stops the process as usual), KILL, and two signals of our own. Signals that were
 * ignored or blocked when the process started (nohup) are so inside, and the program may change that.
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
#include "debug/debug.h"
#include "internal.h"
#include "util.h"

#define EXIT_HOOKS_MAX 32
#define INFO_FIELDS    16    /* in siginfo_t: what follows si_signo, si_errno, si_code */

static sigset_t forwarded;

static const int candidates[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD, SIGURG,
	SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR };

static uint64_t noted_ignored, noted_blocked;
static uint64_t bit_of(int signo) { return 1ull << (signo - 1); }

/* A receiver that was begun with nohup: its terminal's hangup is not meant for the program that has moved there. */
static uint64_t deaf_to_terminal;

void host_signals_note(void)
{
	sigset_t blocked;

	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int signo = 1; signo <= SIGRTMAX; signo++) {
		struct sigaction action;

		if (sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			noted_ignored |= bit_of(signo);
		if (sigismember(&blocked, signo) == 1)
			noted_blocked |= bit_of(signo);
	}
}

void host_signals_noted(uint64_t *ret_ignored, uint64_t *ret_blocked)
{
	*ret_ignored = noted_ignored;
	*ret_blocked = noted_blocked;
}

/* Ignored, it would not be queued. */
static void forward(int signo)
{
	sigaddset(&forwarded, signo);
	signal(signo, SIG_DFL);
}

void host_signals_block(bool received)
{
	static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };
	sigset_t mask;

	/* Blocked before they are no longer ignored. */
	sigfillset(&mask);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sigemptyset(&forwarded);
	for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
		forward(candidates[i]);
	for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
		if (signo != HOST_KICK_SIGNAL && signo != HOST_CREDS_SIGNAL)
			forward(signo);
	/* What a parent has left blocked may be a fault's, or our own; but the terminal's stops act here, as the parent wants it. */
	mask = forwarded;
	for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
		if (noted_blocked & bit_of(stops[i]))
			sigaddset(&mask, stops[i]);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	deaf_to_terminal = received ? noted_ignored : 0;
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
		if (signo < 0 || (info.si_code == SI_KERNEL && deaf_to_terminal & bit_of(signo)) || diverted(signo) ||
		    (signo == SIGINT && debug_interrupt(e)))
			continue;
		memcpy(e->slots[HOST_SLOT_SIGNALS].tbuf->arg, (const char *)&info + INFO_FIELDS, 16);
		error = host_ecall(e, HOST_SLOT_SIGNALS, OM_ECALL_SIGNAL, (uint64_t)signo, (uint64_t)info.si_code);
	}
	host_error_cure(error, e->image.header.program_name);
	host_exit(HOST_EXIT_FAILED, 0);
}

static struct { void (*handler)(void *); void *context; } hooks[EXIT_HOOKS_MAX];
static atomic_uint hook_count;
static void (*_Atomic last_word)(void);
static atomic_flag exiting = ATOMIC_FLAG_INIT;

void host_at_exit(void (*handler)(void *context), void *context)
{
	unsigned i = atomic_fetch_add(&hook_count, 1);

	if (i >= EXIT_HOOKS_MAX)
		abort();
	hooks[i].handler = handler;
	hooks[i].context = context;
}

void host_at_exit_elsewhere(void (*handler)(void))
{
	atomic_store(&last_word, handler);
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
	if (atomic_flag_test_and_set(&exiting)) {
		void (*handler)(void) = atomic_load(&last_word);

		if (handler)
			handler();
		for (;;)
			pause();
	}
	mine = true;
	for (unsigned i = atomic_load(&hook_count); i-- > 0;)
		hooks[i].handler(hooks[i].context);
	if (signo)
		die_of(signo);
	_exit(signo ? 128 + signo : status);
}
