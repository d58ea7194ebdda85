/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs that measure encryption outside of an enclave share. */
#ifndef OPTMIG_BENCH_COMMON_H
#define OPTMIG_BENCH_COMMON_H

#include <stdint.h>

_Noreturn void die(const char *what);
/* Monotonic, in seconds. */
double now_s(void);
/* OM_CPU_*: what om_gcm_init may use here. */
uint64_t cpu_features(void);

#endif
