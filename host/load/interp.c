/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program interpreter named by every image (PT_INTERP): what makes `./program args` run in an enclave. The kernel
 * maps the image and starts this instead; it executes the loader with
 *
 *     { "optmig-exec", path of the image, argv[0], argv[1], ... }
 *
 * and the same environment. The path is AT_EXECFN, what was given to execve. If that is a script that names the image in its first
 * line (or a file that binfmt_misc gives to the image), the path is the kernel's own word of the image, /proc/self/exe. The interpreter is
 * static, position independent and without libc: it needs nothing of the host before the loader runs.
 *
 * The loader is bin/optmig of the tree in which this interpreter lies, by the name that the image has for it, so that a tree
 * may be copied (a DESTDIR); else OPTMIG_LOADER_PATH, which is fixed when it is built. No environment variable decides which program runs.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
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

static long call4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

/* The same file? False also if either cannot be asked. */
static int same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return call4(SYS_newfstatat, AT_FDCWD, (long)a, (long)&of_a, 0) == 0 && call4(SYS_newfstatat, AT_FDCWD, (long)b, (long)&of_b, 0) == 0 &&
		of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* The image behind a script: its path, or without /proc the one given. */
static char *image_path(char *given, char *space, long size)
{
	static const char self[] = "/proc/self/exe";
	long length;

	if (same_file(given, self))
		return given;
	length = call3(SYS_readlink, (long)self, (long)space, size - 1);
	if (length <= 0)
		return given;
	space[length] = 0;
	return same_file(space, self) ? space : given;
}

/* Of this interpreter's path ".../libexec/NAME", in the image, the tree: the loader's path takes its place. 0 if there is none. */
static int loader_beside(const char *image, const Elf64_Phdr *headers, long count, char *ret_path, long size)
{
	static const char loader[] = "/bin/optmig";
	long length = -1, slashes = 0, file = call4(SYS_openat, AT_FDCWD, (long)image, O_RDONLY | O_CLOEXEC, 0);

	for (long i = 0; file >= 0 && headers && i < count; i++)
		if (headers[i].p_type == PT_INTERP)
			length = call4(SYS_pread64, file, (long)ret_path, size - (long)sizeof loader, (long)headers[i].p_offset);
	if (file >= 0)
		call3(SYS_close, file, 0, 0);
	if (length <= 0)
		return 0;
	ret_path[length] = 0;
	for (length = 0; ret_path[length];)
		length++;
	while (length > 0 && slashes < 2)
		slashes += ret_path[--length] == '/';
	if (slashes < 2)
		return 0;
	for (unsigned i = 0; i < sizeof loader; i++)
		ret_path[(unsigned long)length + i] = loader[i];
	return 1;
}

/*
 * @stack: argc, argv[], NULL, envp[], NULL, auxv[] as the kernel left them, with one free word below. The new argv is
 * made in place: its first two elements take the place of that word and of argc.
 */
__attribute__((used, noreturn)) static void start(char **stack)
{
	static const char missing[] = "optmig: the loader " OPTMIG_LOADER_PATH " cannot be executed; is OptMig installed?\n";
	char **list = stack - 1, **envp = stack + (uintptr_t)stack[0] + 2, **end = envp;
	char *path = stack[1], space[4096], loader[4096];
	const Elf64_Phdr *headers = 0;
	long count = 0;

	while (*end)
		end++;
	for (const Elf64_auxv_t *aux = (const Elf64_auxv_t *)(end + 1); aux->a_type != AT_NULL; aux++)
		switch (aux->a_type) {
		case AT_EXECFN: path = (char *)aux->a_un.a_val; break;
		case AT_PHDR:   headers = (const Elf64_Phdr *)aux->a_un.a_val; break;
		case AT_PHNUM:  count = (long)aux->a_un.a_val; break;
		}
	list[0] = (char *)"optmig-exec";
	list[1] = image_path(path, space, sizeof space);
	if (loader_beside(list[1], headers, count, loader, sizeof loader))
		call3(SYS_execve, (long)loader, (long)list, (long)envp);
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
