/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/sha512.h"
#include "cursor.h"
#include "guest/snp.h"

#define PAGE_INFO_SIZE 0x70u
#define FIRST_EIP      0xfffffff0u
#define VMSA_GPA       0xfffffffff000ull
#define END_GPA        0x100000000ull

enum page_type { NORMAL = 1, VMSA, ZERO, UNMEASURED, SECRETS, CPUID };

/* ---- kernel hashes ---------------------------------------------------------------------------------------------------- */

void om_snp_kernel_hash(const void *kernel, size_t kernel_size, const void *initrd, size_t initrd_size, const char *command_line,
	struct om_snp_kernel *ret)
{
	om_sha256(kernel, kernel_size, ret->kernel);
	om_sha256(initrd, initrd_size, ret->initrd);
	om_sha256(command_line, strlen(command_line) + 1, ret->command_line);
}

static void put_entry(struct om_put *c, const uint8_t name[16], const uint8_t hash[32])
{
	om_put_bytes(c, name, 16);
	om_put_u16(c, 16 + 2 + 32);
	om_put_bytes(c, hash, 32);
}

void om_snp_hash_table(const struct om_snp_kernel *kernel, uint8_t ret_table[OM_SNP_HASH_TABLE_SIZE])
{
	static const uint8_t table_guid[16]   = { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c, 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21 };
	static const uint8_t command_guid[16] = { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a };
	static const uint8_t initrd_guid[16]  = { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d };
	static const uint8_t kernel_guid[16]  = { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b };
	struct om_put c;

	om_put_init(&c, ret_table, OM_SNP_HASH_TABLE_SIZE);
	om_put_bytes(&c, table_guid, 16);
	om_put_u16(&c, OM_SNP_HASH_TABLE_SIZE - 8);
	put_entry(&c, command_guid, kernel->command_line);
	put_entry(&c, initrd_guid, kernel->initrd);
	put_entry(&c, kernel_guid, kernel->kernel);
	om_put_zeros(&c, 8);
}

/* ---- CPU models --------------------------------------------------------------------------------------------------------- */

uint32_t om_cpu_signature_of(const char *model)
{
	static const struct { const char *name; uint8_t family, model, stepping; } models[] = {
		{ "EPYC", 23, 1, 2 }, { "EPYC-IBPB", 23, 1, 2 }, { "EPYC-Rome", 23, 49, 0 }, { "EPYC-Milan", 25, 1, 1 }, { "EPYC-Genoa", 25, 17, 0 },
		{ "EPYC-Turin", 26, 0, 0 },
	};
	size_t size = strlen(model);

	while (size > 0 && model[size - 1] >= '0' && model[size - 1] <= '9')
		size--;
	size = size > 2 && model[size] && model[size - 1] == 'v' && model[size - 2] == '-' ? size - 2 : strlen(model);
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		if (strlen(models[i].name) == size && memcmp(models[i].name, model, size) == 0)
			return om_cpu_signature(models[i].family, models[i].model, models[i].stepping);
	return 0;
}

/* ---- the first state of a vCPU -------------------------------------------------------------------------------------------- */

static void put_segment(uint8_t *page, size_t at, uint16_t selector, uint16_t attributes, uint64_t base)
{
	struct om_put c;

	om_put_init(&c, page + at, 16);
	om_put_u16(&c, selector);
	om_put_u16(&c, attributes);
	om_put_u32(&c, 0xffff);
	om_put_u64(&c, base);
}

static void put64(uint8_t *page, size_t at, uint64_t value)
{
	struct om_put c;

	om_put_init(&c, page + at, 8);
	om_put_u64(&c, value);
}

/* What a VMM does its own way. */
struct habits { uint16_t cs_first, cs, ss, tr; uint64_t pat; uint32_t mxcsr; uint16_t fcw; };
static const struct habits habits[] = {
	[OM_SNP_QEMU]    = { 0x9b, 0x9b, 0x93, 0x8b, 0x7040600070406, 0x1f80, 0x37f },
	[OM_SNP_EC2]     = { 0x9a, 0x9b, 0x92, 0x83, 0x7040600070406, 0, 0 },
	[OM_SNP_EC2_OLD] = { 0x9a, 0x9b, 0x92, 0x83, 0x7040600070406, 0, 0 },
	[OM_SNP_GCE]     = { 0x9b, 0x9b, 0x93, 0x8b, 0x70106, 0, 0 },
};

