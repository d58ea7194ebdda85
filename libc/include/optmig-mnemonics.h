/* SPDX-License-Identifier: Apache-2.0 */
/* Included before every C file: instructions that an enclave must not contain become calls of the runtime, which answers
 * as the kernel or a fixed, migration-stable CPU would. The macros shadow the mnemonics in inline assembly. They step
 * over the red zone and, like the instructions, change no flags. */
#ifndef __ASSEMBLER__
__asm__(
	".macro cpuid\n\tleaq -128(%rsp),%rsp\n\tcall __optmig_cpuid\n\tleaq 128(%rsp),%rsp\n.endm\n"
	".macro syscall\n\tleaq -128(%rsp),%rsp\n\tcall __optmig_syscall_asm\n\tleaq 128(%rsp),%rsp\n.endm\n"
);
#endif
