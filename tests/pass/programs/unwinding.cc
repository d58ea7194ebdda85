/* SPDX-License-Identifier: Apache-2.0 */
// Stores at the places that only C++ has, each on pages of its own, so that no other mark covers it. argv[1] names the place; compiled with
// the marks of that place left out, the verify build has to notice. The unwinder alone is linked: what flies is a forced unwinding, which
// __gcc_personality_v0 brings to every landing pad, those of handlers too. What libc++abi has is here, and does no more than these need.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

enum { PAGE = 4096, PAGES = 16 };

extern "C" {
_Unwind_Reason_Code __gcc_personality_v0(int, _Unwind_Action, uint64_t, _Unwind_Exception *, _Unwind_Context *);
_Unwind_Reason_Code __gxx_personality_v0(int v, _Unwind_Action a, uint64_t c, _Unwind_Exception *e, _Unwind_Context *x) { return __gcc_personality_v0(v, a, c, e, x); }
void *__cxa_begin_catch(void *e) noexcept { return e; }
void __cxa_end_catch() noexcept {}
__attribute__((noinline)) int __cxa_guard_acquire(uint64_t *guard) { return !*reinterpret_cast<volatile uint8_t *>(guard); }
__attribute__((noinline)) void __cxa_guard_release(uint64_t *guard) noexcept { *reinterpret_cast<volatile uint8_t *>(guard) = 1; }
void __cxa_guard_abort(uint64_t *) noexcept {}
}
void operator delete(void *p) noexcept { free(p); }
void operator delete(void *p, size_t) noexcept { free(p); }
void *operator new(size_t n) { return malloc(n); }

// As much of <coroutine> as the compiler asks for.
namespace std {
[[noreturn]] void terminate() noexcept { abort(); }
template <class R, class...> struct coroutine_traits { using promise_type = typename R::promise_type; };
template <class P = void> struct coroutine_handle;
template <> struct coroutine_handle<void> {
	void *frame = nullptr;
	static coroutine_handle from_address(void *p) noexcept { return {p}; }
	void *address() const noexcept { return frame; }
	void resume() const { __builtin_coro_resume(frame); }
	void destroy() const { __builtin_coro_destroy(frame); }
};
template <class P> struct coroutine_handle : coroutine_handle<> {
	static coroutine_handle from_address(void *p) noexcept { return {{p}}; }
	static coroutine_handle from_promise(P &p) { return from_address(__builtin_coro_promise(&p, alignof(P), true)); }
	P &promise() const { return *static_cast<P *>(__builtin_coro_promise(frame, alignof(P), false)); }
};
struct suspend_always {
	bool await_ready() const noexcept { return false; }
	template <class H> void await_suspend(H) const noexcept {}
	void await_resume() const noexcept {}
};
} // namespace std

namespace {

#define APART __attribute__((noinline))
using Cell = volatile int;
Cell *cell(unsigned char *p, int page) { return reinterpret_cast<Cell *>(p + page * PAGE); }

_Unwind_Exception flying;
_Unwind_Reason_Code on(int, _Unwind_Action a, uint64_t, _Unwind_Exception *, _Unwind_Context *, void *)
{
	if (a & _UA_END_OF_STACK) abort();
	return _URC_NO_REASON;
}
void nothing(_Unwind_Reason_Code, _Unwind_Exception *) {}

[[noreturn]] APART void fly()
{
	flying.exception_cleanup = nothing;
	_Unwind_ForcedUnwind(&flying, on, nullptr);
	abort();
}
void (*volatile flies)() = fly;
void (*volatile stays)() = [] { (void)getenv("HOME"); };

// What was marked before the call is marked anew where it unwinds to. The function's poll is before its first call.
APART void invoke(unsigned char *p)
{
	stays();
	*cell(p, 0) = 1;
	try { flies(); } catch (...) { *cell(p, 0) = 2; }
}

APART void landingpad(unsigned char *p)
{
	try { flies(); } catch (...) { *cell(p, 0) = 1; }
}

struct Writes {
	Cell *at;
	~Writes() { *at = 7; }
};
APART void cleans(unsigned char *p)
{
	Writes first{cell(p, 0)}, second{cell(p, 1)};
	flies();
}
APART void cleanup(unsigned char *p)
{
	try { cleans(p); } catch (...) {}
}

// The variable has no constant value, so it is made here and guarded.
struct Made {
	Cell value[PAGES * PAGE / sizeof(Cell)];
	__attribute__((always_inline)) Made() { stays(); value[0] = 3; value[PAGE / sizeof(Cell)] = 4; }
};
APART void guard(unsigned char *p)
{
	for (int i = 0; i < 2; i++) {
		static Made made;
		*cell(p, 0) += made.value[i * PAGE / sizeof(Cell)];
	}
}

// The store is the last thing before a call that never comes back.
[[noreturn]] APART void stores_and_flies(unsigned char *p)
{
	*cell(p, 0) = 5;
	fly();
}
APART void noreturn(unsigned char *p)
{
	try { stores_and_flies(p); } catch (...) {}
}

// Assembly that writes and jumps: the store is the block's last instruction, and its mark stands on neither of the two ways behind it.
APART void terminator(unsigned char *p)
{
	__asm__ goto("movl $7, %0; testb $1, %0; jnz %l1" : "=m"(*cell(p, 0)) : : "cc" : odd);
	*cell(p, 1) = 1;
	return;
odd:
	*cell(p, 2) = 1;
}

struct Task {
	struct promise_type {
		std::coroutine_handle<> other;
		Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_always initial_suspend() noexcept { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() { std::terminate(); }
	};
	std::coroutine_handle<promise_type> handle;
};
struct Switch {
	bool await_ready() noexcept { return false; }
	std::coroutine_handle<> await_suspend(std::coroutine_handle<Task::promise_type> h) noexcept { return h.promise().other; }
	void await_resume() noexcept {}
};
// Each hands over to the other by a tail call; the store is the last thing before it.
Task hands_over(unsigned char *p, int odd)
{
	for (int i = odd; i < PAGES; i += 2) {
		*cell(p, i) = i;
		co_await Switch();
	}
}
APART void coroutine(unsigned char *p)
{
	Task a = hands_over(p, 0), b = hands_over(p, 1);
	a.handle.promise().other = {b.handle.address()};
	b.handle.promise().other = {a.handle.address()};
	a.handle.resume();
	a.handle.destroy();
	b.handle.destroy();
}

struct { const char *name; void (*run)(unsigned char *); } const places[] = {{"invoke", invoke}, {"landingpad", landingpad}, {"cleanup", cleanup},
	{"guard", guard}, {"noreturn", noreturn}, {"terminator", terminator}, {"coroutine", coroutine}};

} // namespace

int main(int argc, char **argv)
{
	for (const auto &place : places) {
		if (argc > 1 && *argv[1] && strcmp(argv[1], place.name) != 0) continue;
		auto *p = static_cast<unsigned char *>(aligned_alloc(PAGE, PAGES * PAGE));
		if (!p) return 2;
		memset(p, 0, PAGES * PAGE);
		place.run(p);
		unsigned sum = 0;
		for (int i = 0; i < PAGES * PAGE; i++) sum = sum * 31 + p[i];
		printf("%s %u\n", place.name, sum);
		free(p);
	}
	return 0;
}
