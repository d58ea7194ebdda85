; RUN: %pass="optmig<conditional=0>" < %s | FileCheck %s
; RUN: %pass="optmig<conditional=0;inline=0>" < %s | FileCheck --check-prefix=SHORT %s
; RUN: %pass="optmig<conditional=0;fuse=0>" < %s | FileCheck --check-prefix=APART %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A segment that ends in a poll has no gate: one look at all bits, then the marks, then the safepoint, in loops behind a look of
; its own. What only the
; terminator asks for is computed behind the look.
define void @walk(ptr %p) {
; CHECK-LABEL: @walk(
; CHECK: store i8 1, ptr %q
; CHECK: %[[F:.*]] = load volatile i8, ptr @__optmig_attention
; CHECK-NEXT: %[[N:.*]] = icmp ne i8 %[[F]], 0
; CHECK-NEXT: br i1 %[[N]], label %[[COLD:.*]], label %[[REST:.*]], !prof
; CHECK: [[COLD]]:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK-NEXT: call void asm sideeffect "testb $$63,__optmig_attention(%rip)\0A\09je {{.*}}call __optmig_safepoint
; CHECK-NEXT: br label %[[REST]]
; CHECK: [[REST]]:
; CHECK-NEXT: %z = icmp eq ptr %n, null
; CHECK-NEXT: br i1 %z
; SHORT-LABEL: @walk(
; SHORT: call void asm sideeffect "call __optmig_safepoint"
; APART-LABEL: @walk(
; APART: and i8 {{.*}}, -64
; APART: store volatile i8 -1, ptr addrspace(256)
; APART: and i8 {{.*}}, 63
; APART: call __optmig_safepoint
; APART: ret void
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %head ]
  %n = load ptr, ptr %q
  %z = icmp eq ptr %n, null
  store i8 1, ptr %q
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; A call in between: the segment does not reach the poll.
declare void @unknown()
define void @calls(ptr %p) {
; CHECK-LABEL: @calls(
; CHECK: store i8 1, ptr %q
; CHECK: and i8 {{.*}}, -64
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @unknown()
; CHECK: and i8 {{.*}}, 63
; CHECK: call __optmig_safepoint
; CHECK: ret void
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %head ]
  %n = load ptr, ptr %q
  store i8 1, ptr %q
  call void @unknown()
  %z = icmp eq ptr %n, null
  br i1 %z, label %exit, label %head
exit:
  ret void
}
