/* SPDX-License-Identifier: Apache-2.0 */
/* Refilled lazily. The burst is what flows in 20 ms: small enough to keep the rate, large enough to hide timers. */
#include "bucket.h"

#define BURST_SECONDS 0.02

void move_bucket_init(struct move_bucket *bucket, uint64_t rate)
{
	pthread_mutex_init(&bucket->lock, NULL);
	bucket->rate = rate;
	bucket->level = 0;
	bucket->filled_ns = 0;
}

void move_bucket_done(struct move_bucket *bucket)
{
	pthread_mutex_destroy(&bucket->lock);
}

void move_bucket_set_rate(struct move_bucket *bucket, uint64_t rate)
{
	pthread_mutex_lock(&bucket->lock);
	bucket->rate = rate;
	bucket->level = 0;
	pthread_mutex_unlock(&bucket->lock);
}

uint64_t move_bucket_rate(struct move_bucket *bucket)
{
	uint64_t rate;

	pthread_mutex_lock(&bucket->lock);
	rate = bucket->rate;
	pthread_mutex_unlock(&bucket->lock);
	return rate;
}

uint64_t move_bucket_take(struct move_bucket *bucket, uint64_t size, uint64_t now_ns)
{
	uint64_t rest = 0;

	pthread_mutex_lock(&bucket->lock);
	if (bucket->rate != 0) {
		double burst = (double)bucket->rate * BURST_SECONDS;

		if (bucket->filled_ns != 0 && now_ns > bucket->filled_ns)
			bucket->level += (double)bucket->rate * (double)(now_ns - bucket->filled_ns) / 1e9;
		bucket->filled_ns = now_ns;
		if (bucket->level > burst)
			bucket->level = burst;
		bucket->level -= (double)size;
		if (bucket->level < 0)
			rest = (uint64_t)(-bucket->level / (double)bucket->rate * 1e9);
	}
	pthread_mutex_unlock(&bucket->lock);
	return rest;
}
