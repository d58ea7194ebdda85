/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host carries messages between an owner and the enclave: OM_ECALL_UNLOCK on a service slot, r8 = enum om_unlock_op, arguments in
 * tbuf->arg[], messages in data (core/unlock/unlock.h has them). The host can delay or lose them, no more.
 *
 * A negative ret is a refusal, OM_E*; data are then the words, with NUL. One operation at a time: OM_ESTATE otherwise.
 */
#ifndef OPTMIG_ABI_OWNERCALL_H
#define OPTMIG_ABI_OWNERCALL_H

#include <stdint.h>

enum om_unlock_op {
	OM_UNLOCK_STATE = 1, /* ret = enum om_unlock_state */
	OM_UNLOCK_ASK,       /* data = a nonce, 32 B: ret = size of statement and evidence in data, arg[0] = that of the statement */
	OM_UNLOCK_GRANT_IN,  /* arg[0] = size of the grant in data: ret = 0; the program starts if it waited */
	OM_UNLOCK_ORDER_IN,  /* arg[0] = size of the grant in data, arg[1] = of the next build's evidence behind it: ret = 0, the program is
	                        being stopped for good */
	OM_UNLOCK_TAKE,      /* ret = 0: it still runs, call again; else the size of package and HMAC in data */
	OM_UNLOCK_END,       /* after TAKE: wipes what there is and ends the process. Does not return */
};

enum om_unlock_state { OM_UNLOCK_RUNS, OM_UNLOCK_IS_WAITING, OM_UNLOCK_IS_STOPPING, OM_UNLOCK_IS_HANDED_ON };

#define OM_UNLOCK_WORDS_MAX 512

#endif
