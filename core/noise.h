/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise_NN_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34) as a state machine without I/O:
 *
 *     initiator                                        responder
 *     START  --- e, payload (in clear) ------------->  START
 *     SENT   <-- e, ee, payload (encrypted) ---------  GOT
 *     DONE      om_noise_split(): a key per direction  DONE
 *
 * NN has no static keys: it gives secrecy and a hash of the whole handshake, nothing about who the other side is.
 * Quotes over that hash say it afterwards.
 *
 * Any failure puts the session into the state FAILED with its secrets wiped; there is no second try.
 */
#ifndef OPTMIG_CORE_NOISE_H
#define OPTMIG_CORE_NOISE_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_NOISE_KEY_SIZE      32
#define OM_NOISE_HASH_SIZE     32
#define OM_NOISE_MESSAGE_MAX   65535
#define OM_NOISE_OVERHEAD_1    32   /* message size less payload size */
#define OM_NOISE_OVERHEAD_2    48

enum om_noise_role { OM_NOISE_INITIATOR = 1, OM_NOISE_RESPONDER };
enum om_noise_state { OM_NOISE_START = 1, OM_NOISE_SENT, OM_NOISE_GOT, OM_NOISE_DONE, OM_NOISE_FAILED };

/* Secret: om_noise_done() it. */
struct om_noise {
	enum om_noise_role role;
	enum om_noise_state state;
	uint8_t private[32], public[32], peer[32];
	uint8_t chaining_key[32];
	uint8_t hash[OM_NOISE_HASH_SIZE];
};

/*
 * @ephemeral: 32 bytes from a good random source, used for this handshake only.
 * @prologue:  bytes both sides must agree on; may be empty.
 */
void om_noise_init(struct om_noise *s, enum om_noise_role role, const uint8_t ephemeral[32],
	const void *prologue, size_t prologue_size);
/* Wipes everything. NULL is fine; so is a second call. */
void om_noise_done(struct om_noise *s);

/*
 * Writes this side's message. Return: 0; OM_ESTATE if it is not this side's turn (nothing changes); OM_EOVERFLOW if
 * `message_max` or the protocol's limit is too small (nothing changes); OM_EAUTH: the other side's key is no good.
 */
__attribute__((warn_unused_result))
int om_noise_write(struct om_noise *s, const void *payload, size_t payload_size,
	uint8_t *ret_message, size_t message_max, size_t *ret_size);
/*
 * Reads the other side's message. Return: 0; OM_ESTATE, OM_EOVERFLOW (the payload does not fit) as above;
 * OM_ETRUNCATED; OM_EAUTH. Trust: message is hostile.
 */
__attribute__((warn_unused_result))
int om_noise_read(struct om_noise *s, const uint8_t *message, size_t size,
	void *ret_payload, size_t payload_max, size_t *ret_payload_size);

/* The handshake hash, equal on both sides; final in state DONE. Return: 0 or OM_ESTATE. */
__attribute__((warn_unused_result))
int om_noise_hash(const struct om_noise *s, uint8_t ret_hash[OM_NOISE_HASH_SIZE]);
/* Keys of the two directions, for AES-256-GCM. Return: 0 or OM_ESTATE. */
__attribute__((warn_unused_result))
int om_noise_split(const struct om_noise *s, uint8_t ret_send[OM_NOISE_KEY_SIZE], uint8_t ret_receive[OM_NOISE_KEY_SIZE]);

#endif
