/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket: one thread for each client, requests answered in order. Events go to clients that watch. A client that does not read them is dropped.
 * This user and root may connect, and the members of one group if a group is named.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define SEND_SECONDS 2

static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;        /* of the list, and of writing to any of them */
static struct client *clients;
static unsigned client_count;

/* ---- writing ---------------------------------------------------------------------------------------------------------------------------- */

/* Gives it up. Context: with clients_lock. */
static int send_now(struct client *c, json_t *object)
{
	int error = c->broken ? OM_ECONNECTION : channel_send(&c->channel, object);

	if (c->broken)
		json_decref(object);
	if (error && !c->broken) {
		c->broken = true;
		(void)shutdown(c->channel.fd, SHUT_RDWR); /* its thread sees that */
	}
	return error;
}

void socket_tell_client(struct client *client, json_t *event)
{
	pthread_mutex_lock(&clients_lock);
	for (struct client *c = clients; c; c = c->next)
		if (c == client && !c->watches)
			(void)send_now(c, json_incref(event)); /* it may have gone */
	pthread_mutex_unlock(&clients_lock);
	json_decref(event); /* who watches hears it from the follower */
}

void socket_tell(json_t *event)
{
	const char *what = json_string_value(json_object_get(event, "event"));

	if (what && strcmp(what, "progress") != 0)
		events_note(event);
	pthread_mutex_lock(&clients_lock);
	for (struct client *c = clients; c; c = c->next)
		if (c->watches)
			(void)send_now(c, json_incref(event));
	pthread_mutex_unlock(&clients_lock);
	json_decref(event);
}

void socket_watch(struct client *client)
{
	pthread_mutex_lock(&clients_lock);
	client->watches = true;
	pthread_mutex_unlock(&clients_lock);
}

/* ---- clients ---------------------------------------------------------------------------------------------------------------------------- */

static bool allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	return peer.uid == geteuid() || peer.uid == 0 || service.group; /* the socket's mode lets nobody in but that group */
}

/* Return: false if the client is not to be heard any more. */
static bool answer(struct client *c, int taken, json_t *request)
{
	json_t *reply = taken ? channel_error(taken) : command_run(c, NULL, NULL, request);
	int error;

	json_decref(request);
	pthread_mutex_lock(&clients_lock);
	error = send_now(c, reply);
	pthread_mutex_unlock(&clients_lock);
	return !error && !taken;
}

static void *client_main(void *argument)
{
	struct client *c = argument;
	bool goes_on = true;

	while (goes_on) {
		json_t *request = NULL;
		int error = channel_receive(&c->channel, -1, &request);

		if (error == OM_ETIMEDOUT)
			continue;
		if (error == OM_ECONNECTION)
			break;
		goes_on = answer(c, error, request);
	}
	pthread_mutex_lock(&clients_lock);
	for (struct client **at = &clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	client_count--;
	pthread_mutex_unlock(&clients_lock);
	channel_done(&c->channel);
	free(c);
	return NULL;
}

/* Takes the descriptor over. */
static void begin_client(int fd)
{
	const struct timeval timeout = { .tv_sec = SEND_SECONDS };
	struct client *c = allowed(fd) ? calloc(1, sizeof *c) : NULL;
	bool full;

	if (!c) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); /* else one that is stuck holds all up */
	channel_init(&c->channel, fd);
	pthread_mutex_lock(&clients_lock);
	full = client_count >= SERVICE_CLIENTS_MAX;
	if (!full) {
		c->next = clients;
		clients = c;
		client_count++;
	}
	pthread_mutex_unlock(&clients_lock);
	if (full) {
		(void)channel_send(&c->channel, channel_error(host_fail(OM_EEXHAUSTED, "%u clients are connected already", SERVICE_CLIENTS_MAX)));
		channel_done(&c->channel);
		free(c);
		return;
	}
	if (host_thread_begin(client_main, c)) {
		host_error("a client is refused: no thread");
		(void)shutdown(fd, SHUT_RDWR);
		(void)client_main(c);
	}
}

void socket_serve(int listen_fd)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			begin_client(fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			usleep(100000); /* no descriptors, for a while */
	}
}

/* Is somebody there? Two services would not know of each other. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* The name appears when it is listened at. */
int socket_open(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, unready;
	mode_t mask;
	int fd, bound;

	if (strlen(path) + strlen(".new") >= sizeof address.sun_path)
		return host_fail(OM_EINVAL, "%s is too long for a socket's name", path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (is_served(&address))
		return host_fail(OM_EEXISTS, "%s: an optmigd runs already", path);
	unready = address;
	memcpy(unready.sun_path + strlen(path), ".new", sizeof ".new");
	unlink(unready.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return host_fail(OM_EIO, "socket: %s", strerror(errno));
	mask = umask(0177);
	bound = bind(fd, (const struct sockaddr *)&unready, sizeof unready);
	umask(mask);
	if (bound || (service.group && (chown(unready.sun_path, (uid_t)-1, service.group) || chmod(unready.sun_path, 0660))) || listen(fd, 64) ||
	    rename(unready.sun_path, path)) {
		int error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));

		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}
