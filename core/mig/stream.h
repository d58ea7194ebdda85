/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of one connection as an authenticated stream of frames: AES-256-GCM, the sequence number is the nonce and
 * must be exactly the next one, so that a frame that was dropped, repeated, reordered or altered is an error. A key
 * serves one (epoch, connection, direction, purpose); a resumed session has a new epoch, hence new keys, so no nonce is
 * ever used twice. Urgent requests may overtake each other between the threads that send them: their receiver takes each
 * number once, in any order, within a window (mig_window).
 */
#ifndef OPTMIG_CORE_MIG_STREAM_H
#define OPTMIG_CORE_MIG_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include "crypto/gcm.h"
#include "frame.h"

struct mig_secret { uint8_t bytes[32]; };

enum mig_direction { MIG_TO_DESTINATION = 1, MIG_TO_SOURCE = 2 };
enum mig_purpose { MIG_KEY_FRAMES = 1, MIG_KEY_RESUME = 2 };

struct mig_stream {
	struct om_gcm key;
	uint64_t next;           /* sequence number of the next frame; UINT64_MAX: exhausted */
	uint32_t epoch;
	uint16_t connection;
};

/* The session's secret from a finished Noise handshake: its hash and its two keys, initiator's first. */
void mig_secret_derive(const uint8_t hash[32], const uint8_t to_destination[32], const uint8_t to_source[32],
	struct mig_secret *ret_secret);

/* @features: OM_CPU_* for the cipher. */
void mig_stream_init(struct mig_stream *s, const struct mig_secret *secret, uint32_t epoch, uint16_t connection,
	enum mig_direction direction, enum mig_purpose purpose, uint64_t features);
/* Wipes the key. Nothing is sealed or opened from here on, until mig_stream_init(). */
void mig_stream_done(struct mig_stream *s);

/*
 * Seals `size` bytes of plain, of which `head` are runs, as the next frame. @ret_frame: OM_FRAME_HEADER + size +
 * OM_FRAME_TAG bytes, where `plain` may lie at OM_FRAME_HEADER already. May be memory the host can see and change if it begins at
 * a multiple of 8 and size is a multiple of 16: then it is written once, in whole aligned words, and never read.
 * Return: OM_EEXHAUSTED.
 */
__attribute__((warn_unused_result))
int mig_stream_seal(struct mig_stream *s, enum om_frame_kind kind, uint16_t head, const void *plain, size_t size,
	void *ret_frame, size_t *ret_size);
/* The same with a sequence number that the caller guarantees to use once (replies). */
__attribute__((warn_unused_result))
int mig_stream_seal_at(const struct mig_stream *s, uint64_t sequence, enum om_frame_kind kind, uint16_t head,
	const void *plain, size_t size, void *ret_frame, size_t *ret_size);

/*
 * Opens the frame with the decoded header `frame`, whose encoding is `header` (trusted copies), and the payload of
 * frame->length bytes (may be untrusted memory if it begins at a multiple of 8 and its length is one of 16: each byte is read
 * once, in whole aligned words). @ret_plain: frame->length - OM_FRAME_TAG bytes; may be the payload itself.
 * Return: OM_ESEQ (not the next one, another epoch or connection), OM_EAUTH; then the stream has not moved.
 */
__attribute__((warn_unused_result))
int mig_stream_open(struct mig_stream *s, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const void *payload, void *ret_plain);
/* The same without the demand that it be the next; the caller checks the number. */
__attribute__((warn_unused_result))
int mig_stream_open_any(const struct mig_stream *s, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const void *payload, void *ret_plain);

/* Numbers taken once each, at most MIG_WINDOW below the highest. */
#define MIG_WINDOW 2048u
struct mig_window {
	uint64_t top;                      /* all numbers >= top are new */
	uint64_t bits[MIG_WINDOW / 64];    /* number n: bit n % MIG_WINDOW; valid for top - MIG_WINDOW <= n < top */
};
/* Return: 0 and the number is now taken, or OM_ESEQ. */
__attribute__((warn_unused_result))
int mig_window_take(struct mig_window *w, uint64_t number);

#endif
