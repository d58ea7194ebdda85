/* SPDX-License-Identifier: Apache-2.0 */
// C++ that is moved in the middle.
//     cxx ROUNDS       threads that throw, allocate, print and end all the time; "beat" lines, at the end "result HEX"
//     cxx held         an exception on its way: a destructor that it runs says "held" and waits for SIGUSR1. Thrown before a move, caught
//                      behind it, with frames, handlers and what it carries in memory that the destination may not have yet.
//     cxx kept FILE    says "kept" with one of everything begun: streams with a locale, a folder half read, coroutines, a guard being
//                      initialised with others waiting, exceptions kept and being handled, thread_local objects, futures, waits. Goes on with
//                      all of it at SIGUSR1; what it prints is what an unmoved run prints.
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <time.h>
#include <unwind.h>
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

// ---- kept ----

std::atomic<bool> moved; // an atomic wait of many threads
std::atomic<int> begun;

struct Point : std::numpunct<char> {
	char do_decimal_point() const override { return ','; }
	char do_thousands_sep() const override { return '.'; }
	std::string do_grouping() const override { return "\3"; }
};

// Says that it has come so far and waits for the move.
void here()
{
	begun++;
	moved.wait(false);
}

std::atomic<int> initialisations, ended;
int guarded()
{
	static int value = [] {
		if (initialisations++ == 0) { // the others wait at the guard, and one of them tries again
			here();
			throw std::runtime_error("the first one fails");
		}
		return 5;
	}();
	return value;
}

struct Ends {
	std::unique_ptr<int> value = std::make_unique<int>(1);
	~Ends() { ended += *value; }
};
thread_local Ends ends;

int depth_now()
{
	int depth = 0;
	_Unwind_Backtrace([](_Unwind_Context *, void *d) { return ++*static_cast<int *>(d), _URC_NO_REASON; }, &depth);
	return depth;
}

// Deep in calls, with a frame of each kind, when the move comes.
__attribute__((noinline)) std::string deep(int depth)
{
	Ends local;
	try {
		if (depth) return deep(depth - 1) + "!";
		const int before = depth_now();
		here();
		if (depth_now() != before) return "another depth";
		throw Failure(static_cast<uint64_t>(before > 20));
	} catch (const Failure &f) {
		if (depth < 10) throw;
		return f.what();
	}
}

// A handler is being run, and one in it, when the move comes.
std::string handling()
{
	try {
		throw std::out_of_range("outer");
	} catch (const std::exception &outer) {
		try {
			throw Failure(3);
		} catch (const Failure &inner) {
			here();
			try { std::rethrow_exception(std::current_exception()); } catch (const Failure &again) { return std::string(outer.what()) + again.what() + inner.what(); }
		}
	}
}

struct Threads {
	std::vector<std::future<std::string>> results;
	std::vector<std::thread> all;
	template <class F> void start(F f)
	{
		std::packaged_task<std::string()> task([f] { ends.value = std::make_unique<int>(2); return f(); });
		results.push_back(task.get_future());
		all.emplace_back(std::move(task));
	}
};

