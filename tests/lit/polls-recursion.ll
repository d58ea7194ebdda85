; RUN: %polls < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Who can be called from outside and leads outside polls; what only such functions call does not; recursion among static
; functions is closed by a poll; libc's functions that call nobody back are not outside.
declare void @elsewhere()
declare i64 @strlen(ptr)
define internal void @inner() noinline {
; CHECK-LABEL: define internal void @inner(
; CHECK-NOT: __optmig_attention
; CHECK: ret void
  call void @elsewhere()
  ret void
}
define void @outer() {
; CHECK-LABEL: @outer(
; CHECK: __optmig_attention
; CHECK: call void @inner
  call void @inner()
  ret void
}
define i64 @harmless(ptr %p) {
; CHECK-LABEL: @harmless(
; CHECK-NOT: __optmig_attention
; CHECK: ret i64
  %n = call i64 @strlen(ptr %p)
  ret i64 %n
}
define internal void @ping(i32 %n) noinline {
; CHECK-LABEL: define internal void @ping(
; CHECK: __optmig_attention
; CHECK: call void @pong
  %z = icmp eq i32 %n, 0
  br i1 %z, label %stop, label %more
more:
  %m = sub i32 %n, 1
  call void @pong(i32 %m)
  br label %stop
stop:
  ret void
}
define internal void @pong(i32 %n) noinline {
; CHECK-LABEL: define internal void @pong(
; CHECK-NOT: __optmig_attention
; CHECK: call void @ping
  call void @ping(i32 %n)
  ret void
}
define void @play() {
  call void @ping(i32 5)
  ret void
}
