/* SPDX-License-Identifier: Apache-2.0 */
/* The program's memory for code of trusted/rt/io outside an enclave: anything but the first page is it. */
#include <stdlib.h>
#include "rt/io/io.h"

bool rt_app_range_ok(uint64_t app, size_t size, bool write)
{
	(void)write;
	return size == 0 || (app >= 4096 && app + size >= app && app + size < 1ULL << 47);
}

long rt_app_get(void *trusted, uint64_t app, size_t size)
{
	if (!rt_app_range_ok(app, size, false))
		return -EFAULT;
	memcpy(trusted, (const void *)app, size);
	return 0;
}

long rt_app_put(uint64_t app, const void *trusted, size_t size)
{
	if (!rt_app_range_ok(app, size, true))
		return -EFAULT;
	memcpy((void *)app, trusted, size);
	return 0;
}

long rt_app_store(uint64_t app, size_t size, void (*store)(void *argument), void *argument)
{
	if (!rt_app_range_ok(app, size, true))
		return -EFAULT;
	store(argument);
	return 0;
}

long rt_app_get_string(char *trusted, uint64_t app, size_t size)
{
	if (!rt_app_range_ok(app, 1, false))
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		if (!(trusted[i] = ((const char *)app)[i]))
			return (long)i;
	return -ENAMETOOLONG;
}

long rt_app_zero(uint64_t app, size_t size)
{
	if (!rt_app_range_ok(app, size, true))
		return -EFAULT;
	memset((void *)app, 0, size);
	return 0;
}

long rt_app_to_ub(void *untrusted, uint64_t app, size_t size)
{
	if (!rt_app_range_ok(app, size, false))
		return -EFAULT;
	if ((uint64_t)untrusted & 7)
		abort();
	rt_ub_put(untrusted, (const void *)app, size);
	return 0;
}

long rt_ub_to_app(uint64_t app, const void *untrusted, size_t size)
{
	if (!rt_app_range_ok(app, size, true))
		return -EFAULT;
	if ((uint64_t)untrusted & 7)
		abort();
	rt_ub_get((void *)app, untrusted, size);
	return 0;
}
