/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM: limits, choice of implementation, verification. No vector instruction here: this file runs before
 * anybody knows what the CPU can do.
 */
#include "crypto/gcm.h"
#include "crypto/gcm_impl.h"
#include "crypto/wipe.h"
#include "hostcall.h"

void om_gcm_init(struct om_gcm *g, const uint8_t key[OM_GCM_KEY_SIZE], uint64_t features)
{
	memset(g, 0, sizeof *g);
	om_gcm_setkey_aesni(g, key);
	if (features & OM_CPU_VAES)
		g->vaes = features & OM_CPU_AVX512 ? 512 : features & OM_CPU_AVX2 ? 256 : 0;
}

static void crypt(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	if (call->g->vaes == 512)
		om_gcm_crypt_vaes(call, encrypt, ret_tag);
	else if (call->g->vaes == 256)
		om_gcm_crypt_vaes256(call, encrypt, ret_tag);
	else
		om_gcm_crypt_aesni(call, encrypt, ret_tag);
}

int om_gcm_seal(const struct om_gcm *g, const uint8_t nonce[OM_GCM_NONCE_SIZE], const void *aad, size_t aad_size,
	const void *plain, size_t size, void *ret_cipher, uint8_t ret_tag[OM_GCM_TAG_SIZE])
{
	const struct om_gcm_call call = { g, nonce, aad, aad_size, plain, size, ret_cipher };

	if (size > OM_GCM_SIZE_MAX || aad_size > OM_GCM_SIZE_MAX)
		return OM_EOVERFLOW;
	crypt(&call, true, ret_tag);
	return 0;
}

int om_gcm_open(const struct om_gcm *g, const uint8_t nonce[OM_GCM_NONCE_SIZE], const void *aad, size_t aad_size,
	const void *cipher, size_t size, void *ret_plain, const uint8_t tag[OM_GCM_TAG_SIZE])
{
	const struct om_gcm_call call = { g, nonce, aad, aad_size, cipher, size, ret_plain };
	uint8_t expected[16];
	bool good;

	if (size > OM_GCM_SIZE_MAX || aad_size > OM_GCM_SIZE_MAX)
		return OM_EOVERFLOW;
	crypt(&call, false, expected);
	good = om_equal(expected, tag, sizeof expected);
	om_wipe(expected, sizeof expected); /* a valid tag for a forged message */
	if (!good) {
		if (size)
			om_wipe(ret_plain, size);
		return OM_EAUTH;
	}
	return 0;
}
