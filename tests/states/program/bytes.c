/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: pipes, pairs, UNIX sockets, and reading and writing them all. */
#include "states.h"
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>

static unsigned char buffer[1 << 20];
static int flows;

struct flow *new_flow(int id)
{
	struct flow *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->id = id ? id : ++flows;
	return f;
}

/* A stream's bytes tell their place, a message's its size and its writer. The driver's peers know the same rules. */
static unsigned char stream_byte(const struct flow *f, long at)
{
	return (unsigned char)(at * 7 + (at >> 8) + f->id * 13);
}

static unsigned char message_byte(const struct flow *f, long size, long at)
{
	return (unsigned char)(size * 31 + at * 7 + f->id);
}

void compose_at(unsigned char *at, const struct flow *f, long size)
{
	for (; f->messages && f->piece && size > f->piece; size -= f->piece, at += f->piece)
		for (long i = 0; i < f->piece; i++)
			at[i] = message_byte(f, f->piece, i);
	for (long i = 0; i < size; i++)
		at[i] = f->messages ? message_byte(f, size, i) : stream_byte(f, f->sent + i);
}

static void compose(const struct flow *f, long size)
{
	compose_at(buffer, f, size);
}

/* How much of what was read is not what was written. A message that was cut cannot be judged. */
static long wrong_bytes(struct flow *f, long size, int cut)
{
	long wrong = 0;

	for (long i = 0; i < size && !cut; i++)
		wrong += buffer[i] != (f->messages ? message_byte(f, size, i) : stream_byte(f, f->got + i));
	return wrong;
}

void flow_sent(struct flow *f, long size)
{
	f->sent += size;
	f->unread++;
	for (const struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == UDP && s->in == f && (s->buffers_set & 2 || f->sent - f->got > CRAMPED))
			f->cramped = 1;
}

int poll_now(int fd, int events)
{
	struct pollfd p = { fd, (short)events, 0 };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

const char *poll_words(int revents)
{
	static char said[80];

	if (revents < 0)
		return error_name(-revents);
	snprintf(said, sizeof said, "%s%s%s%s%s%s%s", revents & POLLIN ? " in" : "", revents & POLLOUT ? " out" : "",
	         revents & POLLPRI ? " pri" : "", revents & POLLERR ? " err" : "", revents & POLLHUP ? " hup" : "",
	         revents & POLLNVAL ? " nval" : "", revents & POLLRDHUP ? " rdhup" : "");
	return said;
}

static int is_socket(const struct slot *s)
{
	return s->kind >= PAIR && s->kind <= UDP;
}

/* Descriptors may be blocking for the threads' sake; the script itself never waits in a call. */
static int without_waiting(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && on != !!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
	return !!(flags & O_NONBLOCK);
}

/* What a call returned and left in errno, as the descriptor becomes what it was. */
static long and_back(int fd, int before, long result)
{
	int error = errno;

	without_waiting(fd, before);
	errno = error;
	return result;
}

/* The TTL and the class of the last, as far as the socket tells them. */
static int hops, class;

static long read_datagram(struct slot *s, long size, int flags)
{
	static _Alignas(8) unsigned char control[512];
	struct iovec iov = { buffer, (size_t)size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	long n = recvmsg(s->fd, &m, flags | MSG_DONTWAIT | MSG_TRUNC);

	hops = class = 0;
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == (c->cmsg_level == IPPROTO_IP ? IP_TTL : IPV6_HOPLIMIT))
			hops = CMSG_DATA(c)[0];
		if (c->cmsg_type == (c->cmsg_level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS))
			class = CMSG_DATA(c)[0];
	}
	return n;
}

static long read_raw(struct slot *s, long size, int flags)
{
	int before;

	if (s->kind == UDP)
		return read_datagram(s, size, flags);
	if (is_socket(s))
		return recv(s->fd, buffer, (size_t)size, flags | MSG_DONTWAIT | (s->in && s->in->messages ? MSG_TRUNC : 0));
	before = without_waiting(s->fd, 1);
	return and_back(s->fd, before, read(s->fd, buffer, (size_t)size));
}

