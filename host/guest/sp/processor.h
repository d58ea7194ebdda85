/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SEV-SNP security processor in software, for plain guests: what it answers, without I/O. Its chip is made from a seed, its
 * certificates lead to the demonstration root (tee/evidence/demo/snp_build.h), whose key everybody has: what it signs proves nothing.
 * All else is as with AMD's: a guest gets reports of how it was launched and of nothing else, and keys that another launch does not get.
 */
#ifndef OPTMIG_HOST_GUEST_SP_PROCESSOR_H
#define OPTMIG_HOST_GUEST_SP_PROCESSOR_H

#include "evidence/demo/snp_build.h"
#include "evidence/guest/sp_wire.h"

/* How the guest was launched, what is fixed until it ends. */
struct sp_launch {
	uint8_t measurement[OM_SHA384_SIZE];
	uint64_t policy;              /* OM_SNP_POLICY_* */
	uint32_t svn;                 /* of an ID block, as the ids; zero without one */
	uint8_t family_id[16], image_id[16], host_data[32];
	bool author;                  /* of an ID block: an author key is in it */
	uint8_t id_key[OM_SHA384_SIZE], author_key[OM_SHA384_SIZE];   /* digests; zero without */
};

struct sp {
	struct om_snp_machine machine;
	uint8_t root[2][32];          /* of derived keys: the VCEK's stead, the VM root key's */
	struct om_snp_report guest;   /* all of its reports but the report data and the level */
};

/* @report_id: of this launch, random. */
void sp_init(struct sp *sp, const uint8_t seed[32], enum om_snp_product product, const struct sp_launch *launch, const uint8_t report_id[32]);

/*
 * @now: seconds since 1970. @head, @message: a request, whose size the caller has compared with SP_REQUEST_MAX. @answer: SP_HEAD + SP_ANSWER_MAX bytes.
 * Return: how many of them. Trust: hostile.
 */
size_t sp_answer(struct sp *sp, int64_t now, const uint8_t head[SP_HEAD], const uint8_t *message, size_t size, uint8_t *answer);
/* An answer of a status alone. */
size_t sp_refuse(const uint8_t head[SP_HEAD], enum sp_status status, uint8_t *answer);

#endif
