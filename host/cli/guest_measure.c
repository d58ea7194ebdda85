/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "util.h"
#include "exitcodes.h"
int cli_guest_measure(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	host_error("not yet");
	return CLI_FAILED;
}
