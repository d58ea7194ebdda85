/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime starts the main thread here, on its stack, as the kernel would. Images are static: no _DYNAMIC. */
__asm__(
".text\n"
".global " START "\n"
".type " START ",@function\n"
START ":\n"
"	xor %ebp,%ebp\n"
"	mov %rsp,%rdi\n"
"	andq $-16,%rsp\n"
"	call " START "_c\n"
"	ud2\n"
".size " START ",.-" START "\n"
);
