/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing DER and PEM: for the emulated platform's certificates. The first failure sticks.
 */
#ifndef OPTMIG_TEE_EVIDENCE_DEMO_DER_BUILD_H
#define OPTMIG_TEE_EVIDENCE_DEMO_DER_BUILD_H

#include "evidence/parse/der.h"

struct om_der_out { uint8_t *data; size_t size, max; bool overflow; };

/* Bytes as they are. What has no room sets o->overflow, and nothing is written any more. Every function here ends so. */
void om_out_bytes(struct om_der_out *o, const void *bytes, size_t size);
/* An element is opened, its content written, and closed with what open returned. */
size_t om_out_open(struct om_der_out *o, uint8_t tag);
/* @opened: what om_out_open() has returned, of the innermost element that is open. The content moves to make room for its
 * length; 65,535 bytes at most. */
void om_out_close(struct om_der_out *o, size_t opened);
/* A primitive element. */
void om_out_element(struct om_der_out *o, uint8_t tag, const void *content, size_t size);
/* A non-negative number, big-endian, leading zeros allowed in the input. */
void om_out_number(struct om_der_out *o, uint8_t tag, const uint8_t *big_endian, size_t size);
/* The same of a value of 16 bits. */
void om_out_small(struct om_der_out *o, uint8_t tag, unsigned value);
/* A UTCTime. @seconds: since 1970. Years from 2050 on set o->overflow: they have another form. Source: RFC 5280, 4.1.2.5. */
void om_out_time(struct om_der_out *o, int64_t seconds);
/* SEQUENCE { tbs, ecdsa-with-SHA256, signature }: certificates and CRLs. */
void om_out_signed(struct om_der_out *o, struct om_view tbs, const uint8_t private[32]);
/* AlgorithmIdentifier of ecdsa-with-SHA256, which has no parameters. Source: RFC 5758, 3.2. */
void om_out_algorithm(struct om_der_out *o);
/* The certificate `der` in PEM, 64 characters a line. Source: RFC 7468. */
void om_out_pem(struct om_der_out *o, struct om_view der);

#endif
