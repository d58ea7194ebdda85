/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "init.h"

#define PORT_WAIT_MS 30000u

static struct init state = { .control = -1, .terminal = -1, .file = -1 };
static uint8_t payload[OM_GUESTCTL_PAYLOAD_MAX];

void say(const char *format, ...)
{
	char words[600];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(words, sizeof words - 1, format, args);
	va_end(args);
	if (size > (int)sizeof words - 2)
		size = (int)sizeof words - 2;
	words[size++] = '\n';
	(void)!write(2, "optmig-init: ", 13);   /* nowhere to complain to */
	(void)!write(2, words, (size_t)size);
}

/* Without ACPI nobody can switch the machine off; it is never started again, so a reset ends it as well. */
static _Noreturn void power_off(void)
{
	sync();
	reboot(access("/sys/firmware/acpi", F_OK) == 0 ? RB_POWER_OFF : RB_AUTOBOOT);
	for (;;)
		pause();                /* PID 1 may not end */
}

/* After words that nobody will acknowledge: a port does not tell when they have arrived. */
static _Noreturn void power_off_later(void)
{
	const struct timespec pause = { .tv_nsec = 500000000 };

	nanosleep(&pause, NULL);
	power_off();
}

static _Noreturn void give_up(const char *what)
{
	send_failed(&state, "%s: %s", what, strerror(errno));
	power_off_later();
}

/* ---- frames of the host --------------------------------------------------------------------------------------- */

/* A NUL-terminated copy; the next call takes it back. */
static const char *path_of(struct om_guestctl_string s, unsigned which)
{
	static char copies[2][OM_GUESTCTL_PATH_MAX];

	memcpy(copies[which], s.text, s.size);
	copies[which][s.size] = 0;
	return copies[which];
}

static const char *on_net(struct om_get *c)
{
	struct om_guestctl_string address = om_guestctl_get_string(c, 64), gateway = om_guestctl_get_string(c, 64);

	return om_get_end(c) ? "a frame that is none" : net_up(path_of(address, 0), path_of(gateway, 1));
}

static const char *on_file(struct om_get *c, uint8_t type)
{
	uint32_t mode = om_get_u32(c);
	uint64_t size = type == OM_GUESTCTL_FILE ? om_get_u64(c) : 0;
	struct om_guestctl_string path = om_guestctl_get_string(c, OM_GUESTCTL_PATH_MAX - 1);
	const char *why = "a frame that is none", *name;

	if (!om_get_end(c)) {
		name = path_of(path, 0);
		why = type == OM_GUESTCTL_FILE ? file_begin(&state, mode, size, name) : file_directory(mode, name);
	}
	if (why)
		say("%s: %s", path_of(path, 0), why);
	return why;
}

static const char *on_start(size_t size)
{
	struct om_guestctl_start start;
	const char *why;

	if (state.started || state.file >= 0 || om_guestctl_start_decode(payload, size, &start))
		return "a start that is none";
	/* Options that name a file to be written, and what the program writes, are the host's word as well. */
	why = init_shut();
	if (!why)
		why = child_start(&state, &start);
	if (why)
		return why;
	state.started = true;
	return frame_send(state.control, OM_GUESTCTL_STARTED, NULL, 0) ? NULL : "the host is gone";
}

static void command_failed(uint32_t id, const char *why)
{
	uint8_t answer[600];
	struct om_put c;

	om_put_init(&c, answer, sizeof answer);
	om_put_u32(&c, id);
	om_put_u8(&c, 2);
	om_put_bytes(&c, "optmig-init: ", 13);
	om_put_bytes(&c, why, strnlen(why, 500));
	om_put_u8(&c, '\n');
	(void)frame_send(state.control, OM_GUESTCTL_OUTPUT, answer, om_put_size(&c));
	om_put_init(&c, answer, sizeof answer);
	om_put_u32(&c, id);
	om_put_u32(&c, 125);
	(void)frame_send(state.control, OM_GUESTCTL_RESULT, answer, om_put_size(&c));
}

static const char *on_command(struct om_get *c)
{
	uint32_t id = om_get_u32(c);
	struct om_guestctl_list list = om_guestctl_get_list(c);
	const char *why;

	if (om_get_end(c))
		return "a frame that is none";
	why = command_start(&state, id, list);
	if (why)
		command_failed(id, why);
	return NULL;
}

/* The program's next write fails, as on a pipe that nobody reads. A terminal's end says hang-up. */
static void close_output(uint64_t which)
{
	struct pump *p = which == 1 ? &state.out : &state.err;

	if (p->from >= 0 && state.terminal < 0) {
		close(p->from);
		p->from = -1;
	} else if (state.terminal >= 0) {
		child_signal(&state, SIGHUP);
	}
	p->to = -1;
}

