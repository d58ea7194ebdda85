/* SPDX-License-Identifier: Apache-2.0 */
/* touch MIB: fills so much memory by malloc, in blocks of 1 MiB, and ends. For what the runtime needs beside it. */
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 64;

	for (long i = 0; i < count; i++) {
		char *volatile block = malloc((1 << 20) - 64);
		if (!block)
			return 1;
		memset(block, 1, (1 << 20) - 64);
	}
	return 0;
}
