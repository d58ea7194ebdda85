/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the makers of platforms publish and a verifier needs beside evidence: certificates, revocation lists, TCB information. It is
 * fetched here, outside of every enclave, kept as it was received, and judged where evidence is judged. All of it is signed by the
 * maker, so a lying service, cache, disk or peer can deny, never forge; what it could do is hand out something older, and floors
 * (shelf.c) remember what was seen.
 *
 *   subject    which platform: an FMSPC and CA of Intel's, or a chip and TCB of AMD's. Its name is the bundle's
 *   bundle     everything about one subject, each part with its address and time        bundle.c
 *   judged     signatures, chains to the makers' roots, dates; not which level a TCB has    judge.c
 *   shelf      the folder of bundles, and the floors                                    shelf.c
 *
 *     DIR                    OPTMIG_COLLATERAL_STORE; else root: /var/lib/optmig/collateral, a user: $XDG_DATA_HOME/optmig/collateral
 *       .lock                flock(2): one writer at a time; readers need none
 *       floors.json          what was seen last, of each feed and list
 *       NAME.json            one bundle
 *
 * Errors: OM_E* with words in host_reason(). Context: any thread.
 */
#ifndef OPTMIG_HOST_COLLATERAL_COLLATERAL_H
#define OPTMIG_HOST_COLLATERAL_COLLATERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "evidence/parse/envelope.h"
#include "evidence/parse/snp.h"

#define COLLATERAL_OF_ROOT   "/var/lib/optmig/collateral"
#define COLLATERAL_NAME_MAX  224u
#define COLLATERAL_PART_MAX  (256u << 10)   /* bytes of one answer */
#define COLLATERAL_FILE_MAX  (4u << 20)     /* of a bundle, and of an export */
#define COLLATERAL_PARTS     4

/* ---- the subject (subject.c) ------------------------------------------------------------------------------- */

struct collateral_subject {
	enum om_evidence_type type;             /* SGX, TDX or SNP */
	bool early;                             /* Intel's feed that runs ahead ("update=early") */
	bool processor;                         /* Intel: the PCK is of the Processor CA */
	uint8_t fmspc[6];
	enum om_snp_product product;            /* AMD */
	enum om_snp_key key;
	uint8_t hwid[OM_SNP_HWID_MAX];          /* of a VCEK; Turin's 8 bytes and zeros */
	uint8_t tcb[OM_SNP_TCB_SIZE];           /* as the report writes it */
};

/* Of an envelope, a bare quote, or a bare report of 1,184 bytes. Return: OM_EUNSUPPORTED: demo; OM_EINVAL and errors of the parsers; a chip that is masked. */
__attribute__((warn_unused_result))
int collateral_subject_of(struct om_view evidence, struct collateral_subject *ret);
/* AMD has few of these, and for ever; Intel has TCB information, in two feeds. */
static inline bool collateral_of_amd(const struct collateral_subject *s) { return s->type == OM_EVIDENCE_SNP; }
/* sgx-FMSPC-CA[-early], tdx-FMSPC-platform[-early], snp-PRODUCT-vcek-HWID-TCB, snp-PRODUCT-vlek-TCB. */
void collateral_name(const struct collateral_subject *s, char ret[COLLATERAL_NAME_MAX]);
/* The subject that collateral_name() has named so. Trust: the name may be anything. Return: OM_EINVAL with words; *ret is then
 * as before. */
__attribute__((warn_unused_result))
int collateral_name_parse(const char *name, struct collateral_subject *ret);
/* Digits to bytes. @ret_size: at most `room`. False: not whole pairs of digits, or too many. */
bool collateral_hex(const char *text, size_t length, uint8_t *ret, size_t room, size_t *ret_size);

/* ---- bundles (bundle.c) ------------------------------------------------------------------------------------ */

enum collateral_intel { COLLATERAL_ROOT_CRL, COLLATERAL_PCK_CRL, COLLATERAL_TCB_INFO, COLLATERAL_QE_IDENTITY };
/* The certificate of the key, those above it (ASK or ASVK, ARK), and the ARK's list, which may be absent. */
enum collateral_amd { COLLATERAL_VEK, COLLATERAL_CAS, COLLATERAL_CRL };