static long write_raw(struct slot *s, long size)
{
	int before;

	if (is_socket(s))
		return send(s->fd, buffer, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
	before = without_waiting(s->fd, 1);
	return and_back(s->fd, before, write(s->fd, buffer, (size_t)size));
}

/* What does not fit into the smallest buffers that have been set: it lies on both sides. */
long large_here(void)
{
	for (const struct slot *s = slots; s < slots + SLOTS; s++)
		if ((s->kind == TCP || s->kind == TCP_LISTENER) && s->buffers_set)
			return SMALL_BUFFER;
	return LARGE;
}

/* A large stream's bytes go in piece by piece as the other end's kernel takes them, until it takes no more for a while. */
static long write_tcp(struct slot *s, long size)
{
	long done = 0, idle = 0, n = 0;

	settle(s);              /* whether it has been reset */
	while (done < size && idle < 60) {
		long piece = size - done < (long)sizeof buffer ? size - done : (long)sizeof buffer;

		compose(s->out, piece);
		n = write_raw(s, piece);
		if (n > 0) {
			done += n;
			s->out->sent += n;
			idle = 0;
		} else if (n < 0 && errno != EAGAIN) {
			break;
		} else {
			idle++;
			pause_ms(2);
		}
	}
	s->large |= done > large_here() || s->out->sent - s->out->got > large_here();
	for (struct slot *other = slots; other < slots + SLOTS && s->large; other++)
		if (other->in && other->in == s->out)
			other->large = 1;
	return done > 0 ? done : n;
}

/* In a pipe of a few pages each page that is not full counts. */
static long packed_here(const struct slot *s)
{
	long size = s->kind == PIPE_WRITE ? fcntl(s->fd, F_GETPIPE_SZ) : -1;

	return size >= 0 && size / 4 < PACKED ? size / 4 : PACKED;
}

long write_some(struct slot *s, long size)
{
	long n;

	if (s->kind == TCP)
		return write_tcp(s, size);
	compose(s->out, size);
	n = write_raw(s, size);
	if (n >= 0)
		flow_sent(s->out, n);
	/* How much more goes in depends on how the kernel has packed what is there. */
	if (s->out->sent - s->out->got > packed_here(s) || s->buffers_set)
		s->out->filled = 1;
	return n;
}

static void do_write(void)
{
	struct slot *s = slot(1, EMPTY);
	long size = number(2), n;

	if (!s)
		return;
	if (!s->out) {
		say("nothing can be written there");
		return;
	}
	if (s->kind != TCP && size > (long)sizeof buffer)
		size = sizeof buffer;
	n = write_some(s, size);
	/* An answer of the network's to an earlier datagram does not move (CAVEATS.md): it is taken, and this one is sent. */
	if (n < 0 && s->kind == UDP && errno == ECONNREFUSED)
		n = write_some(s, size);
	if (n < 0 && !((s->large || s->out->filled) && errno == EAGAIN))
		say("%s", error_name(errno));
	else if (s->large || s->out->filled)
		say("taken");
	else
		say("%ld bytes", n);
}

/* Writes of one size until nothing more goes in. */
static void do_fill(void)
{
	struct slot *s = slot(1, EMPTY);
	long size = number(2), n = 0, count = 0;

	if (!s || !s->out || s->kind == TCP || size < 0 || size > (long)sizeof buffer) {
		say("cannot be filled");
		return;
	}
	while (count < 3000 && (n = write_some(s, size)) >= 0)
		count++;
	s->out->filled = 1;
	say("%s", n < 0 ? error_name(errno) : "it takes more and more");
}

/* Waits until all that must come is there, as far as the kernel says. */
void settle(struct slot *s)
{
	long now = now_ms(), end = now + PATIENCE_MS;
	/* Who has shut reading down sees an end that says nothing. A second small piece comes when the first is acknowledged (Nagle). */
	const int ended = s->in && s->in->end && !s->bound_reading;
	int unread = 0, events;

	if (s->taken || s->kind != TCP || !s->in)
		return;
	for (;;) {
		long due = s->in->sent - s->in->got;

		events = poll_now(s->fd, POLLIN | POLLRDHUP);
		if (events & (POLLERR | POLLHUP))
			return;
		if (s->in->end && s->in->reset && now_ms() < now + RESET_MS)    /* if one was sent, it comes soon */
			;
		else if (ended && (events & (s->large ? POLLIN : POLLRDHUP)))
			return;
		if (!ended && (due <= 0 || s->in->reset || (s->bound_reading && s->large)))
			return;
		/* The end may stand behind what the kernel here has no room for. */
		if (!ended && ioctl(s->fd, FIONREAD, &unread) == 0 && (unread >= due || (s->large && unread > 0)))
			return;
		if (now_ms() > (s->in->reset || s->bound_reading ? now + RESET_MS : end))
			return;
		pause_ms(1);
	}
}

static void say_end(long n)
{
	say("then %s", n == 0 ? "end of file" : n < 0 ? error_name(errno) : "more");
}

/*
 * What comes for somebody who has shut reading down is a reset if both directions are shut, and what was there before is not: how
 * such a connection ends depends on how much of a long stream lay on which side.
 */
int ends_anyhow(const struct slot *s)
{
	int bound = s->bound_reading;

	for (const struct slot *other = slots; other < slots + SLOTS; other++)
		bound |= other->kind == TCP && other->in && other->in == s->out && other->bound_reading;
	return s->kind == TCP && s->large && bound;
}

/* A stream of a connection: all that was sent comes, whatever pieces it comes in. */
static void drain_tcp(struct slot *s, long most)
{
	struct flow *f = s->in;
	long total = 0, wrong = 0, n = 0, end = now_ms() + PATIENCE_MS;

	while (total < most) {
		long piece = most - total < (long)sizeof buffer ? most - total : (long)sizeof buffer;

		n = read_raw(s, piece, 0);
		if (n > 0) {
			wrong += wrong_bytes(f, n, 0);
			f->got += n;
			total += n;
			end = now_ms() + PATIENCE_MS;
		} else if (n < 0 && errno == EAGAIN && (f->sent > f->got || f->end) && !f->reset && !s->bound_reading && now_ms() < end) {
			struct pollfd p = { s->fd, POLLIN | POLLRDHUP, 0 };

			poll(&p, 1, 20);
		} else {
			break;
		}
	}
	/* Who has shut reading down finds the end wherever the queue is empty for a moment. */
	if (s->large && (f->reset || ends_anyhow(s)))
		say("what was left of it%s", wrong ? ", WRONG" : "");
	else if (s->large)
		say("%s%s", f->got == f->sent ? "all of it" : "NOT ALL OF IT", wrong ? ", WRONG" : "");
	else
		say("%ld bytes%s", total, wrong ? ", WRONG" : "");
	if (total < most && !ends_anyhow(s))
		say_end(n);
}

/* Does a thread wait for the room that was just made? Then what it writes is waited for. */
static int more_comes(const struct flow *f, long end)
{
	if (!f->filled || !f->waiting || f->got >= f->sent + f->waiting || now_ms() > end)
		return 0;
	pause_ms(1);
	return 1;
}

static void drain_stream(struct slot *s)
{
	long end = now_ms() + PATIENCE_MS;
	struct flow *f = s->in;
	long total = 0, wrong = 0, n;

	while ((n = read_raw(s, sizeof buffer, 0)) > 0 || more_comes(f, end)) {
		if (n <= 0)
			continue;
		wrong += wrong_bytes(f, n, 0);
		f->got += n;
		total += n;
	}
	if (f->filled)
		say("%s%s", f->got == f->sent || f->got == f->sent + f->waiting ? "all of it" : "NOT ALL OF IT", wrong ? ", WRONG" : "");
	else
		say("%ld bytes%s", total, wrong ? ", WRONG" : "");
	say_end(n);
}

static void drain_messages(struct slot *s)
{
	void (*tell)(const char *format, ...) = s->kind == UDP && s->in->cramped ? say_loosely : say;
	char list[200] = "";
	unsigned long sum = 0;
	long count = 0, wrong = 0, n = 0, end = now_ms() + PATIENCE_MS;

	while (count < 4000 && ((n = read_raw(s, sizeof buffer, 0)) >= 0 || more_comes(s->in, end))) {
		if (n < 0)
			continue;
		if (n == 0 && s->in->end && count >= s->in->unread)
			break;          /* the end of file of a pair's */
		wrong += wrong_bytes(s->in, n, n > (long)sizeof buffer);
		s->in->got += n;
		if (count < 12)
			snprintf(list + strlen(list), sizeof list - strlen(list), " %ld", n);
		sum = sum * 31 + (unsigned long)n;
		if (s->kind == UDP)
			sum = (sum * 31 + (unsigned)hops) * 31 + (unsigned)class;
		count++;
	}
	s->in->unread -= (int)count;
	if (s->in->filled)
		tell("%s%s", s->in->got == s->in->sent || s->in->got == s->in->sent + s->in->waiting ? "all messages" : "NOT ALL MESSAGES", wrong ? ", WRONG" : "");
	else
		tell("%ld messages:%s, sum %lx%s", count, list, sum, wrong ? ", WRONG" : "");
	(s->kind == UDP ? say_loosely : say)("then %s", n < 0 ? error_name(errno) : "end of file");
}

/* ... and takes it. That of a UDP socket may be lost. */
static void say_error(struct slot *s)
{
	int error = 0;
	socklen_t size = sizeof error;

	int asked = getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);

	if (!ends_anyhow(s))
		(s->kind == UDP ? say_loosely : say)("error %s", asked < 0 ? error_name(errno) : error ? error_name(error) : "none");
}

