/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and receiving: both give a command line to a keeper. Nothing is started that lives, or that may live elsewhere: a program that moved
 * away, or whose memory was lost, is begun anew only if that is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>
#include "mig/mig.h"
#include "service.h"
#include "store/store.h"
#include "strerror.h"
#include "util.h"

#define READY_S    20
#define BEGIN_S    60
#define ARGS_MAX   (UNIT_LIST_MAX + 64)

/* ---- command lines -------------------------------------------------------------------------------------------------------------------- */

struct words { const char *word[ARGS_MAX]; unsigned count; };

static void add(struct words *w, const char *word)
{
	if (w->count < ARGS_MAX - 1)
		w->word[w->count++] = word;
}

static void add_pair(struct words *w, const char *option, const char *value)
{
	if (!value)
		return;
	add(w, option);
	add(w, value);
}

static void add_list(struct words *w, const char *option, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (option)
			add(w, option);
		add(w, json_string_value(json_array_get(list, i)));
	}
}

/* Whose rights it has, and what it may do beyond them. */
static void add_limits(struct words *w, const struct unit *unit)
{
	if (!unit->user)
		return;
	add_pair(w, "--user", unit->user);
	add_pair(w, "--allow-ports", unit->ports);
	add_pair(w, "--allow-owners", unit->owners);
	add_list(w, "--move-address", unit->move_addresses);
}

/* The file of an image that is named otherwise. */
static int find_image(const char *image, char *ret_path, size_t size)
{
	uint8_t mrenclave[32];
	struct store store;
	size_t used;
	int error;

	if (*image == '/') {
		snprintf(ret_path, size, "%s", image);
		return access(image, X_OK) == 0 ? 0 : host_fail(OM_ENOTFOUND, "the image %s: %s", image, strerror(errno));
	}
	error = store_open(false, &store);
	if (error)
		return error;
	error = store_select(&store, image, mrenclave);
	used = (size_t)snprintf(ret_path, size, "%s/", store.path);
	for (unsigned i = 0; i < sizeof mrenclave && !error; i++)
		used += (size_t)snprintf(ret_path + used, size - used, "%02x", mrenclave[i]);
	if (!error)
		snprintf(ret_path + used, size - used, "/image");
	store_close(&store);
	return error;
}

/* ---- what a program begins with --------------------------------------------------------------------------------------------------------- */

