/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DCAP quotes, ECDSA P-256: version 3 ("Intel SGX ECDSA Quote Library Reference", appendix A), versions 4 and 5 ("Intel TDX DCAP:
 * Quote Generation Library and Quote Verification Library", appendix A). Little-endian, r and s big-endian.
 *
 *      0  u16 version   u16 key type = 2   u32 TEE: 0 SGX, 0x81 TDX   u16 QE SVN   u16 PCE SVN (version 3; else reserved)
 *     12  16 B QE vendor id   20 B user data
 *     48  body; version 5: u16 type, u32 size, body
 *           type 1  384 B report body of an enclave (SGX; versions 3, 4, 5)
 *                2  584 B report body of a trust domain, TDX 1.0 (versions 4, 5)
 *                3  648 B the same, TDX 1.5 (version 5)
 *         ---- so far it is signed
 *         u32 size of what follows
 *         64 B signature   64 B attestation key
 *         versions 4 and 5: u16 certification type = 6, u32 size of what follows
 *         384 B report body of the QE   64 B signature of the PCK over it
 *         u16 size, QE authentication data
 *         u16 certification type = 5   u32 size, PEM chain: PCK, its CA, root
 *         versions 4 and 5: what a buffer may hold behind; nobody looks at it
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_QUOTE_H
#define OPTMIG_CORE_EVIDENCE_PARSE_QUOTE_H

#include "evidence/parse/der.h"
#include "sgx_arch.h"

#define OM_QUOTE_MIN        1020    /* version 3 without authentication data and chain */
#define OM_QUOTE_MAX        16384
#define OM_QUOTE_HEADER     48
#define OM_QUOTE_SIGNED     432     /* of version 3 */
#define OM_QUOTE_DESCRIPTOR 6       /* of version 5, before the body */
#define OM_QUOTE_WRAPPER    6       /* type and size of the certification data around the QE's, versions 4 and 5 */
#define OM_QUOTE_VENDOR     "\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07"

/* As the header has them. */
enum om_tee { OM_TEE_SGX = 0, OM_TEE_TDX = 0x81 };
/* As the descriptor of version 5 has them. */
enum om_quote_body { OM_BODY_SGX = 1, OM_BODY_TD10 = 2, OM_BODY_TD15 = 3 };

#define OM_TD_BODY_10 584
#define OM_TD_BODY_15 648
#define OM_TD_HASH    48
/* TD_ATTRIBUTES ("Intel TDX Module ABI Specification"). The lowest byte is the group "TD under debug". */
#define OM_TD_DEBUG           UINT64_C(1)
#define OM_TD_UNDER_DEBUG     UINT64_C(0xff)
#define OM_TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define OM_TD_MIGRATABLE      (UINT64_C(1) << 29)

/* What the TDX module says of a trust domain; fields in the order of the bytes. */
struct om_td_body {
	uint8_t  tee_tcb_svn[16];        /* 0 module SVN, 1 module version, 2 microcode */
	uint8_t  mrseam[OM_TD_HASH], mrsignerseam[OM_TD_HASH];
	uint8_t  seam_attributes[8];
	uint64_t attributes, xfam;
	uint8_t  mrtd[OM_TD_HASH], mrconfigid[OM_TD_HASH], mrowner[OM_TD_HASH], mrownerconfig[OM_TD_HASH];
	uint8_t  rtmr[4][OM_TD_HASH];
	uint8_t  reportdata[64];
	/* TDX 1.5; else zero: the module that runs now, if it was updated under the TD */
	uint8_t  tee_tcb_svn_2[16];
	uint8_t  mrservicetd[OM_TD_HASH];
};

/* Views into the quote. */
struct om_quote {
	uint16_t version;
	enum om_tee tee;
	enum om_quote_body kind;
	uint16_t qe_svn, pce_svn;
	uint8_t  user_data[20];
	struct sgx_report_body body;     /* OM_TEE_SGX; else zero */
	struct om_td_body td;            /* OM_TEE_TDX; else zero */
	struct sgx_report_body qe_body;
	struct om_view signed_part, qe_report;
	const uint8_t *signature, *attestation_key, *qe_signature;   /* 64 bytes each */
	struct om_view qe_auth, chain;
	size_t   size;                   /* without what follows */
};

/*
 * Takes a quote apart; verifies no signature.
 * Return: 0; OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL: sizes or types contradict each other; OM_EVERSION, OM_EUNSUPPORTED: a version,
 * TEE, key type or kind of certification data that we do not know; OM_EOVERFLOW.
 */
__attribute__((warn_unused_result)) int om_quote_parse(const uint8_t *quote, size_t size, struct om_quote *ret);

/*
 * What is needed beside a quote to verify it, as one piece that crosses the enclave boundary and the wire:
 *
 *   u32 magic "OMCL"   u32 version = 1   then each of these as u32 size and bytes:
 *   root CRL (DER), PCK CRL (DER), TCB info chain (PEM), TCB info (JSON), its signature (64 B),
 *   QE identity chain (PEM), QE identity (JSON), its signature (64 B)
 *
 * This is the one form that a verifier reads. Services hand the parts out in several others: collateral_text.h makes this of them.
 */
#define OM_COLLATERAL_MAGIC   0x4c434d4fu
#define OM_COLLATERAL_VERSION 1
#define OM_COLLATERAL_MAX     65536

struct om_collateral {
	struct om_view root_crl, pck_crl;
	struct om_view tcb_chain, tcb_info, tcb_signature;
	struct om_view qe_chain, qe_identity, qe_signature;
};

/* Takes apart what om_collateral_encode() makes; views into `data`, whose content is not looked at. Return: 0; OM_EOVERFLOW (more than
 * OM_COLLATERAL_MAX), OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL: a signature that has not 64 bytes. Trust: hostile. */
__attribute__((warn_unused_result)) int om_collateral_decode(const uint8_t *data, size_t size, struct om_collateral *ret);
/* Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_collateral_encode(const struct om_collateral *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
