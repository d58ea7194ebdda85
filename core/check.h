/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked arithmetic for numbers that come from outside. True means: the result fits and is in *ret; false leaves *ret
 * unspecified and must be handled. For sizes already known to fit into a buffer compare `size > end - p` instead.
 */
#ifndef OPTMIG_CORE_CHECK_H
#define OPTMIG_CORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OM_CHECK_OPERATION(name, type, builtin) \
	__attribute__((warn_unused_result)) \
	static inline bool name(type a, type b, type *ret) { return !builtin(a, b, ret); }
OM_CHECK_OPERATION(om_add_u32, uint32_t, __builtin_add_overflow)
OM_CHECK_OPERATION(om_mul_u32, uint32_t, __builtin_mul_overflow)
OM_CHECK_OPERATION(om_add_u64, uint64_t, __builtin_add_overflow)
OM_CHECK_OPERATION(om_mul_u64, uint64_t, __builtin_mul_overflow)
OM_CHECK_OPERATION(om_add_size, size_t, __builtin_add_overflow)
OM_CHECK_OPERATION(om_mul_size, size_t, __builtin_mul_overflow)
#undef OM_CHECK_OPERATION

/* Is [start, start + size) inside [0, limit)? No wrap. An empty range is inside if start <= limit. */
static inline bool om_range_ok(uint64_t start, uint64_t size, uint64_t limit)
{
	return start <= limit && size <= limit - start;
}

/* @alignment: a power of two. */
static inline bool om_is_aligned(uint64_t value, uint64_t alignment)
{
	return (value & (alignment - 1)) == 0;
}

#endif
