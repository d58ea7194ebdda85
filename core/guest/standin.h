/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware that a plain guest (`--tee vm`) is measured with: it boots without one, and its emulated processor still has to say something that
 * changes with kernel, initrd and command line. One page with tables as OVMF has them, and no code.
 */
#ifndef OPTMIG_CORE_GUEST_STANDIN_H
#define OPTMIG_CORE_GUEST_STANDIN_H

#include "guest/snp.h"

#define OM_STANDIN_CPU "EPYC-v4"        /* of the vCPUs' first state, whatever CPU there is */

void om_firmware_standin(uint8_t ret_page[OM_GUEST_PAGE]);
/* The digest of a plain guest. Return: OM_EINVAL (vCPUs). */
__attribute__((warn_unused_result))
int om_standin_digest(const struct om_snp_kernel *kernel, uint32_t vcpus, uint8_t ret_digest[OM_SNP_DIGEST_SIZE]);

#endif
