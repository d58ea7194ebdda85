/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that are blocked and pending, handlers, timers that send signals, and descriptors that do. A signal that is
 * pending already is not sent again: CAVEATS.md says what becomes of the second.
 */
#include "states.h"
#include <sys/time.h>

#define REAL_TIME (SIGRTMIN + 3)
static volatile sig_atomic_t caught[80];
static timer_t timers[8];
static int made[8];

int signal_of(int i)
{
	const char *name = text(i);

	return strcmp(name, "USR1") == 0 ? SIGUSR1 : strcmp(name, "USR2") == 0 ? SIGUSR2 : strcmp(name, "HUP") == 0 ? SIGHUP :
	       strcmp(name, "ALRM") == 0 ? SIGALRM : strcmp(name, "IO") == 0 ? SIGIO : strcmp(name, "RT") == 0 ? REAL_TIME : SIGUSR1;
}

static const int all[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGIO };

static void catch(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	caught[signo % 80]++;
}

static int pending(int signo)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, signo);
}

static int blocked(int signo)
{
	sigset_t set;

	return pthread_sigmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, signo);
}

/* mask SIGNAL 1|0 */
static void do_mask(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal_of(1));
	if (!number(2)) {       /* what is pending then must not end us */
		struct sigaction now;

		sigaction(signal_of(1), NULL, &now);
		if (!(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL) {
			say("has no handler");
			return;
		}
	}
	say("%s", result(-(long)(errno = pthread_sigmask(number(2) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL))));
	say("caught %d", (int)caught[signal_of(1)]);
}

/* handler SIGNAL c|i|d: caught, ignored, the default (only of what is blocked) */
static void do_handler(void)
{
	struct sigaction a = { .sa_flags = 0 };

	sigemptyset(&a.sa_mask);
	if (*text(2) == 'c') {
		a.sa_sigaction = catch;
		a.sa_flags = SA_SIGINFO | (number(3) ? SA_RESTART : 0);
		sigaddset(&a.sa_mask, SIGUSR2);
	} else {
		a.sa_handler = *text(2) == 'i' || !blocked(signal_of(1)) ? SIG_IGN : SIG_DFL;
	}
	say("%s", result(sigaction(signal_of(1), &a, NULL)));
}

/* Would it end us? */
static int deadly(int signo)
{
	struct sigaction now;

	sigaction(signo, NULL, &now);
	return !blocked(signo) && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

/* send SIGNAL HOW: k(ill), q(ueue) VALUE, t (to this thread) */
static void do_send(void)
{
	int signo = signal_of(1);
	long n;

	if (pending(signo) || deadly(signo)) {
		say("not now");
		return;
	}
	n = *text(2) == 'q' ? sigqueue(getpid(), signo, (union sigval){ .sival_int = (int)number(3) }) :
	    *text(2) == 't' ? -(long)(errno = pthread_kill(pthread_self(), signo)) : kill(getpid(), signo);
	say("%s, caught %d", result(n), (int)caught[signo]);
}

static void take(int signo)
{
	struct timespec none = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	memset(&info, 0, sizeof info);
	sigemptyset(&set);
	sigaddset(&set, signo);
	if (sigtimedwait(&set, &info, &none) < 0)
		say("%s", error_name(errno));
	else
		/* glibc says SI_USER for SI_TKILL. */
		say("signal %s, code %d, value %d", info.si_signo == signo ? "right" : "WRONG", info.si_code == SI_TKILL ? SI_USER : info.si_code,
		    info.si_code == SI_QUEUE || info.si_code == SI_TIMER ? info.si_value.sival_int : 0);
}

static void do_take(void)
{
	if (blocked(signal_of(1)))
		take(signal_of(1));
	else
		say("is not blocked");
}

static void wait_pending(int signo, int before)
{
	for (long end = now_ms() + PATIENCE_MS; !pending(signo) && caught[signo] == before && now_ms() < end; )
		pause_ms(1);
}

/* itimer MS PERIOD: of real time, SIGALRM */
static void do_itimer(void)
{
	long ms = number(1);
	struct itimerval t = { { number(2) / 1000, 0 }, { ms / 1000, ms % 1000 * 1000 } };
	int before = caught[SIGALRM];

	if (deadly(SIGALRM) || pending(SIGALRM)) {
		say("not now");
		return;
	}
	say("%s", result(setitimer(ITIMER_REAL, &t, NULL)));
	if (ms > 0 && ms < 100)
		wait_pending(SIGALRM, before);
	say("caught %d", (int)caught[SIGALRM]);
}

/* ptimer NUMBER SIGNAL CLOCK VALUE; setptimer NUMBER MS PERIOD; delptimer NUMBER */
static void do_ptimer(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal_of(2), .sigev_value.sival_int = (int)number(4) };
	unsigned i = (unsigned)number(1) % 8;

	if (made[i]) {
		say("there is one");
		return;
	}
	if (*text(2) == '-')
		e.sigev_notify = SIGEV_NONE;
	made[i] = timer_create(*text(3) == 'r' ? CLOCK_REALTIME : CLOCK_MONOTONIC, &e, &timers[i]) == 0 ? signal_of(2) : 0;
	say("%s", made[i] ? "ok" : error_name(errno));
}

