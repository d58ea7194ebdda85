/* SPDX-License-Identifier: Apache-2.0 */
/* A random program is over in no time: run it again and again, its globals as the last run has left them. */
#include <stdlib.h>

int random_main(int argc, char **argv);

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < times; i++)
		random_main(1, argv);
	return 0;
}
