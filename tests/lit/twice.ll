; RUN: %pass="optmig,optmig" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; The second run changes nothing; the object gets one stamp, in a section that is not loaded.
; CHECK: @__optmig_stamp = private constant [8 x i8] c"OMTP{{.*}}", section ".optmig.stamp", align 4, !exclude
; CHECK-NOT: @__optmig_stamp.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK-COUNT-1: __optmig_attention
; CHECK-COUNT-1: call __optmig_mark1_${0:V}
; CHECK-NOT: __optmig_attention
; CHECK: ret void
  store i32 1, ptr %p, align 4
  ret void
}
