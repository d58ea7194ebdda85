/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main's end of the pair to https, the process that speaks with other hosts (https.c). JSON lines:
 *
 *     main ─▶ https    {"id": N, "call": {"host", "address", "port", "seconds", "body"}}        a request of ours
 *     https ─▶ main    {"id": N, "answer": {"return" | "error"}}
 *     https ─▶ main    {"id": N, "request": {"command", "arguments"}, "peer", "at"}             one of another host
 *     main ─▶ https    {"id": N, "reply": {"return" | "error"}}
 *     main ─▶ https    {"id": N, "crl": "PEM"}                                                  answered like a call; the first has no id
 *
 * https has no rights and reads what strangers send. So what https says is checked here like what any client says. If https ends, it is started
 * anew, with the same listening socket. Calls that were under way fail.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "launch.h"
#include "move/move.h"
#include "strerror.h"
#include "util.h"

#define REQUESTS_MAX 72u        /* 32 of other hosts; those who look at the page (page.c: 32) or at figures (https.c: 8) cannot take them all */
#define AGAIN_S      1
#define LISTEN_TRIES 60u
#define CRL_MAX      (256u << 10)
#define GRACE_S      5u         /* beside a call's own time: for https itself */

struct call { uint64_t id; bool done; json_t *answer; struct call *next; };
struct request { uint64_t id; json_t *message; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered;
static struct call *calls;
static uint64_t last_id;
static unsigned request_count;
static struct channel pair = { .fd = -1 };
static struct peer_options options;
static int listen_fd = -1, metrics_fd = -1, web_fd = -1;      /* -1: none */
static char empty[RECORD_PATH_MAX];
static char *crl_text;          /* in force, of the file as it was last accepted; with the lock */

/* ---- out -------------------------------------------------------------------------------------------------------------------------------- */

/* Gives it up. Context: with the lock. */
static int send_now(json_t *message)
{
	if (pair.fd >= 0)
		return channel_send(&pair, message);
	json_decref(message);
	return host_fail(OM_ECONNECTION, "this host has no HTTPS (optmigd --certificate, --key, --ca)");
}

/* ADDRESS[:PORT] with this service's port where none is given. */
static int parse_address(const char *text, struct move_endpoint *ret)
{
	const char *colon = strchr(text, ':');
	const bool bare = *text == '[' ? strstr(text, "]:") == NULL : !colon || strchr(colon + 1, ':') != NULL;
	int error = move_endpoint_parse(text, ret);

	if (!error && bare)
		snprintf(ret->port, sizeof ret->port, SERVICE_PORT);
	return error;
}

/* Where it is. Names are looked up in /etc/hosts alone: who has rights asks no name server. */
static int resolve(const char *to, struct move_endpoint *ret_name, char *ret_address, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int code, error = parse_address(to, ret_name);

	if (error)
		return error;
	code = getaddrinfo(ret_name->host, NULL, &hints, &list);
	if (code)
		return host_fail(OM_ENOTFOUND, "%s: %s; give its address, or its name in /etc/hosts", ret_name->host, gai_strerror(code));
	code = getnameinfo(list->ai_addr, list->ai_addrlen, ret_address, (socklen_t)size, NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(list);
	return code ? host_fail(OM_EINVAL, "%s: %s", to, gai_strerror(code)) : 0;
}

static json_t *request_text(const char *command, json_t *arguments)
{
	json_t *request = arguments ? json_pack("{ss so}", "command", command, "arguments", arguments) : json_pack("{ss}", "command", command);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_t *body = text ? json_string(text) : NULL;

	json_decref(request);
	free(text);
	return body;
}

/* Context: with the lock. */
static int wait_answer(struct call *call, unsigned timeout_s)
{
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_s;
	while (!call->done && code == 0)
		code = pthread_cond_timedwait(&answered, &lock, &until);
	for (struct call **at = &calls; *at; at = &(*at)->next)
		if (*at == call) {
			*at = call->next;
			break;
		}
	return call->done ? 0 : host_fail(OM_ETIMEDOUT, "no answer within %u s", timeout_s);
}

int peer_call(const char *to, const char *command, json_t *arguments, unsigned timeout_s, json_t **ret)
{
	struct move_endpoint name;
	struct call call = { 0 };
	char address[NI_MAXHOST], words[300];
	json_t *body;
	int error = options.certificate ? resolve(to, &name, address, sizeof address) :
		host_fail(OM_ECONNECTION, "this host has no HTTPS (optmigd --certificate, --key, --ca)");

	if (error) {
		json_decref(arguments);
		return error;
	}
	body = request_text(command, arguments);
	pthread_mutex_lock(&lock);
	call.id = ++last_id;
	call.next = calls;
	calls = &call;
	error = send_now(json_pack("{sI s{ss ss ss si so}}", "id", (json_int_t)call.id, "call", "host", name.host, "address", address, "port", name.port,
		"seconds", (int)timeout_s, "body", body));
	if (!error) {
		error = wait_answer(&call, timeout_s + GRACE_S);
	} else {
		for (struct call **at = &calls; *at; at = &(*at)->next)
			if (*at == &call) {
				*at = call.next;
				break;
			}
	}
	pthread_mutex_unlock(&lock);
	if (!error)
		error = call.answer ? channel_error_of(call.answer) : host_fail(OM_ECONNECTION, "the HTTPS process has ended");
	if (!error && !json_object_get(call.answer, "return"))
		error = host_fail(OM_EHOST, "it answers neither yes nor no");
	if (!error)
		*ret = json_incref(json_object_get(call.answer, "return"));
	json_decref(call.answer);
	if (!error)
		return 0;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(error, "%s: %s", to, words);
}

/* ---- the list of revoked certificates ------------------------------------------------------------------------------------------------------ */

/* Return: the file's text, the caller's; NULL with words. */
static char *read_crl(struct stat *ret)
{
	const int fd = open(options.crl, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;

	if (fd < 0 || fstat(fd, ret)) {
		(void)host_fail(OM_ENOTFOUND, "%s: %s", options.crl, strerror(errno));
	} else if (!S_ISREG(ret->st_mode) || ret->st_size == 0 || ret->st_size > CRL_MAX) {
		(void)host_fail(OM_EINVAL, "%s is no file of up to %u bytes", options.crl, CRL_MAX);
	} else {
		text = calloc(1, (size_t)ret->st_size + 1);
		if (!text || host_read_all(fd, text, (size_t)ret->st_size)) {
			free(text);
			text = NULL;
			(void)host_fail(OM_EIO, "%s cannot be read", options.crl);
		}
	}
	if (fd >= 0)
		close(fd);
	return text;
}

/* Asks https, which has the CA's certificate, and parses what is from outside. */
static int offer_crl(const char *text, json_t **ret)
{
	struct call call = { 0 };
	int error;

	pthread_mutex_lock(&lock);
	call.id = ++last_id;
	call.next = calls;
	calls = &call;
	error = send_now(json_pack("{sI ss}", "id", (json_int_t)call.id, "crl", text));
	if (error)
		calls = call.next;
	else
		error = wait_answer(&call, GRACE_S);
	pthread_mutex_unlock(&lock);
	if (!error)
		error = call.answer ? channel_error_of(call.answer) : OM_ECONNECTION;
	if (!error)
		*ret = json_incref(json_object_get(call.answer, "return"));
	json_decref(call.answer);
	return error;
}

static void say_crl(const json_t *what)
{
	const json_int_t until = json_integer_value(json_object_get(what, "until"));

	host_note("%s: %d certificates are revoked", options.crl, (int)json_integer_value(json_object_get(what, "revoked")));
	if (until != -1 && until <= time(NULL))
		host_error("%s is out of date: no host is believed until there is a newer list", options.crl);
}

/* A file that is wrong, or gone, changes nothing. Return: false if https is not there just now: again later. */
static bool load_crl(void)
{
	struct stat status;
	char *text = read_crl(&status);
	json_t *what = NULL;
	int error;

	if (!text) {
		host_error("%s; the list of before stays in force", host_reason());
		return true;
	}
	error = offer_crl(text, &what);
	if (!error) {
		pthread_mutex_lock(&lock);
		free(crl_text);
		crl_text = text;
		pthread_mutex_unlock(&lock);
		say_crl(what);
		json_decref(what);
		return true;
	}
	free(text);
	if (error != OM_ECONNECTION && error != OM_ETIMEDOUT)
		host_error("%s: %s; the list of before stays in force", options.crl, host_reason());
	return error != OM_ECONNECTION && error != OM_ETIMEDOUT;
}

static bool crl_wanted;         /* by HUP; with the lock */

void peer_reload(void)
{
	pthread_mutex_lock(&lock);
	crl_wanted = true;
	pthread_mutex_unlock(&lock);
}

/* One second after the file has changed its list is in force. */
static void *crl_main(void *argument)
{
	struct stat known = *(struct stat *)argument, now;

	for (;;) {
		bool wanted;

		host_pause_ms(1000);
		memset(&now, 0, sizeof now);
		(void)stat(options.crl, &now); /* that it has gone is a change */
		pthread_mutex_lock(&lock);
		wanted = crl_wanted;
		crl_wanted = false;
		pthread_mutex_unlock(&lock);
		if (!wanted && now.st_ino == known.st_ino && now.st_size == known.st_size && now.st_mtim.tv_sec == known.st_mtim.tv_sec &&
		    now.st_mtim.tv_nsec == known.st_mtim.tv_nsec)
			continue;
		if (load_crl())
			known = now;
	}
	return NULL;
}

static int begin_crl(void)
{
	static struct stat status;

	crl_text = read_crl(&status);
	if (!crl_text)
		return OM_EINVAL;
	return host_thread_begin(crl_main, &status) ? host_fail(OM_ENOMEM, "no thread") : 0;
}

/* ---- in --------------------------------------------------------------------------------------------------------------------------------- */

static void *request_main(void *argument)
{
	struct request *r = argument;
	const char *peer = json_string_value(json_object_get(r->message, "peer")), *at = json_string_value(json_object_get(r->message, "at"));
	json_t *answer = command_run(NULL, peer ? peer : "", at, json_object_get(r->message, "request"));

	pthread_mutex_lock(&lock);
	request_count--;
	(void)send_now(json_pack("{sI so}", "id", (json_int_t)r->id, "reply", answer)); /* if https has ended, so has who asked */
	pthread_mutex_unlock(&lock);
	json_decref(r->message);
	free(r);
	return NULL;
}

static void take_request(uint64_t id, const json_t *message)
{
	struct request *r = calloc(1, sizeof *r);
	bool begun = false;

	pthread_mutex_lock(&lock);
	if (r && request_count < REQUESTS_MAX) {
		*r = (struct request){ id, json_incref((json_t *)(uintptr_t)message) };
		begun = host_thread_begin(request_main, r) == 0;
		request_count += begun;
	}
	if (!begun)
		(void)send_now(json_pack("{sI so}", "id", (json_int_t)id, "reply", channel_error(host_fail(OM_EEXHAUSTED, "too many requests at once"))));
	pthread_mutex_unlock(&lock);
	if (!begun && r) {
		json_decref(r->message);
		free(r);
	}
}

static void take_answer(uint64_t id, json_t *answer)
{
	pthread_mutex_lock(&lock);
	for (struct call *c = calls; c; c = c->next)
		if (c->id == id && !c->done) {
			c->done = true;
			c->answer = json_incref(answer);
		}
	pthread_cond_broadcast(&answered);
	pthread_mutex_unlock(&lock);
}

static void hear(json_t *message)
{
	const uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));
	json_t *answer = json_object_get(message, "answer");

	if (answer)
		take_answer(id, answer);
	else if (json_object_get(message, "request"))
		take_request(id, message);
	json_decref(message);
}

/* ---- the process ------------------------------------------------------------------------------------------------------------------------ */

static int spawn(pid_t *ret_pid)
{
	const bool serves = options.certificate != NULL;
	const char *argv[] = { service.https, serves ? options.certificate : "-", serves ? options.key : "-", serves ? options.ca : "-", options.user, empty,
		options.crl ? "+" : "-", metrics_fd >= 0 ? "+" : "-", web_fd < 0 ? "-" : options.web_any ? "any" : "certificate", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int ends[2], code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return host_fail(OM_EIO, "socketpair: %s", strerror(errno));
	ends[0] = launch_raise_fd(ends[0]);
	ends[1] = launch_raise_fd(ends[1]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
	if (listen_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, listen_fd, 4);
	if (metrics_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, metrics_fd, 5);
	if (web_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, web_fd, 6);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	code = posix_spawn(ret_pid, service.https, &actions, &attributes, (char **)(uintptr_t)argv, service.environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (code) {
		close(ends[0]);
		return host_fail(OM_EIO, "%s: %s", service.https, strerror(code));
	}
	channel_init(&pair, ends[0]);
	return 0;
}

static void fail_all(void)
{
	for (struct call *c = calls; c; c = c->next)
		c->done = true;
	pthread_cond_broadcast(&answered);
}

/* Its first word says whether it stands: {"ready": true}, or {"error": ...}. */
static int begin(pid_t *ret_pid)
{
	json_t *first = NULL;
	int error = spawn(ret_pid);

	if (error)
		return error;
	if (options.crl)
		error = channel_send(&pair, json_pack("{ss}", "crl", crl_text));
	if (!error)
		error = channel_receive(&pair, 10000, &first);
	if (!error)
		error = channel_error_of(first);
	else if (error == OM_ECONNECTION)
		error = host_fail(OM_EIO, "the HTTPS process has ended at once");
	json_decref(first);
	if (error) {
		channel_done(&pair);
		(void)waitpid(*ret_pid, NULL, 0);
	}
	return error;
}

static void *peer_main(void *argument)
{
	pid_t pid = (pid_t)(intptr_t)argument;

	for (;;) {
		json_t *message;
		int error = channel_receive(&pair, -1, &message);

		if (!error)
			hear(message);
		if (!error || error == OM_ETIMEDOUT)
			continue;
		pthread_mutex_lock(&lock);
		channel_done(&pair);
		fail_all();
		pthread_mutex_unlock(&lock);
		(void)kill(pid, SIGKILL); /* it may have said nonsense and live */
		(void)waitpid(pid, NULL, 0);
		do {
			host_pause_ms(AGAIN_S * 1000);
			host_note("the HTTPS process has ended and is started anew");
			pthread_mutex_lock(&lock);
			error = begin(&pid);
			pthread_mutex_unlock(&lock);
			if (error)
				host_error("HTTPS: %s", host_reason());
		} while (error);
	}
	return NULL;
}

/* The process of an optmigd that was killed notices that a little later. */
static int listen_patiently(const struct move_endpoint *address, int *ret_fd, char text[MOVE_ENDPOINT_TEXT])
{
	int error;

	for (unsigned tries = 0;; tries++) {
		error = move_listen(address, ret_fd, text);
		if (error != OM_EEXISTS || tries >= LISTEN_TRIES)
			return error;
		host_pause_ms(50);
	}
}

/* "PORT" is 127.0.0.1's. */
static int parse_web(const char *text, struct move_endpoint *ret)
{
	char whole[64];

	if (!*text || text[strspn(text, "0123456789")])
		return move_endpoint_parse(text, ret);
	snprintf(whole, sizeof whole, "127.0.0.1:%.12s", text);
	return move_endpoint_parse(whole, ret);
}

bool peer_is_loopback(const char *text)
{
	struct move_endpoint address;
	unsigned char bytes[16];

	if (!text || parse_web(text, &address))
		return false;
	return (inet_pton(AF_INET, address.host, bytes) == 1 && bytes[0] == 127) || (inet_pton(AF_INET6, address.host, bytes) == 1 && strcmp(address.host, "::1") == 0);
}

/* Without a certificate nobody can be told from anybody, and nothing is encrypted: then the page is this machine's own. */
static int begin_web(void)
{
	struct move_endpoint address;
	char text[MOVE_ENDPOINT_TEXT];
	int error = parse_web(options.web, &address);

	if (!error && !options.certificate && !peer_is_loopback(options.web))
		error = host_fail(OM_EINVAL, "--web %s: without a certificate (--certificate) the page is served on a loopback address only", options.web);
	if (!error)
		error = listen_patiently(&address, &web_fd, text);
	if (error)
		return error;
	web_fd = launch_raise_fd(web_fd);
	host_note("the page is on http%s://%s/", options.certificate ? "s" : "", text);
	return 0;
}

int peer_begin(const struct peer_options *given)
{
	struct move_endpoint address;
	char text[MOVE_ENDPOINT_TEXT];
	pthread_t thread;
	pid_t pid;
	int error = 0;

	options = *given;
	host_cond_init(&answered);
	/* Before anybody looks a name up. */
	(void)__nss_configure_lookup("hosts", "files");
	if (!options.certificate && options.crl)
		return host_fail(OM_EINVAL, "--crl without --certificate: there is no HTTPS whose certificates could be revoked");
	if (!options.certificate && !options.metrics && !options.web)
		return 0;
	snprintf(empty, sizeof empty, "%s/.empty", service.state);
	if (mkdir(empty, 0555) && errno != EEXIST)
		return host_fail(OM_EIO, "%s: %s", empty, strerror(errno));
	if (options.certificate) {
		error = parse_address(options.listen, &address);
		if (!error)
			error = listen_patiently(&address, &listen_fd, text);
		if (error)
			return error;
		listen_fd = launch_raise_fd(listen_fd);
		host_note("HTTPS on %s", text);
	}
	if (options.metrics) {
		error = move_endpoint_parse(options.metrics, &address);
		if (!error)
			error = listen_patiently(&address, &metrics_fd, text);
		if (error)
			return error;
		metrics_fd = launch_raise_fd(metrics_fd);
		host_note("metrics on http://%s/metrics", text);
	}
	if (options.web) {
		error = begin_web();
		if (error)
			return error;
	}
	if (options.crl)
		error = begin_crl();
	if (!error)
		error = begin(&pid);
	if (error)
		return error;
	if (pthread_create(&thread, NULL, peer_main, (void *)(intptr_t)pid))
		return host_fail(OM_ENOMEM, "no thread");
	return 0;
}
