; RUN: %polls < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Recursion passes a poll; leaves and callers of leaves have none.
define internal i32 @leaf(i32 %x) noinline {
; CHECK-LABEL: @leaf(
; CHECK-NOT: __optmig_attention
; CHECK: ret i32
  %y = add i32 %x, 1
  ret i32 %y
}
define i32 @caller(i32 %x) {
; CHECK-LABEL: @caller(
; CHECK-NOT: __optmig_attention
; CHECK: ret i32
  %y = call i32 @leaf(i32 %x)
  ret i32 %y
}
define i32 @recursive(i32 %x) {
; CHECK-LABEL: @recursive(
; CHECK: __optmig_attention
; CHECK: call i32 @recursive
  %z = icmp eq i32 %x, 0
  br i1 %z, label %stop, label %more
more:
  %n = sub i32 %x, 1
  %y = call i32 @recursive(i32 %n)
  ret i32 %y
stop:
  ret i32 0
}
define void @indirect(ptr %f) {
; CHECK-LABEL: @indirect(
; CHECK: __optmig_attention
; CHECK: call void %f
  call void %f()
  ret void
}
