/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musl's, but that a stack is mapped as memory first and its guard taken from it then: of a mapping without access all pages that the
 * runtime has kept must leave the enclave, though most of them would be the stack's next. (MAP_STACK: it is not touched as a whole.)
 */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include <sys/mman.h>

#define __mmap(at, size, protection, flags, fd, offset) __mmap(at, size, PROT_READ | PROT_WRITE, (flags) | MAP_STACK, fd, offset)
#define __mprotect(stack, size, protection) __mprotect(map, guard, PROT_NONE)
#include "../pthread_create.c"
