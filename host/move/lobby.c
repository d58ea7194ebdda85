/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop over poll. Nothing here waits for one peer. Only bytes that have come are read. What is sent (112 bytes, or an answer of
 * 1,040) fits into the buffer of a new socket; a connection whose buffer is too full ends.
 *
 * A stranger costs four multiplications on the curve. The first three are done when the stranger's first message has come. The file
 * of peers is read only for a host that has proven a key. Until then only the fixed fields of a stranger's two messages are looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lobby.h"
#include "strerror.h"
#include "util.h"

#define ACCEPT_AT_ONCE  16u             /* then those who are here are looked at again */
#define ACCEPT_AGAIN_NS 100000000u      /* no descriptor, or no memory */
#define NOTES_BURST     5u
#define NOTE_EVERY_NS   2000000000u
#define HOSTS           16u             /* whose rates are known; of more, the one heard least recently is forgotten */
#define MS              1000000ull

struct guest {
	int fd;                         /* -1: no guest */
	uint64_t since_ns;
	struct sockaddr_storage from;
	socklen_t from_size;
	struct move_opening opening;
};

#define KEPT            "OPTMIG_HOSTS_HEARD" /* KEY:SPENT,KEY:SPENT,... of migrations */

struct rate { uint8_t key[HOST_KEY_SIZE]; uint64_t spent_ns, begun_ns, heard_ns; };

struct move_lobby {
	const struct host_key *key;
	int listen_fd;
	bool pinned;
	bool shut;                      /* somebody has ended the listening (shutdown(2)): nobody else comes */
	uint8_t pin[HOST_KEY_SIZE];
	uint64_t accept_ns;             /* not before */
	uint64_t until_ns;              /* 0, or it closes then: nobody is let in any more */
	uint64_t notes_ns;              /* as `spent_ns` of a rate */
	uint32_t silent;                /* refusals that were not told */
	struct rate rate[HOSTS];
	struct guest guest[MOVE_LOBBY_MAX];
};

static void recall(struct move_lobby *lobby);

int move_lobby_new(int listen_fd, const struct host_key *key, struct move_lobby **ret_lobby)
{
	struct move_lobby *lobby = calloc(1, sizeof *lobby);

	if (!lobby)
		return host_fail(OM_ENOMEM, "no memory");
	lobby->key = key;
	lobby->listen_fd = listen_fd;
	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++)
		lobby->guest[i].fd = -1;
	(void)fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK); /* a connection may be gone before it is accepted */
	recall(lobby);
	*ret_lobby = lobby;
	return 0;
}

static void show_out(struct guest *guest)
{
	if (guest->fd >= 0)
		close(guest->fd);
	guest->fd = -1;
	move_opening_done(&guest->opening);
}

void move_lobby_free(struct move_lobby *lobby)
{
	if (!lobby)
		return;
	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++)
		show_out(&lobby->guest[i]);
	free(lobby);
}

void move_lobby_pin(struct move_lobby *lobby, const uint8_t key[HOST_KEY_SIZE])
{
	memcpy(lobby->pin, key, sizeof lobby->pin);
	lobby->pinned = true;
}

/*
 * A bucket as one number: the time until which what was taken is spent. @each_ns: what one costs; @most: how many at once.
 * Return: false if there is none left.
 */
static bool take_one(uint64_t *spent_ns, uint64_t each_ns, uint64_t most, uint64_t now)
{
	const uint64_t from = *spent_ns > now ? *spent_ns : now;

	if (from + each_ns > now + most * each_ns)
		return false;
	*spent_ns = from + each_ns;
	return true;
}

void move_lobby_refused(struct move_lobby *lobby, const char *address)
{
	/* Once a session has begun this process' messages are among the program's. */
	if (lobby->pinned || !take_one(&lobby->notes_ns, NOTE_EVERY_NS, NOTES_BURST, host_monotonic_ns())) {
		lobby->silent++;
		host_detail("connection from %s refused: %s", address, host_reason());
		return;
	}
	if (lobby->silent)
		host_note("connection from %s refused, and %u before it: %s", address, lobby->silent, host_reason());
	else
		host_note("connection from %s refused: %s", address, host_reason());
	lobby->silent = 0;
}

