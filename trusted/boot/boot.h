/* SPDX-License-Identifier: Apache-2.0 */
/* OM_ECALL_INIT. */
#ifndef OPTMIG_TRUSTED_BOOT_BOOT_H
#define OPTMIG_TRUSTED_BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

/* @boot: untrusted address of struct om_boot, @size with its strings. On return arg[0] of the tbuf is the main slot. */
void rt_boot(uint64_t boot, uint64_t size);
/* It has finished. */
bool rt_booted(void);

#endif
