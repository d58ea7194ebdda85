/* SPDX-License-Identifier: Apache-2.0 */
/* Mbed TLS as far as it is used: its ASN.1 writer. */
#ifndef OPTMIG_CORE_EVIDENCE_WRITE_MBEDTLS_H
#define OPTMIG_CORE_EVIDENCE_WRITE_MBEDTLS_H

#define MBEDTLS_ASN1_WRITE_C
/* Lists of names take memory. They are not used, and there is none. */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO(count, size) ((void *)0)
#define MBEDTLS_PLATFORM_FREE_MACRO(memory)        ((void)(memory))

#include "mbedtls/check_config.h"

#endif
