/* SPDX-License-Identifier: Apache-2.0 */
/* Inside tee/: what all its parts stand on. */
#ifndef OPTMIG_TEE_BASE_H
#define OPTMIG_TEE_BASE_H

#include <stdint.h>

/* Records the words for tee_last_error() and returns `error`. */
__attribute__((format(printf, 2, 3)))
int tee_fail(int error, const char *format, ...);

/* XFRM bits this process may use: XCR0 within what OptMig knows. */
uint64_t tee_cpu_xfrm(void);

/* OM_CPU_* features of this machine, as far as the measurement can use them. */
uint64_t tee_cpu_features(void);

/* Bytes of the standard-format XSAVE area for `xfrm` on this CPU. */
uint32_t tee_cpu_xsave_size(uint64_t xfrm);

#endif
