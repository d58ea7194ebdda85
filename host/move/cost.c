/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. What counts is the ratio, not the waiting. Say a program waited for a third of its CPU time before the move, as on a
 * host that has too much to do, and waits for two thirds now. Then it does half of what it did.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "cost.h"
#include "util.h"

#define WAITS_MAX 0.99      /* a program that never ran has no service to lose */
#define FEW_NS 1000000u     /* threads that want less than that in a window lose nothing */
#define SLACK  0.9          /* those that sleep more than a tenth of it catch up on what they waited for */

void move_cost_init(struct move_cost *cost)
{
	memset(cost, 0, sizeof *cost);
	pthread_mutex_init(&cost->lock, NULL);
}

static void list_threads(struct move_cost *cost)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;

	cost->threads = 0;
	while (tasks && cost->threads < MOVE_COST_THREADS && (entry = readdir(tasks))) {
		uint64_t tid;

		if (host_parse_u64(entry->d_name, 1, INT32_MAX, &tid) == 0)
			cost->thread[cost->threads++] = (int)tid;
	}
	if (tasks)
		closedir(tasks);
}

/* Return: false if the thread has ended. */
static bool ask_one(int thread, unsigned long long *ret_ran, unsigned long long *ret_waited)
{
	char path[64];
	FILE *f;
	bool ok;

	snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread);
	f = fopen(path, "re");
	ok = f && fscanf(f, "%llu %llu", ret_ran, ret_waited) == 2;
	if (f)
		fclose(f);
	return ok;
}

static uint32_t count_busy(const struct move_cost *cost)
{
	unsigned long long ran[MOVE_COST_THREADS] = { 0 }, waited, most = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < cost->threads; i++)
		if (ask_one(cost->thread[i], &ran[i], &waited) && ran[i] > most)
			most = ran[i];
	for (uint32_t i = 0; i < cost->threads; i++)
		count += ran[i] >= most / 10 && ran[i] > 0;
	return count ? count : 1;
}

/* Threads that have ended are left out, and their time with them: the next window begins without them. */
static void ask(struct move_cost *cost, uint64_t *ret_ran, uint64_t *ret_waited)
{
	uint32_t kept = 0;

	*ret_ran = *ret_waited = 0;
	for (uint32_t i = 0; i < cost->threads; i++) {
		unsigned long long ran, waited;

		if (!ask_one(cost->thread[i], &ran, &waited))
			continue;
		*ret_ran += ran;
		*ret_waited += waited;
		cost->thread[kept++] = cost->thread[i];
	}
	cost->threads = kept;
}

void move_cost_begin(struct move_cost *cost)
{
	pthread_mutex_lock(&cost->lock);
	list_threads(cost);
	ask(cost, &cost->ran, &cost->waited);
	cost->busy = count_busy(cost);
	cost->waits = cost->waited ? (double)cost->waited / ((double)cost->ran + (double)cost->waited) : 0;
	if (cost->waits > WAITS_MAX)
		cost->waits = WAITS_MAX;
	cost->asked_ns = host_monotonic_ns();
	cost->smooth = cost->lost_ns = 0;
	pthread_mutex_unlock(&cost->lock);
}

uint32_t move_cost_step(struct move_cost *cost)
{
	uint64_t ran, waited, now = host_monotonic_ns();
	double wanted, lost = 0;
	uint32_t thousandths, threads;

	pthread_mutex_lock(&cost->lock);
	threads = cost->threads;
	ask(cost, &ran, &waited);
	wanted = (double)ran - (double)cost->ran + (double)waited - (double)cost->waited;
	if (threads == cost->threads && wanted > FEW_NS && wanted > SLACK * (double)(now - cost->asked_ns) * cost->busy)
		lost = 1 - ((double)ran - (double)cost->ran) / wanted / (1 - cost->waits);
	if (lost < 0)
		lost = 0;
	cost->smooth = (cost->smooth + lost) / 2;
	cost->lost_ns += lost * (double)(now - cost->asked_ns);
	cost->ran = ran;
	cost->waited = waited;
	cost->asked_ns = now;
	thousandths = MOVE_COST_MARKS + (uint32_t)(cost->smooth * (1000 - MOVE_COST_MARKS));
	pthread_mutex_unlock(&cost->lock);
	return thousandths;
}

uint64_t move_cost_lost_ns(struct move_cost *cost)
{
	uint64_t ns;

	pthread_mutex_lock(&cost->lock);
	ns = (uint64_t)cost->lost_ns;
	pthread_mutex_unlock(&cost->lock);
	return ns;
}

uint32_t move_cost_busy(struct move_cost *cost)
{
	uint32_t busy;

	pthread_mutex_lock(&cost->lock);
	busy = cost->busy ? cost->busy : 1;
	pthread_mutex_unlock(&cost->lock);
	return busy;
}