static int open_output(const struct service_unit *u, const struct unit *unit, int *ret_fd)
{
	char path[RECORD_PATH_MAX + 16], identifier[UNIT_NAME_MAX + 16];
	int fd;

	if (unit->output) {
		fd = open(unit->output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
		if (fd < 0)
			return host_fail(OM_EIO, "%s: %s", unit->output, strerror(errno));
		*ret_fd = fd;
		return 0;
	}
	snprintf(identifier, sizeof identifier, "optmig-%s", u->name);
	fd = sd_journal_stream_fd(identifier, 6, 0);
	if (fd < 0) {
		snprintf(path, sizeof path, "%s/output", u->directory);
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	}
	*ret_fd = fd;
	return fd >= 0 ? 0 : host_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

/* Which of its words are the last? For messages. */
static void last_words(const struct service_unit *u, const struct unit *unit, char *words, size_t size)
{
	char path[RECORD_PATH_MAX + 16], text[2048], *line;
	ssize_t got = 0;
	int fd;

	snprintf(path, sizeof path, "%s/output", u->directory);
	fd = open(unit->output ? unit->output : path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		got = pread(fd, text, sizeof text - 1, end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0);
		close(fd);
	}
	if (got <= 0) {
		snprintf(words, size, "see journalctl -t optmig-%s", u->name);
		return;
	}
	text[got] = 0;
	while (got > 0 && text[got - 1] == '\n')
		text[--got] = 0;
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	/* Ours are two lines, and the second is what to do about the first. */
	if (strncmp(line, "optmig:   ", 10) == 0 && line > text) {
		line[-1] = ' ';
		while (line > text && line[-1] != '\n')
			line--;
	}
	snprintf(words, size, "%.250s", line);
}

static int write_environment(const struct service_unit *u, const struct unit *unit, const struct passwd *account, char *ret_path, size_t size)
{
	const char *name;
	json_t *value;
	int fd, error = 0;

	snprintf(ret_path, size, "%s/environment", u->directory);
	unlink(ret_path);
	fd = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	if (!json_object_get(unit->environment, "PATH"))
		dprintf(fd, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin%c", 0);
	if (account && !json_object_get(unit->environment, "HOME"))
		dprintf(fd, "HOME=%s%c", account->pw_dir, 0);
	if (account && !json_object_get(unit->environment, "USER"))
		dprintf(fd, "USER=%s%c", account->pw_name, 0);
	json_object_foreach((json_t *)(uintptr_t)unit->environment, name, value)
		if (dprintf(fd, "%s=%s%c", name, json_string_value(value), 0) < 0)
			error = host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	if (account && fchown(fd, account->pw_uid, account->pw_gid))
		error = host_fail(OM_EIO, "%s: %s", ret_path, strerror(errno));
	close(fd);
	return error;
}

static const struct passwd *account_of(const char *user)
{
	const struct passwd *account = getpwnam(user);
	uint64_t number;

	if (!account && host_parse_u64(user, 1, UINT32_MAX - 1, &number) == 0)
		account = getpwuid((uid_t)number);
	return account;
}

/* ---- the keeper ------------------------------------------------------------------------------------------------------------------------- */

/* "+" if the program is written down, else why not. */
static int wait_ready(int fd)
{
	char words[300];
	size_t used = 0;

	for (;;) {
		int error = mig_wait_fd(fd, POLLIN, -1, READY_S * 1000);
		ssize_t got;

		if (error)
			return host_fail(error, "the program's keeper says nothing");
		got = read(fd, words + used, sizeof words - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
		if (words[0] == '+' || used == sizeof words - 1)
			break;
	}
	words[used] = 0;
	if (words[0] == '+')
		return 0;
	return host_fail(OM_ESTATE, "%s", used ? words : "the program's keeper ended at once");
}

static int spawn(struct words *w, int output_fd, int listen_fd, int ready_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	pid_t pid;
	int code, status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
	if (listen_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, listen_fd, 3);
	posix_spawn_file_actions_adddup2(&actions, ready_fd, 4);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	w->word[w->count] = NULL;
	code = posix_spawn(&pid, service.keeper, &actions, &attributes, (char **)(uintptr_t)w->word, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (code)
		return host_fail(OM_EIO, "%s: %s", service.keeper, strerror(code));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* Descriptors above those that the keeper is given, so that none is overwritten on the way. */
static int raise_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);

	close(fd);
	return high;
}

static int run_keeper(const struct service_unit *u, const struct unit *unit, struct words *w, int listen_fd)
{
	int output, ready[2], error = open_output(u, unit, &output);

	if (error)
		return error;
	if (pipe2(ready, O_CLOEXEC)) {
		close(output);
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	}
	output = raise_fd(output);
	ready[1] = raise_fd(ready[1]);
	error = spawn(w, output, listen_fd, ready[1]);
	close(output);
	close(ready[1]);
	if (!error)
		error = wait_ready(ready[0]);
	close(ready[0]);
	return error;
}

static void begin_words(struct words *w, const struct service_unit *u, const struct unit *unit, const char *role)
{
	add(w, service.keeper);
	add(w, u->directory);
	add(w, role);
	add(w, unit->user ? unit->user : "-");
	add(w, unit->directory ? unit->directory : "/");
	add(w, "--");
	add(w, service.optmig);
}

/* Context: the unit's operation is ours. */
static int launch_run(const struct service_unit *u, const struct unit *unit)
{
	const struct passwd *account = unit->user ? account_of(unit->user) : NULL;
	char image[4096], environment[RECORD_PATH_MAX + 16];
	struct words w = { .count = 0 };
	int error;

	if (unit->user && !account)
		return host_fail(OM_ENOTFOUND, "there is no user %s", unit->user);
	error = find_image(unit->image, image, sizeof image);
	if (!error)
		error = write_environment(u, unit, account, environment, sizeof environment);
	if (error)
		return error;
	begin_words(&w, u, unit, "run");
	add(&w, "run");
	add_pair(&w, "--environment", environment);
	add_limits(&w, unit);
	add(&w, image);
	add_list(&w, NULL, unit->arguments);
	return run_keeper(u, unit, &w, -1);
}

/* ---- start ------------------------------------------------------------------------------------------------------------------------------ */

static int may_start(const char *name, const struct unit *unit, const struct program *p, bool fresh)
{
	const char *to = json_string_value(json_object_get(p->move ? p->move : json_object_get(p->before, "move"), "to"));

	switch (p->state) {
	case STATE_MOVED:
		return fresh ? 0 : host_fail(OM_ESTATE, "%s has moved to %s and is not begun a second time; if that host has lost it: --fresh", name,
			to ? to : "another host");
	case STATE_FAILED:
		if (p->unsure && !fresh)
			return host_fail(OM_ESTATE, "%s was killed in the middle of a move, and may run at the other host%s%s; if it does not: --fresh", name,
				to ? ", " : "", to ? to : "");
		return fresh || unit->fresh ? 0 : host_fail(OM_ESTATE, "%s has failed, its memory is lost, and its unit does not say restart = \"fresh\": "
			"--fresh", name);
	case STATE_STOPPED:
		return 0;
	default:
		return host_fail(OM_ESTATE, "%s is %s here", name, service_state_name(p->state));
	}
}

/* Until it runs, or has ended. */
static int wait_begun(struct service_unit *u, const struct unit *unit)
{
	char words[300];
	int error = 0;

	for (unsigned i = 0; i < BEGIN_S * 100; i++) {
		struct program p;
		bool over;
		json_int_t status;

		program_look(u, true, &p);
		over = p.state != STATE_STARTING;
		status = json_integer_value(json_object_get(p.end, "status"));
		if (over && p.state == STATE_FAILED) {
			last_words(u, unit, words, sizeof words);
			error = json_object_get(p.end, "status") ? host_fail(OM_EIO, "%s ended at once with status %d: %s", u->name, (int)status, words) :
				host_fail(OM_EIO, "%s was killed at once: %s", u->name, words);
		}
		program_done(&p);
		if (over)
			return error;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return 0;
}

int service_start(const char *name, bool fresh, json_t **ret)
{
	struct service_unit *u;
	struct unit unit;
	struct program p;
	bool here;
	int error = units_begin(name, OP_STARTING, &u);

	if (error)
		return error;
	error = units_copy(u, &unit);
	if (error) {
		units_end(u);
		return error;
	}
	program_look(u, true, &p);
	here = p.state == STATE_RUNNING || p.state == STATE_STARTING;
	if (!here)
		error = may_start(name, &unit, &p, fresh);
	if (!error && !here)
		error = units_record(u);
	if (!error && !here)
		error = launch_run(u, &unit);
	program_done(&p);
	if (!error) {
		follow(u);
		error = wait_begun(u, &unit);
	}
	unit_done(&unit);
	units_end(u);
	if (!error)
		*ret = program_status(u);
	return error;
}

/* ---- receive ---------------------------------------------------------------------------------------------------------------------------- */

static int launch_receive(const struct service_unit *u, const struct unit *unit, const char *listen, int listen_fd)
{
	char image[4096], wait[16];
	struct words w = { .count = 0 };
	int error = 0;

	if (*unit->image == '/')
		error = find_image(unit->image, image, sizeof image);
	if (error)
		return error;
	begin_words(&w, u, unit, "receive");
	snprintf(wait, sizeof wait, "%us", SERVICE_ARRIVAL_S);
	add(&w, "receive");
	add(&w, "--once");
	add_pair(&w, "--wait", wait);
	add_pair(&w, "--listen", listen);
	if (*unit->image == '/')
		add_pair(&w, "--image", image);
	add_limits(&w, unit);
	if (!unit->user)
		add_list(&w, "--move-address", unit->move_addresses);
	return run_keeper(u, unit, &w, listen_fd);
}

/* What was until now. A reception that fails leaves it so. */
static int write_before(const struct service_unit *u, const struct program *p)
{
	json_t *before = json_pack("{ss}", "state", service_state_name(p->state));
	json_t *move = p->move ? p->move : json_object_get(p->before, "move");

	if (before && move)
		json_object_set(before, "move", move);
	return record_write(u->directory, RECORD_BEFORE, before);
}

/* Where `at` is the address that the peer reached us by. */
static int receive_here(struct service_unit *u, const struct unit *unit, const struct program *p, const char *peer, const char *at, json_t **ret)
{
	struct mig_address address;
	char text[MIG_ADDRESS_TEXT], *colon;
	const char *where = service.receive ? service.receive : at ? at : "127.0.0.1";
	json_t *listen;
	int fd, error;

	snprintf(text, sizeof text, strchr(where, ':') && *where != '[' ? "[%s]:0" : "%s:0", where);
	error = mig_address_parse(text, &address);
	if (!error)
		error = mig_listen(&address, &fd, text);
	if (error)
		return error;
	fd = raise_fd(fd);
	colon = strrchr(text, ':');
	listen = json_pack("{ss# ss ss}", "address", text, (size_t)(colon - text), "port", colon + 1, "peer", peer ? peer : "");
	error = write_before(u, p);
	if (!error)
		error = units_record(u);
	if (!error)
		error = record_write(u->directory, RECORD_LISTEN, json_incref(listen));
	if (!error)
		error = launch_receive(u, unit, text, fd);
	close(fd);
	if (error) {
		json_decref(listen);
		return error;
	}
	follow(u);
	*ret = listen;
	return 0;
}

/* The same peer asks again: its program has not come yet. */
static int receive_again(struct service_unit *u, const struct program *p, const char *peer, json_t **ret)
{
	const char *before;
	int error;

	if (p->state != STATE_RECEIVING)
		return host_fail(OM_EEXISTS, "%s is %s here", u->name, service_state_name(p->state));
	if (p->info)
		return host_fail(OM_ESTATE, "%s arrives here already", u->name);
	error = record_read(u->directory, RECORD_LISTEN, ret);
	before = error ? NULL : json_string_value(json_object_get(*ret, "peer"));
	if (!error && strcmp(before ? before : "", peer ? peer : "") == 0)
		return 0;
	if (!error)
		json_decref(*ret);
	*ret = NULL;
	return host_fail(OM_ESTATE, "%s is awaited here from another host", u->name);
}

/* A program that no unit here names: only if this host takes those of its peers, and never with root's rights. */
static int define_foreign(const json_t *object)
{
	json_t *copy, *result = NULL;
	int error;

	if (!service.accept_any)
		return host_fail(OM_EPERM, "this host has no unit \"%.60s\": define it here too, or start optmigd with --accept any",
			json_string_value(json_object_get(object, "name")));
	copy = json_deep_copy(object);
	json_object_del(copy, "output");
	json_object_del(copy, "directory");
	if (geteuid() == 0 && !json_object_get(copy, "user"))
		error = host_fail(OM_EPERM, "this host takes no program that would have root's rights: its unit must name a user");
	else
		error = units_define(copy, &result);
	json_decref(copy);
	json_decref(result);
	return error;
}

int service_receive(const json_t *object, const char *peer, const char *at, json_t **ret)
{
	struct service_unit *u;
	struct unit unit;
	struct program p;
	char name[UNIT_NAME_MAX];
	bool known;
	int error = unit_read(object, &unit);

	if (error)
		return error;
	snprintf(name, sizeof name, "%s", unit.name);
	unit_done(&unit);
	pthread_mutex_lock(&service.lock);
	known = units_find(name) != NULL;
	pthread_mutex_unlock(&service.lock);
	if (!known)
		error = define_foreign(object);
	if (!error)
		error = units_begin(name, OP_RECEIVING, &u);
	if (error)
		return error;
	error = units_copy(u, &unit);
	if (error) {
		units_end(u);
		return error;
	}
	program_look(u, true, &p);
	if (unit.move == UNIT_MOVE_NEVER)
		error = host_fail(OM_EPERM, "%s: its unit here says move = \"never\"", name);
	else
		error = p.alive ? receive_again(u, &p, peer, ret) : receive_here(u, &unit, &p, peer, at, ret);
	program_done(&p);
	unit_done(&unit);
	units_end(u);
	return error;
}

/* Its receiver takes nobody any more, and ends if nobody has come. What has begun goes on, by the protocol of migrations alone. */
static int close_door(const struct program *p)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, p->process.pid, 0);
	const int fd = pidfd >= 0 && record_process_alive(&p->process) ? (int)syscall(SYS_pidfd_getfd, pidfd, 3, 0) : -1;
	int listens = 0;
	socklen_t size = sizeof listens;

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
		(void)shutdown(fd, SHUT_RD); /* or it has none any more */
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
	return listens ? 0 : host_fail(OM_ESTATE, "its receiver does not wait any more");
}

int service_receive_end(const char *name, json_t **ret)
{
	struct service_unit *u;
	struct program p;
	int error = units_begin(name, OP_RECEIVING, &u);

	if (error)
		return error;
	program_look(u, true, &p);
	if (p.state == STATE_RECEIVING && p.info)
		error = host_fail(OM_ESTATE, "%s arrives here: cancel it where it comes from", name);
	else if (p.state == STATE_RECEIVING)
		error = close_door(&p);
	program_done(&p);
	for (unsigned i = 0; i < 500 && !error; i++) {
		bool over;

		program_look(u, false, &p);
		over = !p.alive;
		program_done(&p);
		if (over)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	units_end(u);
	if (!error)
		*ret = json_object();
	return error;
}
