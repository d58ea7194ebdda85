/* SPDX-License-Identifier: Apache-2.0 */
/* A SIGSTRUCT without its enclave: is it well formed, and is its signature valid? Trust: hostile; both are total on any input. */
#ifndef OPTMIG_TEE_SIGSTRUCT_H
#define OPTMIG_TEE_SIGSTRUCT_H

#include <stdbool.h>
#include "sgx_arch.h"

/* Fixed fields, vendor, exponent, reserved bytes. */
bool tee_sigstruct_formed(const struct sgx_sigstruct *sigstruct);
/* The RSA signature by the key that it carries, and the two quotients with which the CPU checks it. */
bool tee_sigstruct_signed(const struct sgx_sigstruct *sigstruct);

#endif
