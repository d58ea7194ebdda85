/* SPDX-License-Identifier: Apache-2.0 */
/* options_toml.cpp: keys and values of a TOML file as text. What optmig-cc and the host's service (host/service) read is written in it. */
#ifndef OPTMIG_TOOLCHAIN_CC_TOML_H
#define OPTMIG_TOOLCHAIN_CC_TOML_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cc_toml_kind {
	CC_TOML_VALUE,  /* text, number or flag: value */
	CC_TOML_LIST,   /* a list begins */
	CC_TOML_ITEM,   /* one of it: value; name, if it is a table { path = value, from = name } */
	CC_TOML_MAP,    /* a table in a table begins */
	CC_TOML_ENTRY,  /* one of it: name, value */
};
struct cc_toml { const char *key; enum cc_toml_kind kind; const char *name, *value; };
/* Calls set() for each key; for those in a table of that name as "table.key". Returns nonzero after writing the problem into
 * `problem`, or when set() has. */
int cc_toml_read(const char *path, int (*set)(void *context, const struct cc_toml *what), void *context, char *problem,
	size_t problem_size);

#ifdef __cplusplus
}
#endif
#endif
