/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/store share; nobody else includes it. */
#ifndef OPTMIG_HOST_STORE_INTERNAL_H
#define OPTMIG_HOST_STORE_INTERNAL_H

#include "store.h"

#define STORE_IMAGE "image"
#define STORE_ENTRY "entry.json"
#define STORE_LOCK  ".lock"
#define STORE_NEW   ".new-"     /* beginnings of names */
#define STORE_OLD   ".old-"

/* An entry's directory, trusted. Return: OM_ENOTFOUND, OM_EPERM, OM_EIO. */
__attribute__((warn_unused_result))
int store_entry_open(const struct store *store, const char *name, int *ret_fd);
/* entry.json of an open entry. */
__attribute__((warn_unused_result))
int store_entry_read(int entry_fd, const char *name, struct store_entry *ret_entry);
/* The image of an open entry, mapped and signed; fills in what of *entry stands in it. */
__attribute__((warn_unused_result))
int store_image_read(const struct store *store, int entry_fd, const char *name, struct store_entry *entry, struct host_image *ret_image);
/* What of an entry stands in its image. */
void store_describe(const struct host_image *image, struct store_entry *entry);

#endif
