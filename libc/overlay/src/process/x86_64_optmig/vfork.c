/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

pid_t vfork(void)
{
	errno = ENOSYS;
	return -1;
}
