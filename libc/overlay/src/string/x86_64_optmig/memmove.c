/* SPDX-License-Identifier: Apache-2.0 */
/* memmove is in memcpy.c, with which it shares its parts. This file keeps musl's own out of the archive. */
typedef int memmove_is_in_memcpy_c;
