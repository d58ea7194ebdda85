/* SPDX-License-Identifier: Apache-2.0 */
/* Inside sgx/: the table behind sgx.h, one per implementation. Semantics as in sgx.h. */
#ifndef OPTMIG_SGX_BACKEND_H
#define OPTMIG_SGX_BACKEND_H

#include "sgx.h"

struct sgx_backend {
	int (*create)(struct sgx_platform *, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
		const struct sgx_attributes *, uint32_t miscselect, struct sgx_enclave **ret_enclave);
	int (*add_pages)(struct sgx_enclave *, uint64_t offset, const void *source, uint64_t length,
		const struct sgx_secinfo *, bool measure);
	int (*init)(struct sgx_enclave *, const struct sgx_sigstruct *);
	void (*destroy)(struct sgx_enclave *);
	int (*enter)(struct sgx_enclave *, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
		uint64_t r9, struct sgx_run *);
	int (*restrict_permissions)(struct sgx_enclave *, uint64_t offset, uint64_t length, uint64_t permissions,
		uint64_t *ret_done);
	int (*modify_types)(struct sgx_enclave *, uint64_t offset, uint64_t length, uint64_t page_type,
		uint64_t *ret_done);
	int (*remove_pages)(struct sgx_enclave *, uint64_t offset, uint64_t length, uint64_t *ret_done);
	void (*augment_hint)(struct sgx_enclave *, uint64_t offset, uint64_t length);
	int (*thread_attach)(struct sgx_platform *);
	void (*thread_detach)(struct sgx_platform *);
	int (*quote_target)(struct sgx_platform *, struct sgx_targetinfo *);
	int (*quote)(struct sgx_platform *, const struct sgx_report *, uint8_t *quote, size_t size, size_t *ret_size);
	int (*collateral)(struct sgx_platform *, const uint8_t *quote, size_t quote_size, int64_t now, uint8_t *, size_t, size_t *);
	void (*stats)(const struct sgx_enclave *, struct sgx_stats *);
	void (*close)(struct sgx_platform *);
};

/* Both implementations begin their own structures with these. */
struct sgx_platform {
	const struct sgx_backend *backend;
	struct sgx_capabilities caps;
	char description[256];
};

struct sgx_enclave {
	struct sgx_platform *platform;
	uint64_t base, size;
};

int emu_platform_open(const struct sgx_emu_options *options, struct sgx_platform **ret_platform);
int hw_platform_open(struct sgx_platform **ret_platform);
/* Why hardware cannot be used here, or NULL if it can. */
const char *hw_unavailable(void);

/* Records the words for sgx_last_error() and returns `error`. */
__attribute__((format(printf, 2, 3)))
int sgx_fail(int error, const char *format, ...);

/* XFRM bits this process may use: XCR0 within what OptMig knows. */
uint64_t sgx_host_xfrm(void);

/* OM_CPU_* features of this machine, as far as the measurement can use them. */
uint64_t sgx_host_features(void);

/* Bytes of the standard-format XSAVE area for `xfrm` on this CPU. */
uint32_t sgx_xsave_size(uint64_t xfrm);

#endif