static void refuse(struct move_lobby *lobby, struct guest *guest)
{
	char address[MOVE_ENDPOINT_TEXT];

	move_format_sockaddr((const struct sockaddr *)&guest->from, guest->from_size, address);
	move_lobby_refused(lobby, address);
	show_out(guest);
}

/* ---- places ----------------------------------------------------------------------------------------------------------- */

/* One host, as far as its address tells: all of an IPv4 address, the network of an IPv6 one. */
static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	if (a->ss_family != AF_INET6)
		return true;
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr) ? 16 : 8) == 0;
}

static unsigned count_of(const struct move_lobby *lobby, const struct sockaddr_storage *address)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++)
		count += lobby->guest[i].fd >= 0 && same_address(&lobby->guest[i].from, address);
	return count;
}

/* Did `a` get less far than `b`? */
static bool less_far(const struct guest *a, const struct guest *b)
{
	if (a->opening.stage != b->opening.stage)
		return a->opening.stage < b->opening.stage;
	return a->since_ns < b->since_ns;
}

/* The address that has the most places; its guest that goes first. */
static struct guest *least(struct move_lobby *lobby, const struct sockaddr_storage *of)
{
	const struct sockaddr_storage *most = of;
	struct guest *found = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < MOVE_LOBBY_MAX && !of; i++) {
		const struct guest *guest = &lobby->guest[i];
		unsigned here = guest->fd >= 0 ? count_of(lobby, &guest->from) : 0;

		if (here > count)
			count = here, most = &guest->from;
	}
	for (unsigned i = 0; i < MOVE_LOBBY_MAX && most; i++) {
		struct guest *guest = &lobby->guest[i];

		if (guest->fd >= 0 && same_address(&guest->from, most) && (!found || less_far(guest, found)))
			found = guest;
	}
	return found;
}

/* A place for somebody from that address, if need be somebody else's. */
static struct guest *place(struct move_lobby *lobby, const struct sockaddr_storage *from)
{
	struct guest *guest = NULL;

	if (count_of(lobby, from) >= MOVE_LOBBY_ADDRESS)
		guest = least(lobby, from);
	for (unsigned i = 0; i < MOVE_LOBBY_MAX && !guest; i++)
		if (lobby->guest[i].fd < 0)
			return &lobby->guest[i];
	if (!guest)
		guest = least(lobby, NULL);
	host_fail(OM_EEXHAUSTED, "too many connections that have not said who they are");
	refuse(lobby, guest);
	return guest;
}

static void seat(struct move_lobby *lobby, int fd, const struct sockaddr_storage *from, socklen_t from_size)
{
	struct guest *guest = place(lobby, from);
	uint8_t ephemeral[32];

	if (getrandom(ephemeral, sizeof ephemeral, 0) != (ssize_t)sizeof ephemeral) {
		close(fd);
		return;
	}
	*guest = (struct guest){ .fd = fd, .since_ns = host_monotonic_ns(), .from = *from, .from_size = from_size };
	move_opening_init(&guest->opening, false, lobby->key, ephemeral);
	explicit_bzero(ephemeral, sizeof ephemeral);
}

static void let_in(struct move_lobby *lobby)
{
	for (unsigned i = 0; i < ACCEPT_AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof from;
		int fd = accept4(lobby->listen_fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);

		if (fd >= 0) {
			seat(lobby, fd, &from, size);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EINVAL) {
			lobby->shut = true;
			return;
		}
		/* A source that has committed has nobody else to ask: not for want of a descriptor is anything given up. */
		if (errno != EAGAIN) {
			host_detail("accept: %s", strerror(errno));
			lobby->accept_ns = host_monotonic_ns() + ACCEPT_AGAIN_NS;
		}
		return;
	}
}

/* ---- guests ----------------------------------------------------------------------------------------------------------- */

