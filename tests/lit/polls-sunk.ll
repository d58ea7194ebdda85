; RUN: %pass=optmig < %s | FileCheck %s
; RUN: %pass="optmig<entry-polls=0>" < %s | FileCheck --check-prefix=ENTRY %s
; RUN: env OPTMIG_PASS_TEST=1 %pass="optmig<drop=entry>" < %s | FileCheck --check-prefix=DROP %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; The poll for recursion stands where every way to a call has come together, not at the entry.
declare ptr @malloc(i64)
; A way without a call has none.
define void @early(ptr %f, i1 %c) {
; CHECK-LABEL: @early(
; CHECK-NEXT: br i1 %c
; CHECK: slow:
; CHECK-NEXT: call void asm sideeffect "testb $$63,
; CHECK-NEXT: call void %f()
; CHECK-NOT: __optmig_attention
; CHECK: ret void
; ENTRY-LABEL: @early(
; ENTRY-NEXT: call void asm sideeffect "testb $$63,
; ENTRY-NEXT: br i1 %c
  br i1 %c, label %exit, label %slow
slow:
  call void %f()
  br label %exit
exit:
  ret void
}
; What is stored before it is marked behind the same look, and before the poll.
define void @fused(ptr %p, ptr %f) {
; CHECK-LABEL: @fused(
; CHECK-NEXT: store i8 1, ptr %p
; CHECK-NEXT: call void asm sideeffect "cmpb $$0,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09call __optmig_markpoll1_${0:V}\0A.Loptmig${:uid}:"
; CHECK-NEXT: call void %f()
; CHECK-NEXT: ret void
; DROP-LABEL: @fused(
; DROP-NEXT: store i8 1, ptr %p
; DROP-NEXT: call void asm sideeffect "testb $$63,
; DROP-NEXT: call void %f()
  store i8 1, ptr %p
  call void %f()
  ret void
}
; Calls on both ways: before the ways part.
define void @both(ptr %f, ptr %g, i1 %c) {
; CHECK-LABEL: @both(
; CHECK-NEXT: call void asm sideeffect "testb $$63,
; CHECK-NEXT: br i1 %c
; CHECK-NOT: __optmig_attention
; CHECK: ret void
  br i1 %c, label %left, label %right
left:
  call void %f()
  br label %exit
right:
  call void %g()
  br label %exit
exit:
  ret void
}
; In a loop: before it. The loop has a poll of its own.
define void @loop(ptr %f, ptr %q) {
; CHECK-LABEL: @loop(
; CHECK-NEXT: call void asm sideeffect "testb $$63,
; CHECK-NEXT: br label %head
; CHECK: call void %f()
; CHECK: __optmig_attention
; CHECK: ret void
  br label %head
head:
  call void %f()
  %x = load volatile i64, ptr %q
  %c = icmp eq i64 %x, 0
  br i1 %c, label %exit, label %head
exit:
  ret void
}
; A call that leads nowhere back does not count, though it may poll.
define void @harmless(ptr %f, i1 %c) {
; CHECK-LABEL: @harmless(
; CHECK-NEXT: call ptr @malloc
; CHECK-NEXT: br i1 %c
; CHECK: slow:
; CHECK-NEXT: call void asm sideeffect "testb $$63,
; CHECK-NEXT: call void %f()
  %m = call ptr @malloc(i64 8)
  br i1 %c, label %exit, label %slow
slow:
  call void %f()
  br label %exit
exit:
  ret void
}
; A call that may throw ends its block: the poll is before it.
declare i32 @__gxx_personality_v0(...)
define void @throwing(ptr %f) personality ptr @__gxx_personality_v0 {
; CHECK-LABEL: @throwing(
; CHECK-NEXT: call void asm sideeffect "testb $$63,
; CHECK-NEXT: invoke void %f()
  invoke void %f() to label %exit unwind label %pad
pad:
  %l = landingpad { ptr, i32 } cleanup
  resume { ptr, i32 } %l
exit:
  ret void
}
