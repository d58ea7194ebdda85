/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of "tcbLevels", in TCB info and QE identity: versions to be reached, and what it means to reach them. Errors stick to the
 * reader.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_LEVELS_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_LEVELS_H

#include "evidence/authentic/tcb.h"
#include "evidence/parse/json.h"

#define OM_TCB_COMPONENTS 16

/* What an entry of a platform's levels consists of: components one by one (version 2), or in a list (version 3). */
enum { OM_FORM_FLAT = 1, OM_FORM_SGX = 2, OM_FORM_TDX = 4 };

struct om_level {
	uint8_t  sgx[OM_TCB_COMPONENTS], tdx[OM_TCB_COMPONENTS];
	uint16_t pce_svn, isv_svn;
	unsigned forms;                  /* of a platform's */
	enum om_tcb_status status;
	int64_t  date;
	struct om_advisories advisories;
};

/* The TCB level of a platform that comes next in TCB information, in any of its forms. Errors stick in `j`; *ret is then not to be used. */
void om_level_platform(struct om_json *j, struct om_level *ret);
/* Of an enclave or a TDX module, which have an ISV SVN alone. */
void om_level_isv(struct om_json *j, struct om_level *ret);

#endif
