/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this life of the program knows of encrypted files: for each name that was touched the commit that has to be there, or that
 * nothing is. Resident, so it moves with the program, and a host that shows anything else under such a name is found out.
 *
 *     absent   --create, open, renamed to-->  known   --commit-->  known (the next root)
 *     known    --unlink, renamed away------>  removed --create, renamed to--> known
 */
#ifndef OPTMIG_TRUSTED_RT_IO_ROOTS_H
#define OPTMIG_TRUSTED_RT_IO_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vault/vault.h"

#define RT_ROOTS_MAX 262144u             /* names in a life */

enum rt_root_state { RT_ROOT_ABSENT = 0, RT_ROOT_KNOWN, RT_ROOT_REMOVED };

/* The number of a name, 0: it is new (and `add` is false), or the table is full. Numbers stay. */
uint32_t rt_roots_find(const char *name, bool add);
/* *ret_root: of KNOWN. A number of 0 is ABSENT, and leaves *ret_root as it was. */
enum rt_root_state rt_roots_get(uint32_t number, struct om_vault_root *ret_root);
void rt_roots_set(uint32_t number, enum rt_root_state state, const struct om_vault_root *root); /* root: of KNOWN, else NULL */

/*
 * All of it as bytes, for another enclave of the same lineage. rt_vault_export(NULL, 0): how many they are. Return: bytes, or -ENOSPC.
 * Import: before the program has touched a file. Return: 0, -EINVAL for bytes that no export gives, -EBUSY. The check says the same and
 * changes nothing; until the program runs, what it has allowed cannot fail.
 * Trust: the bytes must have come authenticated and in secret.
 */
long rt_vault_export(void *to, size_t room);
/* May these bytes be imported now? Changes nothing. Return: as rt_vault_import(). */
long rt_vault_import_check(const void *from, size_t size);
/* Takes over the names and states that another enclave has exported. Return: 0; -EINVAL, -EBUSY, and nothing has changed. */
long rt_vault_import(const void *from, size_t size);

#endif
