/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection between two hosts begins, as a state machine without I/O: each proves its key to the other, then the source
 * says its hello, and the destination answers. abi/wire.h has the messages. Sizes are fixed, so a side always knows how many bytes
 * it waits for, and does a fixed amount of work for each message: for a stranger at most four multiplications on the curve.
 *
 *   source        FIRST ── second has come ──▶ SECOND ── hello written ──▶ SAID ── answer has come ──▶ DONE
 *                                              the peer's key is proven: is it known?
 *   destination   FIRST ── first has come, second written ──▶ SECOND ── third has come ──▶ SAID ── answer written ──▶ DONE
 *                   │                                                                    key and hello are there: is it known?
 *                   └─ a hello of the old protocol ──▶ OLD
 */
#ifndef OPTMIG_HOST_MOVE_OPENING_H
#define OPTMIG_HOST_MOVE_OPENING_H

#include "hello.h"
#include "noise_xx.h"
#include "peer/key.h"
#include "wire.h"

#define MOVE_OPENING_MAX OM_OPENING_3            /* bytes of one message */

/* What is left of an opening: keys under which the hosts vouch for what follows. Secret. @refused: the one refusal was sent, or came. */
struct move_seal { bool there, refused; uint8_t send[OM_NOISE_KEY_SIZE], receive[OM_NOISE_KEY_SIZE]; };

enum move_opening_stage { MOVE_OPENING_FIRST = 1, MOVE_OPENING_SECOND, MOVE_OPENING_SAID, MOVE_OPENING_DONE, MOVE_OPENING_OLD, MOVE_OPENING_FAILED };

/* Secret: move_opening_done() it. */
struct move_opening {
	enum move_opening_stage stage;
	bool source;
	struct om_noise_xx noise;
	uint8_t peer[HOST_KEY_SIZE];            /* proven, from the stages above on */
	struct move_seal seal;                   /* in DONE, but after OLD */
	uint8_t in[MOVE_OPENING_MAX];
	size_t have;
};

/* @ephemeral: 32 random bytes, for this connection only. */
void move_opening_init(struct move_opening *o, bool source, const struct host_key *key, const uint8_t ephemeral[32]);
/* Wipes all of it: keys, and what had been said. */
void move_opening_done(struct move_opening *o);

/* Source: the first message. @out: OM_OPENING_1 bytes. */
__attribute__((warn_unused_result))
int move_opening_first(struct move_opening *o, uint8_t out[OM_OPENING_1]);

/* How many bytes of the present message are still to come, to in + have; 0: none is awaited. */
size_t move_opening_wants(const struct move_opening *o);
/*
 * `size` of them, at most what it wants, have come. @ret_size: of what is to be sent now, to @out.
 * Return: 0, also while the message is not whole; OM_ETYPE (another protocol), OM_EVERSION (what is to be sent says so), OM_EAUTH.
 * Trust: the bytes are hostile.
 */
__attribute__((warn_unused_result))
int move_opening_took(struct move_opening *o, size_t size, uint8_t out[MOVE_OPENING_MAX], size_t *ret_size);

/* Source in SECOND: the hello. @out: OM_OPENING_3 bytes. */
__attribute__((warn_unused_result))
int move_opening_say(struct move_opening *o, const struct move_hello *hello, uint8_t out[OM_OPENING_3]);
/* Destination in SAID, source in DONE: what the other side has said. Return: as move_hello_decode(). */
__attribute__((warn_unused_result))
int move_opening_heard(const struct move_opening *o, struct move_hello *ret_hello);
/* Destination in SAID: the answer. In OLD: one in the old protocol, OM_HELLO_SIZE bytes. @out: MOVE_OPENING_MAX bytes. Return: OM_ESTATE. */
__attribute__((warn_unused_result))
int move_opening_answer(struct move_opening *o, const struct move_hello *answer, uint8_t out[MOVE_OPENING_MAX], size_t *ret_size);

/*
 * The tag behind a NOISE frame: who holds the key of the opening has sent it. So the enclaves' handshake, and with it every frame of the
 * session, is between enclaves of these two hosts, whoever may write into their connections. One frame per opening and direction.
 */
void move_seal_tag(const struct move_seal *seal, const uint8_t *frame, size_t size, uint8_t ret_tag[OM_FRAME_TAG]);
/* Return: OM_EAUTH with words, also if there is no seal. */
__attribute__((warn_unused_result))
int move_seal_check(const struct move_seal *seal, const uint8_t *frame, size_t size, const uint8_t tag[OM_FRAME_TAG]);

/*
 * Before the enclaves have keys a host that ends the session says why: a REFUSED frame, whose payload is sealed. One per opening and direction.
 * @frame: OM_FRAME_HEADER of it are there, OM_OPENING_ANSWER bytes follow.
 */
void move_seal_refusal(struct move_seal *seal, const struct move_hello *refusal, uint8_t frame[OM_FRAME_HEADER + OM_OPENING_ANSWER]);
/* Return: OM_ETRUNCATED, OM_EAUTH, as move_hello_decode(). Trust: the frame is hostile. */
__attribute__((warn_unused_result))
int move_seal_refused(struct move_seal *seal, uint8_t *frame, size_t size, struct move_hello *ret_refusal);

#endif
