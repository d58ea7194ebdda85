/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collateral where evidence is made and judged. Each host sends along what its own shelf has about its own platform, so that the other host needs no
 * network and no shelf. Collateral goes between the hosts, beside the enclaves' handshake (OM_FRAME_COLLATERAL, abi/wire.h). No host is trusted with
 * it, on either side: the enclave judges.
 *
 *   own enclave quoted  ─▶ collateral_quoted()  ─▶ collateral_to_send()  ──frame──▶  collateral_received()  ─▶ collateral_for()  ─▶ its enclave
 *
 * One program per process, so one of each. Context: any thread.
 */
#ifndef OPTMIG_HOST_COLLATERAL_CARRIED_H
#define OPTMIG_HOST_COLLATERAL_CARRIED_H

#include "collateral/collateral.h"

/* An enclave here has evidence now. What cannot be found is not sent, and that is no error. */
void collateral_quoted(struct om_view evidence, int64_t now);
/* The same in a confidential guest, with the certificate table that its host gave. @table: size 0: none. Trust: hostile. */
void collateral_quoted_in_guest(struct om_view evidence, struct om_view table, int64_t now);
/* The same where the collateral is known. */
void collateral_quoted_with(struct om_view collateral);
/* What has not been sent yet. @buffer: OM_COLLATERAL_MAX bytes. Return: its size; 0: nothing. */
size_t collateral_to_send(uint8_t *buffer);
/* From the peer, in the verifiers' form. Trust: hostile. Return: OM_EOVERFLOW, OM_ENOMEM. */
__attribute__((warn_unused_result))
int collateral_received(struct om_view collateral);
/* A session begins: nothing of the one before is left. */
void collateral_forget(void);

/*
 * For evidence of the peer's: what the shelf has, if it is in force; else what the peer sent; else what the shelf has in any case.
 * Return: OM_ENOTFOUND with the cure in words, OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int collateral_for(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, size_t *ret_size);

#endif
