; Calls that throw: what was marked before one is marked anew behind it, on the way that returns and on the way that unwinds.
; RUN: %marks %s | FileCheck %s
; RUN: %polls %s | FileCheck %s --check-prefix=POLL
; RUN: opt -load-pass-plugin=%plugin -S '-passes=optmig' %s | opt -passes=verify -disable-output
target triple = "x86_64-unknown-linux-musl"

declare i32 @__gxx_personality_v0(...)
declare void @may_throw()
declare void @__cxa_throw(ptr, ptr, ptr) noreturn
declare ptr @__cxa_begin_catch(ptr)
declare void @__cxa_end_catch()
declare i32 @__cxa_guard_acquire(ptr)
declare void @__cxa_guard_release(ptr)
declare ptr @memcpy(ptr, ptr, i64)

; CHECK-LABEL: @invoke(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: invoke void @may_throw()
; CHECK: {{^}}returned:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: resume
define void @invoke(ptr %p) personality ptr @__gxx_personality_v0 {
  store i32 1, ptr %p
  invoke void @may_throw() to label %returned unwind label %thrown
returned:
  store i32 2, ptr %p
  ret void
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store i32 3, ptr %p
  resume { ptr, i32 } %e
}

; A store before the throw has its mark before it.
; CHECK-LABEL: @throws(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @__cxa_throw
; CHECK-NEXT: unreachable
define void @throws(ptr %p) {
  store i32 1, ptr %p
  call void @__cxa_throw(ptr %p, ptr null, ptr null) noreturn
  unreachable
}

; A terminator that writes itself: the mark comes before it.
; CHECK-LABEL: @writes(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: invoke ptr @memcpy
define void @writes(ptr %to, ptr %from) personality ptr @__gxx_personality_v0 {
  %r = invoke ptr @memcpy(ptr %to, ptr %from, i64 8) to label %returned unwind label %thrown
returned:
  ret void
thrown:
  %e = landingpad { ptr, i32 } catch ptr null
  %o = extractvalue { ptr, i32 } %e, 0
  %c = call ptr @__cxa_begin_catch(ptr %o)
  call void @__cxa_end_catch()
  ret void
}

; A guard's variable is written between two calls that may poll.
@guard = internal global i64 0
@variable = internal global i64 0
; CHECK-LABEL: @guarded(
; CHECK: call i32 @__cxa_guard_acquire
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: store i64 %v, ptr @variable
; CHECK: call void @__cxa_guard_release
define void @guarded(i64 %v) {
  %a = call i32 @__cxa_guard_acquire(ptr @guard)
  store i64 %v, ptr @variable
  call void @__cxa_guard_release(ptr @guard)
  ret void
}

; A coroutine's tail call stays one: nothing comes between it and the return.
; CHECK-LABEL: @transfers(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: musttail call void %next(ptr %frame)
; CHECK-NEXT: ret void
; POLL-LABEL: @transfers(
; POLL: __optmig_attention
; POLL: musttail call void %next(ptr %frame)
; POLL-NEXT: ret void
define void @transfers(ptr %frame) {
  store i32 7, ptr %frame
  %next = load ptr, ptr %frame
  musttail call void %next(ptr %frame)
  ret void
}

; A loop whose way back begins at an invoke has its poll in front of it.
; POLL-LABEL: @loops(
; POLL: loop:
; POLL: __optmig_attention
; POLL: invoke void @may_throw()
; POLL-NEXT: to label %loop unwind label %thrown
define void @loops() personality ptr @__gxx_personality_v0 {
  br label %loop
loop:
  invoke void @may_throw() to label %loop unwind label %thrown
thrown:
  %e = landingpad { ptr, i32 } cleanup
  resume { ptr, i32 } %e
}