void drain(struct slot *s)
{
	int fd;

	if (s->kind == UNIX_LISTENER || s->kind == TCP_LISTENER) {
		without_waiting(s->fd, 1);
		for (int count = 0; count < 20; count++) {
			fd = accept(s->fd, NULL, NULL);
			say("accept %s", result(fd));
			if (fd < 0)
				break;
			close(fd);
		}
		return;
	}
	if (is_socket(s))
		say_error(s);
	if (s->kind == REGULAR || s->kind == DIRECTORY)
		return;
	if (!s->in)
		say("read %s", is_socket(s) ? result(recv(s->fd, buffer, 1, MSG_DONTWAIT)) : "not");
	else if (s->in->messages)
		drain_messages(s);
	else if (s->kind == TCP) {
		if (s->bound_reading)
			settle(s);
		drain_tcp(s, 1 << 30);
	} else
		drain_stream(s);
}

void read_and_say(struct slot *s, long size, int flags)
{
	long n, wrong;

	if (size > (long)sizeof buffer)
		size = sizeof buffer;
	if (!s->in) {
		say("nothing can be read there");
		return;
	}
	if (s->kind == TCP && !(flags & MSG_PEEK)) {
		settle(s);
		drain_tcp(s, size);
		return;
	}
	settle(s);
	if (s->kind == UDP)
		say_error(s);
	n = read_raw(s, size, flags);
	wrong = n > 0 ? wrong_bytes(s->in, n < size ? n : size, s->in->messages && n > size) : 0;
	if (n >= 0 && !(flags & MSG_PEEK)) {
		s->in->got += n;
		s->in->unread--;
	}
	if ((s->large || s->in->filled) && n > 0)
		say("something%s", wrong ? ", WRONG" : "");
	else if (n >= 0)
		(s->kind == UDP && s->in->cramped ? say_loosely : say)("%ld bytes%s", n, wrong ? ", WRONG" : "");
	else
		(s->kind == UDP && s->in->cramped ? say_loosely : say)("%s", error_name(errno));
	if (s->kind == UDP && n >= 0)
		(s->in->cramped ? say_loosely : say)("hops %d, class %d", hops, class);
}