static int send_now(int fd, const uint8_t *data, size_t size)
{
	ssize_t done;

	do
		done = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	return done == (ssize_t)size ? 0 : host_fail(OM_ECONNECTION, "send: %s", done < 0 ? strerror(errno) : "the peer takes nothing");
}

/* What is left unread when a connection is closed makes the kernel reset it, and what was sent last may be lost with that. */
static void drop_rest(int fd)
{
	uint8_t rest[4096];

	(void)!recv(fd, rest, sizeof rest, MSG_DONTWAIT);
}

/* What has come from it, as far as it is wanted. Return: 0, or why it has to go. */
static int listen_to(struct guest *guest)
{
	struct move_opening *o = &guest->opening;

	for (;;) {
		size_t wanted = move_opening_wants(o), size;
		uint8_t out[MOVE_OPENING_MAX];
		ssize_t n;
		int error;

		if (wanted == 0)
			return 0;
		n = recv(guest->fd, o->in + o->have, wanted, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return host_fail(OM_ECONNECTION, "receive: %s", strerror(errno));
		if (n == 0)
			return host_fail(OM_ECONNECTION, o->stage == MOVE_OPENING_SECOND ?
				"the peer closed the connection when it had seen this host's key, which it may not know" :
				"the peer closed the connection before it said who it is");
		error = move_opening_took(o, (size_t)n, out, &size);
		if (size > 0) {
			int failed;

			if (error)
				drop_rest(guest->fd);
			failed = send_now(guest->fd, out, size);
			error = error ? error : failed;
		}
		if (error)
			return error;
	}
}

static struct rate *rate_of(struct move_lobby *lobby, const uint8_t key[HOST_KEY_SIZE])
{
	struct rate *found = &lobby->rate[0];

	for (unsigned i = 0; i < HOSTS; i++) {
		struct rate *rate = &lobby->rate[i];

		if (rate->heard_ns && memcmp(rate->key, key, HOST_KEY_SIZE) == 0)
			return rate;
		if (rate->heard_ns < found->heard_ns)
			found = rate;
	}
	memcpy(found->key, key, HOST_KEY_SIZE);
	found->spent_ns = found->begun_ns = 0;
	return found;
}

/* What this process wrote before it was executed anew; anything else is no matter. */
static void recall(struct move_lobby *lobby)
{
	const char *at = getenv(KEPT);
	uint8_t key[HOST_KEY_SIZE];

	while (at && strlen(at) > HOST_KEY_TEXT && at[HOST_KEY_TEXT - 1] == ':' && host_key_parse(at, HOST_KEY_TEXT - 1, key)) {
		struct rate *rate = rate_of(lobby, key);
		char *end;

		rate->begun_ns = strtoull(at + HOST_KEY_TEXT, &end, 10);
		rate->heard_ns = 1;
		at = *end == ',' ? end + 1 : NULL;
	}
	unsetenv(KEPT);
}

static void keep(const struct move_lobby *lobby)
{
	char text[HOSTS * (HOST_KEY_TEXT + 24)] = "", key[HOST_KEY_TEXT];
	const uint64_t now = host_monotonic_ns();
	size_t size = 0;

	for (unsigned i = 0; i < HOSTS; i++) {
		if (lobby->rate[i].begun_ns <= now)
			continue;
		host_key_format(lobby->rate[i].key, key);
		size += (size_t)snprintf(text + size, sizeof text - size, "%s%s:%llu", size ? "," : "", key, (unsigned long long)lobby->rate[i].begun_ns);
	}
	setenv(KEPT, text, 1);
}

int move_lobby_begin(struct move_lobby *lobby, const struct move_arrival *arrival)
{
	struct rate *rate = rate_of(lobby, arrival->opening.peer);

	rate->heard_ns = host_monotonic_ns();
	if (!take_one(&rate->begun_ns, MOVE_LOBBY_BEGIN_S * 1000 * MS, MOVE_LOBBY_BEGINS, rate->heard_ns))
		return host_fail(OM_EEXHAUSTED, "too many migrations from %s have failed here: one every %u s", arrival->name, MOVE_LOBBY_BEGIN_S);
	keep(lobby);
	return 0;
}

/* Who it is has been proven. Is it somebody whom this host knows, and who has not been here too often? */
static int check_host(struct move_lobby *lobby, struct move_arrival *arrival)
{
	const uint8_t *key = arrival->opening.peer;
	const uint64_t now = host_monotonic_ns();
	struct rate *rate;

	if (lobby->pinned && memcmp(lobby->pin, key, HOST_KEY_SIZE) == 0) {
		snprintf(arrival->name, sizeof arrival->name, "the session's host");
	} else {
		int error = host_peer_known(lobby->key, key, arrival->name);

		if (error)
			return error;
	}
	rate = rate_of(lobby, key);
	rate->heard_ns = now;
	if (!take_one(&rate->spent_ns, 1000 * MS / MOVE_LOBBY_RATE, MOVE_LOBBY_BURST, now))
		return host_fail(OM_EEXHAUSTED, "%s makes too many connections", arrival->name);
	return move_opening_heard(&arrival->opening, &arrival->hello);
}

/* What a host is told that is not known here: its own key, which its user can give to this one's. */
static void answer_stranger(const struct move_lobby *lobby, struct move_arrival *arrival, int error)
{
	static const uint8_t no_clock[16];
	char words[512], key[HOST_KEY_TEXT];

	(void)lobby;
	snprintf(words, sizeof words, "%s", host_reason());
	host_key_format(arrival->opening.peer, key);
	if (error == OM_EPEER)
		host_fail(error, "it does not know this host; on that host say: optmig peer add %s NAME", key);
	else if (error != OM_EEXHAUSTED && error != OM_EINVAL && error != OM_ETYPE && error != OM_EVERSION)
		host_fail(error, "it cannot read whom it knows"); /* where its files are is not the peer's business */
	move_arrival_answer(arrival, no_clock, error);
	host_fail(error, "%s", words);
}

static void answer_old(struct guest *guest)
{
	const struct move_hello answer = { .status = OM_EVERSION,
		.text = "this receiver speaks protocol version 2, in which hosts prove who they are; use the same OptMig on both sides" };
	uint8_t out[MOVE_OPENING_MAX];
	size_t size;

	if (move_opening_answer(&guest->opening, &answer, out, &size) == 0)
		(void)send_now(guest->fd, out, size); /* a peer that is gone needs no answer */
	host_fail(OM_EVERSION, "the peer speaks protocol version 1, this side %u", OM_HELLO_VERSION);
}

/* It has said all it has to say before it is known. Return: true: it has arrived. */
static bool greet(struct move_lobby *lobby, struct guest *guest, struct move_arrival *ret_arrival)
{
	struct move_arrival *arrival = ret_arrival;
	int error;

	if (guest->opening.stage == MOVE_OPENING_OLD) {
		answer_old(guest);
		refuse(lobby, guest);
		return false;
	}
	memset(arrival, 0, sizeof *arrival);
	arrival->fd = guest->fd;
	arrival->opening = guest->opening;
	move_format_sockaddr((const struct sockaddr *)&guest->from, guest->from_size, arrival->address);
	error = check_host(lobby, arrival);
	if (error) {
		answer_stranger(lobby, arrival, error);
		move_arrival_done(arrival);
		refuse(lobby, guest);
		return false;
	}
	guest->fd = -1;
	show_out(guest);
	return true;
}

/* ---- the loop --------------------------------------------------------------------------------------------------------- */

/* Until the first of them has had its time, or those who could not be accepted can be tried again. */
static int poll_ms(const struct move_lobby *lobby, uint64_t now)
{
	uint64_t until = lobby->until_ns ? lobby->until_ns : lobby->accept_ns > now ? lobby->accept_ns : UINT64_MAX;

	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++) {
		uint64_t end = lobby->guest[i].since_ns + MOVE_LOBBY_MS * MS;

		if (lobby->guest[i].fd >= 0 && end < until)
			until = end;
	}
	return until == UINT64_MAX ? -1 : until <= now ? 0 : (int)((until - now + MS - 1) / MS);
}

