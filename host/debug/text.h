/* SPDX-License-Identifier: Apache-2.0 */
/* A line of text that is built piece by piece; what does not fit is left out. */
#ifndef OPTMIG_HOST_DEBUG_TEXT_H
#define OPTMIG_HOST_DEBUG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text { char at[2048]; size_t used; };

/* Appends, as far as there is room; what does not fit is cut off. */
__attribute__((format(printf, 2, 3)))
void text_add(struct text *t, const char *format, ...);

/* Names of a set of bits or of values; the last entry has no name. */
struct name { uint64_t value; const char *name; };
/* A value's name, else its number (%#x if `hex`). */
void text_name(struct text *t, const struct name *names, uint64_t value, bool hex);
/* Bits joined by |, those without a name as a number; 0 as the entry of value 0, if the first is one, else "0". */
void text_flags(struct text *t, const struct name *names, uint64_t value);
#define TEXT_BYTES 32u       /* of data; names are shown whole */
/* A quoted string with C's escapes, as strace shows it: the first `most` bytes. `more`: there were more than there are here. */
void text_quote(struct text *t, const uint8_t *bytes, size_t size, size_t most, bool more);
/* SIGINT, or a number. */
void text_signal(struct text *t, uint64_t signo);
/* = -1 ENOENT (No such file or directory) */
void text_error(struct text *t, int error);

#endif
