/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TOOLCHAIN_SIGN_INTERNAL_H
#define OPTMIG_TOOLCHAIN_SIGN_INTERNAL_H

#include <openssl/evp.h>
#include "sign.h"

/* Records the words for sign_last_error() and returns `error`. */
__attribute__((format(printf, 2, 3)))
int sign_fail(int error, const char *format, ...);
/* The key of sign_image()'s parameter; the caller frees it. */
int sign_key_load(const char *key_pem, EVP_PKEY **ret_key);

#endif
