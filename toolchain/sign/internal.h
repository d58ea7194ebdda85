/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TOOLCHAIN_SIGN_INTERNAL_H
#define OPTMIG_TOOLCHAIN_SIGN_INTERNAL_H

#include <openssl/evp.h>
#include "sign.h"

/* Records the words for sign_last_error() and returns `error`. */
__attribute__((format(printf, 2, 3)))
int sign_fail(int error, const char *format, ...);
/* A private key, sign_image()'s default if NULL; the caller frees it. */
int sign_key_load(const char *key_pem, EVP_PKEY **ret_key);
/* The public half of a key, of which the file may hold both. */
int sign_public_load(const char *key_pem, EVP_PKEY **ret_key);
/* Does NULL mean the development key here, and not $OPTMIG_SIGN_KEY? */
bool sign_key_is_development(const char *key_pem);

/* sigstruct.c: all but the signature; what is signed; the signature. */
void sign_sigstruct_fill(const struct sign_params *params, struct sgx_sigstruct *ret_sigstruct);
/* The two ranges of SIGSTRUCT that the signature covers: 128 bytes from the beginning, 128 from MISCSELECT on. Source: SDM 3D,
 * SIGSTRUCT. */
void sign_sigstruct_data(const struct sgx_sigstruct *sigstruct, uint8_t ret_data[SIGN_DATA_SIZE]);
/* Signature, modulus, Q1 and Q2 into SIGSTRUCT. @signature: big-endian; @size: 384. Return: OM_EINVAL (size), OM_EAUTH (it
 * does not fit key and content), OM_EINTERNAL; *sigstruct is then as before. */
int sign_sigstruct_complete(struct sgx_sigstruct *sigstruct, EVP_PKEY *key, const uint8_t *signature, size_t size);
/* Does the signature fit the modulus and the content that stand in it? Trust: SIGSTRUCT may be anybody's. */
bool sign_sigstruct_holds(const struct sgx_sigstruct *sigstruct);

#endif
