/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AMD's security processor signs, and what its certificate says of it. Parsing only: nothing here is trusted before
 * om_snp_verify() (evidence/authentic/snp.h).
 *
 *   ATTESTATION_REPORT, 1184 bytes, little-endian (AMD 56860, MSG_REPORT_RSP; versions 2 to 5)
 *   000 version   004 guest SVN   008 policy       010 family id   020 image id    030 VMPL
 *   034 algorithm 038 current TCB 040 platform     048 key         050 report data 090 measurement
 *   0c0 host data 0e0 id key      110 author key   140 report id   160 its agent's 180 reported TCB
 *   188 CPUID     1a0 chip id     1e0 committed TCB   1e8 firmware versions   1f0 launch TCB
 *   1f8 mitigations (version 5)   2a0 signature over 000..29f: R, S, 72 bytes little-endian each
 *
 * A TCB_VERSION is 8 bytes, and a certificate's SPLs are the same 8 numbers, each an extension of its own:
 *
 *            0      1      2     3     4     5     6     7
 *   old      bl     tee    -     -     -     -     snp   ucode     Milan, Genoa
 *   new      fmc    bl     tee   snp   -     -     -     ucode     Turin
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_SNP_H
#define OPTMIG_CORE_EVIDENCE_PARSE_SNP_H

#include "evidence/parse/x509.h"

#define OM_SNP_REPORT_SIZE    1184
#define OM_SNP_REPORT_SIGNED  0x2a0
#define OM_SNP_TCB_SIZE       8
#define OM_SNP_HWID_MAX       64
#define OM_SNP_HWID_TURIN     8
#define OM_SNP_CSP_MAX        64

/* POLICY of a guest, fixed at its launch. */
#define OM_SNP_POLICY_ABI_MINOR    UINT64_C(0xff)
#define OM_SNP_POLICY_ABI_MAJOR    UINT64_C(0xff00)
#define OM_SNP_POLICY_SMT          (UINT64_C(1) << 16)
#define OM_SNP_POLICY_ONE          (UINT64_C(1) << 17)   /* always set */
#define OM_SNP_POLICY_MIGRATE_MA   (UINT64_C(1) << 18)
#define OM_SNP_POLICY_DEBUG        (UINT64_C(1) << 19)
#define OM_SNP_POLICY_SINGLE       (UINT64_C(1) << 20)   /* one socket only */
#define OM_SNP_POLICY_CXL          (UINT64_C(1) << 21)
#define OM_SNP_POLICY_XTS          (UINT64_C(1) << 22)
#define OM_SNP_POLICY_NO_RAPL      (UINT64_C(1) << 23)
#define OM_SNP_POLICY_HIDING       (UINT64_C(1) << 24)   /* of ciphertext */
#define OM_SNP_POLICY_NO_SWAP      (UINT64_C(1) << 25)
#define OM_SNP_POLICY_KNOWN        ((UINT64_C(1) << 26) - 1)

/* PLATFORM_INFO. Machines set bits that no published manual names: those are no reason to refuse. */
#define OM_SNP_PLATFORM_SMT        (UINT64_C(1) << 0)
#define OM_SNP_PLATFORM_TSME       (UINT64_C(1) << 1)
#define OM_SNP_PLATFORM_ECC        (UINT64_C(1) << 2)
#define OM_SNP_PLATFORM_NO_RAPL    (UINT64_C(1) << 3)
#define OM_SNP_PLATFORM_HIDING     (UINT64_C(1) << 4)
#define OM_SNP_PLATFORM_ALIAS      (UINT64_C(1) << 5)    /* memory was checked for aliases */

enum om_snp_key { OM_SNP_VCEK = 0, OM_SNP_VLEK = 1 };
enum om_snp_product { OM_SNP_UNKNOWN = 0, OM_SNP_MILAN, OM_SNP_GENOA, OM_SNP_TURIN, OM_SNP_PRODUCTS };

