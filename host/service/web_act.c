/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders from the page. They are what an administrator would type: `optmig cluster plan|drain|undrain`, with the same checks, by the same program. One at a
 * time. Who ordered what stands in the log of events.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "seen.h"
#include "util.h"
#include "web.h"

#define PLAN_S   40u
#define ABORT_S  240u
#define SAID_MAX (256u << 10)
#define WORDS_MAX 2000u
#define REFUSED  7                      /* of `optmig cluster`: a program has nowhere to go */

static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static bool busy;                       /* with an order; with the lock */

/* ---- programs ----------------------------------------------------------------------------------------------------------------------------- */

static int begin_program(const char *const *argv, bool with_errors, pid_t *ret_pid, int *ret_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int out[2], code;

	if (pipe2(out, O_CLOEXEC))
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (with_errors)
		posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	else
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	code = posix_spawn(ret_pid, argv[0], &actions, &attributes, (char **)(uintptr_t)argv, service.environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	if (code) {
		close(out[0]);
		return host_fail(OM_EIO, "%s: %s", argv[0], strerror(code));
	}
	*ret_fd = out[0];
	return 0;
}

/* Return: OM_ETIMEDOUT, OM_EOVERFLOW. */
static int take_output(int fd, unsigned seconds, size_t most, char *text, size_t *ret_used)
{
	const uint64_t end = host_monotonic_ns() + seconds * 1000000000ull;

	for (*ret_used = 0;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const uint64_t now = host_monotonic_ns();
		ssize_t got;

		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000u) + 1) == 0)
			return host_fail(OM_ETIMEDOUT, "it does not end within %u s", seconds);
		got = read(fd, text + *ret_used, most - *ret_used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		*ret_used += (size_t)got;
		if (*ret_used == most)
			return host_fail(OM_EOVERFLOW, "it says more than %zu bytes", most);
	}
}

