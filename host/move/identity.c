/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. An enclave of an older image does not know the question. Then only what the image says is added. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "crypto/sha256.h"
#include "evidence/accept/ticket_text.h"
#include "evidence/parse/tagged.h"
#include "identity.h"
#include "internal.h"
#include "strerror.h"
#include "util.h"

static bool ask(struct host_move *move, struct om_mig_identity *ret)
{
	struct om_tbuf *t;
	bool ok;

	if (atomic_load(&move->process_ends))
		return false;
	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	t->ret = OM_EINTERNAL;
	ok = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_IDENTITY, 0) == 0 && t->ret == 0;
	if (ok)
		memcpy(ret, host_tbuf_data(t), sizeof *ret);
	pthread_mutex_unlock(&move->call_lock);
	return ok;
}

static bool owned(struct host_move *move)
{
	const struct om_image_header *header = host_image_header(move->enclave);

	return header->policy_size <= sizeof header->policy && om_ticket_needed(header->policy, header->policy_size);
}

static void hex(const uint8_t *bytes, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

void move_identity_json(struct host_move *move, json_t *object)
{
	const struct om_image_header *header = host_image_header(move->enclave);
	struct om_platform_identity peer = { 0 };
	struct om_mig_identity is;
	char text[OM_PLACE_TEXT_MAX];
	uint8_t policy[OM_SHA256_SIZE];

	if (!object)
		return;
	hex(host_image_mrenclave(move->enclave), 32, text);
	json_object_set_new(object, "mrenclave", json_string(text));
	if (header->policy_size <= sizeof header->policy) {
		om_sha256(header->policy, header->policy_size, policy);
		hex(policy, sizeof policy, text);
		json_object_set_new(object, "policy", json_string(text));
	}
	json_object_set_new(object, "owned", json_boolean(owned(move)));
	if (!ask(move, &is))
		return;
	if (is.next_move) {
		hex(is.instance, sizeof is.instance, text);
		json_object_set_new(object, "instance", json_string(text));
		json_object_set_new(object, "next-move", json_integer((json_int_t)is.next_move));
	}
	if (is.peer_platform) {
		peer.platform = is.peer_platform;
		memcpy(peer.id, is.peer_id, sizeof peer.id);
		memcpy(peer.guest, is.peer_guest, sizeof peer.guest);
		om_identity_text(&peer, text);
		json_object_set_new(object, "peer-platform", json_string(text));
	}
}

void move_identity_need(struct host_move *move, char *text, size_t size)
{
	struct om_mig_identity is;
	char id[2 * sizeof is.instance + 1];

	*text = 0;
	if (!owned(move) || !ask(move, &is) || !is.next_move)
		return;
	hex(is.instance, sizeof is.instance, id);
	snprintf(text, size, "the program moves only with a ticket of its owner: for move %llu of instance %s, and the destination "
		"(optmig ticket issue --help)", (unsigned long long)is.next_move, id);
}

/* Report and claims, by the enclave. @ret_claims: OM_CLAIMS_MAX bytes. */
static int ask_fresh(struct host_move *move, const struct sgx_targetinfo *target, struct om_view nonce, struct sgx_report *ret_report,
	uint8_t *ret_claims, size_t *ret_claims_size)
{
	struct om_tbuf *t;
	int64_t size;
	int error;

	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	t->ret = OM_EINTERNAL;
	t->arg[0] = nonce.size;
	memcpy(host_tbuf_data(t), target, sizeof *target);
	memcpy(host_tbuf_data(t) + sizeof *target, nonce.data, nonce.size);
	error = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_FRESH, 0);
	size = t->ret;
	if (!error && size < 0)
		error = (int)size;
	if (!error && (size < (int64_t)sizeof *ret_report || size > (int64_t)(sizeof *ret_report + OM_CLAIMS_MAX)))
		error = OM_EINTERNAL;
	if (!error) {
		memcpy(ret_report, host_tbuf_data(t), sizeof *ret_report);
		*ret_claims_size = (size_t)size - sizeof *ret_report;
		memcpy(ret_claims, host_tbuf_data(t) + sizeof *ret_report, *ret_claims_size);
	}
	pthread_mutex_unlock(&move->call_lock);
	return error;
}

/* The quoting service is asked here, and not by the enclave: others go on talking to it meanwhile. */
static int make_fresh(struct host_move *move, struct om_view nonce, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t evidence[OM_EVIDENCE_MAX], claims[OM_CLAIMS_MAX];
	struct sgx_targetinfo target;
	struct sgx_report report;
	size_t size = 0, claims_size = 0, head;
	int error;

	if (tee_evidence_target(host_platform(move->enclave), &target) < 0)
		return OM_EQUOTE;
	error = ask_fresh(move, &target, nonce, &report, claims, &claims_size);
	if (error)
		return error;
	if (host_quote(move->enclave, &report, evidence, sizeof evidence, &size) || size <= OM_ENVELOPE_HEAD)
		return OM_EQUOTE;
	/* A quote stands by itself, as in a certificate (trusted/rt/io/attestation.c). */
	head = om_evidence_of_guest(evidence[0] | (unsigned)evidence[1] << 8) ? 0 : OM_ENVELOPE_HEAD;
	return om_tagged_encode((struct om_view) { evidence + head, size - head }, (struct om_view) { claims, claims_size }, buffer, buffer_size, ret_size);
}

int move_identity_fresh(struct host_move *move, struct om_view nonce, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	int error;

	if (!nonce.size || nonce.size > OM_NONCE_MAX)
		return host_fail(OM_EINVAL, "a nonce has 1 to %d bytes", OM_NONCE_MAX);
	error = make_fresh(move, nonce, buffer, buffer_size, ret_size);
	switch (error) {
	case 0:           return 0;
	case OM_ESTATE:   return host_fail(error, "the program is not here, or is on its way");
	case OM_EQUOTE:   return host_fail(error, "this host has no evidence");
	case OM_EINVAL:   return host_fail(error, "the image is too old for fresh evidence: link it again");
	default:          return host_fail(error, "no evidence: %s", om_strerror(error));
	}
}
