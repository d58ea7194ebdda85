/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of DER (X.690): definite, minimal lengths, one-byte tags. As with om_get, the first error sticks and
 * everything after it reads as empty. Views point into the input.
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_DER_H
#define OPTMIG_CORE_EVIDENCE_PARSE_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_DER_BOOLEAN    0x01
#define OM_DER_INTEGER    0x02
#define OM_DER_BITS       0x03
#define OM_DER_OCTETS     0x04
#define OM_DER_OID        0x06
#define OM_DER_ENUMERATED 0x0a
#define OM_DER_UTC_TIME   0x17
#define OM_DER_TIME       0x18
#define OM_DER_SEQUENCE   0x30
#define OM_DER_CONTEXT(n) (0xa0 | (n))   /* constructed, context-specific */

struct om_view { const uint8_t *data; size_t size; };
struct om_der { const uint8_t *p, *end; int error; };

static inline bool om_view_equal(struct om_view a, struct om_view b)
{
	return a.size == b.size && (a.size == 0 || __builtin_memcmp(a.data, b.data, a.size) == 0);
}
#define OM_VIEW(array) ((struct om_view) { (array), sizeof (array) })

/* @input: has to last as long as what is read of it. Size 0: an empty reader. */
void om_der_init(struct om_der *d, struct om_view input);
/* For callers that find an error of their own: the first one stays, and nothing more is read. */
void om_der_fail(struct om_der *d, int error);
/* Tag of the next element; 0 at the end or after an error. */
uint8_t om_der_peek(const struct om_der *d);
/* Bytes not read yet. */
static inline size_t om_der_left(const struct om_der *d) { return (size_t)(d->end - d->p); }
/* Content of the next element, which must have this tag. */
struct om_view om_der_content(struct om_der *d, uint8_t tag);
/* The whole next element with its header. */
struct om_view om_der_element(struct om_der *d, uint8_t tag);
/* A reader of the next element's content. Its errors do not reach `d`: check both with om_der_end(). */
struct om_der om_der_enter(struct om_der *d, uint8_t tag);
/* A non-negative INTEGER (or another tag with that encoding) up to `max`. */
uint64_t om_der_number(struct om_der *d, uint8_t tag, uint64_t max);
/* A positive INTEGER of at most 32 bytes, big-endian, padded in front. */
void om_der_scalar(struct om_der *d, uint8_t ret[32]);
/* DEFAULT FALSE: absent, or 0xff. */
bool om_der_flag(struct om_der *d);
/* Either form of time as seconds since 1970. */
int64_t om_der_time(struct om_der *d);
/* Return: 0 if all is read without error; else the error, or OM_ETRAILING. */
__attribute__((warn_unused_result)) int om_der_end(const struct om_der *d);

/* Proleptic Gregorian, UTC. Return: seconds since 1970, or INT64_MIN if a field is out of range. */
int64_t om_time_of(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);
/* `count` decimal digits. False if one is none. */
bool om_digits(const uint8_t *from, unsigned count, unsigned *ret);

#endif
