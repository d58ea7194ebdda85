/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oldmalloc's chunks in steps of 16 bytes, what C asks for, instead of 32: small objects take a quarter less. All its sizes
 * are counted in SIZE_ALIGN, so its tables fit; the threshold of mappings halves with it. A chunk still has at least 32 bytes,
 * for that is what a free one needs for its links: nothing may cut off 16, and nobody may ask for none.
 */
#ifndef OPTMIG_LIBC_CHUNKS_H
#define OPTMIG_LIBC_CHUNKS_H

#include "../oldmalloc/malloc_impl.h"
#undef SIZE_ALIGN
#define SIZE_ALIGN ((size_t)16)

#endif
