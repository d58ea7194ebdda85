/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a debug enclave, read from its own process without being inside: EDBGRD, which the driver gives through /proc/self/mem. The
 * software CPU's memory is read the same way. A production enclave cannot be read, whoever asks.
 */
#ifndef OPTMIG_HOST_DEBUG_MEMORY_H
#define OPTMIG_HOST_DEBUG_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of [address, address + size), or false: nothing is there, or a page that has not been touched yet. Context: any thread. */
bool debug_read(uint64_t address, void *to, size_t size);
/* As much of it as there is. Return: bytes read. */
size_t debug_read_some(uint64_t address, void *to, size_t size);
/* Up to its NUL, which is always put. Return: its length; -1: it cannot be read, or is as long as `size`. */
long debug_read_string(uint64_t address, char *to, size_t size);

#endif
