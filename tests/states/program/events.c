/* SPDX-License-Identifier: Apache-2.0 */
/* Event counters, timers with descriptors, and sets of events. */
#include "states.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

/* event SLOT VALUE SEMAPHORE */
static void do_event(void)
{
	if (put(1, eventfd((unsigned)number(2), EFD_NONBLOCK | (number(3) ? EFD_SEMAPHORE : 0)), EVENT))
		say("ok");
}

static void do_signal_event(void)
{
	uint64_t value = (uint64_t)number(2);
	struct slot *s = slot(1, EVENT);

	if (s)
		say("%s", result(write(s->fd, &value, sizeof value)));
}

static void say_count(struct slot *s)
{
	uint64_t value = 0;
	long n = poll_now(s->fd, POLLIN) & POLLIN ? read(s->fd, &value, sizeof value) : -1;

	say("%s %llu", n < 0 ? "nothing" : "count", (unsigned long long)value);
}

static void do_read_event(void)
{
	struct slot *s = slot(1, EVENT);

	if (s)
		say_count(s);
}

static int clock_of(const char *name)
{
	return *name == 'r' ? CLOCK_REALTIME : *name == 'b' ? CLOCK_BOOTTIME : CLOCK_MONOTONIC;
}

/* timer SLOT CLOCK: m, r, b */
static void do_timer(void)
{
	struct slot *s = put(1, timerfd_create(clock_of(text(2)), TFD_NONBLOCK), TIMER);

	if (s) {
		s->type = clock_of(text(2));
		say("ok");
	}
}

/* settimer SLOT MS PERIOD: in so many milliseconds; 0 stops it */
static void do_settimer(void)
{
	struct slot *s = slot(1, TIMER);
	long ms = number(2), period = number(3);
	struct itimerspec t = { { period / 1000, period % 1000 * 1000000 }, { ms / 1000, ms % 1000 * 1000000 } };

	if (!s)
		return;
	say("%s", result(timerfd_settime(s->fd, 0, &t, NULL)));
	if (ms > 0 && ms < 100)         /* it shall have expired when the next line comes */
		for (long end = now_ms() + PATIENCE_MS; !(poll_now(s->fd, POLLIN) & POLLIN) && now_ms() < end; )
			pause_ms(1);
}

/* abstimer SLOT PARTS: absolute, PARTS twelfths of the clock's reading ago, without a period; in the far future if negative */
static void do_abstimer(void)
{
	struct slot *s = slot(1, TIMER);
	struct itimerspec t = { { 0, 0 }, { 0, 0 } };
	long parts = number(2);

	if (!s)
		return;
	clock_gettime(s->type, &t.it_value);
	t.it_value.tv_sec += parts < 0 ? 1000 : -(t.it_value.tv_sec / 12 * parts);
	/* Far from a whole number of periods. */
	if (number(3))
		t.it_interval.tv_sec = t.it_value.tv_sec * 2 / 7;
	s->family = 1;
	say("%s", result(timerfd_settime(s->fd, TFD_TIMER_ABSTIME, &t, NULL)));
}

/* The setting, as far as time does not change it. */
void say_timer(struct slot *s)
{
	struct itimerspec t;

	if (timerfd_gettime(s->fd, &t) != 0) {
		say("%s", error_name(errno));
		return;
	}
	if (s->family) {        /* how near it is depends on the clock's reading */
		say("timer: %s", t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0 ? "stopped" : "armed");
		return;
	}
	say("timer: %s, period %s", t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0 ? "stopped" : t.it_value.tv_sec > 500 ? "far" : "near",
	    t.it_interval.tv_sec == 0 && t.it_interval.tv_nsec == 0 ? "none" : t.it_interval.tv_sec > 10 ? "long" : "short");
}

/* How often it has expired: exactly only if it expires once. */
static void say_expirations(struct slot *s)
{
	struct itimerspec t = { { 0, 0 }, { 0, 0 } };
	uint64_t value = 0;
	long n = poll_now(s->fd, POLLIN) & POLLIN ? read(s->fd, &value, sizeof value) : -1;

	timerfd_gettime(s->fd, &t);
	if (n > 0 && (t.it_interval.tv_nsec || (t.it_interval.tv_sec && t.it_interval.tv_sec < 10)))
		value = 1;
	say("%s %llu", n < 0 ? "nothing" : "expired", (unsigned long long)value);
}

static void do_read_timer(void)
{
	struct slot *s = slot(1, TIMER);

	if (s)
		say_expirations(s);
}

enum { EDGE = 2 };
static char members[SLOTS][SLOTS];      /* of sets of events */

static void do_epoll(void)
{
	struct slot *s = put(1, epoll_create1(0), EPOLL);

	if (!s)
		return;
	memset(members[slot_number(s)], 0, SLOTS);
	say("ok");
}

