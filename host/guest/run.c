/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig run --tee` and `optmig receive --tee`: this process is, for whoever started it, the program in the guest: standard streams, signals,
 * exit status.
 *
 *     files looked at -> QEMU -> HELLO -> files, START -> bytes and signals until EXIT -> all output read -> POWEROFF -> QEMU ends
 *
 * QEMU is a child of its own process group, so that a terminal's Ctrl-C is the program's alone, and is killed when this process dies. What it says,
 * and the guest's console, are shown only when something failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "commands.h"
#include "guest.h"
#include "hand.h"
#include "load/enclave.h"
#include "peer/key.h"
#include "pump.h"
#include "id_files.h"
#include "sp_start.h"
#include "util.h"

#define BOOT_MS     300000      /* until the guest speaks; under TCG on a busy machine that may take a while */
#define POWEROFF_MS 20000
#define TAIL_SIZE   4096        /* of the console, shown when something failed */

enum { CONTROL, STDIN, STDOUT, STDERR, PORTS };
static const char *const port_names[PORTS] = { OM_GUESTCTL_PORT_CONTROL, OM_GUESTCTL_PORT_STDIN, OM_GUESTCTL_PORT_STDOUT, OM_GUESTCTL_PORT_STDERR };

static struct run {
	struct guest_run_options *options;
	struct guest_folder folder;
	char sockets[64];               /* directory; empty: none */
	int listening[PORTS], port[PORTS];
	pid_t qemu, sp;                 /* sp: the emulated security processor */
	int qemu_end;                   /* pidfd */
	int signals;
	bool terminal, raw, input_ended;
	struct termios saved;
	struct pump in, out, err;
	bool closed[2];                 /* nobody reads our standard output, error: the guest knows */
	bool exited, by_signal;
	uint32_t status;
	char directory[PATH_MAX], program[PATH_MAX], processor[128];
} run = { .listening = { -1, -1, -1, -1 }, .port = { -1, -1, -1, -1 }, .qemu_end = -1, .signals = -1 };

static uint8_t payload[OM_GUESTCTL_PAYLOAD_MAX];

/* ---- what was there before, comes back ---------------------------------------------------------------------------------- */

static void restore_terminal(void)
{
	if (run.raw)
		(void)tcsetattr(0, TCSADRAIN, &run.saved);
	run.raw = false;
}

static void show_tail(const char *name, const char *what)
{
	char path[128], text[TAIL_SIZE];
	off_t size;
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "%s/%s", run.sockets, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = lseek(fd, 0, SEEK_END);
	got = pread(fd, text, sizeof text, size > TAIL_SIZE ? size - TAIL_SIZE : 0);
	close(fd);
	if (got > 0)
		fprintf(stderr, "--- the end of %s:\n%.*s\n", what, (int)got, text);
}

static void clean_up(void)
{
	char path[128];

	restore_terminal();
	commands_end();
	if (run.qemu > 0) {
		(void)kill(run.qemu, SIGKILL);
		while (waitpid(run.qemu, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (run.sp > 0) {
		(void)kill(run.sp, SIGKILL);
		while (waitpid(run.sp, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (unsigned i = 0; i < PORTS && run.sockets[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", run.sockets, port_names[i]);
		(void)unlink(path);
	}
	snprintf(path, sizeof path, "%s/optmig.sp", run.sockets);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/console", run.sockets);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/qemu", run.sockets);
	(void)unlink(path);
	if (run.sockets[0])
		(void)rmdir(run.sockets);
}

static int give_up(int error)
{
	restore_terminal();
	host_error_cure(error, "guest");
	if (run.sockets[0]) {
		show_tail("qemu", "what QEMU said");
		show_tail("console", "the guest's console");
	}
	clean_up();
	return HOST_EXIT_FAILED;
}

static _Noreturn void die_of(int signo)
{
	clean_up();
	(void)signal(signo, SIG_DFL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signo);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signo);
	_exit(128 + signo);             /* one that does not end a process */
}

/* ---- QEMU ----------------------------------------------------------------------------------------------------------------- */

static int make_sockets(void)
{
	const char *folder = getenv("TMPDIR");

	if ((size_t)snprintf(run.sockets, sizeof run.sockets, "%s/optmig-guest-XXXXXX", folder && *folder ? folder : "/tmp") >= sizeof run.sockets)
		snprintf(run.sockets, sizeof run.sockets, "/tmp/optmig-guest-XXXXXX");
	if (!mkdtemp(run.sockets)) {
		run.sockets[0] = 0;
		return host_fail(OM_EIO, "no directory for sockets: %s", strerror(errno));
	}
	for (unsigned i = 0; i < PORTS; i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };

		snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", run.sockets, port_names[i]);
		run.listening[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (run.listening[i] < 0 || bind(run.listening[i], (struct sockaddr *)&address, sizeof address) || listen(run.listening[i], 1))
			return host_fail(OM_EIO, "%s: %s", address.sun_path, strerror(errno));
	}
	return 0;
}

static _Noreturn void become_qemu(const struct guest_words *words, pid_t parent)
{
	char path[128];
	sigset_t none;
	int null = open("/dev/null", O_RDONLY), log;

	snprintf(path, sizeof path, "%s/qemu", run.sockets);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	execvp(words->list[0], words->list);
	fprintf(stderr, "%s: %s\n", words->list[0], strerror(errno));
	_exit(127);
}

static int start_qemu(const struct guest_words *words)
{
	const pid_t self = getpid();

	run.qemu = fork();
	if (run.qemu == 0)
		become_qemu(words, self);
	run.qemu_end = run.qemu < 0 ? -1 : (int)syscall(SYS_pidfd_open, run.qemu, 0);
	return run.qemu_end >= 0 ? 0 : host_fail(OM_EIO, "QEMU cannot be started: %s", strerror(errno));
}

/* ---- waiting ---------------------------------------------------------------------------------------------------------------- */

/* Before the program runs: a signal ends us. */
static void heed_signals(void)
{
	struct signalfd_siginfo info;

	while (read(run.signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT)
			die_of((int)info.ssi_signo);
}

/* Until fd can be read. Return: OM_ETIMEDOUT, OM_ECONNECTION (QEMU ended). */
static int wait_for(int fd, uint64_t deadline_ns, const char *what)
{
	struct pollfd p[3] = { { .fd = fd, .events = POLLIN }, { .fd = run.qemu_end, .events = POLLIN }, { .fd = run.signals, .events = POLLIN } };

	for (;;) {
		uint64_t now = host_monotonic_ns();
		int n = now >= deadline_ns ? 0 : poll(p, 3, (int)((deadline_ns - now) / 1000000 + 1));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return host_fail(OM_ETIMEDOUT, "the guest does not come up: %s", what);
		if (p[2].revents)
			heed_signals();
		if (p[0].revents)
			return 0;
		if (p[1].revents)
			return host_fail(OM_ECONNECTION, "QEMU has ended: %s", what);
	}
}

static int receive_frame(uint64_t deadline_ns, uint8_t *ret_type, uint32_t *ret_size)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER];
	int error = wait_for(run.port[CONTROL], deadline_ns, "its first process has not spoken");

	if (error)
		return error;
	if (host_read_all(run.port[CONTROL], header, sizeof header))
		return host_fail(OM_ECONNECTION, "the guest is gone");
	error = om_guestctl_frame_decode(header, ret_type, ret_size);
	if (error)
		return host_fail(error, "the guest sent what is no frame");
	return host_read_all(run.port[CONTROL], payload, *ret_size) ? host_fail(OM_ECONNECTION, "the guest is gone") : 0;
}

static int await_ports(uint64_t deadline_ns)
{
	int error = 0;

	for (unsigned i = 0; i < PORTS && !error; i++) {
		error = wait_for(run.listening[i], deadline_ns, "QEMU has not opened its ports");
		if (!error) {
			run.port[i] = accept4(run.listening[i], NULL, NULL, SOCK_CLOEXEC);
			close(run.listening[i]);
			run.listening[i] = -1;
			error = run.port[i] < 0 ? host_fail(OM_EIO, "%s: %s", port_names[i], strerror(errno)) : 0;
		}
	}
	return error;
}

static int said_failed(uint32_t size)
{
	struct om_guestctl_string words;
	struct om_get c;

	om_get_init(&c, payload, size);
	words = om_guestctl_get_string(&c, 1000);
	return host_fail(OM_ESTATE, "the guest says: %.*s", (int)words.size, words.text);
}

static int await_hello(uint64_t deadline_ns)
{
	uint8_t type;
	uint32_t size, version;
	struct om_guestctl_string kernel;
	struct om_get c;
	int error = receive_frame(deadline_ns, &type, &size);

	if (error)
		return error;
	om_get_init(&c, payload, size);
	version = om_get_u32(&c);
	kernel = om_guestctl_get_string(&c, 200);
	if (type == OM_GUESTCTL_FAILED)
		return said_failed(size);
	if (type != OM_GUESTCTL_HELLO || om_get_end(&c) || version != OM_GUESTCTL_VERSION)
		return host_fail(OM_EVERSION, "the guest is of another version: build it again (optmig guest build)");
	host_detail("guest: Linux %.*s", (int)kernel.size, kernel.text);
	return 0;
}

/* ---- what the program finds --------------------------------------------------------------------------------------------------- */

static int hand_keys(void)
{
	static const char *const names[] = { HOST_KEY_FILE, HOST_PEERS_FILE };
	const struct host_key *key;
	char from[4200], to[64];
	int error = host_key_own(&key);

	for (unsigned i = 0; i < 2 && !error; i++) {
		snprintf(from, sizeof from, "%s/%s", key->directory, names[i]);
		snprintf(to, sizeof to, OM_GUESTCTL_HOST_KEYS "/%s", names[i]);
		if (access(from, R_OK) == 0)
			error = hand_file(run.port[CONTROL], from, to);
	}
	return error;
}

static void make_directory(void)
{
	struct stat status;
	uint8_t bytes[OM_GUESTCTL_PATH_MAX + 16];
	struct om_put c;

	if (strcmp(run.directory, "/") == 0 || stat(run.directory, &status))
		return;
	om_put_init(&c, bytes, sizeof bytes);
	om_put_u32(&c, status.st_mode & 07777);
	om_guestctl_put_string(&c, run.directory);
	(void)hand_frame(run.port[CONTROL], OM_GUESTCTL_DIR, bytes, om_put_size(&c));     /* what comes next fails as well */
}

static int hand_over(enum om_guestctl_verb verb, char *const *arguments)
{
	struct guest_run_options *o = run.options;
	struct om_guestctl_start start = { .verb = verb, .terminal = run.terminal };
	struct winsize size;
	char *nothing[] = { NULL };
	int error = o->net.tap[0] ? hand_net(run.port[CONTROL], &o->net) : 0;

	if (!error)
		error = hand_keys();
	for (unsigned i = 0; i < o->file_count && !error; i++)
		error = hand_file(run.port[CONTROL], o->files[i].host, o->files[i].guest);
	make_directory();
	if (run.terminal && ioctl(0, TIOCGWINSZ, &size) == 0) {
		start.rows = size.ws_row;
		start.columns = size.ws_col;
	}
	if (!error)
		error = hand_start(run.port[CONTROL], &start, run.directory, o->forwarded.list ? o->forwarded.list : nothing, arguments, environ);
	return error;
}

/* ---- while it runs --------------------------------------------------------------------------------------------------------------- */

static void make_raw(void)
{
	struct termios raw;

	if (!run.terminal || tcgetattr(0, &run.saved))
		return;
	raw = run.saved;
	cfmakeraw(&raw);
	run.raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
}

static int on_exit_frame(struct om_get *c)
{
	bool by_signal = om_get_u8(c);
	uint32_t status = om_get_u32(c);
	uint64_t out = om_get_u64(c), err = om_get_u64(c);

	if (om_get_end(c) || status > 255)
		return host_fail(OM_ETYPE, "the guest sent what is no frame");
	run.by_signal = by_signal;
	run.status = status;
	run.out.limit = out > run.out.total ? out : run.out.total;
	run.err.limit = err > run.err.total ? err : run.err.total;
	run.exited = true;
	return 0;
}

static int serve_control(void)
{
	struct om_get c;
	uint8_t type;
	uint32_t size;
	int error = receive_frame(host_monotonic_ns() + BOOT_MS * 1000000ull, &type, &size);

	if (error)
		return error;
	om_get_init(&c, payload, size);
	switch (type) {
	case OM_GUESTCTL_STARTED: return 0;
	case OM_GUESTCTL_EXIT:    return on_exit_frame(&c);
	case OM_GUESTCTL_FAILED:  return said_failed(size);
	case OM_GUESTCTL_OUTPUT:
	case OM_GUESTCTL_RESULT:  commands_answer(type, payload, size); return 0;
	default:               return host_fail(OM_ETYPE, "the guest sent a frame of type %u", type);
	}
}

static int send_number(uint8_t type, uint64_t value, unsigned bytes)
{
	uint8_t number[8];
	struct om_put c;

	om_put_init(&c, number, sizeof number);
	om_put_u64(&c, value);
	return hand_frame(run.port[CONTROL], type, number, bytes);
}

static int pass_signals(void)
{
	struct signalfd_siginfo info;
	int error = 0;

	while (!error && read(run.signals, &info, sizeof info) == sizeof info) {
		struct winsize size;

		if (info.ssi_signo == SIGWINCH && run.terminal && ioctl(0, TIOCGWINSZ, &size) == 0)
			error = send_number(OM_GUESTCTL_WINDOW, size.ws_row | (uint32_t)size.ws_col << 16, 4);
		else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGWINCH)
			error = send_number(OM_GUESTCTL_SIGNAL, info.ssi_signo, 4);
	}
	return error;
}

/* Ends of streams go over the control port: a port of QEMU's has no end of its own. */
static int pass_ends(void)
{
	int error = 0;

	if (!run.input_ended && run.in.from < 0 && pump_done(&run.in)) {
		run.input_ended = true;
		error = send_number(OM_GUESTCTL_INPUT_END, run.in.total, 8);
	}
	for (unsigned i = 0; i < 2 && !error; i++) {
		if (run.closed[i] || (i == 0 ? &run.out : &run.err)->to >= 0)
			continue;
		run.closed[i] = true;
		error = send_number(OM_GUESTCTL_CLOSE, i + 1, 1);
	}
	return error;
}

/* Whatever still comes of a stream that nobody reads is taken, and dropped. */
static void drop(int port)
{
	uint8_t bytes[4096];

	(void)!recv(port, bytes, sizeof bytes, MSG_DONTWAIT);
}

enum { P_CONTROL, P_QEMU, P_SIGNALS, P_COMMANDS, P_PUMPS, P_DROP = P_PUMPS + 6, P_COUNT = P_DROP + 2 };

static int step(void)
{
	struct pump *pumps[3] = { &run.in, &run.out, &run.err };
	struct pollfd p[P_COUNT];
	int error = 0;

	p[P_CONTROL] = (struct pollfd){ .fd = run.port[CONTROL], .events = POLLIN };
	p[P_QEMU] = (struct pollfd){ .fd = run.qemu_end, .events = POLLIN };
	p[P_SIGNALS] = (struct pollfd){ .fd = run.signals, .events = POLLIN };
	p[P_COMMANDS] = (struct pollfd){ .fd = commands_fd(), .events = POLLIN };
	for (unsigned i = 0; i < 3; i++) {
		p[P_PUMPS + 2 * i] = (struct pollfd){ .fd = pump_reads(pumps[i]), .events = POLLIN };
		p[P_PUMPS + 2 * i + 1] = (struct pollfd){ .fd = pump_writes(pumps[i]), .events = POLLOUT };
	}
	p[P_DROP] = (struct pollfd){ .fd = run.closed[0] ? run.port[STDOUT] : -1, .events = POLLIN };
	p[P_DROP + 1] = (struct pollfd){ .fd = run.closed[1] ? run.port[STDERR] : -1, .events = POLLIN };
	if (poll(p, P_COUNT, -1) < 0)
		return errno == EINTR ? 0 : host_fail(OM_EIO, "poll: %s", strerror(errno));
	if (p[P_CONTROL].revents)
		error = serve_control();
	else if (p[P_QEMU].revents)
		error = host_fail(OM_ECONNECTION, "QEMU has ended, and the guest with it");
	if (!error && p[P_SIGNALS].revents)
		error = pass_signals();
	if (!error && p[P_COMMANDS].revents)
		error = commands_serve(run.port[CONTROL]);
	for (unsigned i = 0; i < 3; i++)
		pump_move(pumps[i], p[P_PUMPS + 2 * i].revents, p[P_PUMPS + 2 * i + 1].revents);
	for (unsigned i = 0; i < 2; i++)
		if (p[P_DROP + i].revents)
			drop(run.port[STDOUT + i]);
	return error ? error : pass_ends();
}

static int power_off(void)
{
	struct pollfd p = { .fd = run.qemu_end, .events = POLLIN };
	int error = hand_frame(run.port[CONTROL], OM_GUESTCTL_POWEROFF, NULL, 0);

	if (!error && poll(&p, 1, POWEROFF_MS) != 1)
		host_note("the guest does not power off; QEMU is killed");
	return error;
}

static int serve(void)
{
	int error = 0;

	make_raw();
	while (!error && !(run.exited && pump_done(&run.out) && pump_done(&run.err)))
		error = step();
	restore_terminal();
	return error ? error : power_off();
}

/* ---- before all that ------------------------------------------------------------------------------------------------------------------ */

static int add_file(struct guest_run_options *o, const char *host, const char *guest)
{
	if (o->file_count >= GUEST_FILES_MAX)
		return host_fail(OM_EINVAL, "at most %u files and folders", GUEST_FILES_MAX);
	o->files[o->file_count++] = (struct guest_file){ host, guest };
	return 0;
}

static bool allowed(const char *path)
{
	return om_guestctl_path_allowed(path, strlen(path));
}

/* The program lies in the guest where it lies here, if that may be, so that its own idea of its name is the same. */
static int place_program(struct guest_run_options *o, char **arguments)
{
	char absolute[PATH_MAX];
	const char *slash;

	if (arguments[0][0] == '/')
		snprintf(absolute, sizeof absolute, "%s", arguments[0]);
	else if (!realpath(arguments[0], absolute))
		return host_fail(OM_ENOTFOUND, "%s: %s", arguments[0], strerror(errno));
	if (access(absolute, R_OK))
		return host_fail(OM_ENOTFOUND, "%s: %s", arguments[0], strerror(errno));
	if (allowed(absolute)) {
		snprintf(run.program, sizeof run.program, "%s", absolute);
		/* A relative name finds it as well, if that is what it is. */
		if (arguments[0][0] == '/' || strcmp(run.directory, "/") == 0 || strstr(arguments[0], ".."))
			arguments[0] = run.program;
	} else {
		slash = strrchr(absolute, '/');
		snprintf(run.program, sizeof run.program, OM_GUESTCTL_IMAGES "%.200s", slash);
		arguments[0] = run.program;
	}
	return add_file(o, strdup(absolute), run.program);
}

static int check_files(const struct guest_run_options *o)
{
	for (unsigned i = 0; i < o->file_count; i++) {
		if (!allowed(o->files[i].guest))
			return host_fail(OM_EINVAL, "%s: there the guest has what it consists of; --file HOST=GUEST names another place", o->files[i].guest);
		if (access(o->files[i].host, R_OK))
			return host_fail(OM_ENOTFOUND, "%s: %s", o->files[i].host, strerror(errno));
	}
	return 0;
}

static int prepare(struct guest_run_options *o, char **arguments)
{
	int error;

	if (!getcwd(run.directory, sizeof run.directory) || !allowed(run.directory))
		snprintf(run.directory, sizeof run.directory, "/");
	error = arguments[0] ? place_program(o, arguments) : 0;
	return error ? error : check_files(o);
}

static const char *find_firmware(enum guest_kind kind)
{
	static const char *const snp[] = { "/usr/share/OVMF/OVMF.amdsev.fd", "/usr/share/ovmf/OVMF.amdsev.fd", "/usr/share/edk2/ovmf/OVMF.amdsev.fd", NULL };
	static const char *const tdx[] = { "/usr/share/OVMF/OVMF.inteltdx.fd", "/usr/share/ovmf/OVMF.inteltdx.fd", "/usr/share/edk2/ovmf/OVMF.inteltdx.fd", NULL };

	for (const char *const *p = kind == GUEST_KIND_SNP ? snp : tdx; *p; p++)
		if (access(*p, R_OK) == 0)
			return *p;
	return NULL;
}

static void make_plan(struct guest_run_options *o, struct guest_plan *ret)
{
	*ret = (struct guest_plan){ .kind = o->kind, .folder = &run.folder, .qemu = o->qemu ? o->qemu : "qemu-system-x86_64", .firmware = o->firmware,
		.cpu = o->cpu, .kvm = o->kvm, .vcpus = o->vcpus ? o->vcpus : 2, .memory_mib = o->memory_mib ? o->memory_mib : 2048,
		.net = o->net.tap[0] ? &o->net : NULL, .sockets = run.sockets[0] ? run.sockets : "/run/optmig/guest", .quote_service = o->quote_service };
	if (!ret->firmware && o->kind != GUEST_KIND_VM)
		ret->firmware = find_firmware(o->kind);
	if (o->kind == GUEST_KIND_VM) {
		snprintf(run.processor, sizeof run.processor, "%s/optmig.sp", ret->sockets);
		ret->sp = o->processor ? o->processor : run.processor;
	}
}

/* What the owner has signed. A plain guest's processor reads the files itself. */
static int take_id_block(const struct guest_run_options *o, struct guest_plan *plan)
{
	static struct guest_id id;
	int error;

	if (o->kind == GUEST_KIND_TDX)
		return host_fail(OM_EINVAL, "TDX has no ID blocks: --id-block goes with --tee snp or vm");
	if (o->processor)
		return host_fail(OM_EINVAL, "an emulated security processor that listens already has been told how the guest is launched: --id-block, or --processor");
	error = guest_id_read(o->id_block, &id);
	if (error || o->kind != GUEST_KIND_SNP)
		return error;
	plan->id_block = id.block;
	plan->id_auth = id.auth;
	plan->author = id.owner.author;
	return 0;
}

static int dry_run(const struct guest_plan *plan, const struct guest_words *words)
{
	guest_words_print(words, stdout);
	if (guest_lacks(plan, ""))
		host_note("this host cannot run it: %s", host_reason());
	return 0;
}

static void take_signals(void)
{
	static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof passed / sizeof *passed; i++)
		sigaddset(&set, passed[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	run.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Of exactly what is booted: a changed initrd is another guest. */
static int start_processor(const struct guest_plan *plan)
{
	uint8_t measurement[48];
	int error = guest_vm_measure(plan->folder, measurement);

	return error ? error : guest_sp_start(measurement, run.options->id_block, run.sockets, &run.sp);
}

static int boot(const struct guest_plan *plan, const struct guest_words *words)
{
	const uint64_t deadline = host_monotonic_ns() + BOOT_MS * 1000000ull;
	int error = plan->kind == GUEST_KIND_VM && !run.options->processor ? start_processor(plan) : 0;

	if (!error)
		error = start_qemu(words);

	if (!error)
		error = await_ports(deadline);
	if (!error)
		error = await_hello(deadline);
	return error;
}

static int start(const struct guest_plan *plan, const struct guest_words *words, enum om_guestctl_verb verb, char *const *arguments)
{
	int error;

	run.terminal = isatty(0) && isatty(1);
	pump_init(&run.in, 0, -1, 1 << 16);
	take_signals();
	error = boot(plan, words);
	if (!error)
		error = hand_over(verb, arguments);
	if (error)
		return error;
	commands_begin(arguments[0] ? arguments[0] : "receive");
	pump_init(&run.in, 0, run.port[STDIN], 1 << 16);
	pump_init(&run.out, run.port[STDOUT], 1, PIPE_BUF);
	pump_init(&run.err, run.port[STDERR], 2, PIPE_BUF);
	return serve();
}

int guest_run(struct guest_run_options *o, enum om_guestctl_verb verb, char *const *given)
{
	struct guest_words words = { 0 };
	struct guest_plan plan;
	char **arguments;
	size_t count = 0;
	int error;

	while (given && given[count])
		count++;
	arguments = calloc(count + 1, sizeof *arguments);
	if (!arguments)
		return give_up(OM_ENOMEM);
	if (count > 0)
		memcpy(arguments, given, count * sizeof *arguments);
	run.options = o;
	error = prepare(o, arguments);
	if (!error)
		error = guest_folder_open(o->folder, &run.folder);
	if (!error && !o->dry_run)
		error = make_sockets();
	make_plan(o, &plan);
	if (!error && o->id_block)
		error = take_id_block(o, &plan);
	if (!error)
		error = guest_qemu(&plan, &words);
	if (!error && o->dry_run)
		return dry_run(&plan, &words);
	if (!error)
		error = guest_lacks(&plan, "");
	if (!error)
		error = start(&plan, &words, verb, arguments);
	if (error)
		return give_up(error);
	guest_words_done(&words);
	free(arguments);
	if (run.by_signal)
		die_of((int)run.status);
	clean_up();
	return (int)run.status;
}
