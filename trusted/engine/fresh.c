/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh evidence for the program's TLS key, for clients that have met the key in a handshake and want to know where the key is now
 * (core/evidence/parse/tagged.h). A server's certificate has evidence of the day on which the server read it. Fresh evidence is over
 * the client's nonce, so it was made after the nonce.
 *
 * Fresh evidence is the engine's answer and not the program's. No program gets its label into a report (rt/attest.c), and the engine speaks to
 * other engines with another label. The host asks, on anybody's behalf: nothing in the answer is secret.
 *
 * The report is made while the program cannot be taken away, because the thread that makes it owns the descriptors, and a freeze waits for them.
 * The host has the report quoted by itself. The quoting service may take its time, and no slot of the enclave waits for it.
 */
#include <string.h>
#include "evidence/parse/envelope.h"
#include "evidence/parse/tagged.h"
#include "engine/state.h"
#include "rt/lineage.h"
#include "sgx_arch.h"

int engine_claims(struct om_view nonce, uint8_t *buffer, size_t *ret_size)
{
	struct om_claims claims = { .algorithm = OM_HASH_SHA256, .nonce = nonce, .has_instance = true };
	struct om_instance *instance = &claims.instance;
	uint8_t hash[32];

	*instance = (struct om_instance) { .next_move = engine_instance_move(), .guests_floor = engine_evidence_floor(),
		.made = (uint64_t)(rt_realtime_ns() / 1000000000) };
	memcpy(instance->id, engine_instance_id(), sizeof instance->id);
	if (rt_io_attest_key_hash(hash))
		return OM_ESGX;
	claims.pubkey_hash = (struct om_view) { hash, sizeof hash };
	(void)rt_lineage_certify(&claims);           /* one that waits for its owner has none */
	return om_claims_encode(&claims, buffer, OM_CLAIMS_MAX, ret_size);
}

struct claims { uint8_t bytes[OM_CLAIMS_MAX]; size_t size; };

/* Context: owner of ENGINE_OWNER_IO. */
static int make_report(const struct sgx_targetinfo *target, struct om_view nonce, struct claims *ret_claims, struct sgx_report *ret_report)
{
	uint8_t data[SGX_REPORTDATA_SIZE];
	int error;

	if (!engine_here())
		return OM_ESTATE;
	error = engine_claims(nonce, ret_claims->bytes, &ret_claims->size);
	if (error)
		return error;
	om_fresh_report_data((struct om_view) { ret_claims->bytes, ret_claims->size }, data);
	return rt_attest_report_own(target, data, ret_report) ? OM_EHOST : 0;
}

long engine_fresh(RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t nonce_size)
{
	RT_UNTRUSTED uint8_t *data = (RT_UNTRUSTED uint8_t *)tbuf + OM_TBUF_DATA;
	uint8_t nonce[OM_NONCE_MAX];
	struct sgx_targetinfo target;
	struct sgx_report report;
	struct claims claims;
	int error = OM_ESTATE;

	if (nonce_size == 0 || nonce_size > sizeof nonce)
		return OM_EINVAL;
	rt_ub_get(&target, data, sizeof target);
	rt_ub_get(nonce, data + sizeof target, nonce_size);
	if (engine_own(ENGINE_OWNER_IO)) {
		error = make_report(&target, (struct om_view) { nonce, nonce_size }, &claims, &report);
		engine_disown(ENGINE_OWNER_IO);
	}
	if (error)
		return error;
	rt_ub_put(data, &report, sizeof report);
	rt_ub_put(data + sizeof report, claims.bytes, claims.size);
	return (long)(sizeof report + claims.size);
}
