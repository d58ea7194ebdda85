/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. An enclave of an older image does not know the question: then nothing is added but what the image says. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "evidence/accept/ticket_text.h"
#include "identity.h"
#include "internal.h"

static bool ask(struct host_mig *mig, struct om_mig_identity *ret)
{
	struct om_tbuf *t;
	bool ok;

	pthread_mutex_lock(&mig->call_lock);
	t = host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL);
	t->ret = OM_EINTERNAL;
	ok = host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_IDENTITY, 0) == 0 && t->ret == 0;
	if (ok)
		memcpy(ret, host_tbuf_data(t), sizeof *ret);
	pthread_mutex_unlock(&mig->call_lock);
	return ok;
}

static bool owned(struct host_mig *mig)
{
	const struct om_image_header *header = host_image_header(mig->enclave);

	return header->policy_size <= sizeof header->policy && om_ticket_needed(header->policy, header->policy_size);
}

static void hex(const uint8_t *bytes, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

void mig_identity_json(struct host_mig *mig, json_t *object)
{
	struct om_platform_identity peer = { 0 };
	struct om_mig_identity is;
	char text[OM_PLACE_TEXT_MAX];

	if (!object)
		return;
	hex(host_image_mrenclave(mig->enclave), 32, text);
	json_object_set_new(object, "mrenclave", json_string(text));
	json_object_set_new(object, "owned", json_boolean(owned(mig)));
	if (!ask(mig, &is))
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

void mig_identity_need(struct host_mig *mig, char *text, size_t size)
{
	struct om_mig_identity is;
	char id[2 * sizeof is.instance + 1];

	*text = 0;
	if (!owned(mig) || !ask(mig, &is) || !is.next_move)
		return;
	hex(is.instance, sizeof is.instance, id);
	snprintf(text, size, "it moves with a ticket of its owner only: for move %llu of instance %s, and the destination "
		"(optmig ticket issue --help)", (unsigned long long)is.next_move, id);
}
