/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing of images. The signature is reproducible: the same image and key give the same bytes, always (RSA with
 * PKCS #1 v1.5 padding has no randomness, and the date is fixed unless SOURCE_DATE_EPOCH is set).
 */
#ifndef OPTMIG_TOOLCHAIN_SIGN_H
#define OPTMIG_TOOLCHAIN_SIGN_H

#include <stdbool.h>
#include <stdint.h>
#include "errors.h"
#include "sgx_arch.h"

/* What SIGSTRUCT states, beyond constants. */
struct sign_params {
	uint8_t  mrenclave[32];
	struct sgx_attributes attributes, attributemask;
	uint32_t miscselect, miscmask;
	uint16_t isvprodid, isvsvn;
};

/*
 * Signs the executable at `image` in place, in its section OM_SIGSTRUCT_SECTION.
 * @key_pem: file with an RSA-3072 key of exponent 3 in PEM; NULL: the development key, made at first use in
 *   $OPTMIG_SIGN_KEY or ~/.config/optmig/sign-key.pem.
 * Return: OM_EIMAGE, OM_EINVAL (not such a key), OM_EIO; sign_last_error() has the words.
 */
__attribute__((warn_unused_result))
int sign_image(const char *image, const char *key_pem);

/* SIGSTRUCT alone. Same errors. */
__attribute__((warn_unused_result))
int sign_sigstruct(const struct sign_params *params, const char *key_pem, struct sgx_sigstruct *ret_sigstruct);

/* Makes a new key; fails with OM_EEXISTS rather than overwrite one. */
__attribute__((warn_unused_result))
int sign_make_key(const char *key_pem);

/* MRENCLAVE of an image, without signing. */
__attribute__((warn_unused_result))
int sign_measure(const char *image, uint8_t ret_mrenclave[32]);

/* MRSIGNER of what this key signs. @key_pem: as for sign_image(). */
__attribute__((warn_unused_result))
int sign_signer(const char *key_pem, uint8_t ret_mrsigner[32]);

/* The key as a policy's guest-signer names it, in hexadecimal digits. @key_pem: a private key on P-256 or P-384. */
__attribute__((warn_unused_result))
int sign_guest_signer(const char *key_pem, char ret_hex[193]);
/* A list of guests, signed. @text: a policy's text: its guests and floors count. @version: from 1 on, higher than all before. */
__attribute__((warn_unused_result))
int sign_guest_list(const char *text, uint64_t version, const char *key_pem, const char *output);

const char *sign_last_error(void);

#endif