int kept(const char *name)
{
	namespace fs = std::filesystem;
	const fs::path top = fs::path(name);
	fs::create_directories(top / "sub");
	for (int i = 0; i < 300; i++) std::ofstream(top / ("file" + std::to_string(i))) << i;
	std::signal(SIGUSR1, [](int) { told = 1; });

	Threads threads;
	for (int i = 0; i < 3; i++)
		threads.start([] {
			for (;;) try { return "guard " + std::to_string(guarded()); } catch (const std::runtime_error &) {}
		});
	threads.start([] { return deep(40); });
	threads.start(handling);
	threads.start([] { // never caught inside: it comes out of the future
		here();
		throw std::domain_error("out of a task");
		return std::string();
	});
	std::mutex m;
	std::shared_mutex shared;
	std::condition_variable changed;
	bool open = false;
	std::promise<std::string> promise;
	auto promised = promise.get_future().share();
	threads.start([&] { std::unique_lock l(m); begun++; changed.wait(l, [&] { return open; }); return std::string("woken"); });
	threads.start([&] { begun++; std::shared_lock l(shared); return std::string("let in"); });
	threads.start([&] { begun++; return promised.get(); });
	std::unique_lock writing(shared, std::defer_lock);
	writing.lock();

	std::ostringstream text;
	text.imbue(std::locale(std::locale::classic(), new Point));
	text << std::hex << std::showbase << 255 << std::dec << std::fixed << std::setprecision(2) << std::setw(12) << std::setfill('.');
	std::ofstream(top / "numbers") << "1 2 3 4 5 6 7 8 9 10 0x1f rest of it";
	std::ifstream file(top / "numbers");
	int sum = 0, n;
	for (int i = 0; i < 4; i++) file >> n, sum += n;
	std::fstream both(top / "both", std::ios::in | std::ios::out | std::ios::trunc);
	both << "written before, "; // and not flushed
	std::set<std::string> names;
	fs::recursive_directory_iterator folder(top);
	for (int i = 0; i < 100; i++, ++folder) names.insert(folder->path().filename());
	const std::regex expression("([a-z]+)([0-9]+)");
	const std::string subject = "one1 two22 three333";
	std::sregex_iterator match(subject.begin(), subject.end(), expression);
	Series s = series(9);
	for (int i = 0; i < 10; i++) s.handle.resume();
	std::exception_ptr kept;
	try { try { throw Failure(11); } catch (...) { std::throw_with_nested(std::logic_error("around")); } } catch (...) { kept = std::current_exception(); }
	std::function<std::string(int)> function = [&, large = std::vector<std::string>(100, "captured")](int i) { return large[static_cast<size_t>(i)]; };
	const std::weak_ptr<int> weak = [] { static auto strong = std::make_shared<int>(4); return strong; }();

	// All but the two that wait at the guard say that they are there.
	while (begun < 7) std::this_thread::yield();
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	std::cout << "kept" << std::endl;
	while (!told) std::this_thread::sleep_for(std::chrono::milliseconds(1));

	moved = true;
	moved.notify_all();
	{ std::lock_guard l(m); open = true; }
	changed.notify_all();
	writing.unlock();
	promise.set_value("promised");
	for (auto &f : threads.results)
		try { std::cout << f.get() << "\n"; } catch (const std::exception &e) { std::cout << e.what() << "\n"; }
	for (auto &t : threads.all) t.join();
	std::cout << initialisations << " " << ended << "\n";
	text << 1234.5 << " " << 1234567;
	std::cout << text.str() << "\n";
	while (file >> n) sum += n;
	file.clear();
	std::string rest;
	std::getline(file, rest);
	std::cout << sum << " " << n << rest << "\n";
	both << "and behind";
	both.seekg(0);
	std::getline(both, rest);
	std::cout << rest << " " << both.eof() << "\n";
	for (; folder != fs::recursive_directory_iterator(); ++folder) names.insert(folder->path().filename());
	std::cout << names.size() << " names\n";
	for (; match != std::sregex_iterator(); ++match) std::cout << (*match)[1] << "," << (*match)[2] << " ";
	s.handle.resume();
	std::cout << s.handle.promise().value << "\n";
	s.handle.destroy();
	try { std::rethrow_exception(kept); } catch (const std::logic_error &e) {
		std::cout << e.what();
		try { std::rethrow_if_nested(e); } catch (const Failure &f) { std::cout << " " << f.what() << " " << f.sum() << "\n"; }
	}
	std::cout << function(99) << *weak.lock() << " " << fs::remove_all(top) << std::endl;
	return 0;
}

} // namespace

int main(int argc, char **argv)
{
	std::string what = argc > 1 ? argv[1] : "100";
	if (what == "kept") return kept(argv[2]);
	return what == "held" ? held() : threads(std::strtol(what.c_str(), nullptr, 10));
}
