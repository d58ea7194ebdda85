/* SPDX-License-Identifier: Apache-2.0 */
/* The C library as far as trusted code has one: see libmem.c. */
#ifndef OPTMIG_TRUSTED_RT_LIBMEM_H
#define OPTMIG_TRUSTED_RT_LIBMEM_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size); /* from large sizes on "rep movsb"; nothing may overlap */
void *memmove(void *to, const void *from, size_t size);                 /* may overlap, in both directions */
void *memset(void *to, int value, size_t size);                         /* not for secrets that nobody reads any more: om_wipe() is */
int memcmp(const void *a, const void *b, size_t size);                  /* ends at the first difference: not for secrets */
void *memchr(const void *at, int value, size_t size);                   /* the first one, or NULL */
size_t strlen(const char *s);                                           /* of trusted memory: an application's string comes by rt_app_get_string() */

#endif
