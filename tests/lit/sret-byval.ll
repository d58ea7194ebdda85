; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A result through a hidden pointer is an ordinary store; by-value arguments lie on the live stack.
%big = type { [8 x i64] }
declare void @take(ptr byval(%big))
define void @result(ptr sret(%big) %r) {
; CHECK-LABEL: @result(
; CHECK: store volatile i8 -1, ptr addrspace(256)
  store i64 1, ptr %r, align 8
  ret void
}
define void @pass(ptr %p) {
; CHECK-LABEL: @pass(
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  call void @take(ptr byval(%big) %p)
  ret void
}
