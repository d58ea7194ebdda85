/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of what abi/wire.h lays out: frame headers, page runs, control messages. Decoders check
 * everything that can be checked without state, change nothing but *ret, and reject trailing bytes.
 *
 * Trust: every input byte may be hostile. Headers are decoded from a copy in trusted memory.
 */
#ifndef OPTMIG_CORE_FRAME_H
#define OPTMIG_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cursor.h"
#include "engine.h"
#include "errors.h"

struct om_frame {
	enum om_frame_kind kind;
	uint16_t connection;
	uint16_t head;
	uint32_t length;
	uint32_t epoch;
	uint64_t sequence;
};

/* Return: OM_EVERSION, OM_ETYPE (kind unknown or not for this connection), OM_EOVERFLOW (lengths). */
__attribute__((warn_unused_result))
int om_frame_decode(const uint8_t header[OM_FRAME_HEADER], struct om_frame *ret_frame);
/* The header of a frame, 24 bytes. All members must be in range: they are ours. */
void om_frame_encode(const struct om_frame *frame, uint8_t ret_header[OM_FRAME_HEADER]);

struct om_run {
	uint64_t first;          /* page index */
	uint32_t count;
	enum om_run_type type;
	uint8_t  state;          /* the pages' byte in the page map */
};

static inline bool om_run_has_content(enum om_run_type type)
{
	return type == OM_RUN_CONTENT || type == OM_RUN_RESIDENT;
}
/* @page_limit: pages of ELRANGE. Failures stick to the cursor: OM_ETYPE, OM_EOVERFLOW, OM_EVERSION. */
void om_run_get(struct om_get *c, uint64_t page_limit, struct om_run *ret_run);
/* Appends one run, 16 bytes. No room is the cursor's failure. */
void om_run_put(struct om_put *c, const struct om_run *run);

#define OM_CONTROL_QUOTE_MAX        (16u * 1024u)
#define OM_REASON_MAX       192u
#define OM_CONTROL_MAX      (OM_CONTROL_QUOTE_MAX + 64u)   /* plaintext of a control message */

enum om_role { OM_ROLE_SOURCE = 1, OM_ROLE_DESTINATION = 2 };

/* A control message. Views point into the decoded buffer. */
struct om_control {
	enum om_control_type type;
	union {
		struct { enum om_role role; const uint8_t *quote; uint32_t quote_size; } quote;
		struct {
			uint32_t channels;
			bool     hold;               /* the program begins to run when nothing is owed any more */
			uint64_t page_limit;         /* pages of ELRANGE */
			uint64_t xfrm, cpu_features; /* what the program may be using */
			uint64_t pages;              /* touched, about */
		} params;
		struct { uint32_t round; bool echo; uint64_t stamp; } round;
		struct { uint32_t channels; uint64_t owed; uint64_t frames[OM_MIG_CHANNELS_MAX]; } complete;
		struct { uint64_t rebuild_ns; } prepared;
		struct { uint64_t run_realtime_ns, restore_ns; } started;                  /* STARTED, RUNS */
		struct { int32_t error; const char *words; uint32_t words_size; } reason;   /* ABORT, CANCEL */
		struct { uint64_t run_realtime_ns, requests, dropped, faults, fault_ns, fault_max_ns, histogram[OM_FAULT_BUCKETS]; } placed;
	};
};

/* A message into `buffer` of `size` bytes. *ret_size: bytes used. Return: 0, or OM_EOVERFLOW: no room, or a length above its limit. */
__attribute__((warn_unused_result))
int om_control_encode(const struct om_control *message, uint8_t *buffer, size_t size, size_t *ret_size);
/* Takes a message apart; on failure *ret_message is as it was. Return: 0, OM_ETYPE, OM_ETRUNCATED, OM_ETRAILING, OM_EVERSION (reserved bytes),
 * OM_EOVERFLOW. Trust: authenticated, but the peer's. */
__attribute__((warn_unused_result))
int om_control_decode(const uint8_t *data, size_t size, struct om_control *ret_message);

#endif
