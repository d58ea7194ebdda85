/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TEE_EVIDENCE_GUEST_IDENTITY_H
#define OPTMIG_TEE_EVIDENCE_GUEST_IDENTITY_H

#include "source.h"

/* How long an identity, and with it a seal, is good for. */
enum guest_identity_life { GUEST_IDENTITY_PROCESS, GUEST_IDENTITY_BOOT, GUEST_IDENTITY_CHIP };

/* Return: errors of source->key() but OM_EUNSUPPORTED; OM_EIO. */
__attribute__((warn_unused_result))
int guest_identity(struct guest_source *source, uint8_t ret[32], enum guest_identity_life *ret_life);
/* Where there is no source. @ret_shared: by all processes until the next boot; else it is this one's alone. */
__attribute__((warn_unused_result))
int guest_identity_of_boot(uint8_t ret[32], bool *ret_shared);

#endif
