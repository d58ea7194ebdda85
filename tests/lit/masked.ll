; RUN: %marks < %s | FileCheck %s
; SPDX-License-Identifier: Apache-2.0
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-musl"
; Masked and compress stores are marked for their full width, scatters lane by lane.
declare void @llvm.masked.store.v16i32.p0(<16 x i32>, ptr, i32, <16 x i1>)
declare void @llvm.masked.compressstore.v16i32(<16 x i32>, ptr, <16 x i1>)
declare void @llvm.masked.scatter.v4i32.v4p0(<4 x i32>, <4 x ptr>, i32, <4 x i1>)
define void @store(<16 x i32> %v, ptr %p, <16 x i1> %m) {
; CHECK-LABEL: @store(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @llvm.masked.store
  call void @llvm.masked.store.v16i32.p0(<16 x i32> %v, ptr %p, i32 64, <16 x i1> %m)
  ret void
}
define void @compress(<16 x i32> %v, ptr %p, <16 x i1> %m) {
; CHECK-LABEL: @compress(
; CHECK-COUNT-2: store volatile i8 -1, ptr addrspace(256)
  call void @llvm.masked.compressstore.v16i32(<16 x i32> %v, ptr %p, <16 x i1> %m)
  ret void
}
define void @scatter(<4 x i32> %v, <4 x ptr> %p, <4 x i1> %m) {
; CHECK-LABEL: @scatter(
; CHECK: extractelement <4 x i1> %m, i64 0
; CHECK-COUNT-8: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @llvm.masked.scatter
  call void @llvm.masked.scatter.v4i32.v4p0(<4 x i32> %v, <4 x ptr> %p, i32 4, <4 x i1> %m)
  ret void
}
