; RUN: %pass="optmig<conditional=0;gate=0>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A mark on every path in is not repeated; a poll at the end of a block takes its facts away.
define void @join(ptr %p, i1 %c) {
; CHECK-LABEL: @join(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: join:
; CHECK-NOT: addrspace(256)
; CHECK: ret void
  br i1 %c, label %a, label %b
a:
  store i32 1, ptr %p, align 4
  br label %join
b:
  store i32 2, ptr %p, align 4
  br label %join
join:
  store i32 3, ptr %p, align 4
  ret void
}
define void @loop(ptr %p, ptr %q) {
; CHECK-LABEL: @loop(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: exit:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
  br label %head
head:
  store i32 1, ptr %p, align 4
  %v = load volatile i32, ptr %q
  %z = icmp eq i32 %v, 0
  br i1 %z, label %exit, label %head
exit:
  store i32 2, ptr %p, align 4
  ret void
}
