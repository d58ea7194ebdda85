/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DCAP quote, version 3, ECDSA P-256 ("Intel SGX ECDSA Quote Library Reference", appendix A). Little-endian.
 *
 *      0  u16 version = 3   u16 key type = 2   u32 reserved 0   u16 QE SVN   u16 PCE SVN
 *     12  16 B QE vendor id   20 B user data
 *     48  384 B report body of the enclave that is quoted
 *    432  u32 size of what follows
 *    436  64 B signature over [0, 432)   64 B attestation key
 *    564  384 B report body of the QE   64 B signature of the PCK over it
 *   1012  u16 size, QE authentication data
 *         u16 certification type = 5   u32 size, PEM chain: PCK, its CA, root
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_QUOTE_H
#define OPTMIG_CORE_EVIDENCE_PARSE_QUOTE_H

#include "evidence/parse/der.h"
#include "sgx_arch.h"

#define OM_QUOTE_MIN        1020
#define OM_QUOTE_MAX        16384
#define OM_QUOTE_SIGNED     432
#define OM_QUOTE_HEADER     48
#define OM_QUOTE_VENDOR     "\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07"

/* Views into the quote. */
struct om_quote {
	uint16_t qe_svn, pce_svn;
	uint8_t  user_data[20];
	struct sgx_report_body body, qe_body;
	struct om_view signed_part, qe_report;
	const uint8_t *signature, *attestation_key, *qe_signature;   /* 64 bytes each */
	struct om_view qe_auth, chain;
};

/* Takes a quote apart; verifies no signature. Return: 0; OM_ETRUNCATED, OM_ETRAILING, OM_EVERSION, OM_EUNSUPPORTED. */
__attribute__((warn_unused_result)) int om_quote_parse(const uint8_t *quote, size_t size, struct om_quote *ret);

/*
 * What is needed beside a quote to verify it, as one piece that crosses the enclave boundary and the wire:
 *
 *   u32 magic "OMCL"   u32 version = 1   then each of these as u32 size and bytes:
 *   root CRL (DER), PCK CRL (DER), TCB info chain (PEM), TCB info (JSON), its signature (64 B),
 *   QE identity chain (PEM), QE identity (JSON), its signature (64 B)
 */
#define OM_COLLATERAL_MAGIC   0x4c434d4fu
#define OM_COLLATERAL_VERSION 1
#define OM_COLLATERAL_MAX     65536

struct om_collateral {
	struct om_view root_crl, pck_crl;
	struct om_view tcb_chain, tcb_info, tcb_signature;
	struct om_view qe_chain, qe_identity, qe_signature;
};

__attribute__((warn_unused_result)) int om_collateral_decode(const uint8_t *data, size_t size, struct om_collateral *ret);
/* Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_collateral_encode(const struct om_collateral *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
