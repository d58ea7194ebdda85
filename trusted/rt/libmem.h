/* SPDX-License-Identifier: Apache-2.0 */
/* The C library as far as trusted code has one: see libmem.c. */
#ifndef OPTMIG_TRUSTED_RT_LIBMEM_H
#define OPTMIG_TRUSTED_RT_LIBMEM_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *at, int value, size_t size);
size_t strlen(const char *s);

#endif