void om_snp_vmsa(enum om_snp_vmm vmm, uint32_t eip, uint32_t cpu_signature, uint64_t sev_features, uint8_t ret_page[OM_GUEST_PAGE])
{
	const struct habits *h = &habits[vmm];
	const uint32_t rdx[] = { [OM_SNP_QEMU] = cpu_signature, [OM_SNP_EC2] = 0x600, [OM_SNP_EC2_OLD] = 0, [OM_SNP_GCE] = 0x600 };

	memset(ret_page, 0, OM_GUEST_PAGE);
	put_segment(ret_page, 0x00, 0, 0x93, 0);                        /* ES */
	put_segment(ret_page, 0x10, 0xf000, eip == FIRST_EIP ? h->cs_first : h->cs, eip & 0xffff0000u);
	put_segment(ret_page, 0x20, 0, h->ss, 0);
	put_segment(ret_page, 0x30, 0, 0x93, 0);                        /* DS, FS, GS */
	put_segment(ret_page, 0x40, 0, 0x93, 0);
	put_segment(ret_page, 0x50, 0, 0x93, 0);
	put_segment(ret_page, 0x60, 0, 0, 0);                           /* GDTR */
	put_segment(ret_page, 0x70, 0, 0x82, 0);                        /* LDTR */
	put_segment(ret_page, 0x80, 0, 0, 0);                           /* IDTR */
	put_segment(ret_page, 0x90, 0, h->tr, 0);
	put64(ret_page, 0xd0, 0x1000);                                  /* EFER.SVME */
	put64(ret_page, 0x148, 0x40);                                   /* CR4.MCE */
	put64(ret_page, 0x158, 0x10);                                   /* CR0.ET */
	put64(ret_page, 0x160, 0x400);                                  /* DR7, DR6 */
	put64(ret_page, 0x168, 0xffff0ff0);
	put64(ret_page, 0x170, 2);                                      /* RFLAGS */
	put64(ret_page, 0x178, eip & 0xffff);
	put64(ret_page, 0x268, h->pat);
	put64(ret_page, 0x310, rdx[vmm]);
	put64(ret_page, 0x3b0, sev_features);
	put64(ret_page, 0x3e8, 1);                                      /* XCR0 */
	put64(ret_page, 0x408, h->mxcsr);
	put64(ret_page, 0x410, h->fcw);
}

/* ---- the digest ------------------------------------------------------------------------------------------------------------- */

static void add(uint8_t ld[OM_SNP_DIGEST_SIZE], enum page_type type, const uint8_t *page, uint64_t gpa)
{
	uint8_t info[PAGE_INFO_SIZE] = { 0 };
	struct om_put c;

	om_put_init(&c, info, sizeof info);
	om_put_bytes(&c, ld, OM_SNP_DIGEST_SIZE);
	if (page)
		om_sha384(page, OM_GUEST_PAGE, om_put_room(&c, OM_SHA384_SIZE));
	else
		om_put_zeros(&c, OM_SHA384_SIZE);
	om_put_u16(&c, PAGE_INFO_SIZE);
	om_put_u8(&c, (uint8_t)type);
	om_put_zeros(&c, 5);            /* no initial migration image; no permissions of lower privilege levels */
	om_put_u64(&c, gpa);
	om_sha384(info, sizeof info, ld);
}

static void add_all(uint8_t ld[OM_SNP_DIGEST_SIZE], enum page_type type, const struct om_sev_section *s)
{
	for (uint64_t at = 0; at < s->size; at += OM_GUEST_PAGE)
		add(ld, type, NULL, s->gpa + at);
}

