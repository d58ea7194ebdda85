/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "exitcodes.h"
#include "guest/guest.h"
#include "guest/sp_start.h"
#include "util.h"

/* optmig guest measure [DIR] --tee vm [--json] */
int cli_guest_measure(int argc, char **argv)
{
	const char *path = NULL;
	struct guest_folder folder;
	uint8_t measurement[48];
	bool json = false;
	int error;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--tee") == 0)
			i++;
		else
			path = argv[i];
	}
	error = guest_folder_open(path, &folder);
	if (!error)
		error = guest_vm_measure(&folder, measurement);
	if (error) {
		host_error_cure(error, "guest measure");
		return CLI_FAILED;
	}
	printf(json ? "{\"measurement\": \"" : "");
	for (unsigned i = 0; i < sizeof measurement; i++)
		printf("%02x", measurement[i]);
	printf(json ? "\"}\n" : "\n");
	return CLI_OK;
}
