/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving: a listening socket, and `optmig receive` under a keeper that has the socket. A reception that fails, or that nobody comes to,
 * leaves the unit what it was.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "control/client.h"
#include "launch.h"
#include "move/move.h"
#include "util.h"

#define VAIN_MS    10000

static int launch_receive(const struct service_unit *u, const struct unit *unit, const char *listen, int listen_fd)
{
	char image[4096], wait[16];
	struct launch w = { .count = 0 };
	int error = 0;

	if (*unit->image == '/')
		error = launch_image(unit->image, image, sizeof image);
	if (error)
		return error;
	launch_begin(&w, u, unit, "receive");
	snprintf(wait, sizeof wait, "%us", SERVICE_ARRIVAL_S);
	launch_add(&w, "receive");
	launch_add(&w, "--once");
	launch_add_pair(&w, "--wait", wait);
	launch_add_pair(&w, "--listen", listen);
	if (*unit->image == '/')
		launch_add_pair(&w, "--image", image);
	launch_add_limits(&w, unit);
	if (!unit->user)
		launch_add_list(&w, "--move-address", unit->move_addresses);
	return launch_keeper(u, unit, &w, listen_fd);
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
	struct move_endpoint address;
	char text[MOVE_ENDPOINT_TEXT], *colon;
	const char *where = service.receive ? service.receive : at ? at : "127.0.0.1";
	json_t *listen;
	int fd, error;

	snprintf(text, sizeof text, strchr(where, ':') && *where != '[' ? "[%s]:0" : "%s:0", where);
	error = move_endpoint_parse(text, &address);
	if (!error)
		error = move_listen(&address, &fd, text);
	if (error)
		return error;
	fd = launch_raise_fd(fd);
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

/* Where it is awaited, if that is for this peer. */
static int awaited(const struct service_unit *u, const char *peer, json_t **ret)
{
	const char *before;
	json_t *listen;

	if (record_read(u->directory, RECORD_LISTEN, &listen))
		return host_fail(OM_ESTATE, "%s is received here, nobody knows from where", u->name);
	before = json_string_value(json_object_get(listen, "peer"));
	if (strcmp(before ? before : "", peer ? peer : "") != 0) {
		json_decref(listen);
		return host_fail(OM_ESTATE, "%s is awaited here from another host", u->name);
	}
	*ret = listen;
	return 0;
}

/* The same peer asks again: its program has not come yet. */
static int receive_again(const struct service_unit *u, const struct program *p, const char *peer, json_t **ret)
{
	if (p->state != STATE_RECEIVING)
		return host_fail(OM_EEXISTS, "%s is %s here", u->name, service_state_name(p->state));
	return p->info ? host_fail(OM_ESTATE, "%s arrives here already", u->name) : awaited(u, peer, ret);
}

/*
 * A reception that has lost its source waits for that for a while. If the same host asks anew, it is in vain: it is cancelled, which the
 * protocol of migrations allows only as long as the program cannot be here. One that is complete waits all the same, and is ended if the
 * program runs on there.
 */
static void end_vain(struct service_unit *u, const char *peer, struct program *p)
{
	const char *phase = json_string_value(json_object_get(p->report, "phase"));
	struct channel channel;
	json_t *listen;

	if (p->state != STATE_RECEIVING || !phase || strcmp(phase, "reconnecting") != 0 || awaited(u, peer, &listen))
		return;
	json_decref(listen);
	if (program_connect(p->process.pid, &channel))
		return;
	if (client_call(&channel, "cancel", NULL, NULL))
		host_note("%s: %s", u->name, host_reason());
	channel_done(&channel);
	if (json_is_true(json_object_get(p->report, "prepared")) && program_discard(u, "its source sends it anew", false))
		host_note("%s: %s", u->name, host_reason());
	for (unsigned i = 0; i < VAIN_MS / 10; i++) {
		program_done(p);
		program_look(u, false, p);
		if (!p->alive)
			return;
		host_pause_ms(10);
	}
	program_done(p);
	program_look(u, true, p);
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
	end_vain(u, peer, &p);
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
		host_pause_ms(10);
	}
	units_end(u);
	if (!error)
		*ret = json_object();
	return error;
}
