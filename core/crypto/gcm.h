/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM, the cipher of every byte that leaves an enclave: 12-byte nonce, 16-byte tag, any length of text and
 * additional data. Three implementations give the same bytes; om_gcm_init() chooses:
 *
 *   VAES, 512   4 x 512 bits of AES and carry-less multiplication at once (Ice Lake, Zen 4 and later, where XFRM has AVX-512)
 *   VAES, 256   8 x 256 bits (the same CPUs and Zen 3)
 *   AES-NI      8 x 128 bits; every CPU with SGX has it
 *
 * All read each input byte once and never read the output back, so that input or output may lie in memory the host
 * can change meanwhile: what is authenticated is what was decrypted. Where input or output begins at a multiple of 8 and the
 * size is a multiple of 16, every access to it is made of whole aligned 8-byte words, as such memory demands (trusted/rt/door.c).
 * Source: NIST SP 800-38D.
 */
#ifndef OPTMIG_CORE_CRYPTO_GCM_H
#define OPTMIG_CORE_CRYPTO_GCM_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_GCM_KEY_SIZE   32
#define OM_GCM_NONCE_SIZE 12
#define OM_GCM_TAG_SIZE   16
#define OM_GCM_SIZE_MAX   ((UINT64_C(1) << 36) - 32)   /* bytes under one nonce */

/* An expanded key. Secret: om_wipe() it. May be copied and used by several threads at once. */
struct om_gcm {
	alignas(16) uint8_t round_key[15][16];
	uint8_t power[20][16];   /* H^16 ... H^1 as the multiplication wants them, then zeros */
	uint32_t vaes;           /* bits of a register to use VAES on: 512, 256, or 0 for none */
	uint32_t reserved[3];
};

/*
 * @features: OM_CPU_* (abi/hostcall.h), already reduced to what XFRM enables in an enclave: OM_CPU_VAES
 *            together with OM_CPU_AVX512 or OM_CPU_AVX2 chooses VAES. A wrong claim ends in an invalid-opcode exception, nothing worse.
 */
void om_gcm_init(struct om_gcm *g, const uint8_t key[OM_GCM_KEY_SIZE], uint64_t features);

/*
 * Encrypts and authenticates. `plain` and `ret_cipher` are the same or do not overlap. A nonce is used once per key.
 * Return: 0, or OM_EOVERFLOW if size > OM_GCM_SIZE_MAX.
 */
__attribute__((warn_unused_result))
int om_gcm_seal(const struct om_gcm *g, const uint8_t nonce[OM_GCM_NONCE_SIZE], const void *aad, size_t aad_size,
	const void *plain, size_t size, void *ret_cipher, uint8_t ret_tag[OM_GCM_TAG_SIZE]);

/*
 * Decrypts and verifies. Return: 0; OM_EAUTH, with ret_plain zeroed; OM_EOVERFLOW.
 * Trust: everything but the key may be hostile. Do not use ret_plain before the return value is known.
 */
__attribute__((warn_unused_result))
int om_gcm_open(const struct om_gcm *g, const uint8_t nonce[OM_GCM_NONCE_SIZE], const void *aad, size_t aad_size,
	const void *cipher, size_t size, void *ret_plain, const uint8_t tag[OM_GCM_TAG_SIZE]);

#endif
