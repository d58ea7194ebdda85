/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two arenas of resident memory for things of varying size.
 *
 *   blobs    live as long as their owner: option lists, contents of virtual files. Power-of-two classes with a free
 *            list each; the owner remembers the size.
 *   frozen   what rt_io_freeze fetched from the host's kernel: TCP queues, pipe contents, paths. A bump pointer,
 *            reset when the next freeze begins.
 *
 * Both are plain bss: a page costs nothing until it is touched for the first time.
 */
#include "crypto/wipe.h"
#include "rt/io/io.h"

#define GRAIN 64u
#define CLASSES 16u /* 64 bytes to 2 MiB */

static RT_RESIDENT uint8_t blobs[RT_IO_BLOB_SIZE] __attribute__((aligned(64)));
static RT_RESIDENT uint32_t blob_end, blob_free[CLASSES];
static RT_RESIDENT uint8_t frozen[RT_IO_FROZEN_SIZE] __attribute__((aligned(64)));
static RT_RESIDENT uint32_t frozen_end;

static uint32_t class_of(uint32_t size)
{
	return size <= GRAIN ? 0 : 32 - (uint32_t)__builtin_clz((size - 1) / GRAIN);
}

uint32_t rt_io_blob_new(uint32_t size)
{
	uint32_t class = class_of(size), bytes, blob = 0;

	if (class >= CLASSES)
		return 0;
	bytes = GRAIN << class;
	rt_io_lock();
	if (blob_free[class]) {
		blob = blob_free[class];
		memcpy(&blob_free[class], blobs + blob, 4);
	} else {
		if (!blob_end)
			blob_end = GRAIN; /* 0 means none */
		if (bytes <= RT_IO_BLOB_SIZE - blob_end) {
			blob = blob_end;
			blob_end += bytes;
		}
	}
	rt_io_unlock();
	return blob;
}

/* What was used of it. Nothing is looked for in it any more. */
void rt_io_blob_clear(void)
{
	om_wipe(blobs, blob_end);
}

void rt_io_blob_free(uint32_t blob, uint32_t size)
{
	uint32_t class = class_of(size);

	if (!blob)
		return;
	om_wipe(blobs + blob, GRAIN << class);   /* it may have been a key */
	rt_io_lock();
	memcpy(blobs + blob, &blob_free[class], 4);
	blob_free[class] = blob;
	rt_io_unlock();
}

void *rt_io_blob_at(uint32_t blob)
{
	return blobs + blob;
}

void rt_io_frozen_reset(void)
{
	frozen_end = GRAIN;
}

void rt_io_frozen_clear(uint32_t limit)
{
	if (frozen_end > limit)
		return;
	if (frozen_end > GRAIN)
		memset(frozen, 0, frozen_end);
	frozen_end = GRAIN;
}

uint64_t rt_io_frozen_left(void)
{
	return RT_IO_FROZEN_SIZE - frozen_end - GRAIN;
}

uint32_t rt_io_frozen_new(uint64_t size)
{
	uint32_t at = frozen_end;

	if (size > rt_io_frozen_left())
		return 0;
	frozen_end += ((uint32_t)size + 15u) & ~15u;
	return at;
}

void *rt_io_frozen_at(uint32_t offset)
{
	return frozen + offset;
}
