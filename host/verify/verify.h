/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a program in an enclave from outside, as its clients do: evidence, collateral and a policy's text in, a verdict out. No enclave
 * and no network is needed. The verdict is core/evidence's; this brings files into its forms.
 */
#ifndef OPTMIG_HOST_VERIFY_VERIFY_H
#define OPTMIG_HOST_VERIFY_VERIFY_H

#include "evidence/accept/policy.h"

#define VERIFY_FILE_MAX (4u << 20)

struct verify_request {
	struct om_view evidence;        /* an envelope, or a bare quote of SGX */
	struct om_view collateral;      /* docs/spec/policy.md; size 0: none at hand */
	struct om_view guests;          /* a signed list; size 0: none */
	struct om_view policy;          /* its text; size 0: the default */
	const uint8_t (*mrenclave)[32]; /* accepted besides what the policy names */
	size_t mrenclave_count;
	bool debug;                     /* an enclave that its host can read will do */
	int64_t now;                    /* seconds since 1970 */
};

struct verify_verdict {
	int error;                      /* 0: accepted */
	enum om_attest_reason reason;
	struct om_peer peer;            /* of refused evidence: as far as it is authentic; body zero if it is not */
	struct om_policy policy;
};

/*
 * Return: 0 with the verdict, also if that is a refusal; OM_EINVAL with host_reason(): the policy is none; OM_ENOTFOUND: collateral is needed.
 * Trust: evidence, collateral and list are hostile.
 */
__attribute__((warn_unused_result))
int verify_judge(const struct verify_request *request, struct verify_verdict *ret);

/* The whole file, malloc()ed. Return: OM_EIO, OM_EOVERFLOW (VERIFY_FILE_MAX) with host_reason(). */
__attribute__((warn_unused_result))
int verify_read_file(const char *path, struct om_view *ret);
/* MRENCLAVE of an image file, measured. Return: OM_EIO, errors of om_image_open(), with host_reason(). */
__attribute__((warn_unused_result))
int verify_measure(const char *path, uint8_t ret[32]);

#endif
