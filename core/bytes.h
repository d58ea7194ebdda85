/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_CORE_BYTES_H
#define OPTMIG_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No bytes at all count as zero. Not for secrets: the loop ends at the first byte that is not zero. */
static inline bool om_all_zero(const void *p, size_t size)
{
	const uint8_t *bytes = p, *end = bytes + size;

	while (bytes < end)
		if (*bytes++)
			return false;
	return true;
}

#endif
