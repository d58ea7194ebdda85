/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of an executable to the exact pages its enclave starts with. The loader adds these pages, the
 * signing tool measures them; both walk the same plan, so they cannot disagree.
 *
 * Order of the plan (the order counts in MRENCLAVE):
 *
 *   1. PT_LOAD segments, ascending: every page that holds file bytes. Bytes of such a page that the file does not
 *      provide (before the segment's start, after p_filesz) are zero. Pages of p_memsz beyond them (.bss) are NOT
 *      added: the runtime accepts them by EDMM; om_image_bss() names them.
 *   2. thread slots 0 .. service_slots + app_threads - 1, each: TCS, SSA, TCB, exception stack; after slot 0's
 *      exception stack also its runtime stack (abi/image.h has the drawing).
 *
 * Everything in the plan is measured.
 *
 * Trust: the file is hostile until its measurement has been compared; every function here is total on any input.
 */
#ifndef OPTMIG_CORE_IMAGEFILE_H
#define OPTMIG_CORE_IMAGEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "image.h"
#include "sgx_arch.h"

#define OM_IMAGE_SEGMENTS_MAX 16

struct om_image_segment {
	uint64_t offset;            /* from ELRANGE's base */
	uint64_t file_offset;
	uint64_t file_size, memory_size;
	uint64_t secinfo_flags;     /* SGX_SECINFO_* with REG */
};

struct om_image {
	const uint8_t *file;        /* borrowed from the caller of om_image_open() */
	uint64_t file_size;
	struct om_image_header header;
	uint64_t entry_offset;      /* OENTRY of every TCS */
	uint64_t header_file_offset;
	uint64_t sigstruct_file_offset;   /* 0: the file has no such section */
	uint32_t segment_count;
	struct om_image_segment segments[OM_IMAGE_SEGMENTS_MAX];
	const char *reason;         /* after an error: what is wrong, a static string */
};

/*
 * Checks the file and fills *image. The header is checked too unless `raw` (optmig-cc opens the image with it
 * to find the place of a header that is yet to be written).
 * Return: OM_EIMAGE with image->reason set; OM_EELRANGE if something lies outside of ELRANGE.
 */
__attribute__((warn_unused_result))
int om_image_open(const void *file, uint64_t file_size, bool raw, struct om_image *image);

/* The checks of the header alone. *ret_reason is set on error. @image_end_offset: end of the last segment. */
__attribute__((warn_unused_result))
int om_image_check_header(const struct om_image_header *header, uint64_t image_end_offset, const char **ret_reason);

/* End of the last segment, rounded up to a page. */
uint64_t om_image_end(const struct om_image *image);

/* The attributes an image asks for. */
void om_image_attributes(const struct om_image *image, struct sgx_attributes *ret_attributes);

struct om_image_run {
	uint64_t offset, length;    /* multiples of 4,096 */
	const uint8_t *source;      /* length bytes; NULL: zero. Valid until the next om_image_plan_next() */
	uint64_t secinfo_flags;
};

struct om_image_plan {
	const struct om_image *image;
	uint32_t segment, slot, step;
	uint64_t position;          /* inside the segment: bytes of its page range already given out */
	union {
		uint8_t bytes[OM_PAGE_SIZE];
		struct sgx_tcs tcs;
	} page;                     /* content made here: partly filled pages, TCS */
};

/* @image: stays the caller's and has to last as long as the plan. */
void om_image_plan_begin(struct om_image_plan *plan, const struct om_image *image);
/* Return: true with *ret_run filled in; false at the end. */
bool om_image_plan_next(struct om_image_plan *plan, struct om_image_run *ret_run);

/* The i-th range of zero pages that belong to segments but are not added. Return: false past the last. */
bool om_image_bss(const struct om_image *image, uint32_t index, uint64_t *ret_offset, uint64_t *ret_length);

#endif
