/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program interpreter named by every image (PT_INTERP): what makes `./program args` run in an enclave. The kernel
 * maps the image and starts this instead; it executes the loader with
 *
 *     { "optmig-exec", path of the image (AT_EXECFN), argv[0], argv[1], ... }
 *
 * and the same environment. Static, position independent, without libc: nothing of the host is needed before the
 * loader runs. OPTMIG_LOADER_PATH is fixed when it is built: no environment variable decides which program runs.
 */
#include <elf.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef OPTMIG_LOADER_PATH
#error "OPTMIG_LOADER_PATH is set by the makefile"
#endif

static long call3(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

/*
 * @stack: argc, argv[], NULL, envp[], NULL, auxv[] as the kernel left them, with one free word below. The new argv is
 * made in place: its first two elements take the place of that word and of argc.
 */
__attribute__((used, noreturn)) static void start(char **stack)
{
	static const char missing[] = "optmig: the loader " OPTMIG_LOADER_PATH " cannot be executed; is OptMig installed?\n";
	char **list = stack - 1, **envp = stack + (uintptr_t)stack[0] + 2, **end = envp;
	char *path = stack[1];

	while (*end)
		end++;
	for (const Elf64_auxv_t *aux = (const Elf64_auxv_t *)(end + 1); aux->a_type != AT_NULL; aux++)
		if (aux->a_type == AT_EXECFN)
			path = (char *)aux->a_un.a_val;
	list[0] = (char *)"optmig-exec";
	list[1] = path;
	call3(SYS_execve, (long)OPTMIG_LOADER_PATH, (long)list, (long)envp);
	call3(SYS_write, 2, (long)missing, sizeof missing - 1);
	for (;;)
		call3(SYS_exit_group, 127, 0, 0);
}

__attribute__((naked, used)) void _start(void);
void _start(void)
{
	__asm__("xorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tsubq $16, %rsp\n\tandq $-16, %rsp\n\tcall start");
}