static int add_hashes(uint8_t ld[OM_SNP_DIGEST_SIZE], const struct om_firmware *fw, const struct om_sev_section *s, const struct om_snp_kernel *kernel)
{
	const uint32_t at = fw->hash_table_gpa % OM_GUEST_PAGE;
	uint8_t page[OM_GUEST_PAGE] = { 0 };

	if (!kernel) {
		add_all(ld, ZERO, s);
		return 0;
	}
	if (!fw->has_hash_table || fw->hash_table_gpa - at != s->gpa || s->size != OM_GUEST_PAGE || at > OM_GUEST_PAGE - OM_SNP_HASH_TABLE_SIZE)
		return OM_EUNSUPPORTED;
	om_snp_hash_table(kernel, page + at);
	add(ld, NORMAL, page, s->gpa);
	return 0;
}

static int add_section(uint8_t ld[OM_SNP_DIGEST_SIZE], const struct om_firmware *fw, const struct om_snp_launch *launch, const struct om_sev_section *s)
{
	switch (s->type) {
	case OM_SEV_MEMORY:
		add_all(ld, launch->vmm == OM_SNP_GCE ? UNMEASURED : ZERO, s);
		return 0;
	case OM_SEV_SECRETS:
		add(ld, SECRETS, NULL, s->gpa);
		return 0;
	case OM_SEV_CPUID:
		if (launch->vmm != OM_SNP_EC2 && launch->vmm != OM_SNP_EC2_OLD)
			add(ld, CPUID, NULL, s->gpa);
		return 0;
	case OM_SEV_CAA:
		add_all(ld, ZERO, s);
		return 0;
	case OM_SEV_KERNEL_HASHES:
		return add_hashes(ld, fw, s, launch->kernel);
	default:
		return OM_EUNSUPPORTED;
	}
}

/* EC2 adds these last. */
static void add_late_cpuid(uint8_t ld[OM_SNP_DIGEST_SIZE], const struct om_firmware *fw, const struct om_snp_launch *launch)
{
	if (launch->vmm != OM_SNP_EC2 && launch->vmm != OM_SNP_EC2_OLD)
		return;
	for (uint32_t i = 0; i < fw->sev_count; i++)
		if (fw->sev[i].type == OM_SEV_CPUID)
			add(ld, CPUID, NULL, fw->sev[i].gpa);
}

static bool takes_hashes(const struct om_firmware *fw)
{
	for (uint32_t i = 0; i < fw->sev_count; i++)
		if (fw->sev[i].type == OM_SEV_KERNEL_HASHES)
			return true;
	return false;
}

int om_snp_launch_digest(const struct om_firmware *fw, const struct om_snp_launch *launch, uint8_t ret_digest[OM_SNP_DIGEST_SIZE])
{
	uint8_t ld[OM_SNP_DIGEST_SIZE] = { 0 }, page[OM_GUEST_PAGE];
	int error = 0;

	if (launch->vcpus < 1 || launch->vcpus > OM_SNP_VCPUS_MAX)
		return OM_EINVAL;
	if (!fw->has_sev || !fw->has_reset)
		return OM_EIMAGE;
	if (launch->kernel && !takes_hashes(fw))
		return OM_EUNSUPPORTED;
	for (size_t at = 0; at < fw->size; at += OM_GUEST_PAGE)
		add(ld, NORMAL, fw->bytes + at, END_GPA - fw->size + at);
	for (uint32_t i = 0; i < fw->sev_count && !error; i++)
		error = add_section(ld, fw, launch, &fw->sev[i]);
	if (error)
		return error;
	add_late_cpuid(ld, fw, launch);
	for (uint32_t i = 0; i < launch->vcpus; i++) {
		om_snp_vmsa(launch->vmm, i == 0 ? FIRST_EIP : fw->reset_eip, launch->cpu_signature, launch->sev_features, page);
		add(ld, VMSA, page, VMSA_GPA);
	}
	memcpy(ret_digest, ld, sizeof ld);
	return 0;
}

#define PLAIN_GPA 0x810000u
#define PLAIN_AT  0xc00u

void om_snp_plain_digest(const struct om_snp_kernel *kernel, uint8_t ret_digest[OM_SNP_DIGEST_SIZE])
{
	uint8_t page[OM_GUEST_PAGE] = { 0 };

	om_snp_hash_table(kernel, page + PLAIN_AT);
	memset(ret_digest, 0, OM_SNP_DIGEST_SIZE);
	add(ret_digest, NORMAL, page, PLAIN_GPA);
}
