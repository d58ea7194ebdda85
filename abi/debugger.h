/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What debuggers of a debug image have to know of the runtime: where a thread of the program is, while its host thread runs on a stack of its
 * own. The runtime asserts it (trusted/rt/layout.c); the host's frames (host/load/outcall.S) and gdb's script (host/debug/gdb) go by it.
 *
 *     thread block, at the slot + OM_SLOT_TCB
 *       + OM_DEBUG_THREAD   -> the program's thread, or 0
 *                                + OM_DEBUG_APP_RSP -> on the program's stack:  MXCSR, x87 | r15 r14 r13 r12 rbx rbp | rip | rsp is here after the return
 *                                                                               0            16                          64    OM_DEBUG_FRAME_SIZE
 *
 * Valid in each host call that the runtime makes for the program (CSSA 0). In an exception (CSSA 1) the registers are in the first SSA frame.
 */
#ifndef OPTMIG_ABI_DEBUGGER_H
#define OPTMIG_ABI_DEBUGGER_H

#define OM_DEBUG_THREAD       88
#define OM_DEBUG_RESUME_FS    128
#define OM_DEBUG_FAULT_RSP    176
#define OM_DEBUG_FAULT_RIP    184
#define OM_DEBUG_FAULT_SIGNO  200
#define OM_DEBUG_FAULT_ADDRESS 208
#define OM_DEBUG_HOST_TID     2336

/* In the program's thread */
#define OM_DEBUG_TID          8
#define OM_DEBUG_NR           16
#define OM_DEBUG_APP_RSP      72
#define OM_DEBUG_APP_FS       80
#define OM_DEBUG_NAME         224
#define OM_DEBUG_FRAME_SIZE   72

#endif
