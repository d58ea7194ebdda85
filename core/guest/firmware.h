/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an OVMF image says about itself, for AMD SEV and Intel TDX. A table ends 32 bytes before the image does, and is read backwards:
 *
 *     ... { data, u16 size, GUID } { data, u16 size, GUID } { u16 size of all, footer GUID } 32 bytes, end at 4 GiB
 *
 * An entry's size includes its own 18 bytes; GUIDs have their first three fields little-endian.
 * Source: OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm, OvmfPkg/ResetVector/X64/{OvmfSevMetadata,IntelTdxMetadata}.asm.
 *
 * Trust: the image is the caller's own file, but may be anything.
 */
#ifndef OPTMIG_CORE_GUEST_FIRMWARE_H
#define OPTMIG_CORE_GUEST_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_FIRMWARE_SECTIONS_MAX 64u
#define OM_GUEST_PAGE            4096u
#define OM_FIRMWARE_SIZE_MAX     (64u << 20)

enum om_sev_section_type {
	OM_SEV_MEMORY = 1, OM_SEV_SECRETS, OM_SEV_CPUID, OM_SEV_CAA, OM_SEV_KERNEL_HASHES = 0x10,
};
struct om_sev_section { uint32_t gpa, size, type; };

#define OM_TDX_EXTEND  1u       /* attributes: contents are measured */
#define OM_TDX_AUGMENT 2u       /* added while it runs: not measured */
struct om_tdx_section { uint32_t offset, raw_size; uint64_t gpa, size; uint32_t type, attributes; };

struct om_firmware {
	const uint8_t *bytes;           /* borrowed */
	size_t size;                    /* a multiple of the page size */
	bool has_sev, has_tdx, has_hash_table, has_reset;
	uint32_t hash_table_gpa;        /* where kernel hashes go */
	uint32_t reset_eip;             /* where all processors but the first one begin */
	uint32_t sev_count, tdx_count;
	struct om_sev_section sev[OM_FIRMWARE_SECTIONS_MAX];
	struct om_tdx_section tdx[OM_FIRMWARE_SECTIONS_MAX];
};

/* Return: OM_EIMAGE (no OVMF image), OM_EVERSION (a table of another version), OM_ETRUNCATED, OM_EOVERFLOW (too many sections, or too large). */
__attribute__((warn_unused_result))
int om_firmware_open(const uint8_t *bytes, size_t size, struct om_firmware *ret);

#endif
