; RUN: %pass="optmig<marks=0;closed>" < %s | FileCheck %s
; RUN: %polls < %s | FileCheck --check-prefix=OPEN %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Closed: who is called outside does not come back, or polls. A cycle inside the module has its poll all the same.
declare void @outside()
define void @leaves() {
; CHECK-LABEL: @leaves(
; CHECK-NOT: __optmig_attention
; CHECK: ret void
; OPEN-LABEL: @leaves(
; OPEN: __optmig_attention
; OPEN: ret void
  call void @outside()
  ret void
}
define void @pointer(ptr %f) {
; CHECK-LABEL: @pointer(
; CHECK-NOT: __optmig_attention
; CHECK: ret void
; OPEN-LABEL: @pointer(
; OPEN: __optmig_attention
; OPEN: ret void
  call void %f()
  ret void
}
define void @ping(i32 %n) {
; CHECK-LABEL: @ping(
; CHECK: __optmig_attention
; CHECK: call void @pong
; CHECK: ret void
  call void @pong(i32 %n)
  ret void
}
define void @pong(i32 %n) {
  %z = icmp eq i32 %n, 0
  br i1 %z, label %exit, label %more
more:
  %m = sub i32 %n, 1
  call void @ping(i32 %m)
  br label %exit
exit:
  ret void
}
