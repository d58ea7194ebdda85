/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_HOST_GUEST_FILES_H
#define OPTMIG_HOST_GUEST_FILES_H

#include <stddef.h>
#include <stdint.h>

/* Whole, into memory that the caller frees. Return: OM_EIO, OM_ENOMEM. */
__attribute__((warn_unused_result))
int guest_file_read(const char *path, uint8_t **ret_data, size_t *ret_size);
/* FOLDER/NAME, whole or not at all. */
__attribute__((warn_unused_result))
int guest_file_write(const char *folder, const char *name, const void *data, size_t size);
/* With what is missing above it. */
__attribute__((warn_unused_result))
int guest_folder_make(const char *path);

#endif
