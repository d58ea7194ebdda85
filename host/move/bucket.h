/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket: the bandwidth limit shared by all page channels of a session. A sender takes what it sent and is told
 * how long to rest; debts are paid by whoever comes next, so frames are never split.
 */
#ifndef OPTMIG_HOST_MOVE_BUCKET_H
#define OPTMIG_HOST_MOVE_BUCKET_H

#include <pthread.h>
#include <stdint.h>

struct move_bucket {
	pthread_mutex_t lock;
	uint64_t rate;          /* bytes a second, 0: unlimited */
	double   level;         /* bytes that may be sent now; negative: debt */
	uint64_t filled_ns;     /* time of the last refill */
};

/* @rate: bytes a second, 0: unlimited. Begins empty: neither debt nor credit. */
void move_bucket_init(struct move_bucket *bucket, uint64_t rate);
/* Destroys the lock; nobody may use it any more. */
void move_bucket_done(struct move_bucket *bucket);
/* From the next frame on; debts and credit are forgotten. Context: any thread. */
void move_bucket_set_rate(struct move_bucket *bucket, uint64_t rate);
/* Bytes a second, 0: unlimited. Context: any thread. */
uint64_t move_bucket_rate(struct move_bucket *bucket);
/* Takes `size` bytes. Return: ns to rest before anything more is sent. */
uint64_t move_bucket_take(struct move_bucket *bucket, uint64_t size, uint64_t now_ns);

#endif
