/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: the owner's word on one move of one instance. A policy with `owner` lets a program go only with one; the source's engine
 * judges it after it has verified the destination's evidence and before a byte of state leaves. Little-endian (docs/spec/ticket.md):
 *
 *    0  u32 magic "OMTK"   u16 version = 1   u16 0
 *    8  MRENCLAVE, 32 B   instance, 16 B
 *   56  u64 move: the number of this very move, the first is 1   u64 not-after, seconds since 1970; 0: none
 *   72  u8 count of places, 1 to 16   u8 0   u16 size of the delegation; 0: none   u32 0
 *   80  places, 116 B each, ascending
 *       delegation
 *       signature, r || s, 64 B, over "optmig ticket 1" || everything before it: by the delegation's key if there is one, else by the owner's
 *
 * A delegation is the owner's word on a key that may sign tickets, within limits:
 *
 *    0  u32 magic "OMTD"   u16 version = 1   u16 flags: 1 any instance, 2 `program` is an MRSIGNER
 *    8  key, x || y, 64 B   program, 32 B: MRENCLAVE or MRSIGNER   instance, 16 B; zero if any
 *  120  u64 first and u64 last move, 2^63 - 1: no last   u64 not-after; 0: none
 *  144  u8 count of places, 1 to 16   7 B 0
 *  152  places
 *       signature, 64 B, over "optmig delegation 1" || everything before it, by the owner's key
 *
 * A ticket holds one delegation at most, and that is signed by the owner: nobody can delegate further.
 *
 * A place:  u8 platform, as in evidence   u8 flags: 1 any id, 2 guest   u16 0   id, 64 B; zero if any   guest, 48 B; zero if not named
 *
 * There is one way to write what a ticket says, and nothing may follow it. (The signature itself is not unique; replay is prevented by
 * the move's number, which is the instance's and moves with it, not by remembering tickets.)
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_TICKET_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_TICKET_H

#include "evidence/accept/policy.h"

#define OM_TICKET_MAGIC      0x4b544d4fu
#define OM_DELEGATION_MAGIC  0x44544d4fu
#define OM_TICKET_VERSION    1
#define OM_TICKET_PLACES_MAX 16
#define OM_TICKET_SIGNATURE  64
#define OM_INSTANCE_SIZE     16
#define OM_MOVE_MAX          INT64_MAX   /* more than there will ever be, and tools in any language can count so far */

/* Bytes, as they are encoded: no padding, one order. */
struct om_place { uint8_t platform, flags, zero[2], id[OM_CHIP_ID_SIZE], guest[OM_MEASUREMENT_SIZE]; };
#define OM_PLACE_ANY_ID 1u   /* any machine of that platform which the policy accepts */
#define OM_PLACE_GUEST  2u   /* in that guest only; without, in any that the policy accepts */

#define OM_DELEGATION_MAX (152 + OM_TICKET_PLACES_MAX * 116 + OM_TICKET_SIGNATURE)
#define OM_TICKET_MAX     (80 + OM_TICKET_PLACES_MAX * 116 + OM_DELEGATION_MAX + OM_TICKET_SIGNATURE)

#define OM_DELEGATION_ANY_INSTANCE 1u
#define OM_DELEGATION_SIGNER       2u

struct om_delegation {
	uint16_t flags;
	uint8_t  key[OM_P256_PUBLIC_BYTES], program[32], instance[OM_INSTANCE_SIZE];
	uint64_t first_move, last_move, not_after;
	unsigned place_count;
	struct om_place place[OM_TICKET_PLACES_MAX];
};

struct om_ticket {
	uint8_t  mrenclave[32], instance[OM_INSTANCE_SIZE];
	uint64_t move, not_after;
	unsigned place_count;
	struct om_place place[OM_TICKET_PLACES_MAX];
	bool     delegated;
	struct om_delegation delegation;   /* zero without */
};

/* Where the signed bytes and the signature are. */
struct om_signed { struct om_view content; const uint8_t *signature; };

/*
 * What they say, whoever signed it. Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EOVERFLOW, OM_EINVAL: not in the
 * one form. @ret_signed, @ret_delegation: views into `bytes`; NULL is allowed. Trust: hostile.
 */
__attribute__((warn_unused_result))
int om_delegation_decode(struct om_view bytes, struct om_delegation *ret, struct om_signed *ret_signed);
/* A delegation in it is decoded, too; no signature is looked at. */
__attribute__((warn_unused_result))
int om_ticket_decode(struct om_view bytes, struct om_ticket *ret, struct om_signed *ret_signed, struct om_view *ret_delegation);
/*
 * Everything but the signature, which the caller adds: for tools. Places are put into order. @delegation: signed bytes, or size 0;
 * then the fields of t->delegation are not looked at. @ret_hash: what is to be signed. Return: 0, OM_EINVAL, OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int om_delegation_encode(struct om_delegation *d, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[32]);
/* The hash covers the delegation, too. */
__attribute__((warn_unused_result))
int om_ticket_encode(struct om_ticket *t, struct om_view delegation, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[32]);

/* Against what a ticket is judged. NULL, or 0 for the numbers: that is not known and not looked at (tools; an engine knows all). */
struct om_ticket_case {
	const uint8_t *owner;                                /* 64 B */
	const uint8_t *mrenclave, *mrsigner, *instance;
	uint64_t move;
	int64_t  now;
	const struct om_platform_identity *destination;
};

/*
 * Does the ticket allow it? In the order of enum om_attest_reason: form, signatures, program, instance, move, expiry, destination.
 * Return: 0; OM_ETICKET with the reason; OM_EVERSION. Context: about 10 KiB of stack. Trust: the ticket is hostile, the clock the host's.
 */
__attribute__((warn_unused_result))
int om_ticket_judge(struct om_view ticket, const struct om_ticket_case *c, enum om_attest_reason *ret_reason);

/* Does that policy name an owner? Yes, if it is malformed: then nothing is allowed. */
bool om_ticket_needed(const uint8_t *policy, size_t policy_size);

/*
 * An engine's question, of its own policy: if that names no owner, everything is allowed, with or without a ticket. @own: this enclave's
 * report body. Return: as above, and errors of the policy.
 */
__attribute__((warn_unused_result))
int om_ticket_admit(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view ticket,
	const uint8_t instance[OM_INSTANCE_SIZE], uint64_t move, const struct om_platform_facts *destination, int64_t now,
	enum om_attest_reason *ret_reason);

#endif
