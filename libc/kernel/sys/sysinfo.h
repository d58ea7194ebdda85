/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's structure, as glibc has it: programs include linux/kernel.h, too. */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H
#include <linux/sysinfo.h>

#ifdef __cplusplus
extern "C" {
#endif

int sysinfo(struct sysinfo *);
int get_nprocs_conf(void);
int get_nprocs(void);
long get_phys_pages(void);
long get_avphys_pages(void);

#ifdef __cplusplus
}
#endif
#endif
