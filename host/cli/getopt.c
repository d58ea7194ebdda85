/* SPDX-License-Identifier: Apache-2.0 */
/* Option parsing with messages that help. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "util.h"

#define OPTIONS_MAX 64

static void complain_unknown(const char *command, const char *given, const struct option *longs)
{
	const char *names[OPTIONS_MAX + 1] = { NULL }, *nearest;
	char name[64];
	size_t n = 0;

	for (; n < OPTIONS_MAX && longs[n].name; n++)
		names[n] = longs[n].name;
	if (strncmp(given, "--", 2) != 0) {
		host_error("%s: unknown option -%c; see `optmig %s --help`", command, optopt ? optopt : given[1], command);
		return;
	}
	snprintf(name, sizeof name, "%.*s", (int)strcspn(given + 2, "="), given + 2);
	nearest = host_did_you_mean(name, names);
	if (nearest)
		host_error("%s: unknown option --%s; did you mean --%s?", command, name, nearest);
	else
		host_error("%s: unknown option --%s; see `optmig %s --help`", command, name, command);
}

int cli_getopt(int argc, char **argv, const char *shorts, const struct option *longs)
{
	char with_colon[64];
	int at, c;

	/* "+:..." or ":...": tell a missing argument from an unknown option. */
	snprintf(with_colon, sizeof with_colon, "%s:%s", *shorts == '+' ? "+" : "", *shorts == '+' ? shorts + 1 : shorts);
	opterr = 0;
	at = optind ? optind : 1;
	c = getopt_long(argc, argv, with_colon, longs, NULL);
	if (c == ':') {
		host_error("%s: %s needs an argument", argv[0], argv[optind - 1]);
		return -2;
	}
	if (c == '?') {
		/* Operands before it were skipped; a cluster of short options is not through yet. */
		const char *given = argv[optind > at ? optind - 1 : at < argc ? at : argc - 1];

		if (optopt && strncmp(given, "--", 2) == 0 && strchr(given, '='))
			host_error("%s: %.*s takes no argument", argv[0], (int)strcspn(given, "="), given);
		else
			complain_unknown(argv[0], given, longs);
		return -2;
	}
	return c;
}
