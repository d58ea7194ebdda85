/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes by themselves, as programs show them: what is needed around one to judge it. */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_BARE_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_BARE_H

#include "evidence/parse/envelope.h"

/*
 * A quote begins with its version, the kind of its key and the TEE, an envelope with a type, behind which the quote's version and the kind of its key stand.
 */
bool om_quote_is_bare(struct om_view data);
/*
 * Its envelope: of demo if its certificates lead to the demonstration root, of SGX if they do not, or lead nowhere. Nothing else is looked at.
 * Return: 0 or OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int om_quote_wrap(struct om_view quote, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
