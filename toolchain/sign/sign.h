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

/* How an image is to be signed. */
struct sign_request {
	const char *key_pem;     /* an RSA-3072 key of exponent 3; NULL: $OPTMIG_SIGN_KEY, else the development key */
	int svn;                 /* ISV SVN; SIGN_SVN_KEPT: what the image's SIGSTRUCT says already */
	bool unguarded;          /* the development key may sign an image that is no debug image */
};
#define SIGN_SVN_KEPT (-1)

/*
 * Signs the executable at `image` in place, in its section OM_SIGSTRUCT_SECTION. The development key makes itself at first use, in
 * $XDG_CONFIG_HOME/optmig or ~/.config/optmig.
 * Return: OM_EIMAGE, OM_EINVAL (not such a key), OM_EIO, OM_EPOLICY (the image's own policy refuses what this would make of it);
 * sign_last_error() has the words.
 */
__attribute__((warn_unused_result))
int sign_image(const char *image, const struct sign_request *request);

/*
 * The same in two steps, for a private key that lies elsewhere:
 *
 *     sign_prepare()   SIGSTRUCT without a signature into the image; ret_data is what is to be signed
 *     elsewhere        RSASSA-PKCS1-v1_5 with SHA-256 over ret_data:  openssl dgst -sha256 -sign KEY
 *     sign_complete()  the signature, its key and its quotients into the image, if all three fit each other
 */
#define SIGN_DATA_SIZE 256
/* Return: 0; errors of opening and writing the image, with sign_last_error(); ret_data is then as before. */
__attribute__((warn_unused_result))
int sign_prepare(const char *image, const struct sign_request *request, uint8_t ret_data[SIGN_DATA_SIZE]);
/* @key_pem: the public key, or the private one. @signature: big-endian, as OpenSSL writes it. */
__attribute__((warn_unused_result))
int sign_complete(const char *image, const char *key_pem, const uint8_t *signature, size_t size);
/* SIGSTRUCT of an image, or what a file of sign_prepare()'s bytes says of it. *ret_signed: a signature is there, and holds. */
__attribute__((warn_unused_result))
int sign_read(const char *path, struct sgx_sigstruct *ret_sigstruct, bool *ret_signed);

/* MRSIGNER of a signed one. */
void sign_mrsigner(const struct sgx_sigstruct *sigstruct, uint8_t ret_mrsigner[32]);

/* SIGSTRUCT alone. @key_pem: as in a request. Same errors. */
__attribute__((warn_unused_result))
int sign_sigstruct(const struct sign_params *params, const char *key_pem, struct sgx_sigstruct *ret_sigstruct);

/* Makes a new key; fails with OM_EEXISTS rather than overwrite one. */
__attribute__((warn_unused_result))
int sign_make_key(const char *key_pem);

/* MRENCLAVE of an image, without signing. */
__attribute__((warn_unused_result))
int sign_measure(const char *image, uint8_t ret_mrenclave[32]);

/* MRSIGNER of what this key signs. @key_pem: as for sign_complete(). */
__attribute__((warn_unused_result))
int sign_signer(const char *key_pem, uint8_t ret_mrsigner[32]);

/* The key as a policy's guest-signer names it, in hexadecimal digits. @key_pem: a private key on P-256 or P-384. */
__attribute__((warn_unused_result))
int sign_guest_signer(const char *key_pem, char ret_hex[193]);
/* A list of guests, signed. @text: a policy's text: its guests and floors count. @version: from 1 on, higher than all before. */
__attribute__((warn_unused_result))
int sign_guest_list(const char *text, uint64_t version, const char *key_pem, const char *output);

/* Words for this thread's last error of sign_*(). Valid until the next. */
const char *sign_last_error(void);

#endif
