; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; What returns twice is a call that may reach a safepoint: nothing is known behind it.
declare i32 @setjmp(ptr) returns_twice
define void @f(ptr %p, ptr %b) {
; CHECK-LABEL: @f(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call i32 @setjmp
; CHECK: store volatile i8 -1, ptr addrspace(256)
  store i32 1, ptr %p, align 4
  %r = call i32 @setjmp(ptr %b) returns_twice
  store i32 2, ptr %p, align 4
  ret void
}
