/* SPDX-License-Identifier: Apache-2.0 */
/* Log of stores in verify images, one per slot. */
#ifndef OPTMIG_TRUSTED_TESTING_VERIFY_H
#define OPTMIG_TRUSTED_TESTING_VERIFY_H

#define RT_VERIFY_SHIFT 15
#define RT_VERIFY_ENTRIES 1023

#ifndef __ASSEMBLER__
#include <stdint.h>

struct rt_verify_entry { uint64_t address, size, rip, pad; };
struct rt_verify_log {
	uint64_t count, epoch, pad[2];
	struct rt_verify_entry entries[RT_VERIFY_ENTRIES];
};
#endif
#endif
