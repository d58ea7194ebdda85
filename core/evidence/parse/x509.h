/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just as much X.509 (RFC 5280) as evidence uses: version 3 certificates and version 2 CRLs, in two profiles that never mix.
 *
 *   Intel (DCAP)   P-256 keys, ecdsa-with-SHA256                          om_x509_parse, om_crl_parse
 *   AMD (SNP)      RSA-4096 and P-384 keys, RSASSA-PSS with SHA-384       om_x509_parse_amd, om_crl_parse_amd
 *
 * Anything else, an unknown critical extension among it, is refused. Views point into the input, which must stay.
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_X509_H
#define OPTMIG_CORE_EVIDENCE_PARSE_X509_H

#include "evidence/parse/der.h"

#define OM_X509_MAX            2048   /* bytes of one certificate */
#define OM_X509_CHAIN_MAX      3
#define OM_X509_DIGITAL_SIGNATURE 0x80
#define OM_X509_CERT_SIGN         0x04
#define OM_X509_CRL_SIGN          0x02

enum om_x509_key { OM_X509_P256 = 1, OM_X509_P384, OM_X509_RSA };

struct om_x509 {
	struct om_view tbs;              /* the signed bytes */
	struct om_view issuer, subject;  /* whole Name elements: equal bytes are equal names */
	struct om_view serial;           /* content of the INTEGER */
	struct om_view spki;             /* whole SubjectPublicKeyInfo */
	struct om_view sgx;              /* Intel's SGX extension (1.2.840.113741.1.13.1), size 0 if absent */
	struct om_view extensions;       /* content of the list of all of them */
	uint8_t public[64];              /* Intel's profile */
	uint8_t signature[64];
	enum om_x509_key key;
	struct om_view amd_key;          /* AMD's profile: x || y, or the modulus of 512 bytes */
	struct om_view amd_signature;    /* 512 bytes */
	int64_t not_before, not_after;   /* seconds since 1970 */
	bool ca;
	unsigned path_length;            /* UINT_MAX: no limit */
	unsigned usage;                  /* OM_X509_*; 0 if absent */
};

/* A CRL keeps its list as it stands; om_crl_revokes() walks it. */
struct om_crl {
	struct om_view tbs, issuer, revoked;
	uint8_t signature[64];           /* Intel's profile */
	struct om_view amd_signature;    /* AMD's: 512 bytes */
	int64_t this_update, next_update;
};

/* What Intel's SGX extension of a PCK certificate says about the platform. */
struct om_pck {
	uint8_t  svn[16];
	uint16_t pce_svn;
	uint8_t  cpu_svn[16];
	uint8_t  fmspc[6];
	uint8_t  pce_id[2];
	uint8_t  instance[16];           /* of the platform; zero: the certificate, as a Processor CA's, names none */
};

/* A certificate of Intel's: P-256. Return, of all five: 0; OM_ETRUNCATED, OM_ETRAILING, OM_ETYPE, OM_EINVAL, OM_EOVERFLOW: not DER or not this;
 * OM_EUNSUPPORTED. Trust: hostile. */
__attribute__((warn_unused_result)) int om_x509_parse(struct om_view der, struct om_x509 *ret);
/* A certificate of AMD's: RSA-PSS signatures, keys RSA or P-384. */
__attribute__((warn_unused_result)) int om_x509_parse_amd(struct om_view der, struct om_x509 *ret);
/* A revocation list of Intel's: signed with P-256. */
__attribute__((warn_unused_result)) int om_crl_parse(struct om_view der, struct om_crl *ret);
/* A revocation list of AMD's: signed with RSA-PSS. */
__attribute__((warn_unused_result)) int om_crl_parse_amd(struct om_view der, struct om_crl *ret);
/* The SGX extension of a PCK certificate: TCB, PCE id and FMSPC must be there, the platform's instance may. */
__attribute__((warn_unused_result)) int om_pck_parse(struct om_view extension, struct om_pck *ret);
/* Return: 0 or OM_EAUTH. */
__attribute__((warn_unused_result)) int om_x509_signed(struct om_view tbs, const uint8_t signature[64], const uint8_t public[64]);
/* AMD's profile: by an issuer with an RSA key. Return: 0 or OM_EAUTH. */
__attribute__((warn_unused_result))
int om_x509_signed_amd(struct om_view tbs, struct om_view signature, const struct om_x509 *issuer);
/* May `issuer`, with `below` CA certificates between it and the leaf, have issued `subject`? Names, CA flag, usage, path length. */
bool om_x509_may_issue(const struct om_x509 *issuer, const struct om_x509 *subject, unsigned below);
/* SEQUENCE { r, s } as P-256 has it. Return: 0, or errors of om_der. */
__attribute__((warn_unused_result)) int om_x509_ecdsa(struct om_view der, uint8_t ret_signature[64]);
/* @serial: as om_x509 has it. An entry that cannot be read revokes everybody. */
bool om_crl_revokes(const struct om_crl *crl, struct om_view serial);

/*
 * Next certificate of a PEM text. Only certificates, no other text, line ends \n or \r\n; a NUL may close the text.
 * @text: advanced behind it. Return: 0; OM_ENOTFOUND at the end; OM_EINVAL; OM_EOVERFLOW if it exceeds the buffer.
 */
__attribute__((warn_unused_result))
int om_pem_next(struct om_view *text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der);
/* The same for a revocation list. */
__attribute__((warn_unused_result))
int om_pem_crl(struct om_view *text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der);

#endif
