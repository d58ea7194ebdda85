/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lineage: one secret of 256 bits that a program has for as long as its owner, or its image, says. What it keeps outside (files,
 * seals) hangs on keys that are derived from it, each for one purpose. It moves with the program, in its resident pages.
 *
 *     image says       the key is                                     it is there
 *     new              random                                         from the start
 *     seal             random at the first start, then out of a seal  from the start, or from the owner's grant (seal.h)
 *     owner            what the owner delivers                        when it has been delivered; the program does not run before
 */
#ifndef OPTMIG_TRUSTED_RT_LINEAGE_H
#define OPTMIG_TRUSTED_RT_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "evidence/parse/tagged.h"

#define RT_LINEAGE_SIZE 32

/* A fresh start, once the launch is known: draws the key, where it is the image's to draw. */
void rt_lineage_begin(void);

/* Has the program its key? Once true it stays so. Context: any thread. */
bool rt_lineage_there(void);

/*
 * A key for one purpose: HKDF-SHA256 (RFC 5869) with the salt "optmig lineage 1" and, as info, the label with its NUL and the context.
 * @label: at most 63 characters, one for each purpose of the runtime. @context: at most 256 bytes.
 * Return: 0; -EACCES while there is no key; -EINVAL.
 */
long rt_lineage_derive(const char *label, const void *context, size_t size, uint8_t ret_key[RT_LINEAGE_SIZE]);

/* By unlock, upgrade or seal: once in a life, and before the program runs. Return: 0, or OM_ESTATE if there is one. */
int rt_lineage_set(const uint8_t key[RT_LINEAGE_SIZE]);

/* For an heir that takes it over: the key itself. The caller wipes it. Return: 0, or OM_ESTATE while there is none. */
int rt_lineage_give(uint8_t ret_key[RT_LINEAGE_SIZE]);
/* What a lineage is called in public (core/evidence/authentic/lineage.h). Return: 0, or OM_ESTATE. */
int rt_lineage_id(uint8_t ret_id[OM_LINEAGE_ID]);
/*
 * Certifies claims of a TLS key and this instance as the lineage (core/evidence/authentic/lineage.h): fills in what they say of it.
 * Return: 0, or OM_ESTATE: there is none yet, and they name none.
 */
__attribute__((warn_unused_result)) int rt_lineage_certify(struct om_claims *claims);
/* It is gone from here, for good: the heir has it, or the program has ended. */
void rt_lineage_wipe(void);

#endif
