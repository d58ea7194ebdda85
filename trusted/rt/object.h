/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that has the content of a file and no place on a disk: what memfd_create and shm_open give. An object's pages lie in the heap, one after
 * the other, and its mappings are those pages: no page of an enclave can be at two addresses. Objects are numbers, 0 is none; each has
 * references (descriptors, names, mappings), and its pages are given back with the last of them.
 *
 * Every function may call the host; none parks.
 */
#ifndef OPTMIG_TRUSTED_RT_OBJECT_H
#define OPTMIG_TRUSTED_RT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_OBJECTS_MAX 1024u

/* With one reference; 0: there are no more. */
uint32_t rt_object_new(void);
/* The same for what is never mapped: its pages stay writable, so that writing costs no change of them. */
uint32_t rt_object_new_unmapped(void);
void rt_object_again(uint32_t object);               /* one more reference */
void rt_object_put(uint32_t object);                 /* one less: with the last one its pages are given back */
/* Which one this is, for all that the program will ever see: never used again. */
uint64_t rt_object_number(uint32_t object);
/* Bytes. It may be another one as soon as this returns: nothing is locked. */
uint64_t rt_object_size(uint32_t object);
/* Mappings for writing. */
uint32_t rt_object_writers(uint32_t object);
/* 0; -ENOMEM: there is no room, or none where its mappings are; -EFBIG. What it grows by is zero. */
long rt_object_resize(uint32_t object, uint64_t size);
/* Bytes, up to the end. */
long rt_object_read(uint32_t object, uint64_t offset, void *trusted, size_t size);
/* All bytes, or a negative errno; grows the object. @append: at its end, whatever `offset` says, which becomes where that was. */
long rt_object_write(uint32_t object, uint64_t *offset, const void *trusted, size_t size, bool append);
/* A shared mapping of `count` pages from page `first` on: its address, or a negative errno. @address: where it has to be, 0: anywhere. */
long rt_object_map(uint32_t object, uint64_t first, uint64_t count, bool writable, uint64_t address);
/* These pages are to be unmapped, replaced or moved. 0: no object's are among them; 1: they were one mapping, which is gone now; -EINVAL: anything
 * else, and one mapping too if `unmap` is false. */
long rt_object_given_up(uint64_t index, uint64_t count, bool unmap);

#endif
