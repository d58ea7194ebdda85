/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"

void guest_word(struct guest_words *words, const char *format, ...)
{
	char **list = words->failed ? NULL : realloc(words->list, (words->count + 2) * sizeof *list);
	va_list args;

	if (!list) {
		words->failed = true;
		return;
	}
	words->list = list;
	va_start(args, format);
	if (vasprintf(&list[words->count], format, args) < 0)
		words->failed = true;
	else
		words->count++;
	va_end(args);
	list[words->count] = NULL;
}

void guest_words_done(struct guest_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct guest_words){ 0 };
}

static void print_word(const char *word, FILE *to)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";

	if (*word && strspn(word, plain) == strlen(word)) {
		fputs(word, to);
		return;
	}
	fputc('\'', to);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", to);
		else
			fputc(*word, to);
	fputc('\'', to);
}

void guest_words_print(const struct guest_words *words, void *file)
{
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			fputs(words->list[i][0] == '-' ? " \\\n\t" : " ", file);
		print_word(words->list[i], file);
	}
	fputc('\n', file);
}
