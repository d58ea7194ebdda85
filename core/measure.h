/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE: SHA-256 over one 64-byte record per ECREATE, EADD and EEXTEND, each EEXTEND record followed by the
 * 256 bytes it measures.
 * Source: SDM 3D, 39.1.1 and the pseudocode of ECREATE, EADD, EEXTEND.
 */
#ifndef OPTMIG_CORE_MEASURE_H
#define OPTMIG_CORE_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include "crypto/sha256.h"
#include "imagefile.h"
#include "sgx_arch.h"

struct om_measure { struct om_sha256 hash; };

/* @features: OM_CPU_* of this machine (abi/hostcall.h). @size: ELRANGE in bytes. */
void om_measure_ecreate(struct om_measure *m, uint64_t features, uint32_t ssa_frame_pages, uint64_t size);
/* @offset: of the page in ELRANGE, bytes. @secinfo_flags: SECINFO.FLAGS, permissions and page type. */
void om_measure_eadd(struct om_measure *m, uint64_t offset, uint64_t secinfo_flags);
/* @offset: of the 256 bytes in ELRANGE. */
void om_measure_eextend(struct om_measure *m, uint64_t offset, const uint8_t data[SGX_EXTEND_SIZE]);
/* EADD, and EEXTEND of the whole page if `extend`. @source: a page, or NULL for zero. */
void om_measure_page(struct om_measure *m, uint64_t offset, const uint8_t *source, uint64_t secinfo_flags, bool extend);
/* *m may go on being used. */
void om_measure_result(const struct om_measure *m, uint8_t ret_mrenclave[32]);

/* MRENCLAVE of an image: the whole plan. Precondition: om_image_open() without `raw` succeeded. */
void om_measure_image(const struct om_image *image, uint64_t features, uint8_t ret_mrenclave[32]);

#endif
