/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the archive that the kernel unpacks as its first root ("newc", Documentation/driver-api/early-userspace/buffer-format.rst): the same bytes for
 * the same files, whoever writes it and when. Owner 0, time 0, numbers in the order of writing.
 */
#ifndef OPTMIG_HOST_GUEST_CPIO_H
#define OPTMIG_HOST_GUEST_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio { uint8_t *bytes; size_t size, room; uint32_t next; int error; };

/* Names without the first slash. The first failure sticks. */
void cpio_directory(struct cpio *c, const char *name, uint32_t mode);
/* A regular file with `size` bytes of `data`, which is copied. @mode: permissions alone. */
void cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *data, size_t size);
/* The end. Return: OM_ENOMEM, OM_EOVERFLOW. The caller frees c->bytes. */
__attribute__((warn_unused_result))
int cpio_end(struct cpio *c);

#endif
