/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a script, a line at a time, does what it says, and looks at everything in the end. Nothing that a line can do ends
 * the program: minimising takes lines out, so each must stand without the others.
 *
 * It talks to its driver by lines that begin with "@" and files in its folder: it stands still until a file answer.N is there.
 * `move` asks too: the driver may have moved the program before it answers.
 */
#include "states.h"
#include <stdarg.h>

struct slot slots[SLOTS];
char *word[WORDS + 1];
int words;
static const char *folder = ".";
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;

static const struct {
	int error;
	const char *name;
} errors[] = {
#define E(e) { e, #e }
	E(EACCES), E(EADDRINUSE), E(EADDRNOTAVAIL), E(EAGAIN), E(EALREADY), E(EBADF), E(EBUSY), E(ECONNABORTED), E(ECONNREFUSED),
	E(ECONNRESET), E(EDESTADDRREQ), E(EEXIST), E(EFAULT), E(EFBIG), E(EINPROGRESS), E(EINTR), E(EINVAL), E(EIO), E(EISCONN),
	E(EISDIR), E(ELOOP), E(EMFILE), E(EMSGSIZE), E(ENETUNREACH), E(ENODEV), E(ENOENT), E(ENOBUFS), E(ENOMEM), E(ENOPROTOOPT),
	E(ENOSYS), E(ENOTCONN), E(ENOTDIR), E(ENOTEMPTY), E(ENOTSOCK), E(ENOTTY), E(ENXIO), E(EOPNOTSUPP), E(EPERM), E(EPIPE),
	E(EPROTONOSUPPORT), E(EPROTOTYPE), E(ERANGE), E(ESHUTDOWN), E(ESPIPE), E(ETIMEDOUT), E(EDEADLK), E(ECANCELED), E(EXDEV),
#undef E
};

const char *error_name(int error)
{
	static _Thread_local char unknown[24];

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].error == error)
			return errors[i].name;
	snprintf(unknown, sizeof unknown, "error %d", error);
	return unknown;
}

const char *result(long returned)
{
	return returned < 0 ? error_name(errno) : "ok";
}

static void line(const char *mark, const char *format, va_list arguments)
{
	pthread_mutex_lock(&saying);
	fputs(mark, stdout);
	vprintf(format, arguments);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&saying);
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line("  ", format, arguments);
	va_end(arguments);
}

void say_loosely(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line("~ ", format, arguments);
	va_end(arguments);
}

long number(int i)
{
	return i < words ? strtol(word[i], NULL, 0) : 0;
}

const char *text(int i)
{
	return i < words ? word[i] : "-";
}

struct slot *slot(int i, enum kind kind)
{
	long n = number(i);

	if (i >= words || n < 0 || n >= SLOTS || slots[n].kind == EMPTY || (kind != EMPTY && slots[n].kind != kind)) {
		say("no such descriptor");
		return NULL;
	}
	if (slots[n].taken) {
		say("a thread has it");
		return NULL;
	}
	return &slots[n];
}

struct slot *socket_slot(int i)
{
	struct slot *s = slot(i, EMPTY);

	if (!s)
		return NULL;
	switch (s->kind) {
	case PAIR:
	case UNIX_LISTENER:
	case UNIX_STREAM:
	case UNIX_DATAGRAM:
	case TCP:
	case TCP_LISTENER:
	case UDP:
		return s;
	default:
		say("not a socket");
		return NULL;
	}
}

int slot_number(const struct slot *s)
{
	return (int)(s - slots);
}

struct slot *put(int i, int fd, enum kind kind)
{
	long n = number(i);
	struct slot *s;

