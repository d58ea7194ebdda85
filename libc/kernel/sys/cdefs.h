/* SPDX-License-Identifier: Apache-2.0 */
/* musl has no such header; programs that were written for glibc or a BSD include it for these. */
#ifndef _SYS_CDEFS_H
#define _SYS_CDEFS_H

#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif

#define __P(arguments) arguments
#define __CONCAT(a, b) a##b
#define __STRING(a) #a

#ifdef __cplusplus
#if __cplusplus >= 201103L
#define __THROW noexcept(true)
#else
#define __THROW throw()
#endif
#else
#define __THROW __attribute__((__nothrow__))
#endif
#define __NTH(function) function __THROW
#define __nonnull(arguments) __attribute__((__nonnull__ arguments))
#define __attribute_pure__ __attribute__((__pure__))
#define __attribute_const__ __attribute__((__const__))
#define __attribute_malloc__ __attribute__((__malloc__))
#define __attribute_noinline__ __attribute__((__noinline__))
#define __attribute_used__ __attribute__((__used__))
#define __attribute_deprecated__ __attribute__((__deprecated__))
#define __attribute_format_arg__(n) __attribute__((__format_arg__(n)))
#define __attribute_warn_unused_result__ __attribute__((__warn_unused_result__))
#endif
