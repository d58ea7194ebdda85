/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that do something to the program again and again, each from a thread and a service slot of its own, until the process ends. */
#ifndef OPTMIG_HOST_TESTING_PERIODIC_H
#define OPTMIG_HOST_TESTING_PERIODIC_H

#include "load/enclave.h"

struct testing_periodic {
	const char *name;                /* in messages */
	int  (*once)(void);              /* an OM_E* ends the process */
	void (*summary)(void *unused);   /* when the process ends */
	/* testing_periodic_start fills these in: */
	struct host_enclave *enclave;
	uint64_t period_ns;
	uint32_t slot;
};

/* @test: lives as long as the process. Return: OM_EEXHAUSTED (no slot), OM_ENOMEM (no thread). */
__attribute__((warn_unused_result))
int testing_periodic_start(struct testing_periodic *test, struct host_enclave *enclave, uint32_t per_second);

#endif
