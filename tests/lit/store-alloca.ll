; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A function's own stack needs no mark, not even through selects and phis; what may be something else does.
declare void @use(ptr)
define void @own(i1 %c) {
; CHECK-LABEL: @own(
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  %a = alloca i32
  %b = alloca i32
  %s = select i1 %c, ptr %a, ptr %b
  store i32 1, ptr %s
  %g = getelementptr i8, ptr %a, i64 2
  store i8 1, ptr %g
  ret void
}
define void @maybe(i1 %c, ptr %p) {
; CHECK-LABEL: @maybe(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  %a = alloca i32
  br i1 %c, label %x, label %y
x:
  br label %y
y:
  %s = phi ptr [ %a, %x ], [ %p, %0 ]
  store i32 1, ptr %s
  ret void
}
