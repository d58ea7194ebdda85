/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing the lineage (see the header). The key is EGETKEY's with MRENCLAVE as its policy. So another image gets another key, and so does another
 * platform, or a debug enclave in place of a production one. The key depends on CPUSVN as well. A platform with newer microcode opens what it
 * sealed before, and seals it anew. A platform that went back to older microcode does not get the newer keys.
 */
#include <stdalign.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/accept/policy.h"
#include "launch.h"
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/lineage.h"
#include "rt/seal.h"

RT_LOCAL alignas(SGX_KEYREQUEST_ALIGN) static struct sgx_keyrequest request;
RT_LOCAL alignas(SGX_KEY_ALIGN) static uint8_t platform_key[SGX_KEY_SIZE];
RT_LOCAL alignas(SGX_TARGETINFO_ALIGN) static struct sgx_targetinfo nobody;
RT_LOCAL alignas(SGX_REPORTDATA_ALIGN) static uint8_t no_data[SGX_REPORTDATA_SIZE];
RT_LOCAL alignas(SGX_REPORT_ALIGN) static struct sgx_report self;
RT_LOCAL static uint8_t bytes[OM_SEAL_SIZE];
RT_LOCAL static struct om_seal waiting;
RT_LOCAL static bool waits;

static RT_UNTRUSTED uint8_t *transfer_data(void)
{
	return (RT_UNTRUSTED uint8_t *)rt_tbuf(rt_self()) + OM_TBUF_DATA;
}

static uint32_t debug_flag(void)
{
	return self.body.attributes.flags & SGX_ATTR_DEBUG ? OM_SEAL_DEBUG : 0;
}

/* Into platform_key. Return: EGETKEY's code. */
static uint32_t get_key(const struct om_seal *s)
{
	memset(&request, 0, sizeof request);
	request.keyname = SGX_KEY_SEAL;
	request.keypolicy = SGX_KEYPOLICY_MRENCLAVE;
	request.isvsvn = s->isvsvn;
	request.attributemask.flags = ~0ull;      /* DEBUG and INIT are in it always; XFRM follows from MRENCLAVE (engine/operations.c) */
	request.miscmask = ~0u;
	memcpy(request.cpusvn, s->cpusvn, sizeof request.cpusvn);
	memcpy(request.keyid, s->keyid, sizeof request.keyid);
	return rt_egetkey(&request, platform_key);
}

/* Has it got an owner, who decides over restarts? */
static bool owned(void)
{
	RT_LOCAL static struct om_policy policy;
	uint8_t key[OM_LAUNCH_OWNER / 2];

	if (om_launch_owner(rt_launch(), key))
		return true;
	/* One that cannot be read moves nowhere, and starts from no seal either. */
	return om_policy_decode(rt_image->policy, rt_image->policy_size, &policy) || policy.flags & OM_POLICY_OWNER;
}

static int make(void)
{
	struct om_seal s = { .flags = debug_flag(), .isvsvn = self.body.isvsvn };
	uint8_t secret[RT_LINEAGE_SIZE];
	int error;

	if (!rt_random(s.keyid, sizeof s.keyid))
		return OM_ESGX;
	memcpy(s.cpusvn, self.body.cpusvn, sizeof s.cpusvn);
	memcpy(s.mrenclave, self.body.mrenclave, sizeof s.mrenclave);
	error = rt_lineage_id(s.id);
	if (!error)
		error = rt_lineage_give(secret);
	if (!error && get_key(&s))
		error = OM_ESGX;
	if (!error)
		error = om_seal_make(&s, platform_key, secret, bytes);
	om_wipe(secret, sizeof secret);
	om_wipe(platform_key, sizeof platform_key);
	return error;
}

/* @how: OM_SEAL_KEEP_*. */
static int keep(enum om_seal_keep how)
{
	const uint64_t arg[6] = { sizeof bytes, how };
	int error = make();

	if (error)
		return error;
	rt_ub_reset();
	rt_ub_put(transfer_data(), bytes, sizeof bytes);
	return rt_hostcall(OM_HC_SEAL, 0, 0, arg) ? OM_EIO : 0;
}

