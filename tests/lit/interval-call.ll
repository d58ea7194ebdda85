; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A call that may reach a safepoint ends the interval; one that cannot does not.
declare void @unknown()
define internal void @leaf() noinline {
  ret void
}
define void @f(ptr %p) {
; CHECK-LABEL: define void @f(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @unknown
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 1, ptr %p, align 4
  call void @unknown()
  store i32 2, ptr %p, align 4
  ret void
}
define void @g(ptr %p) {
; CHECK-LABEL: define void @g(
; CHECK-COUNT-1: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @leaf
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i32 1, ptr %p, align 4
  call void @leaf()
  store i32 2, ptr %p, align 4
  ret void
}
