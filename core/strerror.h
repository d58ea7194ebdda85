/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and cures of the codes in abi/errors.h. Strings are constants; unknown codes have an answer too.
 */
#ifndef OPTMIG_CORE_STRERROR_H
#define OPTMIG_CORE_STRERROR_H

#include "errors.h"

/* @error: negative code (0 is "success"). Return: "authentication failed", never NULL. */
const char *om_strerror(int error);
/* Return: the symbol, "OM_EAUTH", never NULL. For logs and JSON. */
const char *om_errname(int error);
/* Return: one line that says what the user can do, never NULL. */
const char *om_errcure(int error);

#endif
