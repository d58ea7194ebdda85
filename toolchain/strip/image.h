/* SPDX-License-Identifier: Apache-2.0 */
/* An image in a file, and what may be taken out of it: for optmig-strip and optmig-objcopy, which name themselves by strip_name. */
#ifndef OPTMIG_TOOLCHAIN_STRIP_IMAGE_H
#define OPTMIG_TOOLCHAIN_STRIP_IMAGE_H

#include "cc/cc.h"

extern const char strip_name[];

struct strip_request {
	enum { STRIP_NOTHING, STRIP_DEBUG, STRIP_ALL } what;
	const char *output;   /* NULL: the file itself */
	bool dates;           /* of the old file */
};

/* Is it an image of OptMig's: has it the section of a SIGSTRUCT? Trust: the file may be anything. */
bool strip_is_image(const struct cc_elf *elf);
/* Takes out of the copy in memory what keeps other tools from changing it. */
void strip_unguard(struct cc_elf *elf);
/* Writes it as another file under the old or another name. Return: nonzero after an error, which was told. */
int strip_image(struct cc_elf *elf, const struct strip_request *request);
/* Return: 1. */
int strip_failed(const char *path, const char *what);

#endif
