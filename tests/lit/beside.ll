; RUN: %pass="optmig<polls=0;inline=0>" < %s | FileCheck %s
; RUN: %pass="optmig<polls=0;beside=0>" < %s | FileCheck --check-prefix=APART %s
; RUN: %pass="optmig<polls=0;widen=0;join=0>" < %s | FileCheck --check-prefix=NARROW %s
; RUN: %pass=optmig < %s | FileCheck --check-prefix=POLLS %s
; RUN: %pass="optmig<polls=0;inline=3;beside=0>" < %s | FileCheck --check-prefix=LINE %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Outside innermost loops the calls stand beside the look, which jumps over them. The assembly names the flag, which has to be hidden.
; CHECK: @__optmig_attention = external hidden global i8
; CHECK: @llvm.compiler.used = {{.*}}@__optmig_attention
define void @two(ptr %p, ptr %q) {
; CHECK-LABEL: @two(
; CHECK: store i64 2, ptr %q
; CHECK-NEXT: call void asm sideeffect "testb $$192,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09call __optmig_mark1_${0:V}\0A\09call __optmig_mark16_${1:V}\0A.Loptmig${:uid}:", "r,r,~{r11},~{dirflag},~{flags}"(ptr %p, ptr %q)
; CHECK-NEXT: ret void
; APART-LABEL: @two(
; APART: load volatile i8, ptr @__optmig_attention
; APART: br i1 {{.*}}, label %[[COLD:.*]], label %[[REST:.*]], !prof
; APART: [[COLD]]:
; APART-NEXT: call void asm sideeffect "call __optmig_mark1_${0:V}", "r,~{r11},~{dirflag},~{flags}"(ptr %p)
; APART-NEXT: call void asm sideeffect "call __optmig_mark16_${0:V}", "r,~{r11},~{dirflag},~{flags}"(ptr %q)
; APART-NEXT: br label %[[REST]]
  store i8 1, ptr %p
  store i64 2, ptr %q, align 1
  ret void
}
; An address that only stores use is computed in the cold block.
define void @folded(ptr %p, i64 %i) {
; CHECK-LABEL: @folded(
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: call void asm sideeffect "call __optmig_mark1_
; CHECK: ret void
  %a = getelementptr i64, ptr %p, i64 %i
  store i64 1, ptr %a, align 8
  ret void
}
; In a loop the index is hidden there from strength reduction, and what nothing before the look needs is computed behind it.
define void @loop(ptr %p, ptr %q) {
; CHECK-LABEL: @loop(
; CHECK: store i64 1, ptr %a
; CHECK-NEXT: load volatile i8, ptr @__optmig_attention
; CHECK: %[[I:.*]] = call i64 asm sideeffect "", "=r,0"(i64 %i)
; CHECK-NEXT: %[[A:.*]] = getelementptr i64, ptr %p, i64 %[[I]]
; CHECK-NEXT: call void asm sideeffect "call __optmig_mark1_${0:V}", "r,~{r11},~{dirflag},~{flags}"(ptr %[[A]])
; CHECK: %n = add i64 %i, 1
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
; A mark begins at its base, which is in a register, unless it is far before the span.
define void @near(ptr %p) {
; CHECK-LABEL: @near(
; CHECK: "testb {{.*}}call __optmig_mark256_${0:V}{{.*}}(ptr %p)
; CHECK-NEXT: ret void
  %a = getelementptr i8, ptr %p, i64 100
  store i64 1, ptr %a, align 1
  ret void
}
define void @far(ptr %p) {
; CHECK-LABEL: @far(
; CHECK: load volatile i8, ptr @__optmig_attention
; CHECK: %[[A:.*]] = getelementptr i8, ptr %p, i64 -8
; CHECK-NEXT: call void asm sideeffect "call __optmig_mark16_${0:V}", "r,~{r11},~{dirflag},~{flags}"(ptr %[[A]])
; CHECK: ret void
  %a = getelementptr i8, ptr %p, i64 -8
  store i64 1, ptr %a, align 1
  ret void
}
; A mark covers what a later block stores through its pointer, which needs no look then.
define void @later(ptr %p, i1 %c) {
; CHECK-LABEL: @later(
; CHECK: __optmig_mark256_
; CHECK-NOT: __optmig_attention
; CHECK: ret void
; NARROW-LABEL: @later(
; NARROW: __optmig_mark16_
; NARROW: __optmig_mark256_
; NARROW: ret void
  store i64 1, ptr %p, align 1
  br i1 %c, label %more, label %exit
more:
  %a = getelementptr i8, ptr %p, i64 100
  store i64 2, ptr %a, align 1
  br label %exit
exit:
  ret void
}
; Between two stores is a safepoint: both look.
declare void @unknown()
define void @apart(ptr %p) {
; CHECK-LABEL: @apart(
; CHECK: __optmig_attention
; CHECK: call void @unknown()
; CHECK: __optmig_attention
; CHECK: ret void
  store i64 1, ptr %p, align 1
  call void @unknown()
  br label %more
more:
  store i64 2, ptr %p, align 1
  ret void
}
; What is computed between two segments stays before the call that parts them, since a look goes before it.
define i64 @fixed(ptr %p, ptr %q, i64 %x) {
; CHECK-LABEL: @fixed(
; CHECK: store i64 1, ptr %p
; CHECK-NEXT: call void asm sideeffect "testb {{.*}}(ptr %p)
; CHECK: call void @unknown()
; CHECK: store i64 2, ptr %q
; CHECK: ret i64
  store i64 1, ptr %p, align 1
  %y = add i64 %x, 1
  call void @unknown()
  store i64 2, ptr %q, align 1
  ret i64 %y
}
; In another loop, too; the last mark goes on to the poll, if there is one.
define void @outer(ptr %p, ptr %q) {
; CHECK-LABEL: @outer(
; CHECK: call void asm sideeffect "testb {{.*}}call __optmig_mark1_${0:V}{{.*}}(ptr %p)
; POLLS-LABEL: @outer(
; POLLS: call void asm sideeffect "cmpb $$0,__optmig_attention(%rip)\0A\09je .Loptmig${:uid}\0A\09call __optmig_markpoll1_${0:V}\0A.Loptmig${:uid}:"{{.*}}(ptr %p)
; POLLS: ret void
  br label %head
head:
  br label %inner
inner:
  %x = load volatile i64, ptr %q
  %c = icmp eq i64 %x, 0
  br i1 %c, label %latch, label %inner
latch:
  store i8 1, ptr %p
  %y = load volatile i64, ptr %q
  %d = icmp eq i64 %y, 0
  br i1 %d, label %exit, label %head
exit:
  ret void
}
; A mark that is spelled out has the offset in its displacement, if that can hold it.
define void @near_line(ptr %p) {
; LINE-LABEL: @near_line(
; LINE: call i64 asm sideeffect "leaq 4096($1),$0\0A\09shrq $$12,${0}\0A\09cmpb $$0,%gs:(${0})\0A\09jne {{.*}}movb $$255,%gs:(${0}){{.*}}(ptr %p)
  %a = getelementptr i8, ptr %p, i64 4096
  store i8 1, ptr %a
  ret void
}
; A span that may cross a page: one look at both cards.
define void @span_line(ptr %p) {
; LINE-LABEL: @span_line(
; LINE: call i64 asm sideeffect "leaq -32($1),$0\0A\09movq ${0},%r11\0A\09shrq $$12,%r11\0A\09cmpw $$-1,%gs:(%r11){{.*}}call __optmig_mark16_${0:V}{{.*}}", "=&r,r,~{r11},{{.*}}(ptr %p)
  %a = getelementptr i8, ptr %p, i64 -32
  store i128 1, ptr %a, align 1
  ret void
}
define void @far_line(ptr %p) {
; LINE-LABEL: @far_line(
; LINE: load volatile i8, ptr @__optmig_attention
; LINE: %[[A:.*]] = getelementptr i8, ptr %p, i64 8589934592
; LINE-NEXT: call i64 asm sideeffect "shrq $$12,${0}{{.*}}", "=r,0,{{.*}}(ptr %[[A]])
  %a = getelementptr i8, ptr %p, i64 8589934592
  store i8 1, ptr %a
  ret void
}
