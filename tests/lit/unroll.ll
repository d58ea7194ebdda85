; RUN: %pass="optmig<inline=0>" < %s | FileCheck %s
; RUN: %pass=optmig < %s | FileCheck --check-prefix=LINE %s
; RUN: %pass="optmig<unroll=0>" < %s | FileCheck --check-prefix=OFF %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; No bound is known: several iterations, each with its exit, and one poll.
define ptr @scan(ptr %p, i64 %v) {
; CHECK-LABEL: @scan(
; CHECK-COUNT-4: load i64, ptr
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK-NOT: @__optmig_attention
; CHECK: ret ptr
; OFF-LABEL: @scan(
; OFF-COUNT-1: load i64, ptr
; OFF-NOT: load i64, ptr
; OFF: ret ptr
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %head ]
  %x = load i64, ptr %q
  %n = getelementptr i8, ptr %q, i64 8
  %c = icmp ult i64 %x, %v
  br i1 %c, label %head, label %exit
exit:
  ret ptr %q
}
; What the iterations write is marked at the head, behind the poll: 8 iterations of 8 bytes.
define void @fill(ptr %p) {
; CHECK-LABEL: @fill(
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK-NEXT: icmp ne i8
; CHECK: call __optmig_safepoint
; CHECK-NEXT: call __optmig_mark64_${0:V}
; CHECK-COUNT-4: store i64 1, ptr
; CHECK-NOT: @__optmig_attention
; CHECK: ret void
; In a short innermost loop the mark is spelled out: first and last byte.
; LINE-LABEL: @fill(
; LINE: testb $$63,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09call __optmig_safepoint
; LINE-NEXT: call void asm sideeffect "movq ${0},%r11\0A\09shrq $$12,%r11\0A\09cmpw $$-1,%gs:(%r11)\0A\09je {{.*}}call __optmig_mark64_${0:V}{{.*}}", "r,~{r11},~{dirflag},~{flags}"(ptr %q)
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %head ]
  store i64 1, ptr %q
  %n = getelementptr i8, ptr %q, i64 8
  %x = load i64, ptr %n
  %c = icmp eq i64 %x, 0
  br i1 %c, label %head, label %exit
exit:
  ret void
}
; An address with an index is computed anew at the head: the one in the loop comes later.
define void @indexed(ptr %p, ptr %q) {
; CHECK-LABEL: @indexed(
; CHECK: call __optmig_safepoint
; CHECK-NEXT: %[[I:.*]] = call i64 asm sideeffect "", "=r,0"(i64 %i)
; CHECK-NEXT: %[[A:.*]] = getelementptr i64, ptr %p, i64 %[[I]]
; CHECK-NEXT: call void asm sideeffect "call __optmig_mark64_${0:V}"{{.*}}(ptr %[[A]])
; CHECK: ret void
  br label %head
head:
  %i = phi i64 [ 0, %0 ], [ %n, %head ]
  %a = getelementptr i64, ptr %p, i64 %i
  %n = add i64 %i, 1
  store i64 1, ptr %a, align 8
  %z = load volatile i64, ptr %q
  %c = icmp eq i64 %z, 0
  br i1 %c, label %exit, label %head
exit:
  ret void
}
; A pointer that is loaded in the loop cannot be marked at its head: one iteration.
define void @chase(ptr %p) {
; CHECK-LABEL: @chase(
; CHECK-COUNT-1: store i64 1, ptr
; CHECK-NOT: store i64 1
; CHECK: ret void
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %head ]
  %n = load ptr, ptr %q
  %a = getelementptr i8, ptr %n, i64 8
  store i64 1, ptr %a
  %c = icmp eq ptr %n, null
  br i1 %c, label %exit, label %head
exit:
  ret void
}
; A store in one branch only may never happen, so its page is not marked before: one iteration.
define void @sometimes(ptr %p, i64 %v) {
; CHECK-LABEL: @sometimes(
; CHECK-COUNT-1: store i64 1, ptr
; CHECK-NOT: store i64 1
; CHECK: ret void
  br label %head
head:
  %q = phi ptr [ %p, %0 ], [ %n, %latch ]
  %x = load i64, ptr %q
  %c = icmp ult i64 %x, %v
  br i1 %c, label %write, label %latch
write:
  store i64 1, ptr %q
  br label %latch
latch:
  %n = getelementptr i8, ptr %q, i64 8
  %y = load i64, ptr %n
  %e = icmp eq i64 %y, 0
  br i1 %e, label %exit, label %head
exit:
  ret void
}
