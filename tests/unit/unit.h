/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For unit tests: cmocka with its includes, hexadecimal, published vectors, a small random generator with a fixed seed.
 */
#ifndef OPTMIG_TESTS_UNIT_UNIT_H
#define OPTMIG_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hostcall.h"

#define UNIT_SKIP 77

/* The path of a vector file, or NULL with a message on standard output if it is not there (the test then returns UNIT_SKIP). */
static inline const char *unit_vector_path(const char *name)
{
	static char path[4096];
	const char *folder = getenv("OPTMIG_VECTORS");
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/vectors", name);
	f = fopen(path, "rb");
	if (!f) {
		printf("%s is not here; OPTMIG_VECTORS names the folder of published test vectors\n", path);
		return NULL;
	}
	fclose(f);
	return path;
}

/* Whole file with a NUL behind it; the caller frees. NULL if it cannot be read. */
static inline uint8_t *unit_read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET)) {
		data = calloc(1, (size_t)size + 1);
		if (data && fread(data, 1, (size_t)size, f) != (size_t)size) {
			free(data);
			data = NULL;
		}
		*ret_size = (size_t)size;
	}
	fclose(f);
	return data;
}

/* A fresh buffer of exactly the right size, so that ASan sees every byte too many; the caller frees. */
static inline uint8_t *unit_hex(const char *hex, size_t *ret_size)
{
	const size_t size = strlen(hex) / 2;
	uint8_t *data = malloc(size ? size : 1);

	for (size_t i = 0; i < size; i++) {
		unsigned byte = 0;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		data[i] = (uint8_t)byte;
	}
	if (ret_size)
		*ret_size = size;
	return data;
}

/* xorshift64*: the same numbers in every run. */
static inline uint64_t unit_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 0x2545f4914f6cdd1d;
}

static inline void unit_random_bytes(void *to, size_t size)
{
	uint8_t *p = to;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(unit_random() >> 56);
}

/* OM_CPU_* of this machine. */
static inline uint64_t unit_features(void)
{
	uint64_t features = OM_CPU_AESNI;

	if (__builtin_cpu_supports("avx2"))
		features |= OM_CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
		features |= OM_CPU_AVX512;
	if (__builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq"))
		features |= OM_CPU_VAES;
	if (__builtin_cpu_supports("sha"))
		features |= OM_CPU_SHANI;
	return features;
}
#define UNIT_VAES    (OM_CPU_VAES | OM_CPU_AVX512)
#define UNIT_VAES256 (OM_CPU_VAES | OM_CPU_AVX2)

#endif
