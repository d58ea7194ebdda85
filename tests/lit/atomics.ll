; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
define void @f(ptr %p, ptr %q, ptr %r) {
; CHECK-LABEL: @f(
; CHECK-COUNT-3: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  %a = atomicrmw add ptr %p, i32 1 seq_cst
  %b = cmpxchg ptr %q, i64 0, i64 1 seq_cst seq_cst
  store atomic i32 1, ptr %r release, align 4
  ret void
}
