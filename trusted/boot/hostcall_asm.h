/* SPDX-License-Identifier: Apache-2.0 */
/* Values of enum om_ecall for assembly; rt/enter.c asserts them. */
#define OM_ECALL_RETURN_NUMBER    3
#define OM_ECALL_EXCEPTION_NUMBER 4