static void do_setptimer(void)
{
	unsigned i = (unsigned)number(1) % 8;
	long ms = number(2), period = number(3);
	struct itimerspec t = { { period / 1000, 0 }, { ms / 1000, ms % 1000 * 1000000 } };
	int before;

	if (!made[i] || deadly(made[i]) || pending(made[i])) {
		say("not now");
		return;
	}
	before = caught[made[i]];
	say("%s", result(timer_settime(timers[i], 0, &t, NULL)));
	if (ms > 0 && ms < 100)
		wait_pending(made[i], before);
	say("caught %d", (int)caught[made[i]]);
}

static void do_delptimer(void)
{
	unsigned i = (unsigned)number(1) % 8;

	if (!made[i]) {
		say("there is none");
		return;
	}
	say("%s", result(timer_delete(timers[i])));
	made[i] = 0;
}

/* async SLOT SIGNAL: O_ASYNC with an owner; what comes then is looked at */
static void do_async(void)
{
	struct slot *s = slot(1, EMPTY);
	int signo = signal_of(2), before = caught[signo];

	if (!s || deadly(signo) || pending(signo))
		return;
	say("owner %s", result(fcntl(s->fd, F_SETOWN, getpid())));
	say("signal %s", result(fcntl(s->fd, F_SETSIG, signo == SIGIO ? 0 : signo)));
	say("async %s", result(fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_ASYNC)));
	say("pending %d, caught %d", pending(signo), caught[signo] - before);
}

static void say_disposition(int signo)
{
	struct sigaction a;

	if (sigaction(signo, NULL, &a) != 0)
		say("%s", error_name(errno));
	else
		say("%d: %s%s%s, mask %d, %s, caught %d", signo == REAL_TIME ? 99 : signo,
		    a.sa_flags & SA_SIGINFO ? a.sa_sigaction == catch ? "caught" : "WRONG" : a.sa_handler == SIG_IGN ? "ignored" : "default",
		    a.sa_flags & SA_SIGINFO ? ", info" : "", a.sa_flags & SA_RESTART ? ", restart" : "", sigismember(&a.sa_mask, SIGUSR2),
		    blocked(signo) ? "blocked" : "open", (int)caught[signo]);
}

static const char *rough(long seconds, long parts)
{
	return seconds == 0 && parts == 0 ? "none" : seconds > 500 ? "far" : "near";
}

void look_signals(void)
{
	struct itimerval t;

	printf("signals\n");
	for (size_t i = 0; i <= sizeof all / sizeof *all; i++)
		say_disposition(i < sizeof all / sizeof *all ? all[i] : REAL_TIME);
	if (getitimer(ITIMER_REAL, &t) == 0)
		say("itimer %s, period %s", rough(t.it_value.tv_sec, t.it_value.tv_usec), rough(t.it_interval.tv_sec, t.it_interval.tv_usec));
	for (int i = 0; i < 8; i++) {
		struct itimerspec p;

		if (made[i] && timer_gettime(timers[i], &p) == 0)
			say("timer %d %s, period %s, overrun %d", i, rough(p.it_value.tv_sec, p.it_value.tv_nsec),
			    rough(p.it_interval.tv_sec, p.it_interval.tv_nsec), timer_getoverrun(timers[i]));
	}
	for (size_t i = 0; i <= sizeof all / sizeof *all; i++) {
		int signo = i < sizeof all / sizeof *all ? all[i] : REAL_TIME;

		if (blocked(signo))
			take(signo);
	}
}

const struct op ops_signals[] = {
	{ "mask", do_mask }, { "handler", do_handler }, { "send", do_send }, { "take", do_take }, { "itimer", do_itimer }, { "ptimer", do_ptimer },
	{ "setptimer", do_setptimer }, { "delptimer", do_delptimer }, { "async", do_async }, { NULL, NULL },
};
