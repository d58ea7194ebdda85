/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime starts the main thread here, on its stack, as the kernel would. Images are static: no _DYNAMIC. No frame is outside
 * of it: unwinding ends here. */
__asm__(
".text\n"
".global " START "\n"
".type " START ",@function\n"
START ":\n"
".cfi_startproc\n"
".cfi_undefined rip\n"
"	xor %ebp,%ebp\n"
"	mov %rsp,%rdi\n"
"	andq $-16,%rsp\n"
"	call " START "_c\n"
"	ud2\n"
".cfi_endproc\n"
".size " START ",.-" START "\n"
);
