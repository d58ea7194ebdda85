/* SPDX-License-Identifier: Apache-2.0 */
// C++ that is moved in the middle.
//     cxx ROUNDS       threads that throw, allocate, print and end all the time; "beat" lines, at the end "result HEX"
//     cxx held         an exception on its way: a destructor that it runs says "held" and waits for SIGUSR1. Thrown before a move, caught
//                      behind it, with frames, handlers and what it carries in memory that the destination may not have yet.
#include <atomic>
#include <csignal>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <time.h>
#include <vector>

namespace {

uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 1099511628211u; }

struct Failure : std::runtime_error {
	std::map<std::string, std::vector<uint64_t>> carried;
	uint64_t value;
	Failure(uint64_t value) : std::runtime_error("failure " + std::to_string(value)), value(value)
	{
		for (uint64_t i = 0; i < 40; i++) carried[std::to_string(i * value)].assign(10, i ^ value);
	}
	uint64_t sum() const
	{
		uint64_t hash = value;
		for (const auto &[name, list] : carried)
			for (uint64_t v : list) hash = mix(hash, v + name.size());
		return hash;
	}
};

// ---- threads ----

std::atomic<long> beats, unwound;
std::mutex printing;

struct Frame {
	uint64_t &hash;
	std::string kept;
	Frame(uint64_t &hash, unsigned depth) : hash(hash), kept(40, static_cast<char>('a' + depth % 26)) {}
	~Frame() { hash = mix(hash, static_cast<unsigned char>(kept[7])); }
};

__attribute__((noinline)) uint64_t descend(unsigned depth, uint64_t &hash)
{
	Frame frame(hash, depth);
	if (!depth) throw Failure(hash);
	if (depth % 50 == 0) {
		try { return descend(depth - 1, hash) + frame.kept.size(); } catch (Failure &f) { f.value = mix(f.value, depth); throw; }
	}
	return descend(depth - 1, hash) + frame.kept.size();
}

struct PerThread {
	std::map<uint64_t, std::string> names;
	~PerThread() { unwound += static_cast<long>(names.size()); }
};
thread_local PerThread mine;

struct Series {
	struct promise_type {
		uint64_t value = 0;
		Series get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_never initial_suspend() noexcept { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		std::suspend_always yield_value(uint64_t v) { value = v; return {}; }
		void return_void() {}
		void unhandled_exception() { throw; }
	};
	std::coroutine_handle<promise_type> handle;
};

Series series(uint64_t hash)
{
	for (uint64_t i = 0;; i++) {
		try { if (i % 3 == 0) throw i; hash = mix(hash, i); } catch (uint64_t v) { hash += v; }
		co_yield hash;
	}
}

uint64_t inner(uint64_t seed)
{
	uint64_t hash = seed;
	std::thread([&] {
		for (unsigned i = 0; i < 5; i++) mine.names[mix(seed, i)] = std::to_string(i);
		try { descend(130, hash); } catch (const Failure &f) { hash = mix(hash, f.sum()); }
		std::ostringstream text;
		text << "hash " << std::hex << hash << " of " << std::dec << mine.names.size();
		for (char c : text.str()) hash = mix(hash, static_cast<unsigned char>(c));
	}).join();
	return hash;
}

void run(uint64_t &result, long rounds)
{
	Series s = series(result);
	for (long i = 0; i < rounds; i++) {
		result = inner(mix(result, static_cast<uint64_t>(i)));
		s.handle.resume();
		result = mix(result, s.handle.promise().value);
		std::vector<uint64_t> table(3000, result);
		for (auto &v : table) result = v = mix(result, v);
		if (i % 20 == 0) {
			std::lock_guard lock(printing);
			std::cout << "beat " << beats++ << std::endl;
		}
	}
	s.handle.destroy();
}

int threads(long rounds)
{
	std::vector<uint64_t> results{1, 2, 3};
	std::vector<std::thread> all;
	uint64_t hash = 0;
	std::cout << "ready" << std::endl;
	for (auto &r : results) all.emplace_back(run, std::ref(r), rounds);
	for (auto &t : all) t.join();
	for (uint64_t r : results) hash = mix(hash, r);
	std::printf("result %016llx %ld\n", static_cast<unsigned long long>(hash), unwound.load());
	return 0;
}

// ---- held ----

volatile std::sig_atomic_t told;
unsigned passed;

struct Held {
	unsigned depth;
	std::unique_ptr<unsigned> copy;
	explicit Held(unsigned depth) : depth(depth), copy(std::make_unique<unsigned>(depth)) {}
	~Held()
	{
		passed += *copy == depth;
		if (depth != 1000) return;
		std::cout << "held" << std::endl;
		while (!told) {
			const timespec moment = {0, 1000000};
			nanosleep(&moment, nullptr);
		}
	}
};

__attribute__((noinline)) int fall(unsigned depth)
{
	Held held(depth);
	if (depth == 2000) throw Failure(depth);
	try {
		return fall(depth + 1) + held.depth % 2;
	} catch (const std::logic_error &) {
		return 0;
	} catch (Failure &f) {
		if (depth % 100) throw;
		f.value++;
		std::throw_with_nested(f);
	}
}

int held()
{
	std::vector<uint64_t> ballast(4 << 20);
	for (size_t i = 0; i < ballast.size(); i++) ballast[i] = i;
	std::signal(SIGUSR1, [](int) { told = 1; });
	const uint64_t want = Failure(2000).sum();
	try {
		fall(0);
	} catch (Failure &f) {
		uint64_t count = 0;
		for (size_t i = 0; i < ballast.size(); i++) count += ballast[i] == i;
		f.value -= 20;
		std::cout << (f.sum() == want && passed == 2001 && count == ballast.size() ? "caught" : "broken") << " " << f.what() << " " << passed << std::endl;
		return 0;
	}
	return 1;
}

} // namespace

int main(int argc, char **argv)
{
	std::string what = argc > 1 ? argv[1] : "100";
	return what == "held" ? held() : threads(std::strtol(what.c_str(), nullptr, 10));
}
