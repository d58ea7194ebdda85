; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; One card byte for an aligned store; index is the address >> 12, in the GS segment.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK: [[A:%.*]] = ptrtoint ptr %p to i64
; CHECK: [[I:%.*]] = lshr i64 [[A]], 12
; CHECK: [[C:%.*]] = inttoptr i64 [[I]] to ptr addrspace(256)
; CHECK: store volatile i8 -1, ptr addrspace(256) [[C]], align 1
; CHECK-NOT: addrspace(256)
; CHECK: store i32 1, ptr %p
  store i32 1, ptr %p, align 4
  ret void
}
