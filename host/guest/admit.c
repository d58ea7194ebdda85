/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images a measured guest runs.
 *
 * The software CPU shares its process with the image. A hostile image could overwrite the CPU's memory and have evidence that names
 * another image. So a guest whose measurement shall prove something about images must not run every image. Whoever builds the guest names the
 * signers (`optmig guest build --signer`). They are a file of the initial root, and so measured.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "guest.h"
#include "load/imageread.h"
#include "util.h"

int guest_admits(const uint8_t mrsigner[32])
{
	FILE *f = fopen(GUEST_SIGNERS_FILE, "re");
	char wanted[65], line[80];
	bool found = false;

	if (!f)
		return errno == ENOENT ? 0 : host_fail(OM_EPERM, GUEST_SIGNERS_FILE ": %s", strerror(errno));
	host_hash_text(mrsigner, wanted);
	while (!found && fgets(line, sizeof line, f))
		found = strncmp(line, wanted, 64) == 0 && line[64] == '\n';
	fclose(f);
	return found ? 0 : host_fail(OM_EPERM, "this guest runs images of the signers that it was built for; this one is of MRSIGNER %s "
		"(optmig guest build --signer)", wanted);
}
