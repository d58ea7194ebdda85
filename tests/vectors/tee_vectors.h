/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published evidence with the verdict that each piece must get. A group is a table of rows and a function that judges one row;
 * tee_vectors.c lists the groups, reads the files and compares.
 */
#ifndef OPTMIG_TESTS_VECTORS_TEE_VECTORS_H
#define OPTMIG_TESTS_VECTORS_TEE_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include "evidence/authentic/verify.h"
#include "evidence/parse/der.h"

#define TEE_FILES_MAX  8
#define TEE_DETAIL_MAX 256

struct tee_vector {
	const char *files[TEE_FILES_MAX];   /* below the folder of vectors, what each is for is the group's matter; NULL ends them */
	int64_t now;                        /* the verifier's clock */
	unsigned flags;                     /* the group's own: the policy it is held against, ... */
	enum om_attest_reason want;
	const char *detail;                 /* what an accepted one must say besides; NULL: anything */
	const char *note;                   /* printed where the files alone do not say what is special; or NULL */
};

struct tee_verdict { enum om_attest_reason why; char detail[TEE_DETAIL_MAX]; };

struct tee_group {
	const char *name;
	const struct tee_vector *vectors;
	size_t count;
	/* @files: in the order of the row. Fills in *ret. */
	void (*judge)(const struct tee_vector *v, const struct om_view files[TEE_FILES_MAX], struct tee_verdict *ret);
};

extern const struct tee_group tee_group_dcap, tee_group_snp;

#endif
