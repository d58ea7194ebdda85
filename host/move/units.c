/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units. Everything is parsed whole or refused; nothing wraps. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "units.h"
#include "util.h"

struct unit { const char *name; double factor; };

static int parse(const char *text, const struct unit *units, const char *what, uint64_t *ret_value)
{
	char *end;
	double value;

	if (*text < '0' || *text > '9')
		return host_fail(OM_EINVAL, "\"%s\" is not %s", text, what);
	errno = 0;
	value = strtod(text, &end);
	for (; units->name; units++)
		if (strcasecmp(end, units->name) == 0)
			break;
	/* strtod knows more ways to write a number than people mean. */
	if (!units->name || errno || strspn(text, "0123456789.") != (size_t)(end - text))
		return host_fail(OM_EINVAL, "\"%s\" is not %s", text, what);
	value *= units->factor;
	if (!(value >= 0 && value < 9.0e18))
		return host_fail(OM_EINVAL, "\"%s\" is too large", text);
	*ret_value = (uint64_t)value;
	return 0;
}

int move_parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = { { "", 1e6 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
		{ "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };

	return parse(text, units, "a time such as 10ms or 2s", ret_ns);
}

int move_parse_rate(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = { { "", 1 }, { "B/s", 1 }, { "k", 0x1p10 }, { "kB/s", 0x1p10 }, { "M", 0x1p20 },
		{ "MB/s", 0x1p20 }, { "G", 0x1p30 }, { "GB/s", 0x1p30 }, { "kbit", 125 }, { "Mbit", 125e3 }, { "Gbit", 125e6 }, { NULL, 0 } };

	if (strcasecmp(text, "off") == 0) {
		*ret_bytes = 0;
		return 0;
	}
	return parse(text, units, "a rate such as 500M or 1G (bytes a second) or 10Gbit", ret_bytes);
}

const char *move_format_size(uint64_t bytes, char text[MOVE_TEXT])
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned i = 0;

	for (; value >= 1024 && i < 4; i++)
		value /= 1024;
	snprintf(text, MOVE_TEXT, i == 0 ? "%.0f %s" : value < 10 ? "%.2f %s" : "%.1f %s", value, names[i]);
	return text;
}

const char *move_format_time(uint64_t ns, char text[MOVE_TEXT])
{
	if (ns < 10000)
		snprintf(text, MOVE_TEXT, "%.2f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, MOVE_TEXT, "%.2f ms", (double)ns / 1e6);
	else
		snprintf(text, MOVE_TEXT, "%.2f s", (double)ns / 1e9);
	return text;
}
