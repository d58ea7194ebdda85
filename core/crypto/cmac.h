/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-128-CMAC (RFC 4493, NIST SP 800-38B): what EREPORT and EGETKEY are made of. Needs AES-NI.
 */
#ifndef OPTMIG_CORE_CRYPTO_CMAC_H
#define OPTMIG_CORE_CRYPTO_CMAC_H

#include <stddef.h>
#include <stdint.h>

#define OM_CMAC_SIZE 16

/* The tag of `size` bytes of `data`. To compare one is the caller's, in constant time. Subkeys and schedule are wiped. */
void om_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[OM_CMAC_SIZE]);

#endif
