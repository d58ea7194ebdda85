/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TESTS_SGX_FAKEHW_H
#define OPTMIG_TESTS_SGX_FAKEHW_H

#include "harness.h"

/* From now on TEE_HW platforms talk to the emulator. */
void fakehw_install(void);
/* How many device mappings were made so far. */
int fakehw_mappings(void);

#endif
