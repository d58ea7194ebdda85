/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams have buffers of 8 KiB, as with glibc, instead of 1 KiB: a read or write of the host costs three times as much inside, whatever its
 * size. BUFSIZ, which programs see and setbuf relies on, is musl's.
 */
#include "stdio_impl.h"
#undef BUFSIZ
#define BUFSIZ 8192