static int wait_for_something(struct move_lobby *lobby, int stop_fd, struct pollfd p[2 + MOVE_LOBBY_MAX])
{
	const uint64_t now = host_monotonic_ns();

	p[0] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = lobby->shut || lobby->until_ns || lobby->accept_ns > now ? -1 : lobby->listen_fd, .events = POLLIN };
	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++)
		p[2 + i] = (struct pollfd){ .fd = lobby->guest[i].fd, .events = POLLIN };
	if (poll(p, 2 + MOVE_LOBBY_MAX, poll_ms(lobby, now)) < 0) {
		if (errno != EINTR)
			return host_fail(OM_EIO, "poll: %s", strerror(errno));
		for (unsigned i = 0; i < 2 + MOVE_LOBBY_MAX; i++)
			p[i].revents = 0;
	}
	return p[0].revents ? host_fail(OM_ECANCELLED, "cancelled") : 0;
}

static bool is_empty(const struct move_lobby *lobby)
{
	for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++)
		if (lobby->guest[i].fd >= 0)
			return false;
	return true;
}

/* May anybody still come through? */
static int expect(const struct move_lobby *lobby)
{
	if (lobby->until_ns && (is_empty(lobby) || host_monotonic_ns() >= lobby->until_ns))
		return host_fail(OM_ETIMEDOUT, "nobody waits here");
	if (lobby->shut && is_empty(lobby))
		return host_fail(OM_ECONNECTION, "nobody is let in any more");
	return 0;
}

