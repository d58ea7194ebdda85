; RUN: not %pass="optmig<verfy>" < %s 2>&1 | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; CHECK: OPTMIG_PASS: unknown option 'verfy', did you mean 'verify'?
define void @f() {
  ret void
}
