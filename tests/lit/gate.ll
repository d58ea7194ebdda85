; RUN: %pass="optmig<polls=0;conditional=0>" < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; One look at the flag for what a segment writes, where all its pointers are known; marks in the cold block. A pointer that
; is known only later has a look of its own.
; CHECK: @__optmig_track = external hidden global i8
define void @two(ptr %p, ptr %q) {
; CHECK-LABEL: @two(
; CHECK-NEXT: %[[F:.*]] = load volatile i8, ptr @__optmig_track
; CHECK-NEXT: %[[N:.*]] = icmp ne i8 %[[F]], 0
; CHECK-NEXT: br i1 %[[N]], label %[[COLD:.*]], label %[[REST:.*]], !prof
; CHECK: [[COLD]]:
; CHECK-COUNT-2: store volatile i8 1, ptr addrspace(256)
; CHECK: br label %[[REST]]
; CHECK: [[REST]]:
; CHECK-NEXT: store i8 1, ptr %p
; CHECK-NEXT: store i8 2, ptr %q
; CHECK-NEXT: ret void
  store i8 1, ptr %p
  store i8 2, ptr %q
  ret void
}
define void @later(ptr %p, ptr %q) {
; CHECK-LABEL: @later(
; CHECK: load volatile i8, ptr @__optmig_track
; CHECK: store i8 1, ptr %p
; CHECK: %r = load ptr, ptr %q
; CHECK: load volatile i8, ptr @__optmig_track
; CHECK: store i8 2, ptr %r
  store i8 1, ptr %p
  %r = load ptr, ptr %q
  store i8 2, ptr %r
  ret void
}
