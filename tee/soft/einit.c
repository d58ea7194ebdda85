/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EINIT: is this SIGSTRUCT a valid signature over this enclave? Launch control is taken as the Linux driver has it:
 * any signer may launch. Source: SDM 3D 38.3, EINIT.
 */
#include <string.h>
#include "bytes.h"
#include "crypto/sha256.h"
#include "sigstruct.h"
#include "soft.h"

static int refuse(unsigned code, const char *why)
{
	return tee_fail(code == 0 ? OM_ESGX : OM_ESIGSTRUCT, "EINIT: code %u, %s", code, why);
}

int emu_einit(struct emu_enclave *e, const struct sgx_sigstruct *sig)
{
	const struct sgx_attributes *a = &e->secs.attributes, *want = &sig->attributes, *mask = &sig->attributemask;
	const uint64_t kss = SGX_ATTR_KSS;

	if (!tee_sigstruct_formed(sig))
		return refuse(SGX_INVALID_SIG_STRUCT, "SIGSTRUCT is malformed");
	if (!tee_sigstruct_signed(sig))
		return refuse(SGX_INVALID_SIGNATURE, "wrong signature");
	if (memcmp(sig->enclavehash, e->secs.mrenclave, 32) != 0)
		return refuse(SGX_INVALID_MEASUREMENT, "MRENCLAVE is not the one that was signed");
	if ((a->flags & mask->flags) != (want->flags & mask->flags) ||
	    (a->xfrm & mask->xfrm) != (want->xfrm & mask->xfrm))
		return refuse(SGX_INVALID_ATTRIBUTE, "ATTRIBUTES are not those that were signed");
	if ((e->secs.miscselect & sig->miscmask) != (sig->miscselect & sig->miscmask))
		return refuse(SGX_INVALID_ATTRIBUTE, "MISCSELECT is not the one that was signed");
	if (!(a->flags & kss) && (!om_all_zero(sig->isvfamilyid, 16) || !om_all_zero(sig->isvextprodid, 16)))
		return refuse(SGX_INVALID_SIG_STRUCT, "family or extended product id without KSS");
	om_sha256(sig->modulus, sizeof sig->modulus, e->secs.mrsigner);
	e->secs.isvprodid = sig->isvprodid;
	e->secs.isvsvn = sig->isvsvn;
	return 0;
}
