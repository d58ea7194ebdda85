; Where C++ goes when something is thrown: handlers, cleanups, guards given up, coroutines' ends, calls that do not return.
; RUN: %marks %s | FileCheck %s
; RUN: %polls %s | FileCheck %s --check-prefix=POLL
; RUN: opt -load-pass-plugin=%plugin -S '-passes=optmig' %s | opt -passes=verify -disable-output
target triple = "x86_64-unknown-linux-musl"

declare i32 @__gxx_personality_v0(...)
declare void @may_throw()
declare void @never_throws() nounwind
declare void @__cxa_throw(ptr, ptr, ptr) noreturn
declare ptr @__cxa_begin_catch(ptr)
declare void @__cxa_end_catch()
declare void @__cxa_rethrow() noreturn
declare i32 @__cxa_guard_acquire(ptr)
declare void @__cxa_guard_release(ptr)
declare void @__cxa_guard_abort(ptr)
declare i32 @llvm.eh.typeid.for.p0(ptr)
@type = external constant ptr

; What is caught by type, what goes on, and where both ways join again: nothing is known there of what was marked before the call.
; CHECK-LABEL: @catches(
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK-NEXT: catch ptr @type
; CHECK-NOT: store volatile
; CHECK: {{^}}caught:
; CHECK: call ptr @__cxa_begin_catch
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: store i32 2, ptr %p
; CHECK: call void @__cxa_end_catch
; CHECK: {{^}}done:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: {{^}}other:
; CHECK-NEXT: resume
define void @catches(ptr %p) personality ptr @__gxx_personality_v0 {
  store i32 1, ptr %p
  invoke void @may_throw() to label %done unwind label %thrown
thrown:
  %e = landingpad { ptr, i32 } catch ptr @type
  %s = extractvalue { ptr, i32 } %e, 1
  %t = call i32 @llvm.eh.typeid.for.p0(ptr @type)
  %ours = icmp eq i32 %s, %t
  br i1 %ours, label %caught, label %other
caught:
  %x = extractvalue { ptr, i32 } %e, 0
  %c = call ptr @__cxa_begin_catch(ptr %x)
  store i32 2, ptr %p
  call void @__cxa_end_catch()
  br label %done
done:
  store i32 3, ptr %p
  ret void
other:
  resume { ptr, i32 } %e
}

; A cleanup that calls what may throw itself: each landing pad marks for itself, and the last one terminates the program.
; CHECK-LABEL: @cleans(
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK-NEXT: cleanup
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: invoke void @may_throw()
; CHECK: {{^}}cleaned:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: resume
; CHECK: {{^}}twice:
; CHECK-NEXT: landingpad
; CHECK-NEXT: catch ptr null
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: unreachable
define void @cleans(ptr %p) personality ptr @__gxx_personality_v0 {
  invoke void @may_throw() to label %returned unwind label %thrown
returned:
  ret void
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store i32 1, ptr %p
  invoke void @may_throw() to label %cleaned unwind label %twice
cleaned:
  store i32 2, ptr %p
  resume { ptr, i32 } %e
twice:
  %f = landingpad { ptr, i32 } catch ptr null
  store i32 3, ptr %p
  unreachable
}

; A landing pad that two calls unwind to: what one of them has marked is not known there.
; CHECK-LABEL: @shares(
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK-NEXT: cleanup
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: resume
define void @shares(ptr %p) personality ptr @__gxx_personality_v0 {
  store i32 1, ptr %p
  invoke void @may_throw() to label %more unwind label %thrown
more:
  store i32 2, ptr %p
  invoke void @may_throw() to label %returned unwind label %thrown
returned:
  ret void
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store i32 3, ptr %p
  resume { ptr, i32 } %e
}

; A handler that throws on, in a loop that tries again: the way back polls.
; POLL-LABEL: @retries(
; POLL: {{^}}again:
; POLL: __optmig_attention
; POLL: {{^}}worse:
; POLL-NEXT: landingpad
define void @retries(ptr %p) personality ptr @__gxx_personality_v0 {
  br label %again
again:
  invoke void @may_throw() to label %returned unwind label %thrown
returned:
  ret void
thrown:
  %e = landingpad { ptr, i32 } catch ptr null
  %x = extractvalue { ptr, i32 } %e, 0
  %c = call ptr @__cxa_begin_catch(ptr %x)
  %v = load i32, ptr %p
  %go = icmp eq i32 %v, 0
  br i1 %go, label %on, label %caught
caught:
  call void @__cxa_end_catch()
  br label %again
on:
  invoke void @__cxa_rethrow() to label %never unwind label %worse
never:
  unreachable
worse:
  %f = landingpad { ptr, i32 } cleanup
  call void @__cxa_end_catch()
  resume { ptr, i32 } %f
}

; A guard that is given up: the variable may be half written, and its marks stand on both ways.
@guard = internal global i64 0
@variable = internal global [2 x i64] zeroinitializer
; CHECK-LABEL: @initialises(
; CHECK: call i32 @__cxa_guard_acquire
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: store i64 1, ptr @variable
; CHECK: {{^}}made:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @__cxa_guard_release
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK-NEXT: cleanup
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @__cxa_guard_abort
define void @initialises() personality ptr @__gxx_personality_v0 {
  %a = call i32 @__cxa_guard_acquire(ptr @guard)
  store i64 1, ptr @variable
  invoke void @may_throw() to label %made unwind label %thrown
made:
  store i64 2, ptr @variable
  call void @__cxa_guard_release(ptr @guard)
  ret void
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store i64 0, ptr @variable
  call void @__cxa_guard_abort(ptr @guard)
  resume { ptr, i32 } %e
}

; A call that does not return unwinds all the same, from within a function or out of it.
; CHECK-LABEL: @does_not_return(
; CHECK: {{^}}out:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: store i32 1, ptr %p
; CHECK: call void @__cxa_throw
; CHECK: {{^}}in:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: invoke void @__cxa_throw
; CHECK: {{^}}thrown:
; CHECK-NEXT: landingpad
; CHECK-NEXT: cleanup
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: resume
define void @does_not_return(ptr %p, i1 %which) personality ptr @__gxx_personality_v0 {
  br i1 %which, label %out, label %in
out:
  store i32 1, ptr %p
  call void @__cxa_throw(ptr %p, ptr @type, ptr null) noreturn
  unreachable
in:
  store i32 2, ptr %p
  invoke void @__cxa_throw(ptr %p, ptr @type, ptr null) noreturn to label %never unwind label %thrown
never:
  unreachable
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store i32 3, ptr %p
  resume { ptr, i32 } %e
}

; The parts of a coroutine: the frame is memory like any other, for the part that resumes, that throws out of it, and that destroys it.
%frame = type { ptr, ptr, i32, i1 }
; CHECK-LABEL: @resumes(
; CHECK: {{^}}suspend:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: musttail call void %next(ptr %other)
; CHECK-NEXT: ret void
; CHECK: {{^}}thrown:
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: resume
; POLL-LABEL: @resumes(
; POLL: {{^}}suspend:
; POLL: musttail call void %next(ptr %other)
; POLL-NEXT: ret void
define internal void @resumes(ptr %f) personality ptr @__gxx_personality_v0 {
  invoke void @may_throw() to label %suspend unwind label %thrown
suspend:
  %index = getelementptr inbounds %frame, ptr %f, i32 0, i32 3
  store i1 true, ptr %index
  %other = load ptr, ptr %f
  %next = load ptr, ptr %other
  musttail call void %next(ptr %other)
  ret void
thrown:
  %e = landingpad { ptr, i32 } cleanup
  store ptr null, ptr %f
  resume { ptr, i32 } %e
}
@table = global [1 x ptr] [ptr @resumes]

; A call that cannot throw and is not known to poll is a safepoint all the same.
; CHECK-LABEL: @nounwind(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: call void @never_throws()
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: ret void
define void @nounwind(ptr %p) nounwind {
  store i32 1, ptr %p
  call void @never_throws()
  store i32 2, ptr %p
  ret void
}

; Assembly that writes and jumps: its mark comes before it, since behind it there are two places.
; CHECK-LABEL: @jumps(
; CHECK: store volatile i8 -1, ptr addrspace(256)
; CHECK: callbr void asm
; CHECK: {{^}}odd:
define void @jumps(ptr %p) {
  callbr void asm "movl $$7, $0; jnz ${1:l}", "=*m,!i,~{cc}"(ptr elementtype(i32) %p) to label %even [label %odd]
even:
  ret void
odd:
  ret void
}
