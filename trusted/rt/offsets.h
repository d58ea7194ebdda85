/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of struct rt_tcb and struct rt_thread (rt.h) for assembly, and the frames that assembly and C share.
 * rt/layout.c asserts every number. */
#ifndef OPTMIG_TRUSTED_RT_OFFSETS_H
#define OPTMIG_TRUSTED_RT_OFFSETS_H

#define TCB_HOST_RSP        0
#define TCB_HOST_RBP        8
#define TCB_HOST_RETURN     16
#define TCB_RT_RSP          24
#define TCB_SELF            32
#define TCB_STACK_TOP       40
#define TCB_EXC_HOST_RSP    56
#define TCB_EXC_HOST_RBP    64
#define TCB_EXC_HOST_RETURN 72
#define TCB_EXC_RT_RSP      80
#define TCB_THREAD          88
#define TCB_RESUME_FS       128
#define TCB_IN_EXCEPTION    140
#define TCB_EPOCH_SEEN      152
#define TCB_FAULT_RSP       176
#define TCB_FAULT_RIP       184
#define TCB_FAULT_RFLAGS    192
#define TCB_HOSTCALLS       248

#define THREAD_NR           16
#define THREAD_ARG          24
#define THREAD_APP_RSP      72

#define IMAGE_XFRM          200        /* struct om_image_header */

/* System calls that only trusted/boot/calls.S issues: a poll and a fault, both with a struct rt_full_frame in rbx and
 * the vector area in r12 of their call frame. */
#define RT_SYS_POLL         0x1100
#define RT_SYS_FAULT        0x1101

/* The vector area (boot/vector.h, docs/spec/vector-state.md): where components lie, whatever the CPU's own layout, and their
 * bits in XSTATE_BV. */
#define RT_VECTOR_HEADER    512
#define RT_VECTOR_AVX       576
#define RT_VECTOR_OPMASK    1088
#define RT_VECTOR_ZMM_HI256 1152
#define RT_VECTOR_HI16_ZMM  1664
#define RT_VECTOR_SIZE      2688
#define RT_VECTOR_ROOM      2752       /* with what Linux's signal frames have behind it; a multiple of 64 */

#define RT_VECTOR_BIT_AVX       0x04
#define RT_VECTOR_BIT_OPMASK    0x20
#define RT_VECTOR_BIT_ZMM_HI256 0x40
#define RT_VECTOR_BIT_HI16_ZMM  0x80
#define RT_VECTOR_LEGACY        0x03   /* x87 and SSE, by XSAVE and XRSTOR */
#define RT_VECTOR_EXTENDED      0xe4
#define RT_VECTOR_ALL           (RT_VECTOR_LEGACY | RT_VECTOR_EXTENDED)   /* as OM_XFRM_AVX512 */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* At rt_thread.app_rsp of every thread that is inside the runtime, on the application stack. */
struct rt_call_frame {
	uint32_t mxcsr, pad1;
	uint16_t x87_control, x87_now, pad2[2];   /* the second: what the runtime has left there, on the way back */
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

/* At a poll or a fault: everything. */
struct rt_full_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx;
	uint64_t rsp;                      /* where rsp is after the return */
	uint64_t rcx, rax, rflags, rip;
};

/* Order of musl's and Linux' gregset_t. */
enum { RT_REG_R8, RT_REG_R9, RT_REG_R10, RT_REG_R11, RT_REG_R12, RT_REG_R13, RT_REG_R14, RT_REG_R15, RT_REG_RDI, RT_REG_RSI,
	RT_REG_RBP, RT_REG_RBX, RT_REG_RDX, RT_REG_RAX, RT_REG_RCX, RT_REG_RSP, RT_REG_RIP, RT_REG_EFL, RT_REG_CSGSFS, RT_REG_ERR,
	RT_REG_TRAPNO, RT_REG_OLDMASK, RT_REG_CR2, RT_REG_COUNT };
#endif
#endif
