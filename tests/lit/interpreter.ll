; RUN: %pass=optmig < %s | FileCheck %s
; RUN: %pass="optmig<inline=0>" < %s | FileCheck --check-prefix=CALLS %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; In a loop around a jump to one of many places marks beside the look are spelled out, so that no more branches are taken than
; without them; one that may cross a page calls if not both cards are dirty, and the poll is looked for once more.
declare void @unknown()
define void @run(ptr %code, ptr %x, ptr %y) {
; CHECK-LABEL: @run(
; CHECK: call void asm sideeffect "testb $$192,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09movq ${0},%r11\0A\09shrq $$12,%r11\0A\09cmpb $$0,%gs:(%r11)\0A\09jne .Loptmig${:uid}_0\0A\09movb $$255,%gs:(%r11)\0A.Loptmig${:uid}_0:\0A.Loptmig${:uid}:", "r,~{r11},~{dirflag},~{flags}"(ptr %x)
; CHECK: call void @unknown()
; CHECK: call void asm sideeffect "cmpb $$0,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09movq ${0},%r11\0A\09shrq $$12,%r11\0A\09cmpw $$-1,%gs:(%r11)\0A\09je .Loptmig${:uid}_0\0A\09call __optmig_mark16_${0:V}\0A.Loptmig${:uid}_0:\0A\09testb $$63,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09call __optmig_safepoint\0A.Loptmig${:uid}:", "r,~{r11},~{dirflag},~{flags}"(ptr %y)
; CHECK: ret void
; CALLS-LABEL: @run(
; CALLS: call __optmig_mark1_
; CALLS: call __optmig_markpoll16_
; CALLS: ret void
  br label %head
head:
  %op = load volatile i8, ptr %code
  switch i8 %op, label %exit [
    i8 0, label %store
    i8 1, label %other
    i8 2, label %other
    i8 3, label %other
    i8 4, label %other
    i8 5, label %other
    i8 6, label %other
    i8 7, label %other
    i8 8, label %other
    i8 9, label %other
    i8 10, label %other
    i8 11, label %other
    i8 12, label %other
    i8 13, label %other
    i8 14, label %other
    i8 15, label %other
    i8 16, label %other
    i8 17, label %other
    i8 18, label %other
    i8 19, label %other
    i8 20, label %other
    i8 21, label %other
    i8 22, label %other
    i8 23, label %other
    i8 24, label %other
    i8 25, label %other
    i8 26, label %other
    i8 27, label %other
    i8 28, label %other
    i8 29, label %other
    i8 30, label %other
    i8 31, label %other
  ]
store:
  store i64 1, ptr %x, align 8
  call void @unknown()
  br label %inner
inner:
  %c = load volatile i8, ptr %code
  %d = icmp eq i8 %c, 0
  br i1 %d, label %inner, label %other
other:
  store i64 2, ptr %y, align 1
  br label %head
exit:
  ret void
}