	if (fd < 0 || i >= words || n < 0 || n >= SLOTS || slots[n].taken) {
		say("%s", fd < 0 ? error_name(errno) : "no such slot");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	s = &slots[n];
	if (s->kind != EMPTY)
		forget(s);
	*s = (struct slot){ .kind = kind, .fd = fd };
	return s;
}

/* Good until this thread's next call but three. */
const char *work_path(const char *name)
{
	static _Thread_local char path[4][400];
	static _Thread_local int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
	return path[at];
}

void pause_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *ask_driver(const char *format, ...)
{
	static char answer[200];
	static int count;
	char name[24];
	va_list arguments;
	FILE *f;

	snprintf(name, sizeof name, "@%d ", ++count);
	va_start(arguments, format);
	line(name, format, arguments);
	va_end(arguments);
	snprintf(name, sizeof name, "answer.%d", count);
	while (!(f = fopen(work_path(name), "r")))
		pause_ms(1);
	if (!fgets(answer, sizeof answer, f))
		answer[0] = 0;
	answer[strcspn(answer, "\n")] = 0;
	fclose(f);
	return answer;
}

static void do_move(void)
{
	ask_driver("move");
}

static void do_ask(void)
{
	/* What the driver does to files and locks of ours, from outside. */
	say("%s", ask_driver("%s %s %s", text(1), text(2), text(3)));
}

static const struct op ops_main[] = { { "move", do_move }, { "ask", do_ask }, { NULL, NULL } };
static const struct op *const tables[] = {
	ops_main, ops_bytes, ops_inet, ops_events, ops_files, ops_signals, ops_memory, ops_threads, ops_sysv, ops_queues,
};

static void run_line(char *at)
{
	const struct op *op;

	pthread_mutex_lock(&saying);
	printf("%s\n", at);
	pthread_mutex_unlock(&saying);
	words = 0;
	for (char *rest = at, *w; words < WORDS && (w = strtok_r(rest, " ", &rest)); )
		word[words++] = w;
	if (words == 0)
		return;
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (op = tables[t]; op->name; op++)
			if (strcmp(op->name, word[0]) == 0) {
				op->run();
				return;
			}
	say("no such operation");
}

/* Those events that do not depend on how much of a queue lies where. */
int steady(const struct slot *s, int events)
{
	if (s->large)
		events &= POLLIN;
	if (s->out && s->out->filled)
		events &= ~POLLOUT;
	if (s->kind == EPOLL && set_is_unsteady(s))
		events = 0;
	return events;
}

/* Everything that is left, without changing it first, then by using it up. */
static void look(void)
{
	words = 0;
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind != EMPTY)
			settle(s);
	for (struct slot *s = slots; s < slots + SLOTS; s++) {
		int unread = 0;

		if (s->kind == EMPTY)
			continue;
		printf("look %d\n", slot_number(s));
		say("flags %#x %#x", (unsigned)fcntl(s->fd, F_GETFL), (unsigned)fcntl(s->fd, F_GETFD));
		if (s->kind == REGULAR || s->kind == DIRECTORY)
			say_file(s);
		else if (s->kind == TIMER)
			say_timer(s);
		else if (may_lose(s))
			say_loosely("poll %s", poll_words(poll_now(s->fd, POLLIN | POLLRDHUP) & steady(s, ~0)));
		else
			say("poll %s", poll_words(poll_now(s->fd, POLLIN | POLLRDHUP | POLLOUT) & steady(s, ~0)));
		if (s->in && !s->large && !s->in->filled && s->kind != UDP)
			say("unread %s %d", result(ioctl(s->fd, FIONREAD, &unread)), unread);
		if (s->kind == PIPE_WRITE && !s->out->filled)   /* what lies there is told at this end, too, even if nobody reads it */
			say("unread %s %d", result(ioctl(s->fd, FIONREAD, &unread)), unread);
		if (s->kind == PIPE_READ)
			say("size %d", fcntl(s->fd, F_GETPIPE_SZ));
		if (s->kind >= PAIR && s->kind <= UDP) {
			say_names(s);
			say_options(s);
		}
	}
	look_threads();
	look_events();
	look_sysv();
	look_queues();
	look_signals();
	look_memory();
	look_files();
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind != EMPTY && s->kind != EPOLL && s->kind != TIMER && s->kind != EVENT && s->kind != SIGNALS && s->kind != QUEUE && !s->taken) {
			printf("drain %d\n", slot_number(s));
			drain(s);
		}
	/* Does it still carry anything? */
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->out && s->kind != UDP && !s->taken) {
			printf("again %d\n", slot_number(s));
			long put = write_some(s, 7);

			/* Whether there is room for more depends on how much of a long queue lies where. */
			say("%s", put >= 0 || (s->large && errno == EAGAIN) || ends_anyhow(s) ? "ok" : error_name(errno));
		}
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->in && s->kind != UDP && !s->taken) {
			printf("again from %d\n", slot_number(s));
			drain(s);
		}
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind != EMPTY && !s->taken) {
			printf("close %d\n", slot_number(s));
			forget(s);
		}
	say("peers %s", ask_driver("report"));
}

int main(int argc, char **argv)
{
	static char script[1 << 16];
	char *rest = script, *at;
	size_t size;
	FILE *f;

	if (argc != 2 || !(f = fopen(argv[1], "r"))) {
		fprintf(stderr, "usage: states SCRIPT (beside which answers are looked for)\n");
		return 2;
	}
	size = fread(script, 1, sizeof script - 1, f);
	fclose(f);
	script[size] = 0;
	at = strrchr(argv[1], '/');
	if (at) {
		*at = 0;
		folder = argv[1];
	}
	signal(SIGPIPE, SIG_IGN);
	while ((at = strtok_r(rest, "\n", &rest)))
		if (*at != '#')
			run_line(at);
	look();
	printf("end\n");
	fflush(stdout);
	_exit(0);       /* whatever threads still wait for */
}
