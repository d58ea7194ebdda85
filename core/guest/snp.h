/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch digest of an SEV-SNP guest, as its security processor computes it while the VMM builds the guest.
 *
 *     LD = 48 zero bytes
 *     LD = SHA-384(LD || contents (48) || u16 0x70 || u8 type || 0 || 0 0 0 0 || u64 GPA)          for each page
 *
 *     type      1 normal, 2 VMSA: contents are the page's SHA-384;  3 zero, 4 unmeasured, 5 secrets, 6 CPUID: zero
 *     order     firmware (ending at 4 GiB), the sections that it names, one VMSA for each vCPU
 *
 * Kernel, initrd and command line come in as a table of their SHA-256 in a page that the firmware names; it refuses what does not match.
 * What else goes in is the first state of each vCPU (VMSA), which depends on the VMM, the CPU model and the host's kernel: an image has a set of
 * digests, not one.
 * Source: AMD 56860 (SEV-SNP ABI) 8.17, QEMU target/i386/sev.c; compared with published digests (tests/unit/test_guest_measure.c).
 */
#ifndef OPTMIG_CORE_GUEST_SNP_H
#define OPTMIG_CORE_GUEST_SNP_H

#include "guest/firmware.h"

#define OM_SNP_DIGEST_SIZE     48
#define OM_SNP_HASH_TABLE_SIZE 176u
#define OM_SNP_VCPUS_MAX       512u

/* Who made the first state of the vCPUs. EC2_OLD: as one public tool has it, and another had it. */
enum om_snp_vmm { OM_SNP_QEMU, OM_SNP_EC2, OM_SNP_EC2_OLD, OM_SNP_GCE };

#define OM_SNP_FEATURES_SNP        0x01u
#define OM_SNP_FEATURES_DEBUG_SWAP 0x20u

struct om_snp_kernel { uint8_t kernel[32], initrd[32], command_line[32]; };

/* @initrd: size 0: none. @command_line: hashed with its NUL. */
void om_snp_kernel_hash(const void *kernel, size_t kernel_size, const void *initrd, size_t initrd_size, const char *command_line,
	struct om_snp_kernel *ret);
/* The table of hashes that QEMU hands to the firmware (kernel-hashes=on), which is measured with it. */
void om_snp_hash_table(const struct om_snp_kernel *kernel, uint8_t ret_table[OM_SNP_HASH_TABLE_SIZE]);

/* EAX of CPUID leaf 1. */
static inline uint32_t om_cpu_signature(uint32_t family, uint32_t model, uint32_t stepping)
{
	return (family > 15 ? family - 15 : 0) << 20 | (model >> 4) << 16 | (family > 15 ? 15 : family) << 8 | (model & 15) << 4 | (stepping & 15);
}
/* Models of QEMU by name: "EPYC-Milan" and versions of it, "EPYC-Milan-v2". Return: 0 if it is none of AMD's. */
uint32_t om_cpu_signature_of(const char *model);

/* @eip: where the vCPU begins; the first one of a guest at 0xFFFFFFF0. */
void om_snp_vmsa(enum om_snp_vmm vmm, uint32_t eip, uint32_t cpu_signature, uint64_t sev_features, uint8_t ret_page[OM_GUEST_PAGE]);

struct om_snp_launch {
	enum om_snp_vmm vmm;
	uint32_t vcpus;
	uint32_t cpu_signature;
	uint64_t sev_features;
	const struct om_snp_kernel *kernel;     /* NULL: the firmware finds something to boot by itself */
};

/* Return: OM_EIMAGE (the firmware is not for SEV), OM_EUNSUPPORTED (it takes no kernel hashes, or an unknown section), OM_EINVAL (vCPUs). */
__attribute__((warn_unused_result))
int om_snp_launch_digest(const struct om_firmware *fw, const struct om_snp_launch *launch, uint8_t ret_digest[OM_SNP_DIGEST_SIZE]);

/*
 * Of a plain guest with an emulated processor: it has no measured firmware, and its vCPUs start as QEMU likes. So it is the digest of one page, the
 * table of hashes where OVMF's AmdSev build has it.
 */
void om_snp_plain_digest(const struct om_snp_kernel *kernel, uint8_t ret_digest[OM_SNP_DIGEST_SIZE]);

#endif