static const char *on_small(struct om_get *c, uint8_t type)
{
	uint64_t value = type == OM_GUESTCTL_INPUT_END ? om_get_u64(c) : type == OM_GUESTCTL_CLOSE ? om_get_u8(c) : om_get_u32(c);

	if (om_get_end(c))
		return "a frame that is none";
	if (type == OM_GUESTCTL_SIGNAL)
		child_signal(&state, (uint32_t)value);
	else if (type == OM_GUESTCTL_WINDOW)
		child_window(&state, (uint16_t)value, (uint16_t)(value >> 16));
	else if (type == OM_GUESTCTL_CLOSE)
		close_output(value);
	else
		state.in.limit = value < state.in.total ? state.in.total : value;
	return NULL;
}

static const char *on_frame(uint8_t type, size_t size)
{
	struct om_get c;

	om_get_init(&c, payload, size);
	switch (type) {
	case OM_GUESTCTL_NET:      return on_net(&c);
	case OM_GUESTCTL_DIR:
	case OM_GUESTCTL_FILE:     return state.started ? "a file after the start" : on_file(&c, type);
	case OM_GUESTCTL_DATA:     return file_data(&state, payload, size);
	case OM_GUESTCTL_START:    return on_start(size);
	case OM_GUESTCTL_COMMAND:  return on_command(&c);
	case OM_GUESTCTL_SIGNAL:
	case OM_GUESTCTL_WINDOW:
	case OM_GUESTCTL_CLOSE:
	case OM_GUESTCTL_INPUT_END: return on_small(&c, type);
	case OM_GUESTCTL_POWEROFF: power_off();
	default:                return "a frame of no known type";
	}
}

static void serve_control(void)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER], type;
	const char *why;
	uint32_t size;

	if (!port_read(state.control, header, sizeof header)) {
		say("the host has closed the control port");
		power_off();
	}
	if (om_guestctl_frame_decode(header, &type, &size) || !port_read(state.control, payload, size)) {
		send_failed(&state, "the host sent what is no frame");
		power_off_later();
	}
	why = on_frame(type, size);
	if (why)
		send_failed(&state, "what the host asked for (type %u): %s", type, why);
}

/* ---- children -------------------------------------------------------------------------------------------------- */

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == state.child) {
			state.child = 0;
			state.reaped = true;
			state.status = status;
		}
		for (unsigned i = 0; i < INIT_COMMANDS_MAX; i++)
			if (state.commands[i].used && state.commands[i].pid == pid) {
				state.commands[i].pid = 0;
				state.commands[i].status = status;
			}
	}
}

static void serve_command(struct command *c, unsigned which)
{
	uint8_t bytes[5 + 4096];
	ssize_t n = read(c->out[which], bytes + 5, sizeof bytes - 5);
	struct om_put p;

	if (n <= 0) {
		close(c->out[which]);
		c->out[which] = -1;
		return;
	}
	om_put_init(&p, bytes, 5);
	om_put_u32(&p, c->id);
	om_put_u8(&p, (uint8_t)(which + 1));
	(void)frame_send(state.control, OM_GUESTCTL_OUTPUT, bytes, 5 + (size_t)n);
}

static void finish_command(struct command *c)
{
	uint8_t answer[8];
	struct om_put p;

	om_put_init(&p, answer, sizeof answer);
	om_put_u32(&p, c->id);
	om_put_u32(&p, WIFEXITED(c->status) ? (uint32_t)WEXITSTATUS(c->status) : 128u + (uint32_t)WTERMSIG(c->status));
	(void)frame_send(state.control, OM_GUESTCTL_RESULT, answer, om_put_size(&p));
	c->used = false;
}

