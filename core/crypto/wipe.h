/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: erasing them so that the compiler keeps the erasure, and comparing them in constant time.
 */
#ifndef OPTMIG_CORE_CRYPTO_WIPE_H
#define OPTMIG_CORE_CRYPTO_WIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void om_wipe(void *secret, size_t size)
{
	__builtin_memset(secret, 0, size);
	__asm__ volatile("" : : "r"(secret) : "memory"); /* somebody might read it: the memset stays */
}

/* Time depends on size alone. Return: true if equal; two empty strings are. */
__attribute__((warn_unused_result))
static inline bool om_equal(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < size; i++)
		difference = (uint8_t)(difference | (x[i] ^ y[i]));
	return difference == 0;
}

#endif
