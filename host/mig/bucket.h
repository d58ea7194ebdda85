/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket: the bandwidth limit shared by all page channels of a session. A sender takes what it sent and is told
 * how long to rest; debts are paid by whoever comes next, so frames are never split.
 */
#ifndef OPTMIG_HOST_MIG_BUCKET_H
#define OPTMIG_HOST_MIG_BUCKET_H

#include <pthread.h>
#include <stdint.h>

struct mig_bucket {
	pthread_mutex_t lock;
	uint64_t rate;          /* bytes a second, 0: unlimited */
	double   level;         /* bytes that may be sent now; negative: debt */
	uint64_t filled_ns;     /* time of the last refill */
};

void mig_bucket_init(struct mig_bucket *bucket, uint64_t rate);
void mig_bucket_done(struct mig_bucket *bucket);
void mig_bucket_set_rate(struct mig_bucket *bucket, uint64_t rate);
uint64_t mig_bucket_rate(struct mig_bucket *bucket);
/* Takes `size` bytes. Return: ns to rest before anything more is sent. */
uint64_t mig_bucket_take(struct mig_bucket *bucket, uint64_t size, uint64_t now_ns);

#endif
