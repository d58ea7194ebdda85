/* SPDX-License-Identifier: Apache-2.0 */
/* aligned_alloc over chunks, cached or not (malloc.c): what lies in front of the aligned part is cut off and freed. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "chunks.h"

void *aligned_alloc(size_t align, size_t n)
{
	struct chunk *chunk, *aligned;
	char *block, *at;
	size_t front;

	if ((align & -align) != align) {
		errno = EINVAL;
		return NULL;
	}
	if (align <= SIZE_ALIGN)
		return malloc(n);
	n += !n;                               /* the part behind must be a chunk too */
	if (n > PTRDIFF_MAX - SIZE_ALIGN || align > PTRDIFF_MAX - SIZE_ALIGN - n || (__malloc_replaced && !__aligned_alloc_replaced)) {
		errno = ENOMEM;
		return NULL;
	}
	block = malloc(n + align + SIZE_ALIGN);
	if (!block)
		return NULL;
	at = (char *)(((uintptr_t)block + align - 1) & -align);
	front = (size_t)(at - block);
	chunk = MEM_TO_CHUNK(block);
	if (front == SIZE_ALIGN && !IS_MMAPPED(chunk)) {
		front += align;                /* too little for a chunk */
		at += align;
	}
	if (front == 0)
		return block;
	aligned = MEM_TO_CHUNK(at);
	if (IS_MMAPPED(chunk)) {
		aligned->psize = chunk->psize + front;
		aligned->csize = chunk->csize - front;
		return at;
	}
	/* The part behind keeps the rest of the size, in its header and in the footer at its end. */
	NEXT_CHUNK(chunk)->psize -= front;
	aligned->csize = chunk->csize - front;
	aligned->psize = chunk->csize = front | C_INUSE;
	__bin_chunk(chunk);
	return at;
}
