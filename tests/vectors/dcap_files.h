/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published DCAP collateral, of which every source has its own form: as Intel's services answer (collateral_text.h), and collections
 * in JSON of two kinds:
 *
 *   "tcb_info", "tcb_info_signature", "tcb_info_issuer_chain", ...           one platform
 *   "platforms": [{"fmspc", "tcbInfo", "tcbInfoIssuerChain"}], "pckCrl", ...  many
 */
#ifndef OPTMIG_TESTS_VECTORS_DCAP_FILES_H
#define OPTMIG_TESTS_VECTORS_DCAP_FILES_H

#include "evidence/parse/quote.h"

/* The order of files after the quote. Each may be a collection, which then gives that part; a single collection gives all. */
enum dcap_part { DCAP_TCB_INFO, DCAP_TCB_CHAIN, DCAP_QE_IDENTITY, DCAP_QE_CHAIN, DCAP_PCK_CRL, DCAP_ROOT_CRL, DCAP_PARTS };

/* FMSPC out of the quote's PCK certificate. False if there is none. */
bool dcap_fmspc(struct om_view quote, uint8_t ret[6]);
/*
 * @files: one collection or DCAP_PARTS files. @buffer: OM_COLLATERAL_MAX bytes. Return: 0 or the error of what does not have its form,
 * OM_ENOTFOUND: a collection lacks a part, or this platform.
 */
int dcap_collateral(const struct om_view *files, size_t count, const uint8_t fmspc[6], uint8_t *buffer, size_t *ret_size);

#endif
