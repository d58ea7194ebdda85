/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpio.h"
#include "errors.h"

#define HEADER  110u
#define ALIGN(n) (((n) + 3) & ~(size_t)3)
#define FOLDER  0040000u
#define REGULAR 0100000u
#define END     "TRAILER!!!"
#define BLOCK   512u            /* the archive's size is a multiple of it */

static uint8_t *room(struct cpio *c, size_t size)
{
	uint8_t *bytes = c->bytes;

	if (c->error)
		return NULL;
	if (c->size + size > c->room) {
		size_t more = (c->size + size) * 2;

		bytes = realloc(c->bytes, more);
		if (!bytes) {
			c->error = OM_ENOMEM;
			return NULL;
		}
		c->bytes = bytes;
		c->room = more;
	}
	bytes += c->size;
	memset(bytes, 0, size);
	c->size += size;
	return bytes;
}

static void put(struct cpio *c, const char *name, uint32_t mode, uint32_t links, const void *data, size_t size)
{
	const size_t name_size = strlen(name) + 1;
	char header[HEADER + 1];
	uint8_t *to;

	if (size > UINT32_MAX && !c->error)
		c->error = OM_EOVERFLOW;
	/* magic, inode, mode, uid, gid, links, mtime, size, device, its number, size of the name, check */
	snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", c->next++, mode, 0, 0, links, 0,
		(unsigned)size, 0, 0, 0, 0, (unsigned)name_size, 0);
	to = room(c, ALIGN(HEADER + name_size));
	if (to) {
		memcpy(to, header, HEADER);
		memcpy(to + HEADER, name, name_size);
	}
	to = size > 0 ? room(c, ALIGN(size)) : NULL;
	if (to)
		memcpy(to, data, size);
}

void cpio_directory(struct cpio *c, const char *name, uint32_t mode)
{
	put(c, name, FOLDER | mode, 2, NULL, 0);
}

void cpio_file(struct cpio *c, const char *name, uint32_t mode, const void *data, size_t size)
{
	put(c, name, REGULAR | mode, 1, data, size);
}

int cpio_end(struct cpio *c)
{
	c->next = 0;
	put(c, END, 0, 1, NULL, 0);
	(void)room(c, (BLOCK - c->size % BLOCK) % BLOCK);
	return c->error;
}