struct collateral_part {
	char *url;                              /* where from: an address, or a file's name */
	char *chain;                            /* the header with the issuers, as received; NULL: has none */
	int64_t time;                           /* when, seconds since 1970 */
	uint8_t *data;                          /* NULL: absent */
	size_t size;
};

struct collateral_bundle {
	struct collateral_subject subject;
	struct collateral_part part[COLLATERAL_PARTS];
};

/* "tcb-info", ...; NULL: there is no such part. */
const char *collateral_part_name(enum om_evidence_type type, unsigned part);
/* Copies. @chain: or NULL. Return: OM_ENOMEM, OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int collateral_part_set(struct collateral_part *part, const char *url, const char *chain, const void *data, size_t size, int64_t time);
/* A part of another bundle's. */
__attribute__((warn_unused_result))
int collateral_part_copy(struct collateral_part *to, const struct collateral_part *from);
/* Frees the parts. The bundle's own memory stays the caller's. */
void collateral_bundle_done(struct collateral_bundle *b);
/* @ret_text: the caller's to free(). */
__attribute__((warn_unused_result))
int collateral_bundle_encode(const struct collateral_bundle *b, char **ret_text, size_t *ret_size);
/* A bundle, or an export of several; `each` owns none of it. The first error of `each` ends it. Trust: hostile. */
__attribute__((warn_unused_result))
int collateral_bundles_decode(const char *text, size_t size, int (*each)(void *context, struct collateral_bundle *b), void *context);
/* As verifiers read it (OM_COLLATERAL_MAX bytes are enough). */
__attribute__((warn_unused_result))
int collateral_bundle_form(const struct collateral_bundle *b, uint8_t *buffer, size_t size, size_t *ret_size);

/* ---- judging (judge.c) ------------------------------------------------------------------------------------- */

struct collateral_verdict {
	int64_t from, until;                    /* in force */
	uint32_t evaluation;                    /* Intel: the lower number of both documents; else 0 */
	int64_t root_crl, key_crl;              /* thisUpdate of the root's list (AMD: the ARK's) and of Intel's list of PCKs; 0: none */
};
/*
 * Authentic, about its subject, and in force at `now`. Return: 0; OM_EQUOTE, OM_EPOLICY (another root), OM_EEXPIRED, OM_EREVOKED, OM_EINVAL. *ret is
 * filled in if all but the dates holds (0, OM_EEXPIRED).
 */
__attribute__((warn_unused_result))
int collateral_judge(const struct collateral_bundle *b, int64_t now, struct collateral_verdict *ret);

/* ---- the shelf (shelf.c) ----------------------------------------------------------------------------------- */

/* The folder that is written to; "" if this user has no home. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int collateral_path(char *ret_path, size_t size);
/*
 * In the place of what is there, if it is authentic, in force at `now`, and nothing of it older than what was seen before; the floors rise with it. What
 * is there stays otherwise. Return: errors of collateral_judge(); OM_EEXPIRED too: older than what was seen; OM_EIO, OM_EPERM.
 */
__attribute__((warn_unused_result))
int collateral_put(const struct collateral_bundle *b, int64_t now);
/* Own folder first, then root's. Return: OM_ENOTFOUND without words; OM_EIO: also a damaged one. */
__attribute__((warn_unused_result))
int collateral_get(const char *name, struct collateral_bundle *ret);
/* All of both folders. */
__attribute__((warn_unused_result))
int collateral_each(int (*each)(void *context, struct collateral_bundle *b), void *context);

/*
 * For evidence of a maker's: of what lies on the shelf, what is in force; else what is not, and the verifier says why.
 * @ret_in_force: whether it is. Return: OM_ENOTFOUND with the cure in words.
 */
__attribute__((warn_unused_result))
int collateral_find(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, size_t *ret_size, bool *ret_in_force);

/* ---- the certificate table of an extended report (table.c) ------------------------------------------------- */

/* Adds its certificates and list to an SNP bundle. Return: OM_EINVAL; OM_ENOTFOUND: no certificate for the report's key. Trust: hostile. */
__attribute__((warn_unused_result))
int collateral_table(struct om_view table, const char *from, int64_t time, struct collateral_bundle *b);

#endif
