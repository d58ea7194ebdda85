; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Stores to one base make one span; the base is 8-aligned, the span may cross a page: two marks for four stores.
define void @f(ptr %p) {
; CHECK-LABEL: @f(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i64 1, ptr %p, align 8
  %a = getelementptr i8, ptr %p, i64 8
  store i64 1, ptr %a, align 8
  %b = getelementptr i8, ptr %p, i64 1000
  store i64 1, ptr %b, align 8
  %c = getelementptr i8, ptr %p, i64 24
  store i64 1, ptr %c, align 8
  ret void
}
; More than a page apart: two spans.
define void @apart(ptr %p) {
; CHECK-LABEL: @apart(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i64 1, ptr %p, align 8
  %a = getelementptr i8, ptr %p, i64 8192
  store i64 1, ptr %a, align 8
  ret void
}
; A base known to be aligned to the span needs one mark.
@aligned = global [64 x i8] zeroinitializer, align 64
define void @one() {
; CHECK-LABEL: @one(
; CHECK-COUNT-1: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  store i64 1, ptr @aligned, align 8
  store i64 1, ptr getelementptr (i8, ptr @aligned, i64 56), align 8
  ret void
}
