; RUN: %pass="optmig<polls=0;gate=0>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; The card is read first and written only when it is clean.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK: [[C:%.*]] = load volatile i8, ptr addrspace(256)
; CHECK: [[Z:%.*]] = icmp eq i8 [[C]], 0
; CHECK: br i1 [[Z]], label %[[COLD:.*]], label %{{.*}}, !prof
; CHECK: [[COLD]]:
; CHECK: store volatile i8 -1, ptr addrspace(256)
  store i32 1, ptr %p, align 4
  ret void
}
