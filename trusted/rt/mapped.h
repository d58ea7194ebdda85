/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of files: between mmap.c, mapped.c (which pages show what) and io/mapped.c (the files). "file" is the index of an open
 * file description on which the mapping holds a reference.
 */
#ifndef OPTMIG_TRUSTED_RT_MAPPED_H
#define OPTMIG_TRUSTED_RT_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- io/mapped.c ------------------------------------------------------------------------------------------------------- */
enum { RT_IO_MAP_FILE = 0, RT_IO_MAP_ZEROS = 1, RT_IO_MAP_MEMORY = 2 };    /* ZEROS: /dev/zero; MEMORY: an object */
/* What a mapping of fd would show, or a negative errno. */
long rt_io_map_check(int fd, bool shared, bool writing);
/* The object behind fd (io/memory.c), or 0 and a negative errno. No reference is taken. */
uint32_t rt_io_map_object(int fd, bool writing, long *ret_error);
uint32_t rt_io_map_hold(int fd);                     /* 0: it is not a regular file any more */
void rt_io_map_again(uint32_t file);                 /* one more reference */
void rt_io_map_put(uint32_t file);                   /* one reference less */
bool rt_io_map_is(uint32_t file, uint64_t device, uint64_t inode);      /* is it that file, by the numbers that the host told when it was opened? */
int64_t rt_io_map_size(uint32_t file);               /* -1: the host does not tell */
/* Bytes read; fewer than `size` at the end of the file. */
long rt_io_map_read(uint32_t file, uint64_t offset, uint64_t app, size_t size);

/* ---- mapped.c ------------------------------------------------------------------------------------------------------------ */
/* Ranges are pages. Every function may call the host, and then leaves nothing in the transfer buffer; none parks. */

struct rt_mapped_what { uint32_t file; bool shared; uint8_t protection; uint64_t offset; /* bytes */ };
/* Pages that are mapped readable and writable show a file from now on, which rt_mapped_reload() is to fill in; then they get
 * what->protection by the caller. The reference on what->file is the mapping's; on failure it is dropped. Return: 0 or a negative
 * errno. */
long rt_mapped_add(uint64_t index, uint64_t count, const struct rt_mapped_what *what);
/* These pages are unmapped or replaced next. */
void rt_mapped_forget(uint64_t index, uint64_t count);
/* Is any of it a shared mapping of a file? */
bool rt_mapped_shared(uint64_t index, uint64_t count);
/* mprotect of pages that may show files: what lies behind the end of its file stays out of reach. */
void rt_mapped_protect(uint64_t index, uint64_t count, uint8_t protection);
/* The file's content again: from `index` on, as far as one mapping goes, `count` pages and a piece's size. Return: pages done;
 * 0: the page at `index` shows no file; a negative errno. @shared_only: private ones are passed over. */
int64_t rt_mapped_reload(uint64_t index, uint64_t count, bool shared_only);
/* Pages from `index` on, up to `count`, that show no file. */
uint64_t rt_mapped_gap(uint64_t index, uint64_t count);
/* So many pages, from `index` on, end where the last of them ends that a file reaches. */
uint64_t rt_mapped_reach(uint64_t index, uint64_t count);
enum rt_mapped_kind { RT_MAPPED_NONE, RT_MAPPED_ONE, RT_MAPPED_MANY };
/* Is all of it one mapping of a file? Then *ret_what, unless NULL, has a reference on the file, which is the caller's. NONE: no page of it shows
 * a file. */
enum rt_mapped_kind rt_mapped_get(uint64_t index, uint64_t count, struct rt_mapped_what *ret_what);
/* A page without access, because it lies behind the end of its file: the access is allowed otherwise. Runs at CSSA 1. */
bool rt_mapped_beyond(uint64_t index, bool write);

/* For io: the program has changed a file's content or size. Cheap while no file is mapped. */
extern uint32_t rt_mapped_count;
bool rt_mapped_shows(uint64_t device, uint64_t inode); /* does any mapping show this file? */
/* After bytes [offset, offset + size) of the file have been written: shared mappings show them, and pages that the file has
 * reached come within reach. */
void rt_mapped_written(uint64_t device, uint64_t inode, uint64_t offset, uint64_t size);
void rt_mapped_resized(uint64_t device, uint64_t inode); /* 0, 0: of which file, is not known */

#endif
