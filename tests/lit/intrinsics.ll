; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
declare void @llvm.va_start.p0(ptr)
declare void @llvm.va_copy.p0(ptr, ptr)
declare void @llvm.x86.sse2.maskmov.dqu(<16 x i8>, <16 x i8>, ptr)
declare void @llvm.lifetime.start.p0(i64, ptr)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare double @llvm.sin.f64(double)
define void @varargs(ptr %list, ptr %other, ...) {
; CHECK-LABEL: @varargs(
; CHECK-COUNT-4: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  call void @llvm.va_start.p0(ptr %list)
  call void @llvm.va_copy.p0(ptr %other, ptr %list)
  ret void
}
define void @maskmov(<16 x i8> %v, <16 x i8> %m, ptr %p) {
; CHECK-LABEL: @maskmov(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
  call void @llvm.x86.sse2.maskmov.dqu(<16 x i8> %v, <16 x i8> %m, ptr %p)
  ret void
}
; These write nothing, and libm does not poll.
define double @benign(ptr %p, double %x) {
; CHECK-LABEL: @benign(
; CHECK-NOT: addrspace(256)
; CHECK: ret double
  call void @llvm.prefetch.p0(ptr %p, i32 1, i32 3, i32 1)
  %s = call double @llvm.sin.f64(double %x)
  ret double %s
}
