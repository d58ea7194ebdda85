/* SPDX-License-Identifier: Apache-2.0 */
/* Names of an image's functions, from the symbol table of its file. An image is linked to where it runs: its symbols are addresses. */
#ifndef OPTMIG_HOST_DEBUG_SYMBOLS_H
#define OPTMIG_HOST_DEBUG_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct debug_symbol { uint64_t address, size; const char *name; };
struct debug_symbols {
	struct debug_symbol *list;  /* by address, none twice; sizes reach to the next one at most */
	size_t count;
	char *names;                /* owns what the list's names point to */
};

/* Functions and labels of code. None, if the file has no symbol table (optmig-strip). @file: its bytes, borrowed for the call. Trust: hostile.
 * Return: OM_EIMAGE: a table that lies outside of the file; OM_ENOMEM. */
__attribute__((warn_unused_result))
int debug_symbols_read(const uint8_t *file, uint64_t size, struct debug_symbols *ret);
/* What debug_symbols_read() has allocated. */
void debug_symbols_done(struct debug_symbols *symbols);
/* The function that `address` is in, or NULL. */
const struct debug_symbol *debug_symbols_find(const struct debug_symbols *symbols, uint64_t address);

#endif
