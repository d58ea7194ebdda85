; A function that may be missing is called by its address in a table: address 0 is out of a direct call's reach.
; RUN: %marks %s | FileCheck %s
target triple = "x86_64-unknown-linux-musl"
declare extern_weak void @maybe()
declare void @surely()
; CHECK: declare extern_weak void @maybe() #[[WEAK:[0-9]+]]
; CHECK: declare void @surely(){{$}}
; CHECK: attributes #[[WEAK]] = { nonlazybind }
define void @calls() {
  call void @maybe()
  call void @surely()
  ret void
}
