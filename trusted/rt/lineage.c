/* SPDX-License-Identifier: Apache-2.0 */
/* The lineage's key (see the header). It is written once, before the program has a thread that runs; after that it is only read. */
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/authentic/lineage.h"
#include "launch.h"
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/lineage.h"
#include "rt/seal.h"

#define LABEL_MAX   64u    /* with NUL */
#define CONTEXT_MAX 256u

RT_RESIDENT static struct { uint8_t key[RT_LINEAGE_SIZE]; _Atomic bool there; } lineage;

void rt_lineage_begin(void)
{
	uint8_t key[RT_LINEAGE_SIZE];

	if (rt_launch()->lineage == OM_LINEAGE_SEAL)
		rt_seal_begin();
	if (rt_launch()->lineage != OM_LINEAGE_NEW)
		return;
	if (!rt_random(key, sizeof key))
		rt_fatal(OM_ESGX, "the CPU's random number generator does not answer");
	(void)rt_lineage_set(key); /* nobody was here before */
	om_wipe(key, sizeof key);
}

bool rt_lineage_there(void)
{
	return atomic_load_explicit(&lineage.there, memory_order_acquire);
}

long rt_lineage_derive(const char *label, const void *context, size_t size, uint8_t ret_key[RT_LINEAGE_SIZE])
{
	static const char salt[] = "optmig lineage 1";
	uint8_t info[LABEL_MAX + CONTEXT_MAX];
	const size_t label_size = strlen(label) + 1;

	if (label_size > LABEL_MAX || size > CONTEXT_MAX)
		return -EINVAL;
	if (!rt_lineage_there())
		return -EACCES;
	memcpy(info, label, label_size);
	if (size)
		memcpy(info + label_size, context, size);
	return om_hkdf(salt, sizeof salt - 1, lineage.key, sizeof lineage.key, info, label_size + size, ret_key, RT_LINEAGE_SIZE) ? -EINVAL : 0;
}

int rt_lineage_set(const uint8_t key[RT_LINEAGE_SIZE])
{
	if (rt_lineage_there())
		return OM_ESTATE;
	memcpy(lineage.key, key, sizeof lineage.key);
	atomic_store_explicit(&lineage.there, true, memory_order_release);
	return 0;
}

/* The key pair is made anew each time: it is rarely wanted, and so lies nowhere. */
static int pair(uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC])
{
	return rt_lineage_there() && !om_lineage_pair(lineage.key, ret_private, ret_public) ? 0 : OM_ESTATE;
}

int rt_lineage_id(uint8_t ret_id[OM_LINEAGE_ID])
{
	uint8_t private[OM_P256_SIZE], public[OM_P256_PUBLIC];
	const int error = pair(private, public);

	om_wipe(private, sizeof private);
	if (!error)
		om_lineage_name(public, ret_id);
	return error;
}

int rt_lineage_certify(struct om_claims *claims)
{
	uint8_t private[OM_P256_SIZE], hash[32];
	int error = pair(private, claims->lineage.public);

	if (!error) {
		claims->lineage.kind = (uint8_t)rt_launch()->lineage;
		om_lineage_name(claims->lineage.public, claims->instance.lineage);
		om_lineage_hash(claims, hash);
		error = om_p256_sign(private, hash, claims->lineage.signature);
	}
	om_wipe(private, sizeof private);
	claims->has_lineage = !error;
	return error;
}

int rt_lineage_give(uint8_t ret_key[RT_LINEAGE_SIZE])
{
	if (!rt_lineage_there())
		return OM_ESTATE;
	memcpy(ret_key, lineage.key, sizeof lineage.key);
	return 0;
}

void rt_lineage_wipe(void)
{
	atomic_store_explicit(&lineage.there, false, memory_order_release);
	om_wipe(lineage.key, sizeof lineage.key);
}
