/* SPDX-License-Identifier: Apache-2.0 */
/* Which file the destination starts for a hello. */
#ifndef OPTMIG_HOST_MIG_IMAGEFIND_H
#define OPTMIG_HOST_MIG_IMAGEFIND_H

#include "hello.h"

/*
 * With `named` (by the user) that file, whatever its MRENCLAVE: attestation decides. Else the first of these with the
 * hello's MRENCLAVE: the path on the source; PROGRAM in each directory of OPTMIG_IMAGE_PATH, or in the present one.
 * Return: OM_ENOTFOUND, OM_EIDENTITY (files are there, but none has that measurement). Trust: the hello is hostile;
 * a file is only ever used as an image, in an enclave.
 */
__attribute__((warn_unused_result))
int mig_image_find(const struct mig_hello *hello, const char *named, char ret_path[4096]);

#endif
