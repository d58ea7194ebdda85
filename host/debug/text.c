/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "text.h"

void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at + t->used, sizeof t->at - t->used, format, args);
	va_end(args);
	if (n > 0)
		t->used = t->used + (size_t)n < sizeof t->at ? t->used + (size_t)n : sizeof t->at - 1;
}

void text_name(struct text *t, const struct name *names, uint64_t value, bool hex)
{
	for (; names->name; names++)
		if (names->value == value) {
			text_add(t, "%s", names->name);
			return;
		}
	text_add(t, hex ? "%#llx" : "%lld", (unsigned long long)value);
}

void text_flags(struct text *t, const struct name *names, uint64_t value)
{
	const char *join = "";

	if (value == 0) {
		text_add(t, "%s", names->name && names->value == 0 ? names->name : "0");
		return;
	}
	for (; names->name && value; names++)
		if (names->value && (value & names->value) == names->value) {
			text_add(t, "%s%s", join, names->name);
			value &= ~names->value;
			join = "|";
		}
	if (value)
		text_add(t, "%s%#llx", join, (unsigned long long)value);
}

void text_quote(struct text *t, const uint8_t *bytes, size_t size, size_t most, bool more)
{
	static const char escapes[] = "\aa\bb\tt\nn\vv\ff\rr\"\"\\\\";

	if (size > most) {
		size = most;
		more = true;
	}
	text_add(t, "\"");
	for (size_t i = 0; i < size; i++) {
		const char *e = escapes;

		while (*e && *e != (char)bytes[i])
			e += 2;
		if (*e)
			text_add(t, "\\%c", e[1]);
		else if (bytes[i] >= ' ' && bytes[i] <= '~')
			text_add(t, "%c", bytes[i]);
		else if (i + 1 < size && bytes[i + 1] >= '0' && bytes[i + 1] <= '7')
			text_add(t, "\\%03o", bytes[i]);
		else
			text_add(t, "\\%o", bytes[i]);
	}
	text_add(t, more ? "\"..." : "\"");
}

void text_signal(struct text *t, uint64_t signo)
{
	const char *name = signo < 65 ? sigabbrev_np((int)signo) : NULL;

	if (name)
		text_add(t, "SIG%s", name);
	else if (signo >= 32 && signo < 65)
		text_add(t, signo == 32 ? "SIGRTMIN" : "SIGRT_%llu", (unsigned long long)signo - 32);
	else
		text_add(t, "%lld", (long long)signo);
}

void text_error(struct text *t, int error)
{
	const char *name = strerrorname_np(error);

	if (name)
		text_add(t, "-1 %s (%s)", name, strerrordesc_np(error));
	else
		text_add(t, "%d", -error);
}
