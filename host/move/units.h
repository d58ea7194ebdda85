/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, rates and times as people write and read them. */
#ifndef OPTMIG_HOST_MOVE_UNITS_H
#define OPTMIG_HOST_MOVE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "10ms", "1.5s", "250us", "100ns", "2min"; a bare number means milliseconds. Return: OM_EINVAL with words. */
__attribute__((warn_unused_result))
int move_parse_duration(const char *text, uint64_t *ret_ns);
/* Bytes a second: "500M", "1G", "64k" (powers of 1,024), or bits: "10Gbit" (powers of 1,000). "0" and "off" are 0. */
__attribute__((warn_unused_result))
int move_parse_rate(const char *text, uint64_t *ret_bytes);

/* "1.50 GiB", "3.2 ms": into the caller's buffer of at least 24 bytes, which is returned. */
#define MOVE_TEXT 24
/* 1.50 GiB: powers of 1024, B to TiB. */
const char *move_format_size(uint64_t bytes, char text[MOVE_TEXT]);
/* 3.20 ms: us, ms or s. @ns: nanoseconds. */
const char *move_format_time(uint64_t ns, char text[MOVE_TEXT]);

#endif