static void do_read(void)
{
	struct slot *s = slot(1, EMPTY);

	if (s)
		read_and_say(s, number(2), 0);
}

static void do_peek(void)
{
	struct slot *s = socket_slot(1);

	if (s)
		read_and_say(s, number(2), MSG_PEEK);
}

static void do_drain(void)
{
	struct slot *s = slot(1, EMPTY);

	if (s)
		drain(s);
}

/* Is there another descriptor of the same open file? */
static int shared(const struct slot *s)
{
	for (const struct slot *other = slots; other < slots + SLOTS; other++)
		if (other != s && other->kind != EMPTY && ((s->in && other->in == s->in) || (s->out && other->out == s->out)))
			return 1;
	return 0;
}

/* A reset takes along what was not sent yet, which is what Nagle's rule and the peer's acknowledgements make it. */
static void settle_unsent(const struct slot *s)
{
	long end = now_ms() + 500;
	int unsent = 0;

	if (s->kind != TCP || s->large || !s->out)
		return;
	while (ioctl(s->fd, SIOCOUTQNSD, &unsent) == 0 && unsent > !!(s->out->end & 1) && now_ms() < end)
		pause_ms(1);
	for (struct slot *other = slots; other < slots + SLOTS && unsent > 1; other++)
		if (other->in == s->out)
			other->large = 1;
}

void forget(struct slot *s)
{
	const struct linger reset = { 1, 0 };

	if (s->kind == TCP_LISTENER)
		listener_ends(s);
	if (s->kind == TCP && s->large && s->bound_reading && s->out) { /* whether something unread is there just now is chance */
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		s->out->reset |= !shared(s);
	}
	if (s->kind == TCP && !shared(s) && s->out && (s->out->reset || (s->in && s->in->sent > s->in->got)))
		settle_unsent(s);
	if (s->kind != UDP && !shared(s)) {
		if (s->out)
			s->out->end = 1;
		if (s->in && s->out && s->in->sent > s->in->got)    /* unread: the other side is told so */
			s->out->reset = 1;
		if (s->in)
			s->in->end |= 2;
	}
	say("%s", result(close(s->fd)));
	*s = (struct slot){ .kind = EMPTY };
}