/* Is there such a one in the set, or in a set in it? Linux nests five deep. */
static int has_member(const struct slot *e, int (*is)(const struct slot *), int depth)
{
	for (int i = 0; i < SLOTS; i++)
		if (members[slot_number(e)][i] && (is(&slots[i]) || (slots[i].kind == EPOLL && depth < 5 && has_member(&slots[i], is, depth + 1))))
			return 1;
	return 0;
}

static int is_udp(const struct slot *s)
{
	return s->kind == UDP;
}

static int is_unsteady(const struct slot *s)
{
	return s->large || (s->out && s->out->filled) || (s->in && s->in->interrupted);
}

int set_is_unsteady(const struct slot *e)
{
	return has_member(e, is_unsteady, 0);
}

int may_lose(const struct slot *s)
{
	return is_udp(s) || (s->kind == EPOLL && has_member(s, is_udp, 0));
}

/* i in, o out, r rdhup, e edge, s one shot, x exclusive, p pri */
static uint32_t events_of(const char *letters)
{
	uint32_t events = 0;

	for (; *letters; letters++)
		events |= *letters == 'i' ? EPOLLIN : *letters == 'o' ? EPOLLOUT : *letters == 'r' ? EPOLLRDHUP : *letters == 'e' ? EPOLLET :
		          *letters == 's' ? EPOLLONESHOT : *letters == 'x' ? EPOLLEXCLUSIVE : *letters == 'p' ? EPOLLPRI : 0;
	return events;
}

/* eadd, emod EPOLL SLOT EVENTS; edel EPOLL SLOT */
static void control(int op)
{
	struct slot *e = slot(1, EPOLL), *s = slot(2, EMPTY);
	struct epoll_event event = { .events = events_of(text(3)) };

	if (!e || !s)
		return;
	event.data.u64 = (uint64_t)slot_number(s) | 0x123400000000;
	say("%s", result(epoll_ctl(e->fd, op, s->fd, &event)));
	if (op == EPOLL_CTL_DEL)
		return;
	if (op == EPOLL_CTL_ADD)
		members[slot_number(e)][slot_number(s)] = 1;
	if (members[slot_number(e)][slot_number(s)])
		members[slot_number(e)][slot_number(s)] = event.events & EPOLLET ? EDGE : 1;
}

static void do_eadd(void)
{
	control(EPOLL_CTL_ADD);
}

static void do_emod(void)
{
	control(EPOLL_CTL_MOD);
}

static void do_edel(void)
{
	control(EPOLL_CTL_DEL);
}

/* Each piece of a long stream that comes is an edge, also one that the kernel only tries whether there is room for. */
static int may_come_again(const struct slot *e, const struct slot *s)
{
	return members[slot_number(e)][slot_number(s)] == EDGE && (s->large || (s->in && s->in->interrupted));
}

/* What is ready, in the order of the slots: the kernel's order is nobody's business. */
static void say_ready(struct slot *e, int most)
{
	struct epoll_event events[SLOTS];
	char said[600] = "", loosely[300] = "";
	int n;

	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == TCP)
			settle(s);
	n = epoll_wait(e->fd, events, most > 0 && most < SLOTS ? most : SLOTS, 0);
	for (int i = 0; i < SLOTS; i++)
		for (int j = 0; j < n; j++)
			if (events[j].data.u64 == ((uint64_t)i | 0x123400000000)) {
				int got = steady(&slots[i], (int)events[j].events);

				if (may_come_again(e, &slots[i]) || (!got && events[j].events))  /* nothing that is steady */
					continue;
				if (may_lose(&slots[i]))        /* datagrams, and errors of theirs, may be lost */
					snprintf(loosely + strlen(loosely), sizeof loosely - strlen(loosely), " %d:%#x", i, (unsigned)got);
				else
					snprintf(said + strlen(said), sizeof said - strlen(said), " %d:%#x", i, (unsigned)got);
			}
	say("ready %s%s", n < 0 ? error_name(errno) : "", said);
	say_loosely("ready%s", loosely);
}

static void do_ewait(void)
{
	struct slot *e = slot(1, EPOLL);

	if (e)
		say_ready(e, 0);
}

void look_events(void)
{
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == EPOLL) {
			printf("ready %d\n", slot_number(s));
			say_ready(s, 0);
			say_ready(s, 0);        /* edges and single shots are over now */
		}
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == EVENT || s->kind == TIMER) {
			printf("count %d\n", slot_number(s));
			if (s->kind == TIMER)
				say_expirations(s);
			else
				say_count(s);
		}
}

const struct op ops_events[] = {
	{ "event", do_event }, { "ewrite", do_signal_event }, { "eread", do_read_event }, { "timer", do_timer }, { "settimer", do_settimer },
	{ "abstimer", do_abstimer }, { "expired", do_read_timer }, { "epoll", do_epoll }, { "eadd", do_eadd }, { "emod", do_emod },
	{ "edel", do_edel }, { "ewait", do_ewait }, { NULL, NULL },
};
