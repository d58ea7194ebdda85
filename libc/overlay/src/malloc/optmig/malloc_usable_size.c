/* SPDX-License-Identifier: Apache-2.0 */
/* oldmalloc's, which works on chunks, cached or not: see malloc.c. */
#include "chunks.h"
#include "../oldmalloc/malloc_usable_size.c"
