/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places as people write them, for tools (docs/spec/ticket.md):
 *
 *     sgx:00112233445566778899aabbccddeeff      one machine, by the platform instance id of its PCK certificate
 *     snp:ID,guest=MEASUREMENT                  one chip, one guest
 *     tdx:any                                   every machine that the policy accepts
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_TICKET_TEXT_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_TICKET_TEXT_H

#include "evidence/accept/ticket.h"

#define OM_PLACE_TEXT_MAX 256

/* Return: NULL, or what is wrong and the cure. */
const char *om_place_from_text(const char *text, struct om_place *ret);
/* What om_place_from_text() reads. */
void om_place_text(const struct om_place *place, char ret[OM_PLACE_TEXT_MAX]);
/* The place that is this machine and guest alone; for one that shows no id "snp:masked", which is none. */
void om_identity_text(const struct om_platform_identity *identity, char ret[OM_PLACE_TEXT_MAX]);
/* The same backwards, without being strict about a missing id. */
const char *om_identity_from_text(const char *text, struct om_platform_identity *ret);
/* Exactly 2 * size hexadecimal digits. */
bool om_hex_decode(const char *text, size_t length, uint8_t *ret, size_t size);

#endif
