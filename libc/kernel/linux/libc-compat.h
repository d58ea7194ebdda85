/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's headers ask here which structures libc has defined, and define the others themselves. They know glibc, not musl, whose headers only say
 * what they have defined when they come first. So they come first here, in whatever order the program names them.
 */
#if defined _LINUX_IN_H || defined _LINUX_IN6_H || defined _IPV6_H
#include <netinet/in.h>
#endif
#ifdef _LINUX_IF_H
#include <net/if.h>
#endif
#include <linux/libc-compat.kernel.h>
