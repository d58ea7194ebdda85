/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's numbers and its one structure, as glibc has them: programs include linux/prctl.h, too. */
#ifndef _SYS_PRCTL_H
#define _SYS_PRCTL_H
#include <linux/prctl.h>

#ifdef __cplusplus
extern "C" {
#endif

int prctl(int, ...);

#ifdef __cplusplus
}
#endif
#endif
