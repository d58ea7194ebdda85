/* SPDX-License-Identifier: Apache-2.0 */
static inline uintptr_t __get_tp(void)
{
	uintptr_t tp;
	__asm__ ("mov %%fs:0,%0" : "=r"(tp));
	return tp;
}

/* The runtime keeps the address of its thread block at FS + OM_TP_SLOT, which is musl's otherwise unused member
 * `sysinfo`. __init_tp stores __sysinfo there after the thread pointer has been set: let it store what is there.
 * (pthread_create copies the parent's value into a new thread before clone, where the runtime sets the right one.)
 * libc.h, which declares the real variable, comes before this file. */
static inline uintptr_t __optmig_thread_block(void)
{
	uintptr_t block;
	__asm__ volatile ("mov %%fs:32,%0" : "=r"(block));
	return block;
}
#define __sysinfo __optmig_thread_block()

#define MC_PC gregs[REG_RIP]
