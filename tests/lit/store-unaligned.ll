; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; May cross a page: both ends are marked.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i64 1, ptr %p, align 1
  ret void
}
