; RUN: %pass="optmig<conditional=0;gate=0>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; A counted loop is cut into strips: marks of the first and the last byte before each, the poll behind each, neither in
; the body.
define void @fill(ptr %p, i64 %n) {
; CHECK-LABEL: @fill(
; CHECK: strip:
; CHECK: icmp ugt i64 %{{.*}}, 511
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: br label %head
; CHECK: head:
; CHECK-NOT: addrspace(256)
; CHECK-NOT: __optmig_attention
; CHECK: br i1 %{{.*}}, label %strip.end, label %head
; CHECK: strip.end:
; CHECK-NEXT: load volatile i8, ptr @__optmig_attention
; CHECK: call void asm sideeffect "call __optmig_safepoint"
; CHECK: %[[LAST:.*]] = icmp eq i64 %next, %n
; CHECK-NEXT: br i1 %[[LAST]], label %exit, label %strip
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %head ]
  %q = getelementptr i64, ptr %p, i64 %i
  store i64 %i, ptr %q, align 8
  %next = add nuw nsw i64 %i, 1
  %z = icmp eq i64 %next, %n
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; Downwards, with another predicate; the value is used behind the loop.
define i64 @down(ptr %p, i64 %n) {
; CHECK-LABEL: @down(
; CHECK: strip:
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: head:
; CHECK-NOT: addrspace(256)
; CHECK: strip.end:
; CHECK: __optmig_safepoint
; CHECK: icmp slt i64 %next, 7
; CHECK: exit:
; CHECK-NEXT: %{{.*}} = phi i64 [ %next, %{{.*}} ]
entry:
  br label %head
head:
  %i = phi i64 [ %n, %entry ], [ %next, %head ]
  %q = getelementptr i32, ptr %p, i64 %i
  store i32 1, ptr %q, align 4
  %next = add nsw i64 %i, -1
  %z = icmp slt i64 %next, 7
  br i1 %z, label %exit, label %head
exit:
  ret i64 %next
}
; A store that not every iteration executes keeps its mark, and so does one that moves too far. If the loop is longer than a
; few instructions it keeps its poll then, too.
define void @conditional(ptr %p, ptr %c, i64 %n) {
; CHECK-LABEL: @conditional(
; CHECK-NOT: strip:
; CHECK: then:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: latch:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: ret void
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
  %r = getelementptr i8, ptr %c, i64 %i
  %v = load i8, ptr %r
  %t = icmp eq i8 %v, 0
  br i1 %t, label %then, label %latch
then:
  %q = getelementptr i64, ptr %p, i64 %i
  store i64 %i, ptr %q, align 8
  br label %latch
latch:
  %far = getelementptr [1000 x i64], ptr %c, i64 %i
  store i8 1, ptr %far
  %next = add nuw nsw i64 %i, 1
  %z = icmp eq i64 %next, %n
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; Cut for the poll alone.
define void @apart(ptr %p, i64 %n) {
; CHECK-LABEL: @apart(
; CHECK: strip:
; CHECK-NOT: addrspace(256)
; CHECK: head:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK-NOT: __optmig_attention
; CHECK: strip.end:
; CHECK-NEXT: load volatile i8, ptr @__optmig_attention
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %head ]
  %far = getelementptr [1000 x i64], ptr %p, i64 %i
  store i8 1, ptr %far
  %next = add nuw nsw i64 %i, 1
  %z = icmp eq i64 %next, %n
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; Left in the middle, or with a call that may park: as before.
define void @search(ptr %p, i64 %n) {
; CHECK-LABEL: @search(
; CHECK-NOT: strip:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: ret void
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
  %q = getelementptr i64, ptr %p, i64 %i
  %v = load i64, ptr %q
  %t = icmp eq i64 %v, 0
  br i1 %t, label %exit, label %latch
latch:
  store i64 %i, ptr %q, align 8
  %next = add nuw nsw i64 %i, 1
  %z = icmp eq i64 %next, %n
  br i1 %z, label %exit, label %head
exit:
  ret void
}
; A short loop has no poll, so its marks go before it: 400 bytes, two cards.
define void @short(ptr %p) {
; CHECK-LABEL: @short(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: head:
; CHECK-NOT: addrspace(256)
; CHECK-NOT: __optmig_attention
; CHECK: ret void
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %head ]
  %q = getelementptr i32, ptr %p, i64 %i
  store volatile i32 1, ptr %q, align 4
  %next = add nuw nsw i64 %i, 1
  %z = icmp eq i64 %next, 100
  br i1 %z, label %exit, label %head
exit:
  ret void
}
