/* SPDX-License-Identifier: Apache-2.0 */
/* oldmalloc's, which works on chunks, cached or not: see malloc.c. */
#include "../oldmalloc/malloc_usable_size.c"
