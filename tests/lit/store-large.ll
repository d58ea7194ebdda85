; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Wider than a page: the range call.
define void @f(ptr %p, [8192 x i8] %v) {
; CHECK-LABEL: @f(
; CHECK: call void asm sideeffect "call __optmig_range", "{rdi},{rsi},~{dirflag},~{flags}"
  store [8192 x i8] %v, ptr %p
  ret void
}
