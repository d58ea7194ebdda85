/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ID block: by it the owner of an SEV-SNP guest signs how it may be launched. The security processor refuses a launch that is not as the block
 * says, and from then on every report has the digest of the key that signed it, so that a policy may name a key for all the guests that it signs.
 * An author key may vouch for id keys: it signs the id key, and its digest is in the report, too. Little-endian (AMD 56860, SNP_LAUNCH_FINISH):
 *
 *   ID block, 96 bytes     000 launch digest   030 family id   040 image id   050 u32 version = 1   054 u32 guest SVN   058 u64 policy
 *   ID auth, 4096 bytes    000 u32 algorithm of the id key   004 u32 of the author key, 0: none; 1 = ECDSA P-384 with SHA-384
 *                          040 signature of the block   240 id key   680 signature of the id key, by the author key   880 author key
 *   key, 1028 bytes        000 u32 curve, 2 = P-384   004 X   04c Y: 72 bytes each;   signature, 512 bytes: R, S, 72 bytes each;   the rest zero
 *
 * The digest of a key is SHA-384 of its 1028 bytes.
 */
#ifndef OPTMIG_CORE_GUEST_ID_BLOCK_H
#define OPTMIG_CORE_GUEST_ID_BLOCK_H

#include <stdbool.h>
#include "crypto/p384.h"

#define OM_ID_BLOCK_SIZE 96u
#define OM_ID_AUTH_SIZE  4096u
#define OM_ID_KEY_SIZE   1028u

struct om_id_block {
	uint8_t digest[OM_SHA384_SIZE], family[16], image[16];
	uint32_t svn;
	uint64_t policy;
};
/* As SNP_LAUNCH_FINISH takes it. Source: AMD 56860, SNP_LAUNCH_FINISH. */
void om_id_block_encode(const struct om_id_block *block, uint8_t ret[OM_ID_BLOCK_SIZE]);

/* Numbers are big-endian here, as everywhere else in OptMig. */
struct om_id_auth {
	uint8_t id_key[OM_P384_PUBLIC], block_signature[OM_P384_SIGNATURE];
	bool author;                            /* the rest is there */
	uint8_t author_key[OM_P384_PUBLIC], key_signature[OM_P384_SIGNATURE];
};
/* As SNP_LAUNCH_FINISH takes it; without an author its part is zero. Source: AMD 56860, SNP_LAUNCH_FINISH. */
void om_id_auth_encode(const struct om_id_auth *auth, uint8_t ret[OM_ID_AUTH_SIZE]);
/* What a report calls the key by; and what an author signs. */
void om_id_key_digest(const uint8_t public[OM_P384_PUBLIC], uint8_t ret[OM_SHA384_SIZE]);

/* As a report will have it. author_key: zero without one. */
struct om_id_owner { struct om_id_block block; bool author; uint8_t id_key[OM_SHA384_SIZE], author_key[OM_SHA384_SIZE]; };
/*
 * As the security processor does it. Return: 0; OM_EVERSION, OM_EUNSUPPORTED (the version, another algorithm or curve), OM_EINVAL (what is reserved
 * is not zero), OM_EAUTH (a signature does not hold). Trust: both are hostile.
 */
__attribute__((warn_unused_result))
int om_id_verify(const uint8_t block[OM_ID_BLOCK_SIZE], const uint8_t auth[OM_ID_AUTH_SIZE], struct om_id_owner *ret);

#endif
