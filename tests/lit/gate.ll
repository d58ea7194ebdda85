; RUN: %pass="optmig<polls=0;conditional=0>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; One look at the flag for what a segment writes, behind its last store; marks in the cold block, also of pointers that are
; known only late.
; CHECK: @__optmig_attention = external hidden global i8
define void @two(ptr %p, ptr %q) {
; CHECK-LABEL: @two(
; CHECK-NEXT: store i8 1, ptr %p
; CHECK-NEXT: store i8 2, ptr %q
; CHECK-NEXT: %[[F:.*]] = load volatile i8, ptr @__optmig_attention
; CHECK-NEXT: %[[T:.*]] = and i8 %[[F]], -64
; CHECK-NEXT: %[[N:.*]] = icmp ne i8 %[[T]], 0
; CHECK-NEXT: br i1 %[[N]], label %[[COLD:.*]], label %[[REST:.*]], !prof
; CHECK: [[COLD]]:
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: br label %[[REST]]
; CHECK: [[REST]]:
; CHECK-NEXT: ret void
  store i8 1, ptr %p
  store i8 2, ptr %q
  ret void
}
define void @late(ptr %p, ptr %q) {
; CHECK-LABEL: @late(
; CHECK: store i8 2, ptr %r
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: @__optmig_attention
; CHECK: ret void
  store i8 1, ptr %p
  %r = load ptr, ptr %q
  store i8 2, ptr %r
  ret void
}
; A segment ends at a call, before which its marks have to be made.
declare void @unknown()
define void @call(ptr %p, ptr %q) {
; CHECK-LABEL: @call(
; CHECK: store i8 1, ptr %p
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @unknown()
; CHECK: store i8 2, ptr %q
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i8 1, ptr %p
  call void @unknown()
  store i8 2, ptr %q
  ret void
}
; Assembly that writes and may reach a safepoint: marks on both sides.
define void @asm(ptr %p, ptr %q) {
; CHECK-LABEL: @asm(
; CHECK: store i8 1, ptr %q
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void asm sideeffect "call *$1"
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i8 1, ptr %q
  call void asm sideeffect "call *$1", "=*m,r,~{rax}"(ptr elementtype(i8) %p, ptr %q)
  ret void
}
