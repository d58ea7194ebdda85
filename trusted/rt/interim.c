/* SPDX-License-Identifier: Apache-2.0 */
/* Weak stand-in for mig/ while it is being written: an enclave that cannot migrate. */
#include "rt/internal.h"

__attribute__((weak)) long mig_engine_call(uint64_t op) { (void)op; return OM_EUNSUPPORTED; }
__attribute__((weak)) void mig_boot(const struct om_boot *boot) { (void)boot; }
