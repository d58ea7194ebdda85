/* SPDX-License-Identifier: Apache-2.0 */
/* A loop over many sockets, shared out among threads: a program stands still meanwhile. */
#ifndef OPTMIG_HOST_NET_PARALLEL_H
#define OPTMIG_HOST_NET_PARALLEL_H

#include <stdint.h>

/* Those that this process may use. */
unsigned net_processors(void);

/* Carries out [first, end). Slices are disjoint, and run at the same time. */
typedef void net_slice_fn(void *context, uint32_t first, uint32_t end);

/* [0, count) in as many slices as this process may use processors, or in one if that is not worth it. Returns when all is done. */
void net_parallel(uint32_t count, net_slice_fn *fn, void *context);

#endif