int move_lobby_next(struct move_lobby *lobby, int stop_fd, struct move_arrival *ret_arrival)
{
	for (;;) {
		struct pollfd p[2 + MOVE_LOBBY_MAX];
		int error = expect(lobby);

		if (!error)
			error = wait_for_something(lobby, stop_fd, p);
		if (error)
			return error;
		for (unsigned i = 0; i < MOVE_LOBBY_MAX; i++) {
			struct guest *guest = &lobby->guest[i];

			if (guest->fd < 0)
				continue;
			/* What has come counts even if it was not looked at in time. */
			error = p[2 + i].revents ? listen_to(guest) : 0;
			if (!error && move_opening_wants(&guest->opening) == 0) {
				if (greet(lobby, guest, ret_arrival))
					return 0;
				continue;
			}
			if (!error && host_monotonic_ns() > guest->since_ns + MOVE_LOBBY_MS * MS)
				error = host_fail(OM_ETIMEDOUT, "the peer did not say who it is within %u s", MOVE_LOBBY_MS / 1000);
			if (error)
				refuse(lobby, guest);
		}
		if (p[1].revents)
			let_in(lobby);
	}
}

void move_lobby_close(struct move_lobby *lobby, const char *words)
{
	static const uint8_t no_clock[16];
	struct move_arrival arrival;

	if (!lobby)
		return;
	lobby->until_ns = host_monotonic_ns() + MOVE_LOBBY_CLOSE_MS * MS;
	while (move_lobby_next(lobby, -1, &arrival) == 0) {
		move_arrival_answer(&arrival, no_clock, host_fail(OM_EEXISTS, "%s", words));
		close(arrival.fd);
		move_arrival_done(&arrival);
	}
	move_lobby_free(lobby);
}

/* ---- arrivals --------------------------------------------------------------------------------------------------------- */

void move_arrival_answer(struct move_arrival *arrival, const uint8_t clock[16], int status)
{
	struct move_hello answer = arrival->hello;
	uint8_t out[MOVE_OPENING_MAX];
	size_t size;

	if (answer.kind == 0) { /* it was not decoded, or could not be */
		answer.kind = OM_HELLO_NEW;
		answer.channels = 1;
	}
	answer.status = status;
	snprintf(answer.text, sizeof answer.text, "%s", status ? host_reason() : "");
	memcpy(answer.clock, clock, sizeof answer.clock);
	if (move_opening_answer(&arrival->opening, &answer, out, &size) == 0)
		(void)send_now(arrival->fd, out, size); /* a peer that is gone needs no answer */
}

void move_arrival_done(struct move_arrival *arrival)
{
	move_opening_done(&arrival->opening);
}
