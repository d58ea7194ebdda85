; RUN: %pass="optmig<verify>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; The verify build logs each store, merged or not.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK-COUNT-2: call __optmig_verify_store
; CHECK: ret void
  store i32 1, ptr %p, align 4
  store i32 2, ptr %p, align 4
  ret void
}
