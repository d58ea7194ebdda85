/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing DER and PEM: for the emulated platform's certificates. The first failure sticks.
 */
#ifndef OPTMIG_TEE_EVIDENCE_DEMO_DER_BUILD_H
#define OPTMIG_TEE_EVIDENCE_DEMO_DER_BUILD_H

#include "evidence/parse/der.h"

struct om_der_out { uint8_t *data; size_t size, max; bool overflow; };

void om_out_bytes(struct om_der_out *o, const void *bytes, size_t size);
/* An element is opened, its content written, and closed with what open returned. */
size_t om_out_open(struct om_der_out *o, uint8_t tag);
void om_out_close(struct om_der_out *o, size_t opened);
/* A primitive element. */
void om_out_element(struct om_der_out *o, uint8_t tag, const void *content, size_t size);
/* A non-negative number, big-endian, leading zeros allowed in the input. */
void om_out_number(struct om_der_out *o, uint8_t tag, const uint8_t *big_endian, size_t size);
void om_out_small(struct om_der_out *o, uint8_t tag, unsigned value);
void om_out_time(struct om_der_out *o, int64_t seconds);
/* SEQUENCE { tbs, ecdsa-with-SHA256, signature }: certificates and CRLs. */
void om_out_signed(struct om_der_out *o, struct om_view tbs, const uint8_t private[32]);
void om_out_algorithm(struct om_der_out *o);
void om_out_pem(struct om_der_out *o, struct om_view der);

#endif