static void do_close(void)
{
	struct slot *s = slot(1, EMPTY);

	if (s)
		forget(s);
}

/* Closing without a farewell. */
static void do_reset(void)
{
	struct linger l = { 1, 0 };
	struct slot *s = slot(1, TCP);

	if (!s)
		return;
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	if (s->out && !shared(s))
		s->out->reset = 1;
	forget(s);
}

static void do_dup(void)
{
	struct slot *s = slot(1, EMPTY), *copy;
	struct slot old;

	if (!s)
		return;
	old = *s;
	copy = put(2, fcntl(s->fd, F_DUPFD_CLOEXEC, 0), old.kind);
	if (copy) {
		old.fd = copy->fd;
		*copy = old;
		say("ok");
	}
}

/* Its acknowledgement is an edge (EPOLLOUT), and may come 40 ms later. Behind a long queue it is not waited for. */
static void settle_end(struct slot *s)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;
	long end = now_ms() + 300;

	while (s->kind == TCP && !s->large && now_ms() < end && getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       (info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_LAST_ACK || info.tcpi_state == TCP_CLOSING))
		pause_ms(1);
}

/*
 * A socket that has shut both directions resets a peer whose data comes in after that. Behind a full queue it is chance whether any
 * comes: only if the window was not quite closed, and not already filled by a timer of the peer's kernel. So a program here leaves one open.
 */
static int shuts_a_full_one(const struct slot *s, char how)
{
	return s->kind == TCP && s->large && (how == 'b' || (how == 'r' && s->out && (s->out->end & 1)) || (how == 'w' && s->bound_reading));
}

static void do_shut(void)
{
	struct slot *s = socket_slot(1);
	char how = *text(2);

	if (!s)
		return;
	settle(s);
	if (shuts_a_full_one(s, how)) {
		say("not with a full queue");
		return;
	}
	if (how != 'r' && s->out && s->kind != UDP)
		s->out->end = 1;
	if (how != 'w')
		s->bound_reading = 1;
	if (how != 'w' && s->kind != TCP && s->in)
		s->in->end = 1;
	say("%s", result(shutdown(s->fd, how == 'r' ? SHUT_RD : how == 'w' ? SHUT_WR : SHUT_RDWR)));
	settle_end(s);
}

static void do_block(void)
{
	struct slot *s = slot(1, EMPTY);

	if (s)
		without_waiting(s->fd, !number(2));
}

static void do_cloexec(void)
{
	struct slot *s = slot(1, EMPTY);

	if (s)
		say("%s", result(fcntl(s->fd, F_SETFD, number(2) ? FD_CLOEXEC : 0)));
}

static void do_pipe(void)
{
	int fd[2], packets = *text(3) == 'd';
	struct slot *r, *w;

	if (pipe2(fd, O_NONBLOCK | (packets ? O_DIRECT : 0)) != 0) {
		say("%s", error_name(errno));
		return;
	}
	r = put(1, fd[0], PIPE_READ);
	w = put(2, fd[1], PIPE_WRITE);
	if (r && w) {
		r->in = w->out = new_flow(0);
		r->in->messages = packets;
		r->in->piece = PIPE_BUF;
		say("ok");
	}
}

static void do_pipesize(void)
{
	struct slot *s = slot(1, EMPTY);
	int size;

	if (!s)
		return;
	size = fcntl(s->fd, F_SETPIPE_SZ, (int)number(2));
	say("%s %d", result(size), size);
}

static int unix_type(const char *name)
{
	return *name == 'd' ? SOCK_DGRAM : strcmp(name, "seq") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* Two ends of which one writes what the other reads. */
static void join(struct slot *a, struct slot *b, int type)
{
	a->type = b->type = type;
	a->family = b->family = AF_UNIX;
	a->out = b->in = new_flow(0);
	b->out = a->in = new_flow(0);
	a->out->messages = b->out->messages = type != SOCK_STREAM;
}

static void do_pair(void)
{
	int fd[2], type = unix_type(text(3));
	struct slot *a, *b;

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd) != 0) {
		say("%s", error_name(errno));
		return;
	}
	a = put(1, fd[0], PAIR);
	b = put(2, fd[1], PAIR);
	if (a && b) {
		join(a, b, type);
		say("ok");
	}
}

