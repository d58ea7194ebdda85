/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise_XX_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34) as a state machine without I/O: two hosts that both
 * have a static key tell each other which.
 *
 *     initiator                                              responder
 *     message 1   --- e, payload (in clear) -------------->
 *     message 2   <-- e, ee, s, es, payload --------------    from here on the initiator knows the other's static key
 *     message 3   --- s, se, payload --------------------->   ... and the responder
 *                     om_noise_xx_split(): a key per direction
 *
 * Everything behind message 1's e is encrypted. Whoever asks may learn the responder's key; the initiator's is shown to nobody
 * but the holder of the key that it has seen before it writes message 3: it looks at it first, and stops if it does not like it.
 * Who the keys belong to is the caller's matter.
 *
 * Any failure puts the session into the state FAILED with its secrets wiped; there is no second try. This pattern is the
 * hosts': no enclave holds it, and om_noise (NN) is the enclaves'.
 */
#ifndef OPTMIG_CORE_NOISE_XX_H
#define OPTMIG_CORE_NOISE_XX_H

#include <stdbool.h>
#include "noise.h"

/* Message size less payload size. */
#define OM_NOISE_XX_OVERHEAD_1 32
#define OM_NOISE_XX_OVERHEAD_2 (32 + 32 + 16 + 16)
#define OM_NOISE_XX_OVERHEAD_3 (32 + 16 + 16)

enum om_noise_xx_state { OM_NOISE_XX_1 = 1, OM_NOISE_XX_2, OM_NOISE_XX_3, OM_NOISE_XX_DONE, OM_NOISE_XX_FAILED };

/* Secret: om_noise_xx_done() it. */
struct om_noise_xx {
	enum om_noise_role role;
	enum om_noise_xx_state state;           /* the message that comes next */
	bool encrypts;                          /* there is a key */
	uint64_t nonce;
	uint8_t own_private[32], own_public[32];        /* s */
	uint8_t private[32], public[32];                /* e */
	uint8_t peer_own[32], peer[32];                 /* rs, re */
	uint8_t chaining_key[32], key[32];
	uint8_t hash[OM_NOISE_HASH_SIZE];
};

/*
 * @own_private, @own_public: this side's static key.
 * @ephemeral: 32 bytes from a good random source, used for this handshake only.
 * @prologue:  bytes both sides must agree on; may be empty.
 */
void om_noise_xx_init(struct om_noise_xx *s, enum om_noise_role role, const uint8_t own_private[32], const uint8_t own_public[32],
	const uint8_t ephemeral[32], const void *prologue, size_t prologue_size);
/* Wipes everything. NULL is fine; so is a second call. */
void om_noise_xx_done(struct om_noise_xx *s);

/* What the message that comes next adds to its payload; 0 when there is none. */
size_t om_noise_xx_overhead(const struct om_noise_xx *s);

/* As om_noise_write() and om_noise_read(). OM_EAUTH: also if a key of the other side has small order. */
__attribute__((warn_unused_result))
int om_noise_xx_write(struct om_noise_xx *s, const void *payload, size_t payload_size,
	uint8_t *ret_message, size_t message_max, size_t *ret_size);
/* Trust: message is hostile. */
__attribute__((warn_unused_result))
int om_noise_xx_read(struct om_noise_xx *s, const uint8_t *message, size_t size,
	void *ret_payload, size_t payload_max, size_t *ret_payload_size);

/* The other side's static key, proven: to the initiator behind message 2, to the responder behind message 3. Return: 0 or OM_ESTATE. */
__attribute__((warn_unused_result))
int om_noise_xx_peer(const struct om_noise_xx *s, uint8_t ret_key[OM_NOISE_KEY_SIZE]);
/* As om_noise_hash() and om_noise_split(). */
__attribute__((warn_unused_result))
int om_noise_xx_hash(const struct om_noise_xx *s, uint8_t ret_hash[OM_NOISE_HASH_SIZE]);
/* Keys of both directions, for this side. Return: 0; OM_ESTATE before the last message. */
__attribute__((warn_unused_result))
int om_noise_xx_split(const struct om_noise_xx *s, uint8_t ret_send[OM_NOISE_KEY_SIZE], uint8_t ret_receive[OM_NOISE_KEY_SIZE]);

/* The nonce of message `number` under a key of the split: 4 zero bytes, then the number, big-endian (Noise, section 12.4). */
void om_noise_nonce(uint64_t number, uint8_t ret_nonce[12]);

#endif
