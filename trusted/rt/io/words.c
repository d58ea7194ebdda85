/* SPDX-License-Identifier: Apache-2.0 */
/* Text into a buffer of fixed size, always NUL-terminated, cut off when full: messages and virtual files. */
#include "rt/io/io.h"

void rt_io_words_add(struct rt_io_words *words, const char *text)
{
	while (*text && words->used + 1 < words->size)
		words->text[words->used++] = *text++;
	if (words->size)
		words->text[words->used] = 0;
}

static void add_base(struct rt_io_words *words, uint64_t number, unsigned base)
{
	char digits[21];
	unsigned at = sizeof digits - 1;

	digits[at] = 0;
	do
		digits[--at] = "0123456789abcdef"[number % base];
	while (number /= base);
	rt_io_words_add(words, digits + at);
}

void rt_io_words_number(struct rt_io_words *words, uint64_t number)
{
	add_base(words, number, 10);
}

void rt_io_words_hex(struct rt_io_words *words, uint64_t number)
{
	add_base(words, number, 16);
}

void rt_io_words_line(struct rt_io_words *words, const char *name, uint64_t number, const char *unit)
{
	rt_io_words_add(words, name);
	rt_io_words_number(words, number);
	rt_io_words_add(words, unit);
}
