/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ID block and its authentication (guest/id_block.h) as files, in the form in which QEMU takes them: base64 without line ends.
 *     PREFIX.id-block   PREFIX.id-auth
 */
#ifndef OPTMIG_HOST_GUEST_ID_FILES_H
#define OPTMIG_HOST_GUEST_ID_FILES_H

#include "guest/id_block.h"

#define GUEST_ID_BLOCK_TEXT 129u        /* with its NUL */
#define GUEST_ID_AUTH_TEXT  5465u

struct guest_id { struct om_id_owner owner; char block[GUEST_ID_BLOCK_TEXT], auth[GUEST_ID_AUTH_TEXT]; };

/* As a security processor will judge it. Return: OM_EIO; OM_EINVAL, OM_EAUTH and others of om_id_verify(), with words. */
__attribute__((warn_unused_result))
int guest_id_read(const char *prefix, struct guest_id *ret);
/* Writes both files, over those that are there. Nothing is judged. Return: OM_EIO; OM_EINVAL: the name is too long; with words. */
__attribute__((warn_unused_result))
int guest_id_write(const char *prefix, const uint8_t block[OM_ID_BLOCK_SIZE], const uint8_t auth[OM_ID_AUTH_SIZE]);
/* A launch that the block does not allow ends in the firmware's refusal: this is its reason. Return: OM_EPOLICY with words. */
__attribute__((warn_unused_result))
int guest_id_allows(const struct guest_id *id, const uint8_t measurement[OM_SHA384_SIZE], uint64_t policy);

#endif
