; RUN: %pass="optmig<polls=0;inline=0>" < %s | FileCheck %s
; RUN: %pass="optmig<polls=0;inline=0;join=0>" < %s | FileCheck --check-prefix=APART %s
; RUN: env OPTMIG_PASS_TEST=1 %pass="optmig<polls=0;inline=0;drop=join>" < %s | FileCheck --check-prefix=DROP %s
; RUN: %pass="optmig<inline=0>" < %s | FileCheck --check-prefix=POLLS %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Marks wait for a look that every way on passes before the next safepoint.
declare void @unknown()
; Every way has stored: one look where they meet.
define void @diamond(ptr %p, i1 %c) {
; CHECK-LABEL: @diamond(
; CHECK-NOT: __optmig_attention
; CHECK: both:
; CHECK-NEXT: call void asm sideeffect "testb $$192,{{.*}}call __optmig_mark16_${0:V}{{.*}}(ptr %p)
; CHECK-NEXT: call void @unknown()
; CHECK-NOT: __optmig_attention
; CHECK: ret void
; APART-LABEL: @diamond(
; APART: left:
; APART: __optmig_attention
; APART: right:
; APART: __optmig_attention
; APART: both:
; APART-NEXT: call void @unknown()
; DROP-LABEL: @diamond(
; DROP-NOT: __optmig_mark
; DROP: ret void
  br i1 %c, label %left, label %right
left:
  store i64 1, ptr %p, align 8
  br label %both
right:
  %q = getelementptr i8, ptr %p, i64 8
  store i64 2, ptr %q, align 8
  br label %both
both:
  call void @unknown()
  ret void
}
; One way looks anyhow, the other one looks before its call: not one look more than before on either.
define void @parting(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @parting(
; CHECK-NEXT: store i8 1, ptr %p
; CHECK-NEXT: br i1 %c
; CHECK: left:
; CHECK-NEXT: store i8 2, ptr %q
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}call __optmig_mark1_${0:V}{{.*}}call __optmig_mark1_${1:V}{{.*}}(ptr %q, ptr %p)
; CHECK: right:
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}call __optmig_mark1_${0:V}{{.*}}(ptr %p)
; CHECK-NEXT: call void @unknown()
; CHECK: ret void
  store i8 1, ptr %p
  br i1 %c, label %left, label %right
left:
  store i8 2, ptr %q
  br label %both
right:
  call void @unknown()
  br label %both
both:
  ret void
}
; A pointer that only one way has used may be wild on the other: it is marked where that way is.
define void @wild(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @wild(
; CHECK: left:
; CHECK-NEXT: store i8 1, ptr %q
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}(ptr %q)
; CHECK: both:
; CHECK-NEXT: store i8 2, ptr %p
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}call __optmig_mark1_${0:V}\0A.Loptmig${:uid}:{{.*}}(ptr %p)
; CHECK: ret void
  br i1 %c, label %left, label %both
left:
  store i8 1, ptr %q
  br label %both
both:
  store i8 2, ptr %p
  ret void
}
; Nor does a load far from what is stored say that it is not.
define i8 @far(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @far(
; CHECK: left:
; CHECK: store i8 1, ptr %b
; CHECK: __optmig_attention
; CHECK: both:
; CHECK: __optmig_attention
; CHECK: ret i8
  %a = getelementptr i8, ptr %q, i64 8
  %x = load i8, ptr %a
  br i1 %c, label %left, label %both
left:
  %b = getelementptr i8, ptr %q, i64 100000
  store i8 1, ptr %b
  br label %both
both:
  store i8 2, ptr %p
  ret i8 %x
}
; The ways' promises of alignment hold on their own ways only: 16 bytes from %p on may lie on two pages.
define void @alignment(ptr %p, i1 %c) {
; CHECK-LABEL: @alignment(
; CHECK: both:
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}call __optmig_mark16_
; CHECK: ret void
  br i1 %c, label %left, label %right
left:
  store i64 1, ptr %p, align 16
  br label %both
right:
  %q = getelementptr i8, ptr %p, i64 8
  store i64 2, ptr %q, align 8
  br label %both
both:
  ret void
}
; What was stored before a loop is marked before it, not in each iteration.
define void @loop(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @loop(
; CHECK: store i64 1, ptr %p
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}(ptr %p)
; CHECK: head:
; CHECK: ret void
  store i64 1, ptr %p
  br label %head
head:
  %x = load volatile ptr, ptr %q
  store i64 1, ptr %x
  call void @unknown()
  br i1 %c, label %head, label %exit
exit:
  ret void
}
; A tail call that must be one stays in front of its return.
define internal void @never2(ptr %p, i1 %c) noinline {
  %x = load volatile i64, ptr %p
  ret void
}
define void @tail(ptr %p, i1 %c) {
; CHECK-LABEL: @tail(
; CHECK: both:
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}(ptr %p)
; CHECK-NEXT: musttail call void @never2(
; CHECK-NEXT: ret void
  br i1 %c, label %left, label %right
left:
  store i64 1, ptr %p, align 8
  br label %both
right:
  store i64 2, ptr %p, align 8
  br label %both
both:
  musttail call void @never2(ptr %p, i1 %c)
  ret void
}
; In a loop the poll is such a look, and there is one look in each iteration.
define void @poll(ptr %p, ptr %q) {
; POLLS-LABEL: @poll(
; POLLS: left:
; POLLS-NEXT: %l = getelementptr
; POLLS-NEXT: store i64 1, ptr %l
; POLLS-NEXT: br label %latch
; POLLS: right:
; POLLS-NEXT: store i64 2, ptr %p
; POLLS-NEXT: br label %latch
; POLLS: latch:
; POLLS: load volatile i8, ptr @__optmig_attention
; POLLS: call void asm sideeffect "call __optmig_markpoll{{[0-9]+}}_${0:V}"{{.*}}(ptr %p)
; POLLS-NOT: __optmig_attention
; POLLS: ret void
  br label %head
head:
  %x = load volatile i64, ptr %q
  %c = icmp eq i64 %x, 0
  br i1 %c, label %left, label %right
left:
  %l = getelementptr i8, ptr %p, i64 16
  store i64 1, ptr %l
  br label %latch
right:
  store i64 2, ptr %p
  br label %latch
latch:
  %y = load volatile i64, ptr %q
  %d = icmp eq i64 %y, 0
  br i1 %d, label %exit, label %head
exit:
  ret void
}