/* Of the seal in `bytes`, for people: what is told cannot be believed, only that it does not open. */
_Noreturn static void refuse(const struct om_seal *s, uint32_t code)
{
	if (!om_equal(s->mrenclave, self.body.mrenclave, sizeof s->mrenclave))
		rt_fatal(OM_ESEAL, "the seal is of another image (MRENCLAVE differs)");
	if (s->flags != debug_flag())
		rt_fatal(OM_ESEAL, "the seal is of a debug enclave, and this is none, or the other way round");
	if (code == SGX_INVALID_CPUSVN)
		rt_fatal(OM_ESEAL, "the seal was made under newer microcode than this platform has now");
	rt_fatal(OM_ESEAL, "the seal does not open: it is damaged, or of another platform");
}

static int open(const struct om_seal *s, uint8_t ret_secret[RT_LINEAGE_SIZE], uint32_t *ret_code)
{
	int error = OM_EAUTH;

	*ret_code = get_key(s);
	if (!*ret_code)
		error = om_seal_open(bytes, platform_key, ret_secret);
	om_wipe(platform_key, sizeof platform_key);
	return error;
}

/* Return: is there one? */
static bool ask_host(struct om_seal *ret)
{
	const uint64_t arg[6] = { OM_PAPER_SEAL };
	long got;

	rt_ub_reset();
	got = rt_hostcall(OM_HC_PAPER, 0, 0, arg);
	if (got == 0)
		return false;
	if (got < 0)
		rt_fatal(OM_ESEAL, "the host cannot read the seal");
	if (got != sizeof bytes)
		rt_fatal(OM_ESEAL, "the seal is damaged: it has another size than seals have");
	rt_ub_get(bytes, transfer_data(), sizeof bytes);
	if (om_seal_decode(bytes, sizeof bytes, ret))
		rt_fatal(OM_ESEAL, "the seal is damaged, or of another version");
	return true;
}

static void draw(void)
{
	uint8_t key[RT_LINEAGE_SIZE];

	if (!rt_random(key, sizeof key))
		rt_fatal(OM_ESGX, "the CPU's random number generator does not answer");
	(void)rt_lineage_set(key); /* nobody was here before */
	om_wipe(key, sizeof key);
	if (keep(OM_SEAL_KEEP_NEW))
		rt_fatal(OM_ESEAL, "the lineage cannot be sealed for the next start: this host does not keep the seal");
}

/* After renewed microcode: the old seal would open for whoever goes back to the old one. */
static void renew(const struct om_seal *s)
{
	if (!om_equal(s->cpusvn, self.body.cpusvn, sizeof s->cpusvn) && keep(OM_SEAL_KEEP_SAME))
		rt_tell("the lineage could not be sealed anew after a change of microcode; the old seal stays");
}

void rt_seal_begin(void)
{
	uint8_t secret[RT_LINEAGE_SIZE];
	struct om_seal s;
	uint32_t code;

	rt_ereport(&nobody, no_data, &self);
	if (!ask_host(&s)) {
		draw();
		return;
	}
	/* Opened at once, even if it then waits: what is damaged need not be granted. */
	if (open(&s, secret, &code))
		refuse(&s, code);
	if (owned()) {
		waiting = s;
		waits = true;
	} else {
		(void)rt_lineage_set(secret); /* nobody was here before */
		renew(&s);
	}
	om_wipe(secret, sizeof secret);
}

bool rt_seal_waits(uint8_t ret_id[OM_SEAL_ID])
{
	memcpy(ret_id, waiting.id, OM_SEAL_ID);
	return waits;
}

int rt_seal_grant(void)
{
	uint8_t secret[RT_LINEAGE_SIZE];
	uint32_t code;
	int error = waits ? open(&waiting, secret, &code) : OM_ESTATE;

	if (!error)
		error = rt_lineage_set(secret);
	if (!error) {
		waits = false;
		renew(&waiting);
	}
	om_wipe(secret, sizeof secret);
	return error;
}

void rt_seal_moved(void)
{
	if (rt_launch()->lineage != OM_LINEAGE_SEAL || !rt_lineage_there())
		return;
	rt_ereport(&nobody, no_data, &self);
	if (keep(OM_SEAL_KEEP_SAME))
		rt_tell("the lineage could not be sealed on this host: the program cannot be started anew here");
}
