/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded little-endian reader and writer: how every frame, file and quote is taken apart or put together.
 *
 * The first failure sticks: from then on readers return zeros and writers write nothing, so a decoder reads all its
 * fields in order and looks at the error once, before it interprets any of them:
 *
 *     om_get_init(&c, frame, size);
 *     type = om_get_u16(&c);
 *     om_get_bytes(&c, nonce, sizeof nonce);
 *     error = om_get_end(&c);          OM_ETRUNCATED, OM_ETRAILING, or what om_get_fail() was told
 *
 * Trust: all input bytes are hostile. A buffer is read where it lies: copy it out of untrusted memory first.
 */
#ifndef OPTMIG_CORE_CURSOR_H
#define OPTMIG_CORE_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"

struct om_get { const uint8_t *p, *end; int error; };
struct om_put { uint8_t *p, *end, *start; int error; };

/* Begins at `data`. @size: bytes; 0 is allowed, and then `data` may be NULL. The buffer must outlive the cursor. */
void om_get_init(struct om_get *c, const void *data, size_t size);
/* The next byte; 0 after a failure. */
uint8_t  om_get_u8(struct om_get *c);
/* The next 2 bytes, little-endian; 0 after a failure. */
uint16_t om_get_u16(struct om_get *c);
/* The next 4 bytes, little-endian; 0 after a failure. */
uint32_t om_get_u32(struct om_get *c);
/* The next 8 bytes, little-endian; 0 after a failure. */
uint64_t om_get_u64(struct om_get *c);
/* On failure `to` is zeroed, so that it is never read uninitialised. */
void om_get_bytes(struct om_get *c, void *to, size_t size);
/* Return: pointer to `size` bytes inside the input, or NULL after a failure (and for size 0 at the end, non-NULL). */
const uint8_t *om_get_view(struct om_get *c, size_t size);
/* Passes over `size` bytes that the caller does not want. OM_ETRUNCATED if there are not as many. */
void om_get_skip(struct om_get *c, size_t size);
/* Reserved bytes: OM_EVERSION if any is not zero. */
void om_get_zeros(struct om_get *c, size_t size);
static inline size_t om_get_left(const struct om_get *c) { return (size_t)(c->end - c->p); }
/* Reports a failure found by the caller; the first one stays. @error: negative. */
void om_get_fail(struct om_get *c, int error);
/* Return: 0 if all went well and nothing is left; else the first error, or OM_ETRAILING. */
__attribute__((warn_unused_result)) int om_get_end(const struct om_get *c);

/* Begins to write at `buffer`. @size: bytes of room. The buffer must outlive the cursor. */
void om_put_init(struct om_put *c, void *buffer, size_t size);
/* One byte. OM_EOVERFLOW, as in all that follow, if there is no room: nothing is written then. */
void om_put_u8(struct om_put *c, uint8_t value);
/* 2 bytes, little-endian. */
void om_put_u16(struct om_put *c, uint16_t value);
/* 4 bytes, little-endian. */
void om_put_u32(struct om_put *c, uint32_t value);
/* 8 bytes, little-endian. */
void om_put_u64(struct om_put *c, uint64_t value);
/* `size` bytes as they lie at `from`. */
void om_put_bytes(struct om_put *c, const void *from, size_t size);
/* `size` bytes of zero: what a format reserves. */
void om_put_zeros(struct om_put *c, size_t size);
/* Room for `size` bytes to be filled in by the caller, or NULL. */
uint8_t *om_put_room(struct om_put *c, size_t size);
static inline size_t om_put_size(const struct om_put *c) { return (size_t)(c->p - c->start); }
/* Return: 0, or OM_EOVERFLOW if something did not fit. */
__attribute__((warn_unused_result)) int om_put_end(const struct om_put *c);

#endif
