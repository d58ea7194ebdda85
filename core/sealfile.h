/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seal: the key of a lineage, encrypted so that only the same image on the same platform opens it. The enclave makes and opens it, the
 * host keeps it in a file. Little-endian.
 *
 *     0   magic, u64              "OMSEAL1" with a NUL
 *     8   version, u32            1
 *    12   flags, u32              1: of a debug enclave
 *    16   CPUSVN, 16 B            of the platform as it was then: EGETKEY makes the keys of the past, and none of the future
 *    32   KEYID, 32 B             random, of this seal alone
 *    64   MRENCLAVE, 32 B
 *    96   lineage, 16 B           which one: the beginning of its public name; says nothing of the key
 *   112   ISVSVN, u16
 *   114   zero, 14 B
 *   128   ciphertext, 32 B
 *   160   tag, 16 B
 *
 * The cipher is AES-256-GCM over the first 128 bytes and the key. Its key is HKDF-SHA256 of the 128 bits that EGETKEY gives. All such keys of
 * a platform come from one secret of 128 bits, so a second call of EGETKEY would make the key longer and no stronger. KEYID gives each seal
 * a key of its own, so the nonce is zero.
 *
 * Trust: a seal is hostile until it is opened. What stands in the clear only chooses words for people, and what EGETKEY is asked.
 */
#ifndef OPTMIG_CORE_SEALFILE_H
#define OPTMIG_CORE_SEALFILE_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_SEAL_SIZE   176u
#define OM_SEAL_HEAD   128u
#define OM_SEAL_SECRET 32u
#define OM_SEAL_ID     16u
#define OM_SEAL_DEBUG  1u

struct om_seal {
	uint32_t flags;
	uint16_t isvsvn;
	uint8_t cpusvn[16], keyid[32], mrenclave[32], id[OM_SEAL_ID];
};

/* @platform_key: what EGETKEY gives for these facts. Return: 0, or OM_EINVAL for a flag that there is not. */
__attribute__((warn_unused_result))
int om_seal_make(const struct om_seal *seal, const uint8_t platform_key[16], const uint8_t secret[OM_SEAL_SECRET], uint8_t ret[OM_SEAL_SIZE]);
/* What stands in the clear. Return: OM_ETRUNCATED, OM_ETRAILING, OM_EVERSION, OM_EINVAL. */
__attribute__((warn_unused_result)) int om_seal_decode(const void *bytes, size_t size, struct om_seal *ret);
/* @bytes: decoded before. Return: 0, or OM_EAUTH with *ret_secret zero: altered, or another platform's or image's. */
__attribute__((warn_unused_result))
int om_seal_open(const uint8_t bytes[OM_SEAL_SIZE], const uint8_t platform_key[16], uint8_t ret_secret[OM_SEAL_SECRET]);

#endif
