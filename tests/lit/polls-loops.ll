; RUN: %polls < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Every back-edge polls, with the cold call in a function without red zone; short innermost loops do not.
; CHECK: @__optmig_attention = external hidden global i8
define void @endless(ptr %q) {
; CHECK-LABEL: @endless(
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: call void asm sideeffect "call __optmig_safepoint", "~{dirflag},~{flags}"
  br label %head
head:
  %v = load volatile i32, ptr %q
  br label %head
}
define void @short(ptr %q) {
; CHECK-LABEL: @short(
; CHECK-NOT: __optmig_attention
; CHECK: ret void
  br label %head
head:
  %i = phi i32 [ 0, %0 ], [ %n, %head ]
  %v = load volatile i32, ptr %q
  %n = add nuw nsw i32 %i, 1
  %z = icmp eq i32 %n, 100
  br i1 %z, label %exit, label %head
exit:
  ret void
}
define void @long(ptr %q) {
; CHECK-LABEL: @long(
; CHECK: __optmig_attention
; CHECK: ret void
  br label %head
head:
  %i = phi i32 [ 0, %0 ], [ %n, %head ]
  %v = load volatile i32, ptr %q
  %n = add nuw nsw i32 %i, 1
  %z = icmp eq i32 %n, 1000
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; Irreducible: two ways into the cycle.
define void @irreducible(i1 %c, ptr %q) {
; CHECK-LABEL: @irreducible(
; CHECK: __optmig_attention
; CHECK: ret void
  br i1 %c, label %a, label %b
a:
  %v = load volatile i1, ptr %q
  br i1 %v, label %b, label %exit
b:
  %w = load volatile i1, ptr %q
  br i1 %w, label %a, label %exit
exit:
  ret void
}
; Computed goto.
define void @computed(ptr %t) {
; CHECK-LABEL: @computed(
; CHECK: __optmig_attention
; CHECK: indirectbr
  br label %head
head:
  %d = load volatile ptr, ptr %t
  indirectbr ptr %d, [label %head, label %exit]
exit:
  ret void
}
