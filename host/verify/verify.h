/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a program in an enclave from outside, as its clients do: evidence, collateral and a policy's text in, a verdict out. No enclave
 * and no network is needed. The verdict is core/evidence's; this brings files into its forms.
 */
#ifndef OPTMIG_HOST_VERIFY_VERIFY_H
#define OPTMIG_HOST_VERIFY_VERIFY_H

#include "evidence/accept/policy.h"
#include "evidence/parse/tagged.h"

#define VERIFY_FILE_MAX (4u << 20)

/* Programs that are accepted, and what is known of them. */
struct verify_programs {
	size_t count;
	uint8_t mrenclave[OM_POLICY_MRENCLAVES_MAX][32];
	char *policy[OM_POLICY_MRENCLAVES_MAX];   /* where it may move, as text: of an image that was at hand; else NULL */
};

/* Finds what is kept for that evidence. Return: 0, *ret in `buffer` (size 0: whatever it is, the evidence is refused); OM_ENOTFOUND with host_reason(). */
typedef int verify_kept_fn(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, struct om_view *ret);

struct verify_request {
	struct om_view evidence;        /* an envelope, or a bare quote of SGX */
	struct om_view collateral;      /* docs/spec/policy.md; size 0: none at hand */
	verify_kept_fn *kept;           /* where none is at hand; NULL: nobody keeps any */
	struct om_view guests;          /* a signed list; size 0: none */
	struct om_view policy;          /* its text; size 0: the default */
	const struct verify_programs *programs; /* accepted besides what the policy names; NULL: none */
	const uint8_t *lineage;         /* OM_P256_PUBLIC bytes, which has to have certified the key; NULL: any, or none */
	int64_t max_age;                /* seconds that may have gone by since the evidence was made; 0: any */
	bool debug;                     /* an enclave that its host can read will do */
	int64_t now;                    /* seconds since 1970 */
};

struct verify_verdict {
	int error;                      /* 0: accepted */
	enum om_attest_reason reason;
	struct om_peer peer;            /* of refused evidence: as far as it is authentic; body zero if it is not */
	struct om_policy policy;
	bool fresh;                     /* verify_fresh(): over the nonce */
	/* Of authentic evidence: the word of the enclave's runtime, because it is fresh, or because its lineage has signed it. */
	bool has_instance, has_lineage;
	struct om_instance instance;
	struct om_certifier lineage;
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
/* Return: OM_EOVERFLOW: there are too many. */
__attribute__((warn_unused_result))
int verify_programs_add(struct verify_programs *p, const uint8_t mrenclave[32]);
/* An image file: it is measured, and its policy, which is part of the measurement, kept. Return: OM_EIO, errors of om_image_open(), with host_reason(). */
__attribute__((warn_unused_result))
int verify_programs_image(struct verify_programs *p, const char *path);
/* Where that program may move; NULL: nothing here says it. */
const char *verify_programs_policy(const struct verify_programs *p, const uint8_t mrenclave[32]);
/* Frees the policies; no program is left in it. */
void verify_programs_done(struct verify_programs *p);

#endif
