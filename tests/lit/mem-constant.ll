; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Small constant sizes may be expanded in place: marked here, no end of the interval. Larger and variable ones are calls
; of libc's, which marks for itself and may poll.
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare ptr @mempcpy(ptr, ptr, i64)
define void @small(ptr %p, ptr %q) {
; CHECK-LABEL: @small(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @llvm.memcpy
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %q, i64 40, i1 false)
  store i8 0, ptr %p
  ret void
}
define void @zero(ptr %p) {
; CHECK-LABEL: @zero(
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 0, i1 false)
  ret void
}
define void @variable(ptr %p, i64 %n) {
; CHECK-LABEL: @variable(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @llvm.memset
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 0, ptr %p, align 4
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  store i32 1, ptr %p, align 4
  ret void
}
define void @direct(ptr %p, ptr %q) {
; CHECK-LABEL: @direct(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call ptr @mempcpy
  %r = call ptr @mempcpy(ptr %p, ptr %q, i64 16)
  ret void
}
