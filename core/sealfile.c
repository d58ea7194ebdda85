/* SPDX-License-Identifier: Apache-2.0 */
/* Seals (see the header). */
#include <string.h>
#include "crypto/gcm.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "cursor.h"
#include "sealfile.h"

#define MAGIC   0x00314c4145534d4fULL   /* "OMSEAL1" */
#define VERSION 1u

static const uint8_t zero_nonce[OM_GCM_NONCE_SIZE];

static int schedule(const uint8_t platform_key[16], struct om_gcm *ret)
{
	static const char salt[] = "optmig seal 1";
	uint8_t key[OM_GCM_KEY_SIZE];
	int error = om_hkdf(salt, sizeof salt - 1, platform_key, 16, NULL, 0, key, sizeof key);

	if (!error)
		om_gcm_init(ret, key, 0);
	om_wipe(key, sizeof key);
	return error;
}

int om_seal_make(const struct om_seal *s, const uint8_t platform_key[16], const uint8_t secret[OM_SEAL_SECRET], uint8_t ret[OM_SEAL_SIZE])
{
	struct om_put c;
	struct om_gcm gcm;
	int error;

	if (s->flags & ~OM_SEAL_DEBUG)
		return OM_EINVAL;
	om_put_init(&c, ret, OM_SEAL_HEAD);
	om_put_u64(&c, MAGIC);
	om_put_u32(&c, VERSION);
	om_put_u32(&c, s->flags);
	om_put_bytes(&c, s->cpusvn, sizeof s->cpusvn);
	om_put_bytes(&c, s->keyid, sizeof s->keyid);
	om_put_bytes(&c, s->mrenclave, sizeof s->mrenclave);
	om_put_bytes(&c, s->id, sizeof s->id);
	om_put_u16(&c, s->isvsvn);
	om_put_zeros(&c, 14);
	error = om_put_end(&c);
	if (!error)
		error = schedule(platform_key, &gcm);
	if (!error)
		error = om_gcm_seal(&gcm, zero_nonce, ret, OM_SEAL_HEAD, secret, OM_SEAL_SECRET, ret + OM_SEAL_HEAD, ret + OM_SEAL_HEAD + OM_SEAL_SECRET);
	om_wipe(&gcm, sizeof gcm);
	return error;
}

int om_seal_decode(const void *bytes, size_t size, struct om_seal *ret)
{
	struct om_seal s;
	struct om_get c;
	int error;

	om_get_init(&c, bytes, size);
	if (om_get_u64(&c) != MAGIC || om_get_u32(&c) != VERSION)
		om_get_fail(&c, OM_EVERSION);
	s.flags = om_get_u32(&c);
	if (s.flags & ~OM_SEAL_DEBUG)
		om_get_fail(&c, OM_EVERSION);
	om_get_bytes(&c, s.cpusvn, sizeof s.cpusvn);
	om_get_bytes(&c, s.keyid, sizeof s.keyid);
	om_get_bytes(&c, s.mrenclave, sizeof s.mrenclave);
	om_get_bytes(&c, s.id, sizeof s.id);
	s.isvsvn = om_get_u16(&c);
	om_get_zeros(&c, 14);
	om_get_skip(&c, OM_SEAL_SECRET + OM_GCM_TAG_SIZE);
	error = om_get_end(&c);
	if (!error)
		*ret = s;
	return error;
}

int om_seal_open(const uint8_t bytes[OM_SEAL_SIZE], const uint8_t platform_key[16], uint8_t ret_secret[OM_SEAL_SECRET])
{
	struct om_gcm gcm;
	int error = schedule(platform_key, &gcm);

	if (!error)
		error = om_gcm_open(&gcm, zero_nonce, bytes, OM_SEAL_HEAD, bytes + OM_SEAL_HEAD, OM_SEAL_SECRET, ret_secret,
			bytes + OM_SEAL_HEAD + OM_SEAL_SECRET);
	om_wipe(&gcm, sizeof gcm);
	return error;
}
