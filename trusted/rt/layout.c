/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of offsets.h against the structures they stand for. No code. */
#include <assert.h>
#include "debugger.h"
#include "rt/offsets.h"
#include "rt/rt.h"

#define AT(type, field, offset) static_assert(offsetof(struct type, field) == (offset), #type "." #field)

AT(rt_tcb, host_rsp, TCB_HOST_RSP);
AT(rt_tcb, host_rbp, TCB_HOST_RBP);
AT(rt_tcb, host_return, TCB_HOST_RETURN);
AT(rt_tcb, rt_rsp, TCB_RT_RSP);
AT(rt_tcb, self, TCB_SELF);
AT(rt_tcb, self, OM_TP_SLOT);
AT(rt_tcb, stack_top, TCB_STACK_TOP);
AT(rt_tcb, exc_host_rsp, TCB_EXC_HOST_RSP);
AT(rt_tcb, exc_host_rbp, TCB_EXC_HOST_RBP);
AT(rt_tcb, exc_host_return, TCB_EXC_HOST_RETURN);
AT(rt_tcb, exc_rt_rsp, TCB_EXC_RT_RSP);
AT(rt_tcb, thread, TCB_THREAD);
AT(rt_tcb, resume_fs, TCB_RESUME_FS);
AT(rt_tcb, in_exception, TCB_IN_EXCEPTION);
AT(rt_tcb, epoch_seen, TCB_EPOCH_SEEN);
AT(rt_tcb, fault_rsp, TCB_FAULT_RSP);
AT(rt_tcb, fault_rip, TCB_FAULT_RIP);
AT(rt_tcb, hostcalls, TCB_HOSTCALLS);
AT(rt_tcb, fault_rflags, TCB_FAULT_RFLAGS);
static_assert(sizeof(struct rt_tcb) <= OM_PAGE_SIZE, "a thread block is one page");

AT(rt_thread, nr, THREAD_NR);
AT(rt_thread, arg, THREAD_ARG);
AT(rt_thread, app_rsp, THREAD_APP_RSP);

/* abi/debugger.h */
AT(rt_tcb, thread, OM_DEBUG_THREAD);
AT(rt_tcb, resume_fs, OM_DEBUG_RESUME_FS);
AT(rt_tcb, fault_rsp, OM_DEBUG_FAULT_RSP);
AT(rt_tcb, fault_rip, OM_DEBUG_FAULT_RIP);
AT(rt_tcb, fault_signo, OM_DEBUG_FAULT_SIGNO);
AT(rt_tcb, fault_address, OM_DEBUG_FAULT_ADDRESS);
AT(rt_tcb, host_tid, OM_DEBUG_HOST_TID);
AT(rt_thread, tid, OM_DEBUG_TID);
AT(rt_thread, nr, OM_DEBUG_NR);
AT(rt_thread, app_rsp, OM_DEBUG_APP_RSP);
AT(rt_thread, app_fs, OM_DEBUG_APP_FS);
AT(rt_thread, name, OM_DEBUG_NAME);
AT(rt_call_frame, r15, 16);
static_assert(sizeof(struct rt_call_frame) == OM_DEBUG_FRAME_SIZE, "abi/debugger.h");

AT(rt_call_frame, rip, 64);
AT(rt_full_frame, rip, 17 * 8);
AT(om_image_header, xfrm, IMAGE_XFRM);
static_assert((int)RT_VECTOR_ALL == (int)OM_XFRM_AVX512, "components of the vector area");
static_assert(sizeof(struct om_image_header) == 4360, "entry.S reserves the header");
