; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Through an argument that at every call points to a caller's stack nothing is marked; one call with another pointer, or an
; address that is taken, and all is.
define internal void @out(ptr %r, i32 %v) noinline {
; CHECK-LABEL: @out(
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i32 %v, ptr %r, align 4
  ret void
}
define internal void @passes_on(ptr %r) noinline {
; CHECK-LABEL: @passes_on(
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  call void @out(ptr %r, i32 1)
  %q = getelementptr i8, ptr %r, i64 4
  store i32 2, ptr %q, align 4
  ret void
}
define internal void @mixed(ptr %r) noinline {
; CHECK-LABEL: @mixed(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 3, ptr %r, align 4
  ret void
}
define internal void @taken(ptr %r) noinline {
; CHECK-LABEL: @taken(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 4, ptr %r, align 4
  ret void
}
define void @visible(ptr %r) noinline {
; CHECK-LABEL: @visible(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 5, ptr %r, align 4
  ret void
}
define i32 @caller(ptr %heap, ptr %f) {
  %a = alloca [2 x i32], align 8
  call void @out(ptr %a, i32 7)
  call void @passes_on(ptr %a)
  call void @mixed(ptr %a)
  call void @mixed(ptr %heap)
  call void @taken(ptr %a)
  call void @visible(ptr %a)
  call void %f(ptr @taken)
  %v = load i32, ptr %a
  ret i32 %v
}
