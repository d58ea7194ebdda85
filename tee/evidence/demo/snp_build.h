/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pretended SEV-SNP security processor: keys, certificates, revocation list and reports in AMD's formats, so that the
 * verifier is exercised as it is and only the root differs.
 *
 * Host side only, never in an enclave. The CAs' private keys stand in snp_keys.c for everybody to read: such reports prove
 * nothing. One ARK and one CA key serve all products and both kinds of CA; what tells them apart is what the certificates say.
 *
 *   ARK "ARK-Demo" ─┬─ ASK "SEV-Demo" ─────── VCEK of this machine ── report
 *                   └─ ASVK "SEV-VLEK-Demo" ── VLEK of a provider ──── report
 */
#ifndef OPTMIG_TEE_EVIDENCE_DEMO_SNP_BUILD_H
#define OPTMIG_TEE_EVIDENCE_DEMO_SNP_BUILD_H

#include "crypto/p384.h"
#include "crypto/rsa.h"
#include "evidence/authentic/snp.h"

struct om_snp_ca_key { uint8_t modulus[OM_RSA_SIZE]; struct om_rsa_private private; };
enum { OM_SNP_DEMO_ARK, OM_SNP_DEMO_CA, OM_SNP_DEMO_KEYS };
extern const struct om_snp_ca_key om_snp_demo_keys[OM_SNP_DEMO_KEYS];

#define OM_SNP_CHAIN_MAX       (3 * OM_X509_MAX)
#define OM_SNP_EXTENSIONS_MAX  16

/* One of AMD's extensions: the arc below 1.3.6.1.4.1.3704.1 (the second part 0 if there is one part only), and its content. */
struct om_snp_extension { uint8_t arc[2], size, value[80]; };

struct om_snp_machine {
	enum om_snp_product product;
	enum om_snp_key key;
	uint8_t private[OM_P384_SIZE], public[OM_P384_PUBLIC];
	uint8_t chip[OM_SNP_HWID_MAX];
	uint8_t tcb[OM_SNP_TCB_SIZE];             /* after a change: om_snp_machine_certify() */
	/* for tests; om_snp_machine_init() sets what AMD's have */
	struct om_snp_extension extension[OM_SNP_EXTENSIONS_MAX];
	unsigned extension_count;
	unsigned ark_key, ca_key;                 /* which of om_snp_demo_keys */
	bool asvk, trailer;                       /* the CA is an ASVK; trailerField is written out */
	bool leaf_is_ca, ca_signs_none, ark_lists_none, revoke_ca;
	int64_t valid_from, valid_to;             /* of the VCEK or VLEK */
};

/* @seed: identity of this machine; the same seed gives the same keys and chip. */
void om_snp_machine_init(struct om_snp_machine *m, const uint8_t seed[32], enum om_snp_product product, enum om_snp_key key);
/* Fills in the extensions from TCB, chip and kind of key. */
void om_snp_machine_certify(struct om_snp_machine *m);
/* VCEK or VLEK, ASK or ASVK, ARK, in DER. Return: 0, or OM_EOVERFLOW (OM_SNP_CHAIN_MAX is always enough). */
__attribute__((warn_unused_result))
int om_snp_machine_chain(const struct om_snp_machine *m, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* The first of the three alone. Return: the same. */
__attribute__((warn_unused_result))
int om_snp_machine_leaf(const struct om_snp_machine *m, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* The ARK's list, in force from a day before `now` to 30 days after. Return: the same. */
__attribute__((warn_unused_result))
int om_snp_machine_crl(const struct om_snp_machine *m, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* What a guest with policy 0x30000 would get at VMPL 0 from firmware of this version of the report. */
void om_snp_machine_fields(const struct om_snp_machine *m, uint32_t version, struct om_snp_report *ret);
/* The report with these fields, the signature among them: what om_snp_report_parse() reads. */
void om_snp_report_write(const struct om_snp_report *fields, uint8_t ret_report[OM_SNP_REPORT_SIZE]);
/* The same, signed; the signature among the fields is not looked at. */
void om_snp_machine_report(const struct om_snp_machine *m, const struct om_snp_report *fields, uint8_t ret_report[OM_SNP_REPORT_SIZE]);
/* Signs the bytes as they stand. */
void om_snp_machine_sign(const struct om_snp_machine *m, uint8_t report[OM_SNP_REPORT_SIZE]);

#endif
