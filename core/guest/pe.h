/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest by which UEFI firmware measures a program that it starts, a kernel with its EFI stub for one: Authenticode's, of a PE32+ image. Left out are the
 * checksum, the entry of the certificate table and the certificates, so that signing an image does not make it another one.
 */
#ifndef OPTMIG_CORE_GUEST_PE_H
#define OPTMIG_CORE_GUEST_PE_H

#include <stddef.h>
#include "crypto/sha512.h"

/* SHA-384. Return: 0; OM_EIMAGE if it is no such image, or not whole. */
__attribute__((warn_unused_result))
int om_pe_digest(const uint8_t *image, size_t size, uint8_t ret[OM_SHA384_SIZE]);

#endif
