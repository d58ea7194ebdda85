/* SPDX-License-Identifier: Apache-2.0 */
/* Stops and resumes the program `per_second` times a second, from a thread of its own, until the process ends. */
#ifndef OPTMIG_HOST_LOAD_STOP_TEST_H
#define OPTMIG_HOST_LOAD_STOP_TEST_H

#include "enclave.h"

__attribute__((warn_unused_result))
int host_stop_test_start(struct host_enclave *enclave, uint32_t per_second);

#endif