/* Once the program has ended and all that it wrote is on its way. */
static void tell_exit(void)
{
	uint8_t answer[32];
	struct om_put c;

	om_put_init(&c, answer, sizeof answer);
	om_put_u8(&c, WIFSIGNALED(state.status));
	om_put_u32(&c, WIFSIGNALED(state.status) ? (uint32_t)WTERMSIG(state.status) : (uint32_t)WEXITSTATUS(state.status));
	om_put_u64(&c, state.out.total);
	om_put_u64(&c, state.err.total);
	state.told = frame_send(state.control, OM_GUESTCTL_EXIT, answer, om_put_size(&c));
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

enum { POLL_CONTROL, POLL_SIGNALS, POLL_FIRST_PUMP, POLL_FIRST_COMMAND = POLL_FIRST_PUMP + 6, POLL_COUNT = POLL_FIRST_COMMAND + 2 * INIT_COMMANDS_MAX };

static void close_input_at_its_end(void)
{
	static const uint8_t end_of_file = 4;

	if (state.in.to < 0 || !pump_done(&state.in))
		return;
	if (state.terminal >= 0)
		(void)!write(state.terminal, &end_of_file, 1);  /* VEOF; a program that took it away does not want it */
	else
		close(state.in.to);
	state.in.to = -1;
}

static void fill(struct pollfd *p)
{
	struct pump *pumps[3] = { &state.in, &state.out, &state.err };

	p[POLL_CONTROL] = (struct pollfd){ .fd = state.control, .events = POLLIN };
	for (unsigned i = 0; i < 3; i++) {
		p[POLL_FIRST_PUMP + 2 * i] = (struct pollfd){ .fd = pump_reads(pumps[i]), .events = POLLIN };
		p[POLL_FIRST_PUMP + 2 * i + 1] = (struct pollfd){ .fd = pump_writes(pumps[i]), .events = POLLOUT };
	}
	/* A port whose other side is away says POLLHUP all the time, and would keep us running in a circle. */
	if (!state.started)
		p[POLL_FIRST_PUMP].fd = -1;
	for (unsigned i = 0; i < 2 * INIT_COMMANDS_MAX; i++) {
		struct command *c = &state.commands[i / 2];

		p[POLL_FIRST_COMMAND + i] = (struct pollfd){ .fd = c->used ? c->out[i % 2] : -1, .events = POLLIN };
	}
}

static void serve(const struct pollfd *p, int signals)
{
	struct pump *pumps[3] = { &state.in, &state.out, &state.err };
	struct signalfd_siginfo info;

	if (p[POLL_SIGNALS].revents)
		while (read(signals, &info, sizeof info) == sizeof info)
			;
	reap();
	if (p[POLL_CONTROL].revents)
		serve_control();
	for (unsigned i = 0; i < 2 * INIT_COMMANDS_MAX; i++)
		if (p[POLL_FIRST_COMMAND + i].revents)
			serve_command(&state.commands[i / 2], i % 2);
	for (unsigned i = 0; i < 3; i++)
		pump_move(pumps[i], p[POLL_FIRST_PUMP + 2 * i].revents, p[POLL_FIRST_PUMP + 2 * i + 1].revents);
	close_input_at_its_end();
	for (unsigned i = 0; i < INIT_COMMANDS_MAX; i++) {
		struct command *c = &state.commands[i];

		if (c->used && c->pid == 0 && c->out[0] < 0 && c->out[1] < 0)
			finish_command(c);
	}
	if (state.reaped && !state.told && pump_done(&state.out) && pump_done(&state.err))
		tell_exit();
}

static _Noreturn void loop(int signals)
{
	struct pollfd p[POLL_COUNT];

	for (;;) {
		fill(p);
		p[POLL_SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
		/* What the program's descendants still hold open is waited for, but not for ever: they are gone with the guest. */
		if (poll(p, POLL_COUNT, state.reaped && !state.told ? 1000 : -1) == 0 && state.reaped && !state.told)
			tell_exit();
		serve(p, signals);
	}
}

static void open_ports(void)
{
	int in, out, err;

	state.control = port_open(OM_GUESTCTL_PORT_CONTROL, PORT_WAIT_MS);
	if (state.control < 0)
		give_up("no control port");
	in = port_open(OM_GUESTCTL_PORT_STDIN, PORT_WAIT_MS);
	out = port_open(OM_GUESTCTL_PORT_STDOUT, PORT_WAIT_MS);
	err = port_open(OM_GUESTCTL_PORT_STDERR, PORT_WAIT_MS);
	if (in < 0 || out < 0 || err < 0)
		give_up("no port for the standard streams");
	pump_init(&state.in, in, -1, sizeof state.in.bytes);
	pump_init(&state.out, -1, out, sizeof state.out.bytes);
	pump_init(&state.err, -1, err, sizeof state.err.bytes);
}

static void hello(void)
{
	uint8_t answer[256];
	struct utsname name;
	struct om_put c;

	(void)uname(&name);             /* cannot fail */
	om_put_init(&c, answer, sizeof answer);
	om_put_u32(&c, OM_GUESTCTL_VERSION);
	om_guestctl_put_string(&c, name.release);
	if (om_put_end(&c) || !frame_send(state.control, OM_GUESTCTL_HELLO, answer, om_put_size(&c)))
		give_up("the control port");
}

/* Return: a descriptor for SIGCHLD. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_limits(void)
{
	const struct rlimit files = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		say("limit of open files: %s", strerror(errno));
}

int main(void)
{
	int signals;

	if (getpid() != 1) {
		fprintf(stderr, "optmig-init: PID 1 of a guest that `optmig guest build` makes; nothing for a shell\n");
		return 2;
	}
	umask(022);
	init_mount();
	init_names();
	init_modules();
	raise_limits();
	signals = take_signals();
	if (signals < 0)
		give_up("signalfd");
	open_ports();
	(void)net_up("", "");           /* the loopback; a program finds out by itself if there is none */
	hello();
	loop(signals);
}
