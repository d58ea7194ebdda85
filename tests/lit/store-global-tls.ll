; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
@g = global i32 0
@t = thread_local(localexec) global i32 0
declare ptr @llvm.threadlocal.address.p0(ptr)
define void @f() {
; CHECK-LABEL: @f(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  store i32 1, ptr @g
  %t = call ptr @llvm.threadlocal.address.p0(ptr @t)
  store i32 1, ptr %t
  ret void
}
