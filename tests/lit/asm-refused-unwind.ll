; RUN: not %marks %s 2>&1 | FileCheck %s
; CHECK: OptMig cannot mark what assembly writes that unwinds
target triple = "x86_64-unknown-linux-musl"
declare i32 @__gxx_personality_v0(...)
define void @f(ptr %p) personality ptr @__gxx_personality_v0 {
  invoke void asm sideeffect unwind "call thrower", "=*m,~{memory}"(ptr elementtype(i32) %p) to label %ok unwind label %bad
ok:
  ret void
bad:
  %e = landingpad { ptr, i32 } cleanup
  resume { ptr, i32 } %e
}