int web_run(const char *const *argv, unsigned seconds, bool with_errors, size_t most, char **ret_output, int *ret_status)
{
	char *said = malloc(most + 1);
	size_t used = 0;
	int fd, status = 0, error = said ? 0 : host_fail(OM_ENOMEM, "no memory");
	pid_t pid;

	if (!error)
		error = begin_program(argv, with_errors, &pid, &fd);
	if (error) {
		free(said);
		return error;
	}
	error = take_output(fd, seconds, most, said, &used);
	close(fd);
	if (error)
		(void)kill(pid, SIGKILL); /* ours, and not yet waited for */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (error) {
		free(said);
		return error;
	}
	said[used] = 0;
	*ret_output = said;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* ---- orders ------------------------------------------------------------------------------------------------------------------------------- */

enum verb { VERB_PLAN, VERB_DRAIN, VERB_ABORT, VERB_UNDRAIN, VERB_COUNT };
static const char *const verb_names[VERB_COUNT] = { "plan", "drain", "abort", "undrain" };

struct order { enum verb verb; char node[256], by[128]; };

static bool is_node(const char *name)
{
	json_t *snapshot = web_cluster();
	const bool is = *name && *name != '-' && json_object_get(json_object_get(snapshot, "nodes"), name);

	json_decref(snapshot);
	return is;
}

static int decode(const json_t *arguments, struct order *ret)
{
	const char *by = json_string_value(json_object_get(arguments, "by")), *verb = json_string_value(json_object_get(arguments, "verb")),
		*node = json_string_value(json_object_get(arguments, "node"));
	unsigned v = 0;

	if (!by || !verb || !node || strlen(node) >= sizeof ret->node || strlen(by) >= sizeof ret->by)
		return host_fail(OM_EINVAL, "\"by\", \"verb\" and \"node\" are wanted");
	if (!web_is_operator(by))
		return host_fail(OM_EPERM, "%s is no operator here (--web-operators)", by);
	while (v < VERB_COUNT && strcmp(verb, verb_names[v]) != 0)
		v++;
	if (v == VERB_COUNT)
		return host_fail(OM_EINVAL, "there are plan, drain, abort and undrain");
	if (!is_node(node))
		return host_fail(OM_ESTATE, "the cluster has no node %.60s, or this host sees no cluster", node);
	ret->verb = (enum verb)v;
	snprintf(ret->node, sizeof ret->node, "%s", node);
	snprintf(ret->by, sizeof ret->by, "%s", by);
	return 0;
}

static void note(const struct order *order, const char *result)
{
	if (order->verb != VERB_PLAN)
		socket_tell(json_pack("{ss ss ss ss ss}", "event", "order", "order", verb_names[order->verb], "node", order->node, "by", order->by, "result", result));
}

/* Gives the output up. A plan is JSON, with words beside it; the others say words. */
static json_t *answer_of(enum verb verb, char *said, int status)
{
	const char *begin = verb == VERB_PLAN ? strchr(said, '[') : NULL;
	json_t *plan = begin ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	json_t *words = plan ? NULL : json_stringn(said, strnlen(said, WORDS_MAX)), *answer = json_pack("{sb sb}", "done", status == 0, "refused", status == REFUSED);

	if (plan)
		json_object_set_new(answer, "plan", plan);
	if (words)
		json_object_set_new(answer, "words", words);
	free(said);
	return answer;
}

static int carry_out(const struct order *order, json_t **ret)
{
	const char *const commands[VERB_COUNT][6] = {
		[VERB_PLAN] = { service.optmig, "cluster", "plan", order->node, "--json", NULL },
		[VERB_DRAIN] = { service.optmig, "cluster", "drain", order->node, "--detach", NULL },
		[VERB_ABORT] = { service.optmig, "cluster", "drain", order->node, "--abort", NULL },
		[VERB_UNDRAIN] = { service.optmig, "cluster", "undrain", order->node, NULL } };
	char *said;
	int status, error = web_run(commands[order->verb], order->verb == VERB_ABORT ? ABORT_S : PLAN_S, true, SAID_MAX, &said, &status);

	if (error)
		return error;
	note(order, status == 0 ? "done" : status == REFUSED ? "refused" : "failed");
	*ret = answer_of(order->verb, said, status);
	return *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static bool begin_order(void)
{
	bool begun;

	pthread_mutex_lock(&order_lock);
	begun = !busy;
	busy = true;
	pthread_mutex_unlock(&order_lock);
	return begun;
}

static void end_order(void)
{
	pthread_mutex_lock(&order_lock);
	busy = false;
	pthread_mutex_unlock(&order_lock);
}

/* An abort waits until what is under way has ended; nobody waits for that with it. */
static void *abort_main(void *argument)
{
	struct order *order = argument;
	json_t *ignored = NULL;

	if (carry_out(order, &ignored))
		host_error("drain %s --abort: %s", order->node, host_reason());
	json_decref(ignored);
	free(order);
	end_order();
	return NULL;
}

static int begin_abort(const struct order *order, json_t **ret)
{
	struct order *own = malloc(sizeof *own);

	if (!own)
		return host_fail(OM_ENOMEM, "no memory");
	*own = *order;
	if (host_thread_begin(abort_main, own)) {
		free(own);
		return host_fail(OM_ENOMEM, "no thread");
	}
	*ret = json_pack("{sb sb}", "done", 0, "begun", 1);
	return 0;
}

int web_act(const json_t *arguments, json_t **ret)
{
	struct order order;
	int error = decode(arguments, &order);

	if (!error && !begin_order())
		error = host_fail(OM_EEXHAUSTED, "another order is being carried out");
	if (error)
		return error;
	if (order.verb == VERB_ABORT) {
		error = begin_abort(&order, ret);
		if (error)
			end_order();
		return error;
	}
	error = carry_out(&order, ret);
	end_order();
	return error;
}