static socklen_t unix_address(const char *name, struct sockaddr_un *ret_address)
{
	memset(ret_address, 0, sizeof *ret_address);
	ret_address->sun_family = AF_UNIX;
	if (*name == '@') { /* abstract; the folder makes it this run's */
		snprintf(ret_address->sun_path + 1, sizeof ret_address->sun_path - 1, "%s", work_path(name + 1));
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(ret_address->sun_path + 1));
	}
	snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "%s", work_path(name));
	return sizeof *ret_address;
}

/* ulisten SLOT NAME TYPE MODE OWNER; ubind the same for datagrams */
static void bind_unix(int type, enum kind kind)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(text(2), &address);
	struct slot *s = put(1, socket(AF_UNIX, type | SOCK_NONBLOCK, 0), kind);

	if (!s)
		return;
	s->type = type;
	s->family = AF_UNIX;
	say("bind %s", result(bind(s->fd, (void *)&address, size)));
	if (*text(2) != '@') {
		say("mode %s", result(chmod(address.sun_path, (mode_t)strtol(text(4), NULL, 8))));
		if (number(5) && geteuid() == 0)
			say("owner %s", result(chown(address.sun_path, (uid_t)number(5), (gid_t)number(5))));
	}
	if (kind == UNIX_LISTENER) {
		say("listen %s", result(listen(s->fd, 4)));
	} else {
		s->in = new_flow(0);
		s->in->messages = 1;
	}
}

static void do_ulisten(void)
{
	bind_unix(unix_type(text(3)), UNIX_LISTENER);
}

static void do_ubind(void)
{
	bind_unix(SOCK_DGRAM, UNIX_DATAGRAM);
}

/* uconnect SLOT NAME TYPE: a stream, or datagrams to the socket in slot OTHER (uconnect SLOT NAME dgram OTHER) */
static void do_uconnect(void)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(text(2), &address);
	int type = unix_type(text(3));
	struct slot *to = type == SOCK_DGRAM ? slot(4, UNIX_DATAGRAM) : NULL;
	struct slot *s = put(1, socket(AF_UNIX, type | SOCK_NONBLOCK, 0), type == SOCK_DGRAM ? UNIX_DATAGRAM : UNIX_STREAM);
	long n;

	if (!s)
		return;
	s->type = type;
	s->family = AF_UNIX;
	n = connect(s->fd, (void *)&address, size);
	say("%s", result(n));
	if (n == 0 && type == SOCK_DGRAM && to)
		s->out = to->in;
	if (n == 0 && type != SOCK_DGRAM) {
		s->fresh = 1;
		s->out = new_flow(0);
		s->in = new_flow(0);
		s->out->messages = s->in->messages = type != SOCK_STREAM;
	}
}

/* uaccept SLOT LISTENER CLIENT */
static void do_uaccept(void)
{
	struct slot *l = slot(2, UNIX_LISTENER), *client = slot(3, UNIX_STREAM), *s;

	if (!l || !client)
		return;
	s = put(1, accept4(l->fd, NULL, NULL, SOCK_NONBLOCK), UNIX_STREAM);
	if (!s)
		return;
	s->type = client->type;
	s->family = AF_UNIX;
	s->in = client->out;
	s->out = client->in;
	client->fresh = 0;
	say("ok");
}

static void do_ustat(void)
{
	struct stat s;

	if (stat(work_path(text(1)), &s) != 0)
		say("%s", error_name(errno));
	else
		say("mode %o, owner %u, group %u", (unsigned)s.st_mode, s.st_uid, s.st_gid);
}

const struct op ops_bytes[] = {
	{ "write", do_write }, { "fill", do_fill }, { "read", do_read }, { "peek", do_peek }, { "drain", do_drain }, { "close", do_close },
	{ "reset", do_reset }, { "dup", do_dup }, { "shut", do_shut }, { "block", do_block }, { "cloexec", do_cloexec }, { "pipe", do_pipe },
	{ "pipesize", do_pipesize }, { "pair", do_pair }, { "ulisten", do_ulisten }, { "ubind", do_ubind }, { "uconnect", do_uconnect },
	{ "uaccept", do_uaccept }, { "stat", do_ustat }, { NULL, NULL },
};
