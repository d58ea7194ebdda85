/* SPDX-License-Identifier: Apache-2.0 */
/* Put in front of every source of the pretended enclave: its address range lies wherever the test's array is. */
#include <stdint.h>
#include "image.h"
#undef OM_ELRANGE_BASE
extern uint8_t *fake_elrange;
#define OM_ELRANGE_BASE ((uint64_t)fake_elrange)
