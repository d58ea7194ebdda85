/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What authentic evidence says of the platform that an enclave is on, in words that all makers share: what the acceptance layer
 * judges. Each verifier fills it by one function; what does not apply is zero.
 *
 *                    SGX, demo   SNP   TDX
 *   root                 x        x     x
 *   status, tcb_date     x              x      the maker's verdict on what runs there
 *   evaluation           x              x
 *   snp                           x            AMD publishes no verdict: components, compared with floors
 *   tdx                                 x
 *   platform_instance    x              x      where the certificate is of a Platform CA
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_FACTS_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_FACTS_H

#include "evidence/parse/envelope.h"
#include "evidence/authentic/snp.h"
#include "evidence/authentic/verify.h"

#define OM_MEASUREMENT_SIZE 48   /* of a guest: SHA-384 */
#define OM_CHIP_ID_SIZE     64
#define OM_PLATFORM_INSTANCE_SIZE 16

/* Numbers are stable: they are in policies. */
#define OM_AMD_PRODUCTS(X) X(OM_AMD_MILAN, 1, "milan") X(OM_AMD_GENOA, 2, "genoa") X(OM_AMD_TURIN, 3, "turin")
enum om_amd_product {
#define X(name, number, word) name = (number),
	OM_AMD_PRODUCTS(X)
#undef X
};

/* Bits of an SNP guest's policy that are looked at (AMD 56860, ATTESTATION_REPORT.POLICY). */
#define OM_GUEST_POLICY_MIGRATE_MA     (1ull << 18)
#define OM_GUEST_POLICY_DEBUG          (1ull << 19)

/* The root under which evidence is authentic. */
enum om_root_kind {
	OM_ROOT_OTHER,                   /* one that the policy lists by its hash */
	OM_ROOT_MAKER,                   /* Intel's, one of AMD's */
	OM_ROOT_DEMO,                    /* its private key is public knowledge: whatever the type says, nothing is proved */
};

struct om_platform_facts {
	enum om_evidence_type type;
	enum om_root_kind root_kind;
	uint8_t root[OM_ROOT_HASH_SIZE];
	enum om_tcb_status status;       /* all parts together */
	int64_t tcb_date;                /* seconds since 1970; the oldest among the parts */
	uint32_t evaluation;             /* tcbEvaluationDataNumber; the lowest among the parts */
	struct {
		enum om_amd_product product;
		uint8_t fmc, bootloader, tee, snp, microcode;   /* REPORTED_TCB; fmc: Turin, else 0 */
		bool vlek;                                  /* the key is a provider's, not the chip's */
		uint8_t vmpl;
		uint64_t policy;
		uint8_t measurement[OM_MEASUREMENT_SIZE];
		uint8_t chip_id[OM_CHIP_ID_SIZE];            /* zero: masked, or a VLEK */
		uint8_t id_key[48], author_key[48];          /* digests of whose keys signed the launch; zero: nobody's */
		uint8_t family[16], image[16];               /* what they call it */
		uint32_t guest_svn;
	} snp;
	struct {
		uint64_t attributes;
		uint8_t mrtd[OM_MEASUREMENT_SIZE];
		uint8_t rtmr[4][OM_MEASUREMENT_SIZE];
	} tdx;
	uint8_t platform_instance[OM_PLATFORM_INSTANCE_SIZE]; /* SGX, TDX: of the PCK certificate; zero: it names none */
};

/*
 * Which machine that is, and in which guest, as tickets name them. An id is the chip's (SNP) or the platform instance's (SGX, TDX),
 * then zeros; all zero if the evidence shows none. A guest is its launch measurement (SNP) or MRTD (TDX); zero without a guest.
 */
struct om_platform_identity {
	uint8_t platform;                /* enum om_evidence_type; demo for all under a demonstration root, for it proves nothing else */
	uint8_t id[OM_CHIP_ID_SIZE];
	uint8_t guest[OM_MEASUREMENT_SIZE];
};
/* Of facts of authentic evidence. Nothing is judged here. */
void om_facts_identity(const struct om_platform_facts *facts, struct om_platform_identity *ret);

/* What an authentic report says of chip, firmware and guest. The root's kind is by its key, not by what it calls itself. */
void om_facts_of_snp(const struct om_snp_result *result, struct om_platform_facts *ret);
/* The same of a TDX quote: om_facts_of_sgx(), and the guest. */
void om_facts_of_tdx(const struct om_attest_result *result, struct om_platform_facts *ret);
/* @type: SGX or demo, as the envelope says. */
void om_facts_of_sgx(enum om_evidence_type type, const struct om_attest_result *result, struct om_platform_facts *ret);

/* "SGX platform", "emulated platform", "SNP guest", ... */
const char *om_facts_platform(const struct om_platform_facts *facts);

#endif
