; RUN: not %pass=optmig < %s 2>&1 | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; CHECK: OptMig cannot see what memory a store to address space 257 writes
define void @f(ptr addrspace(257) %p) {
  store i32 1, ptr addrspace(257) %p
  ret void
}
