/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restarts from a seal (core/sealfile.h), where the image says lineage = "seal".
 *
 *     the host shows     owner     then
 *     no seal            any       the lineage is new; it is sealed before the program runs
 *     a seal             none      it is opened
 *     a seal             one       it is opened when the owner has granted it to this start: rt_seal_waits() until then
 *     anything else                the program does not start, and nothing is written
 *
 * Without an owner whoever has the seal and the platform may start the program as often as he likes, also after it has moved away: the
 * image's author has consented to that.
 */
#ifndef OPTMIG_TRUSTED_RT_SEAL_H
#define OPTMIG_TRUSTED_RT_SEAL_H

#include <stdbool.h>
#include <stdint.h>
#include "sealfile.h"

/* A fresh start of an image with lineage = "seal". Ends the enclave if it cannot be what the table says. */
void rt_seal_begin(void);
/* The program is at a destination, and runs: a seal for this platform. Says so if there cannot be one; the program goes on. */
void rt_seal_moved(void);

/* A seal lies here that only the owner's grant opens. *ret_id: its lineage. */
bool rt_seal_waits(uint8_t ret_id[OM_SEAL_ID]);
/* The owner has granted it, to this start. Return: 0, or OM_ESTATE: none waits; OM_EAUTH. */
int rt_seal_grant(void);

#endif
