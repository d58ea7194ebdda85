/* SPDX-License-Identifier: Apache-2.0 */
/* Runs several questions to hosts at the same time, for a question takes longer to travel than to answer. */
#include <pthread.h>
#include <stdatomic.h>
#include "cluster.h"

#define POOL_MAX 64u

struct pool { void (*run)(void *context, size_t i); void *context; size_t count; atomic_size_t next; };

static void *work(void *argument)
{
	struct pool *pool = argument;
	size_t i;

	while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
		pool->run(pool->context, i);
	return NULL;
}

void cluster_each(size_t count, unsigned at_a_time, void (*run)(void *context, size_t i), void *context)
{
	struct pool pool = { .run = run, .context = context, .count = count };
	pthread_t threads[POOL_MAX];
	unsigned begun = 0;

	atomic_init(&pool.next, 0);
	while (begun + 1 < at_a_time && begun + 1 < count && begun < POOL_MAX && pthread_create(&threads[begun], NULL, work, &pool) == 0)
		begun++;
	work(&pool);
	while (begun > 0)
		pthread_join(threads[--begun], NULL);
}
