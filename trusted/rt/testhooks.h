/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tests hang into the runtime. It is linked twice: $(B)/trusted/librt.a with trusted/testing, and $(B)/product/trusted/librt.a, which
 * `make install` installs, with trusted/product, where each of these does nothing.
 */
#ifndef OPTMIG_TRUSTED_RT_TESTHOOKS_H
#define OPTMIG_TRUSTED_RT_TESTHOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include "hostcall.h"

/* The last step of the boot: verify images (OM_IMAGE_VERIFY) raise RT_POLL_VERIFY. */
void rt_test_boot(void);
/* RT_POLL_VERIFY is up, and an interval ends. */
void rt_test_interval(void);
/* Is this code of the runtime that the program calls for a test? */
bool rt_test_is_called(uint64_t rip);
/* OM_ECALL_STOP. Return: OM_EUNSUPPORTED where tests are not built in. */
long rt_test_stop(uint64_t op, uint64_t argument);
/* OM_HC_ROUND: tells a spectator where the round is. */
void rt_test_round(enum om_round_point point, uint64_t number, uint64_t tracker);

#endif
