/* SPDX-License-Identifier: Apache-2.0 */
/* Property: whatever the reader accepts has a plan of disjoint pages inside ELRANGE, fed from inside the file. */
#include <stdio.h>
#include <stdlib.h>
#include "sgx/buildimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct om_image image;
	const char *broken;

	if (om_image_open(data, size, true, &image) < 0 || om_image_open(data, size, false, &image) < 0)
		return 0;
	broken = bi_property(&image);
	if (broken) {
		fprintf(stderr, "%s\n", broken);
		abort();
	}
	return 0;
}