struct om_snp_firmware { uint8_t build, minor, major; };

struct om_snp_report {
	uint32_t version, guest_svn, vmpl;
	uint64_t policy, platform_info;
	uint8_t  family_id[16], image_id[16];
	bool author_key_enabled, chip_key_masked;
	enum om_snp_key key;
	uint8_t report_data[64], measurement[48], host_data[32];
	uint8_t id_key_digest[48], author_key_digest[48];
	uint8_t report_id[32], report_id_ma[32];
	uint8_t current_tcb[OM_SNP_TCB_SIZE], reported_tcb[OM_SNP_TCB_SIZE];
	uint8_t committed_tcb[OM_SNP_TCB_SIZE], launch_tcb[OM_SNP_TCB_SIZE];
	uint8_t family, model, stepping;            /* CPUID; zero in version 2 */
	uint8_t chip_id[OM_SNP_HWID_MAX];           /* zero: masked */
	struct om_snp_firmware current, committed;
	uint64_t launch_mitigations, current_mitigations;   /* zero before version 5 */
	uint8_t signature[96];                      /* r || s, big-endian */
};

struct om_snp_tcb { uint8_t fmc, boot_loader, tee, snp, microcode; };   /* fmc: Turin only */

/* AMD's extensions of a VCEK or VLEK certificate (AMD 57230). */
struct om_snp_certificate {
	enum om_snp_key key;                        /* a VCEK names a chip, a VLEK a cloud provider */
	bool turin;                                 /* which layout; structVersion says the same */
	uint8_t tcb[OM_SNP_TCB_SIZE];               /* the SPLs, as a report of that layout writes them */
	uint8_t hwid[OM_SNP_HWID_MAX];              /* a VCEK's: 64 bytes, Turin 8 and zeros */
	struct om_view csp;                         /* a VLEK's: text */
};

/*
 * Return: 0; OM_ETRUNCATED, OM_ETRAILING: not 1184 bytes; OM_EVERSION: a version not known, or something that its version
 * reserves is not zero; OM_EUNSUPPORTED: another algorithm, no key or an unknown one, a policy bit not known; OM_EINVAL: a
 * value that cannot be.
 */
__attribute__((warn_unused_result)) int om_snp_report_parse(struct om_view bytes, struct om_snp_report *ret);
/* @extensions: of om_x509. Return: 0; errors of om_der; OM_EINVAL: one is missing, twice there, or does not fit the others. */
__attribute__((warn_unused_result))
int om_snp_certificate_parse(struct om_view extensions, struct om_snp_certificate *ret);

/* OM_SNP_UNKNOWN for a processor that is not one of these. Bergamo and Siena have Genoa's certificates. */
enum om_snp_product om_snp_product_of(uint8_t family, uint8_t model);
/* "Milan", "Genoa", "Turin", "unknown". */
const char *om_snp_product_words(enum om_snp_product product);
/* Components by name. Return: 0, or OM_EINVAL if a reserved one is not zero. */
__attribute__((warn_unused_result))
int om_snp_tcb_decode(const uint8_t bytes[OM_SNP_TCB_SIZE], enum om_snp_product product, struct om_snp_tcb *ret);

/*
 * What is needed beside a report to verify it, as one piece that crosses the enclave boundary and the wire: u32 magic "OMSC",
 * u32 version = 1, then each of these as u32 size and bytes: certificates (as om_snp_input.chain), the ARK's CRL (DER; may be empty).
 */
#define OM_SNP_COLLATERAL_MAGIC   0x43534d4fu
#define OM_SNP_COLLATERAL_VERSION 1

/* Views into `data`. Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING. */
__attribute__((warn_unused_result))
int om_snp_collateral_decode(struct om_view data, struct om_view *ret_chain, struct om_view *ret_crl);
/* Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_snp_collateral_encode(struct om_view chain, struct om_view crl, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
