/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TOOLCHAIN_MAP_H
#define OPTMIG_TOOLCHAIN_MAP_H

#include "cc.h"

struct cc_section { const char *object; uint64_t address, size; const char *name, *out; };  /* out: the output section */
struct cc_symbol { const char *name; uint64_t address; };
struct cc_map {
	struct cc_section *section; size_t count;          /* input sections, ascending addresses */
	struct cc_symbol *symbol; size_t symbol_count;     /* ascending addresses */
	uint64_t tracked_start, tracked_end;               /* what moves, by the linker script's symbols; 0 if it has none */
};
/* Reads lld's map (-Map). Lines that are no section or symbol are passed over. Memory lasts as long as the process. Return:
 * nonzero if the file cannot be read. */
int cc_map_read(const char *path, struct cc_map *ret_map);
/* Object file, such as "libx.a(y.o)", and symbol that hold an address; "?" if unknown. */
const char *cc_map_object(const struct cc_map *map, uint64_t address);
/* The last symbol that does not begin behind `address`, whatever its size. Names with a "." are sections', and passed over. */
const char *cc_map_symbol(const struct cc_map *map, uint64_t address);

#endif
