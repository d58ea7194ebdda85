/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pull reader for the JSON (RFC 8259) that Intel signs: objects, arrays, plain ASCII strings without escapes,
 * non-negative integers. It allocates nothing; strings are views into the text. The first error sticks.
 *
 *     om_json_object(&j);
 *     while (om_json_key(&j, &key))
 *             if (om_json_is(key, "svn")) svn = om_json_number(&j, 255); else om_json_skip(&j);
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_JSON_H
#define OPTMIG_CORE_EVIDENCE_PARSE_JSON_H

#include "evidence/parse/der.h"

#define OM_JSON_DEPTH_MAX 12

struct om_json {
	const uint8_t *p, *end;
	int error;
	unsigned depth;      /* containers open */
	uint32_t started;    /* bit per depth: an element has been read */
};

/* @text: has to last as long as what is read of it. */
void om_json_init(struct om_json *j, struct om_view text);
/* For callers that find an error of their own: the first one stays, and nothing more is read. */
void om_json_fail(struct om_json *j, int error);
/* Opens the object that comes next: OM_ETYPE if it is none, OM_EOVERFLOW deeper than OM_JSON_DEPTH_MAX. */
void om_json_object(struct om_json *j);
/* Next key of the open object, positioned at its value; false when the object is closed or after an error. */
bool om_json_key(struct om_json *j, struct om_view *ret_key);
/* Opens the array that comes next; errors as of om_json_object(). */
void om_json_array(struct om_json *j);
/* Is there another item? False when the array is closed or after an error. */
bool om_json_item(struct om_json *j);
/* A view without the quotes, in printable ASCII. After an error it has size 0. OM_EUNSUPPORTED: escapes and other characters. */
struct om_view om_json_string(struct om_json *j);
/* An integer of at most `max` (OM_EOVERFLOW), without leading zeros; fractions and exponents are OM_EUNSUPPORTED. 0 after an error. */
uint64_t om_json_number(struct om_json *j, uint64_t max);
/* Exactly `size` bytes as hexadecimal digits in a string. */
void om_json_hex(struct om_json *j, uint8_t *to, size_t size);
/* "2025-06-19T10:56:11Z" as seconds since 1970. */
int64_t om_json_time(struct om_json *j);
/* Passes over the next value, whatever it is, by the same rules. It recurses, OM_JSON_DEPTH_MAX deep. */
void om_json_skip(struct om_json *j);
/* The bytes of the next value as they stand, which is skipped. */
struct om_view om_json_raw(struct om_json *j);
/* Marks a field as seen by its bit; the second time is an error, OM_EINVAL. */
void om_json_once(struct om_json *j, unsigned *seen, unsigned bit);
/* Fails with OM_EINVAL unless all these were seen. */
void om_json_require(struct om_json *j, unsigned seen, unsigned bits);
/* Is it exactly that word? Context: no constant time. */
bool om_json_is(struct om_view string, const char *word);
/* Return: 0 if the text is over and everything closed. */
__attribute__((warn_unused_result)) int om_json_end(struct om_json *j);

#endif
