/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig image`: verbs on images. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "util.h"

int cli_image(int argc, char **argv)
{
	static const char usage[] = "usage: optmig image show [--json] FILE\n";

	if (argc >= 2 && strcmp(argv[1], "show") == 0)
		return cli_image_show(argc - 1, argv + 1);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc >= 2)
		host_error("image: unknown verb \"%s\"", argv[1]);
	fputs(usage, stderr);
	return HOST_EXIT_USAGE;
}
