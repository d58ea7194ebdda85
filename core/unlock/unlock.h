/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an owner and a running enclave say to each other: secrets and a lineage go in, and a program hands its lineage to the next build.
 * Little-endian (docs/spec/unlock.md). Everything here is pure: the caller has the randomness and the evidence.
 *
 *   owner's tool                                                  enclave
 *        ---- nonce, 32 B ------------------------------------------->      draws an ephemeral key; one question is open at a time
 *        <--- statement, evidence over its hash ---------------------
 *   judges evidence; seals what it gives to the ephemeral key; signs
 *        ---- grant ------------------------------------------------->      signature, statement, contents; then installs. The key is gone
 *
 * Statement:
 *    0  u32 magic "OMUS"   u16 version = 1   u16 flags
 *    8  ephemeral key, X25519, 32 B   nonce, 32 B   instance, 16 B   seal, 16 B
 *  104  key that may unlock, P-256 x || y, 64 B
 *  168  u8 count of names, u8 0 x 7, then for each name: u8 size, bytes. Names ascend. They are the secrets that the program waits for
 *
 *   hash         SHA-256("optmig unlock 1" || statement)
 *   REPORTDATA   hash || OM_UNLOCK_LABEL
 *
 * Grant:
 *    0  u32 magic "OMUG"   u16 version = 1   u16 0   statement's hash, 32 B   u32 size of the box   u32 0
 *   48  box, sealed to the statement's key, of items
 *       signature, r || s, 64 B, by the owner, over SHA-256("optmig unlock grant 1" || all before it)
 *
 * Box: a fresh X25519 key's public half, 32 B; AES-256-GCM under a key used once (nonce zero); tag, 16 B. The key is
 *   HKDF-SHA256(salt = statement's hash, X25519, info = label || fresh public || statement's key), so it belongs to one question.
 *
 * Items, ascending by type, then name:  u8 type   u8 size of the name   u16 0   u32 size   name   bytes
 *
 * Upgrade. The old program gets a grant whose item ORDER names the next build and has that enclave's statement. It judges that enclave's
 * evidence itself, stops its program for good, and answers with a package (a box to the new statement's key, of items) and an HMAC of it, whose
 * key comes from the grant's own exchange: so the tool knows from whom the package is, and only then signs the grant that brings it.
 */
#ifndef OPTMIG_CORE_UNLOCK_UNLOCK_H
#define OPTMIG_CORE_UNLOCK_UNLOCK_H

#include <stdbool.h>
#include "crypto/ec.h"
#include "cursor.h"
#include "evidence/parse/der.h"

#define OM_UNLOCK_LABEL        "optmig 1 evidence for the owner:"   /* 32 B */
#define OM_UNLOCK_VERSION      1
#define OM_UNLOCK_NONCE        32
#define OM_UNLOCK_KEY          32
#define OM_UNLOCK_NAME_MAX     64
#define OM_UNLOCK_NAMES_MAX    32
#define OM_UNLOCK_SECRETS_MAX  65536u            /* bytes of all secrets of a program */
#define OM_UNLOCK_ROOTS_MAX    65536u            /* of what is handed on about encrypted files */
#define OM_UNLOCK_BODY_MAX     (OM_UNLOCK_SECRETS_MAX + 2 * OM_UNLOCK_ROOTS_MAX)
#define OM_UNLOCK_STATEMENT_MAX (176 + OM_UNLOCK_NAMES_MAX * (1 + OM_UNLOCK_NAME_MAX))
#define OM_UNLOCK_BOX(size)    (32 + (size) + 16)
#define OM_UNLOCK_GRANT_HEAD   48
#define OM_UNLOCK_GRANT(size)  (OM_UNLOCK_GRANT_HEAD + OM_UNLOCK_BOX(size) + OM_P256_SIGNATURE)
#define OM_UNLOCK_GRANT_MAX    OM_UNLOCK_GRANT(OM_UNLOCK_BODY_MAX)

#define OM_UNLOCK_WAITS        1u   /* the program has not started: it waits for what follows */
#define OM_UNLOCK_WANTS_KEY    2u   /* ... for a lineage key, or a package */
#define OM_UNLOCK_WANTS_SEAL   4u   /* ... for leave to open the seal named */
#define OM_UNLOCK_HAS_KEY      8u   /* there is a lineage */
#define OM_UNLOCK_HANDED_ON   16u   /* the program has been stopped for good, for an upgrade */
#define OM_UNLOCK_FLAGS       31u

struct om_unlock_name { uint8_t size; char text[OM_UNLOCK_NAME_MAX]; };

struct om_unlock_statement {
	uint16_t flags;
	uint8_t  key[32], nonce[OM_UNLOCK_NONCE], instance[16], seal[16], owner[OM_P256_PUBLIC];
	unsigned count;
	struct om_unlock_name name[OM_UNLOCK_NAMES_MAX];
};

/* [A-Za-z0-9._-]{1,64}, and neither "." nor "..": it becomes a file's name. */
bool om_unlock_name_ok(const char *text, size_t size);

/* Return: 0, OM_EINVAL or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_unlock_statement_encode(const struct om_unlock_statement *s, uint8_t *buffer, size_t room, size_t *ret_size);
/* Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL: not in the one form. Trust: hostile. */
__attribute__((warn_unused_result))
int om_unlock_statement_decode(struct om_view bytes, struct om_unlock_statement *ret);
/* SHA-256 of a label and the encoded statement: what grants and the report are bound to. */
void om_unlock_statement_hash(struct om_view bytes, uint8_t ret_hash[32]);
/* What the enclave's evidence carries for the statement with that hash: the hash and OM_UNLOCK_LABEL, so that it is no other report's. */
void om_unlock_report_data(const uint8_t hash[32], uint8_t ret[64]);

enum om_unlock_type {
	OM_UNLOCK_LINEAGE = 1,  /* 32 B */
	OM_UNLOCK_RESTART,      /* the seal, 16 B: it may be opened in this start */
	OM_UNLOCK_ORDER,        /* MRENCLAVE, 32 B, and the statement of the enclave that takes over */
	OM_UNLOCK_PACKAGE,      /* a box to this enclave's key, of the enclave that the owner ordered to hand on */
	OM_UNLOCK_ROOTS,        /* in a package: encrypted files' */
	OM_UNLOCK_SECRET,       /* has a name; the others have none and come once */
};
struct om_unlock_item { enum om_unlock_type type; struct om_view name, bytes; };

/* Return: 0; OM_EINVAL: its type, name and size do not go together; OM_EOVERFLOW, which sticks in `put`. */
__attribute__((warn_unused_result)) int om_unlock_item_put(struct om_put *put, const struct om_unlock_item *item);
/* All of them, in form and order. Return: 0, OM_ETRUNCATED, OM_EVERSION, OM_ETYPE, OM_EINVAL. */
__attribute__((warn_unused_result)) int om_unlock_items_check(struct om_view body);
/* Of a body that was checked: the next item, or false at the end. *at begins as the body. */
bool om_unlock_item_next(struct om_view *at, struct om_unlock_item *ret);

enum om_unlock_box { OM_UNLOCK_BOX_GRANT, OM_UNLOCK_BOX_PACKAGE };
/*
 * @private: 32 fresh random bytes, used once. @ret_answer: a key for the answer's HMAC, or NULL.
 * Return: 0; OM_EAUTH: a key of small order; OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int om_unlock_box_seal(enum om_unlock_box kind, const uint8_t hash[32], const uint8_t to[32], const uint8_t private[32], struct om_view body,
	uint8_t *ret_box, size_t room, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY]);
/* @ret_body: box.size - 48 bytes. Return: 0; OM_EAUTH, OM_ETRUNCATED, OM_EOVERFLOW. Trust: the box is hostile. */
__attribute__((warn_unused_result))
int om_unlock_box_open(enum om_unlock_box kind, const uint8_t hash[32], const uint8_t private[32], struct om_view box,
	uint8_t *ret_body, size_t room, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY]);

/* The tool's: a box in a grant, signed. @box_size: of what lies at buffer + OM_UNLOCK_GRANT_HEAD. Return: OM_EINVAL, OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_unlock_grant_sign(const uint8_t hash[32], const uint8_t owner_private[32], uint8_t *buffer, size_t box_size, size_t room, size_t *ret_size);
/*
 * The enclave's: is it the owner's, and for this statement? @ret_box: lies in `grant`. Return: 0; errors of the form; OM_ESEQ: for another
 * question; OM_EAUTH: not signed by the owner. Trust: hostile.
 */
__attribute__((warn_unused_result))
int om_unlock_grant_check(struct om_view grant, const uint8_t hash[32], const uint8_t owner[OM_P256_PUBLIC], struct om_view *ret_box);
/* The HMAC of an answer. */
void om_unlock_answer_mac(const uint8_t key[OM_UNLOCK_KEY], struct om_view package, uint8_t ret_mac[32]);

#endif
