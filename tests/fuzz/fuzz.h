/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For fuzz targets: the entry point, and the check of a property. A broken property stops the fuzzer like a crash.
 */
#ifndef OPTMIG_TESTS_FUZZ_FUZZ_H
#define OPTMIG_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROPERTY(condition) do { if (!(condition)) { \
	fprintf(stderr, "%s:%d: property broken: %s\n", __FILE__, __LINE__, #condition); abort(); } } while (0)

/* Does a view lie inside the input? Empty ones may lie anywhere. */
#define INSIDE(view) PROPERTY((view).size == 0 || \
	((view).data >= data && (view).size <= size && (size_t)((view).data - data) <= size - (view).size))

#endif
