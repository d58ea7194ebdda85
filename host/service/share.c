/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moves that leave this host at the same time share the rate at which the host may send. Each move has an equal part, but none more than its own unit
 * allows. What one move leaves the others get. The programs' processes are told their shares (`set`) when a move begins or ends, or when a limit changes.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control/client.h"
#include "service.h"
#include "share.h"
#include "util.h"

#define TELL_MS 2000

static pthread_mutex_t sharing = PTHREAD_MUTEX_INITIALIZER;
static uint64_t link_rate; /* bytes in a second; 0: as much as it can */

/* A move that goes on and that no request waits for: of a service before this. */
static bool leaves(struct service_unit *u)
{
	struct program p;
	bool is;

	program_look(u, false, &p);
	is = p.alive && p.move;
	program_done(&p);
	if (!is)
		return false;
	program_look(u, true, &p);
	is = p.state == STATE_MOVING || p.state == STATE_OWING;
	program_done(&p);
	return is;
}

/* Those that leave, the caller's. Context: with `sharing`. */
static struct share *gather(size_t *ret_count)
{
	struct service_unit *u, *first;
	struct share *list;
	size_t room = 0, count = 0;

	pthread_mutex_lock(&service.lock);
	first = service.units; /* entries stay, others are added before them */
	for (u = first; u; u = u->next)
		room++;
	pthread_mutex_unlock(&service.lock);
	list = calloc(room ? room : 1, sizeof *list);
	for (u = first; list && u; u = u->next) {
		bool leaving, defined;
		uint64_t wish;

		pthread_mutex_lock(&service.lock);
		defined = u->defined;
		leaving = u->leaving;
		wish = leaving ? u->wish : u->unit.bandwidth;
		pthread_mutex_unlock(&service.lock);
		if (leaving || (defined && leaves(u)))
			list[count++] = (struct share){ .of = u, .wish = wish };
	}
	*ret_count = list ? count : 0;
	return list;
}

/* One that has not begun, or has ended, is not there to be told. */
static void tell(const struct share *share)
{
	const struct service_unit *u = share->of;
	struct channel channel;
	struct program p;

	program_look(u, false, &p);
	if (p.alive && program_connect(p.process.pid, &channel) == 0) {
		(void)client_call_for(&channel, "set", json_pack("{sI}", "bandwidth", (json_int_t)share->rate), TELL_MS, NULL);
		channel_done(&channel);
	}
	program_done(&p);
}

/* Context: with `sharing`. Return: what @of may send. */
static uint64_t divide(const struct service_unit *of)
{
	uint64_t rate = of ? of->wish : 0;
	size_t count;
	struct share *list = gather(&count);

	if (list)
		share_divide(link_rate, list, count);
	for (size_t i = 0; i < count; i++) {
		struct service_unit *u = (struct service_unit *)(uintptr_t)list[i].of;

		if (of && u == of)
			rate = list[i].rate;
		else if (list[i].rate != u->share)
			tell(&list[i]);
		u->share = list[i].rate;
	}
	free(list);
	return rate;
}

/* It leaves from now on, or does already, and wishes for so much. */
static uint64_t wish_of(struct service_unit *u, uint64_t wish, bool begins)
{
	uint64_t rate = wish;

	pthread_mutex_lock(&service.lock);
	u->leaving = u->leaving || begins;
	u->wish = wish;
	pthread_mutex_unlock(&service.lock);
	pthread_mutex_lock(&sharing);
	if (link_rate)
		rate = divide(u);
	u->share = rate;
	pthread_mutex_unlock(&sharing);
	return rate;
}

uint64_t share_begin(struct service_unit *u, uint64_t wish)
{
	return wish_of(u, wish, true);
}

uint64_t share_wish(struct service_unit *u, uint64_t wish)
{
	return wish_of(u, wish, false);
}

/* Its share may have become another between its order and its begin, when there was nobody to tell. */
void share_begun(struct service_unit *u, uint64_t told)
{
	pthread_mutex_lock(&sharing);
	if (u->share != told)
		tell(&(struct share){ .of = u, .rate = u->share });
	pthread_mutex_unlock(&sharing);
}

void share_end(struct service_unit *u)
{
	pthread_mutex_lock(&service.lock);
	u->leaving = false;
	pthread_mutex_unlock(&service.lock);
	pthread_mutex_lock(&sharing);
	u->share = 0;
	if (link_rate)
		divide(NULL);
	pthread_mutex_unlock(&sharing);
}

void share_link(uint64_t rate)
{
	pthread_mutex_lock(&sharing);
	if (rate != link_rate) {
		link_rate = rate;
		divide(NULL);
	}
	pthread_mutex_unlock(&sharing);
}

json_t *share_json(void)
{
	json_t *moves = json_object();
	uint64_t rate;

	pthread_mutex_lock(&sharing);
	rate = link_rate;
	pthread_mutex_unlock(&sharing);
	pthread_mutex_lock(&service.lock);
	for (const struct service_unit *u = service.units; u; u = u->next)
		if (u->leaving)
			json_object_set_new(moves, u->name, json_integer((json_int_t)u->share));
	pthread_mutex_unlock(&service.lock);
	return json_pack("{sI so}", "bandwidth", (json_int_t)rate, "moves", moves);
}
