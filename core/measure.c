/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave measurement (see the header). One stream, so that the emulator can feed it leaf by leaf while the
 * signing tool runs through a whole plan.
 */
#include <string.h>
#include "measure.h"

#define TAG_ECREATE 0x0045544145524345u   /* "ECREATE\0" */
#define TAG_EADD    0x0000000044444145u   /* "EADD" */
#define TAG_EEXTEND 0x00444e4554584545u   /* "EEXTEND\0" */

static void put64(uint8_t *to, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(x >> 8 * i);
}

static void put32(uint8_t *to, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(x >> 8 * i);
}

void om_measure_ecreate(struct om_measure *m, uint64_t features, uint32_t ssa_frame_pages, uint64_t size)
{
	uint8_t record[64] = { 0 };

	put64(record, TAG_ECREATE);
	put32(record + 8, ssa_frame_pages);
	put64(record + 12, size);
	om_sha256_init(&m->hash, features);
	om_sha256_update(&m->hash, record, sizeof record);
}

/* The record holds the first 48 bytes of SECINFO, of which only FLAGS may be nonzero. */
void om_measure_eadd(struct om_measure *m, uint64_t offset, uint64_t secinfo_flags)
{
	uint8_t record[64] = { 0 };

	put64(record, TAG_EADD);
	put64(record + 8, offset);
	put64(record + 16, secinfo_flags);
	om_sha256_update(&m->hash, record, sizeof record);
}

void om_measure_eextend(struct om_measure *m, uint64_t offset, const uint8_t data[SGX_EXTEND_SIZE])
{
	uint8_t record[64] = { 0 };

	put64(record, TAG_EEXTEND);
	put64(record + 8, offset);
	om_sha256_update(&m->hash, record, sizeof record);
	om_sha256_update(&m->hash, data, SGX_EXTEND_SIZE);
}

void om_measure_page(struct om_measure *m, uint64_t offset, const uint8_t *source, uint64_t secinfo_flags, bool extend)
{
	static const uint8_t zero[SGX_EXTEND_SIZE];

	om_measure_eadd(m, offset, secinfo_flags);
	for (uint64_t at = 0; extend && at < SGX_PAGE_SIZE; at += SGX_EXTEND_SIZE)
		om_measure_eextend(m, offset + at, source ? source + at : zero);
}

void om_measure_result(const struct om_measure *m, uint8_t ret_mrenclave[32])
{
	om_sha256_result(&m->hash, ret_mrenclave);
}

void om_measure_image(const struct om_image *image, uint64_t features, uint8_t ret_mrenclave[32])
{
	struct om_measure m;
	struct om_image_plan plan;
	struct om_image_run run;

	om_measure_ecreate(&m, features, OM_SSA_FRAME_PAGES, image->header.elrange_size);
	om_image_plan_begin(&plan, image);
	while (om_image_plan_next(&plan, &run))
		for (uint64_t at = 0; at < run.length; at += OM_PAGE_SIZE)
			om_measure_page(&m, run.offset + at, run.source ? run.source + at : NULL, run.secinfo_flags, true);
	om_measure_result(&m, ret_mrenclave);
}
