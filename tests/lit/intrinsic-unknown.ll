; RUN: not %pass=optmig < %s 2>&1 | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; An intrinsic that writes memory and is in no list is an error, not silence.
; CHECK: OptMig cannot see what memory the intrinsic llvm.x86.fxsave64 writes; mark it with OPTMIG_MARK()
declare void @llvm.x86.fxsave64(ptr)
define void @f(ptr %p) {
  call void @llvm.x86.fxsave64(ptr %p)
  ret void
}
