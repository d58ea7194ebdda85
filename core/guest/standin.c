/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "cursor.h"
#include "guest/standin.h"

#define TABLE_END    (OM_GUEST_PAGE - 32u)
#define TABLE_SIZE   (26u + 22u + 22u + 18u)    /* hash table, reset, metadata, footer */
#define METADATA_AT  0x800u
#define HASHES_GPA   0x810000u
#define HASHES_AT    0xc00u

static const struct om_sev_section sections[] = {
	{ 0x80d000, OM_GUEST_PAGE, OM_SEV_SECRETS }, { 0x80e000, OM_GUEST_PAGE, OM_SEV_CPUID }, { HASHES_GPA, OM_GUEST_PAGE, OM_SEV_KERNEL_HASHES },
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static void put_name(struct om_put *c, uint16_t size, uint32_t first, uint16_t second, uint16_t third, const uint8_t rest[8])
{
	om_put_u16(c, size);
	om_put_u32(c, first);
	om_put_u16(c, second);
	om_put_u16(c, third);
	om_put_bytes(c, rest, 8);
}

void om_firmware_standin(uint8_t ret_page[OM_GUEST_PAGE])
{
	static const uint8_t hash_rest[8] = { 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54 }, reset_rest[8] = { 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e };
	static const uint8_t sev_rest[8] = { 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc }, footer_rest[8] = { 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };
	struct om_put c;

	memset(ret_page, 0, OM_GUEST_PAGE);
	om_put_init(&c, ret_page, METADATA_AT);
	om_put_bytes(&c, "optmig: no firmware", 20);
	om_put_init(&c, ret_page + METADATA_AT, OM_GUEST_PAGE - METADATA_AT);
	om_put_bytes(&c, "ASEV", 4);
	om_put_u32(&c, (uint32_t)(16 + 12 * SECTION_COUNT));
	om_put_u32(&c, 1);
	om_put_u32(&c, (uint32_t)SECTION_COUNT);
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		om_put_u32(&c, sections[i].gpa);
		om_put_u32(&c, sections[i].size);
		om_put_u32(&c, sections[i].type);
	}
	om_put_init(&c, ret_page + TABLE_END - TABLE_SIZE, TABLE_SIZE);
	om_put_u32(&c, HASHES_GPA + HASHES_AT);
	om_put_u32(&c, OM_GUEST_PAGE - HASHES_AT);
	put_name(&c, 26, 0x7255371f, 0x3a3b, 0x4b04, hash_rest);
	om_put_u32(&c, 0x80b004);
	put_name(&c, 22, 0x00f771de, 0x1a7e, 0x4fcb, reset_rest);
	om_put_u32(&c, OM_GUEST_PAGE - METADATA_AT);
	put_name(&c, 22, 0xdc886566, 0x984a, 0x4798, sev_rest);
	put_name(&c, TABLE_SIZE, 0x96b582de, 0x1fb2, 0x45f7, footer_rest);
}

int om_standin_digest(const struct om_snp_kernel *kernel, uint32_t vcpus, uint8_t ret_digest[OM_SNP_DIGEST_SIZE])
{
	const struct om_snp_launch launch = { .vmm = OM_SNP_QEMU, .vcpus = vcpus, .cpu_signature = om_cpu_signature_of(OM_STANDIN_CPU),
		.sev_features = OM_SNP_FEATURES_SNP, .kernel = kernel };
	uint8_t page[OM_GUEST_PAGE];
	struct om_firmware fw;
	int error;

	om_firmware_standin(page);
	error = om_firmware_open(page, sizeof page, &fw);
	return error ? error : om_snp_launch_digest(&fw, &launch, ret_digest);
}
