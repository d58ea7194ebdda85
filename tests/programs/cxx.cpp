/* SPDX-License-Identifier: Apache-2.0 */
// C++ with its library: what it prints is what it prints outside, with another C++ library under it. Each step prints a line; steps that
// have threads or time in them print what does not depend on either.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <shared_mutex>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <variant>
#include <vector>
#include <link.h>
#include <pthread.h>
#include <search.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

namespace {

thread_local std::string trail; // what destructors have said

struct Says {
	char c;
	explicit Says(char c) : c(c) {}
	~Says() { trail += c; }
};

struct Base {
	virtual ~Base() = default;
	virtual int which() const { return 1; }
};
struct Left : virtual Base { int which() const override { return 2; } };
struct Right : virtual Base {};
struct Both : Left, Right { int which() const override { return 3; } };
struct Stranger { virtual ~Stranger() = default; };

struct Failure : std::runtime_error {
	int code;
	Failure(int code, const std::string &what) : std::runtime_error(what), code(code) {}
};

__attribute__((noinline)) int descend(int depth, int kind)
{
	Says says(static_cast<char>('a' + depth % 26));
	volatile char room[64] = {static_cast<char>(depth)};
	if (depth) return descend(depth - 1, kind) + room[0];
	switch (kind) {
	case 0: throw Failure(7, "seven");
	case 1: throw 42;
	case 2: throw "text";
	case 3: throw Both();
	case 4: throw std::make_unique<int>(4);
	default: throw std::vector<int>{1, 2, 3};
	}
}

std::string catches(int kind)
{
	try {
		descend(10, kind);
	} catch (const Failure &e) {
		return e.what() + std::to_string(e.code);
	} catch (int i) {
		return std::to_string(i);
	} catch (const char *s) {
		return s;
	} catch (const Base &b) {
		return "base " + std::to_string(b.which());
	} catch (std::unique_ptr<int> &p) {
		return "pointer " + std::to_string(*p);
	} catch (...) {
		return "something";
	}
	return "nothing";
}

void nested()
{
	try {
		try {
			throw std::out_of_range("inner");
		} catch (...) {
			std::throw_with_nested(std::logic_error("outer"));
		}
	} catch (const std::exception &e) {
		std::cout << e.what();
		try {
			std::rethrow_if_nested(e);
		} catch (const std::exception &inner) {
			std::cout << " of " << inner.what() << "\n";
		}
	}
}

struct Deep { // an exception thrown and caught while another one is under way
	~Deep()
	{
		try { descend(3, 1); } catch (int i) { trail += std::to_string(i) + "/" + std::to_string(std::uncaught_exceptions()); }
	}
};

void exceptions()
{
	for (int kind = 0; kind < 6; kind++) {
		trail.clear();
		std::string what = catches(kind);
		std::cout << what << " " << trail << "\n";
	}
	nested();
	trail.clear();
	try { Deep deep; throw 1; } catch (int i) { std::cout << "deep " << i << " " << trail << "\n"; }
	try { Base plain; (void)dynamic_cast<Stranger &>(plain); std::cout << "cast\n"; } catch (const std::bad_cast &) { std::cout << "bad cast\n"; }
	Both both;
	Base *base = &both;
	std::cout << (dynamic_cast<Right *>(base) != nullptr) << (dynamic_cast<Stranger *>(base) == nullptr) << (typeid(*base) == typeid(Both)) << "\n";
	try {
		volatile size_t huge = size_t(1) << 55;
		std::unique_ptr<char[]> p(new char[huge]);
		std::cout << "there is a lot of memory " << (void *)p.get() << "\n";
	} catch (const std::bad_alloc &) {
		std::cout << "bad alloc\n";
	}
	try { std::string("abc").at(5); } catch (const std::out_of_range &) { std::cout << "out of range\n"; }
	try { throw std::system_error(ENOENT, std::generic_category(), "file"); } catch (const std::system_error &e) { std::cout << e.what() << "\n"; }
}

// ---- through C ----

int compare(const void *a, const void *b)
{
	int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
	if (x == 13 || y == 13) throw Failure(x + y, "qsort");
	return x < y ? -1 : x > y;
}

int once_tries;
void initialise()
{
	if (++once_tries < 3) throw std::runtime_error("not yet");
}

volatile std::sig_atomic_t signals;
void handler(int) { signals = signals + 1; try { throw 5; } catch (int i) { signals = signals + i; } }
void thrower(int signo) { throw Failure(signo == SIGUSR2, "handler"); }

void callbacks()
{
	std::vector<int> v(1000);
	std::iota(v.rbegin(), v.rend(), 0);
	v[500] = 13;
	try { std::qsort(v.data(), v.size(), sizeof(int), compare); } catch (const Failure &e) { std::cout << e.what() << " left\n"; }
	std::sort(v.begin(), v.end());
	int key = 13;
	try { std::bsearch(&key, v.data(), v.size(), sizeof(int), compare); } catch (const Failure &e) { std::cout << "bsearch left\n"; }

	static pthread_once_t once = PTHREAD_ONCE_INIT;
	for (int i = 0; i < 4; i++) {
		try { pthread_once(&once, initialise); std::cout << "once "; } catch (const std::runtime_error &e) { std::cout << e.what() << " "; }
	}
	std::cout << once_tries << "\n";
	std::once_flag flag;
	int tries = 0;
	for (int i = 0; i < 4; i++) {
		try { std::call_once(flag, [&] { if (++tries < 3) throw tries; }); std::cout << "called "; } catch (int n) { std::cout << "threw " << n << " "; }
	}
	std::cout << tries << "\n";

	std::signal(SIGUSR1, handler);
	std::raise(SIGUSR1);
	std::cout << "handled " << signals << "\n";
	struct sigaction action = {};
	action.sa_handler = thrower;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR2, &action, nullptr);
	int (*volatile send)(int) = raise; // which may throw, whatever its header says
	for (int i = 0; i < 3; i++) {
		try { Says says('s'); send(SIGUSR2); } catch (const Failure &e) { std::cout << e.what() << " " << e.code << "\n"; }
	}
}

// ---- guards and threads ----

std::atomic<int> made, destroyed;
struct Counted {
	int value = 1;
	Counted() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); made++; }
	~Counted() { destroyed++; }
};
thread_local Counted of_thread;

int guarded()
{
	static Counted only; // one of several threads makes it, the others wait
	return only.value;
}

int tried;
int retried()
{
	static int value = [] { if (++tried < 3) throw tried; return 10 * tried; }();
	return value;
}

void threads()
{
	std::vector<std::thread> all;
	std::atomic<int> sum = 0;
	std::barrier together(8);
	for (int i = 0; i < 8; i++)
		all.emplace_back([&, i] {
			together.arrive_and_wait();
			sum += guarded() + of_thread.value;
			for (int k = 0; k < 300; k++) sum += catches((i + k) % 6).size() > 0;
		});
	for (auto &t : all) t.join();
	std::cout << "threads " << sum << " made " << made << " destroyed " << destroyed << "\n";
	for (int i = 0; i < 4; i++) {
		try { std::cout << retried() << " "; } catch (int n) { std::cout << "threw " << n << " "; }
	}
	std::cout << "\n";

	std::promise<int> promise;
	auto future = promise.get_future();
	std::thread other([&] { try { descend(5, 0); } catch (...) { promise.set_exception(std::current_exception()); } });
	try { future.get(); } catch (const Failure &e) { std::cout << "from a thread: " << e.what() << "\n"; }
	other.join();
	auto task = std::async(std::launch::async, [] { descend(2, 1); return 0; });
	try { task.get(); } catch (int i) { std::cout << "from a task: " << i << "\n"; }

	std::mutex m;
	std::condition_variable changed;
	int turn = 0;
	std::string text;
	std::thread ping([&] { for (int i = 0; i < 20; i++) { std::unique_lock l(m); changed.wait(l, [&] { return turn == 0; }); text += 'i'; turn = 1; changed.notify_all(); } });
	std::thread pong([&] { for (int i = 0; i < 20; i++) { std::unique_lock l(m); changed.wait(l, [&] { return turn == 1; }); text += 'o'; turn = 0; changed.notify_all(); } });
	ping.join();
	pong.join();
	std::cout << text << "\n";
}

// ---- streams, files, text ----

struct Grouping : std::numpunct<char> {
	char do_thousands_sep() const override { return '\''; }
	std::string do_grouping() const override { return "\3"; }
};

void streams()
{
	std::ostringstream o;
	o << std::hex << std::showbase << 255 << " " << std::dec << std::setw(8) << std::setfill('*') << 42 << " " << std::fixed << std::setprecision(3)
	  << 3.14159 << " " << std::scientific << 12345.678 << " " << std::boolalpha << true << " " << std::quoted("a \"b\"");
	std::cout << o.str() << "\n";
	std::cout.imbue(std::locale(std::cout.getloc(), new Grouping));
	std::cout << 1234567 << "\n";
	std::cout.imbue(std::locale::classic());
	std::istringstream in("12 0x1f 2.5 word");
	int i, h;
	double d;
	std::string w;
	in >> i >> std::hex >> h >> d >> w;
	std::cout << i << " " << h << " " << d << " " << w << "\n";
	in >> w;
	std::cout << in.eof() << in.fail() << "\n";
	in.clear();
	in.exceptions(std::ios::failbit);
	try { in >> i; } catch (const std::ios_base::failure &) { std::cout << "stream failure\n"; }
	std::wostringstream wide;
	wide << L"w" << 12 << L"\u00e4";
	std::cout << wide.str().size() << " " << static_cast<int>(std::use_facet<std::ctype<wchar_t>>(std::locale::classic()).toupper(L'a')) << "\n";
	std::tm tm = {};
	tm.tm_year = 120, tm.tm_mon = 1, tm.tm_mday = 29;
	std::cout << std::put_time(&tm, "%Y-%m-%d") << "\n";
	std::smatch match;
	std::string line = "key = value42";
	if (std::regex_match(line, match, std::regex(R"((\w+)\s*=\s*([a-z]+)(\d+))"))) std::cout << match[1] << "," << match[2] << "," << match[3] << "\n";
	char text[64];
	auto end = std::to_chars(text, text + sizeof text, 0.1);
	std::cout << std::string_view(text, static_cast<size_t>(end.ptr - text)) << "\n";
	std::mt19937_64 random(1);
	std::cout << random() << " " << std::hash<std::string>()("x") % 1 << "\n";
}

void files()
{
	namespace fs = std::filesystem;
	std::error_code error;
	fs::path top = fs::temp_directory_path() / ("optmig-cxx-" + std::to_string(getpid()));
	fs::create_directories(top / "a" / "b");
	{
		std::ofstream f(top / "a" / "one.txt");
		for (int i = 0; i < 1000; i++) f << i << "\n";
	}
	std::ifstream f(top / "a" / "one.txt");
	std::cout << std::accumulate(std::istream_iterator<int>(f), std::istream_iterator<int>(), 0) << " " << fs::file_size(top / "a" / "one.txt") << "\n";
	std::fstream both(top / "a" / "one.txt", std::ios::in | std::ios::out);
	both.seekp(4);
	both << "xyz";
	both.seekg(0);
	std::string word;
	both >> word >> word >> word;
	std::cout << word << "\n";
	fs::copy_file(top / "a" / "one.txt", top / "a" / "b" / "two.txt");
	fs::rename(top / "a" / "b" / "two.txt", top / "three.txt");
	std::vector<std::string> names;
	for (const auto &entry : fs::recursive_directory_iterator(top)) names.push_back(fs::relative(entry.path(), top).string() + (entry.is_directory() ? "/" : ""));
	std::sort(names.begin(), names.end());
	for (const auto &n : names) std::cout << n << " ";
	std::cout << "\n";
	try { (void)fs::file_size(top / "none"); } catch (const fs::filesystem_error &e) { std::cout << (e.code() == std::errc::no_such_file_or_directory) << "\n"; }
	std::cout << fs::remove_all(top, error) << " " << fs::exists(top) << "\n";
}

// ---- coroutines ----

struct Generator {
	struct promise_type {
		int value = 0;
		std::exception_ptr error;
		Generator get_return_object() { return Generator(std::coroutine_handle<promise_type>::from_promise(*this)); }
		std::suspend_always initial_suspend() noexcept { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		std::suspend_always yield_value(int v) { value = v; return {}; }
		void return_void() {}
		void unhandled_exception() { error = std::current_exception(); }
	};
	std::coroutine_handle<promise_type> handle;
	explicit Generator(std::coroutine_handle<promise_type> h) : handle(h) {}
	Generator(const Generator &) = delete;
	~Generator() { handle.destroy(); }
	bool next()
	{
		handle.resume();
		if (handle.promise().error) std::rethrow_exception(handle.promise().error);
		return !handle.done();
	}
};

Generator numbers(int limit)
{
	Says says('g');
	std::array<int, 16> kept{}; // lives in the frame, on the heap
	for (int i = 0; i < limit; i++) {
		kept[static_cast<size_t>(i) % kept.size()] += i;
		co_yield kept[static_cast<size_t>(i) % kept.size()];
	}
	throw Failure(limit, "generator");
}

struct Task { // hands over to the other one by a tail call, again and again
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
	bool await_ready() { return false; }
	std::coroutine_handle<> await_suspend(std::coroutine_handle<Task::promise_type> h) { return h.promise().other; }
	void await_resume() {}
};
Task bounce(long &count, long limit)
{
	while (count < limit) {
		count++;
		co_await Switch();
	}
}

void coroutines()
{
	trail.clear();
	long sum = 0;
	try {
		Generator g = numbers(100);
		while (g.next()) sum += g.handle.promise().value;
	} catch (const Failure &e) {
		std::cout << e.what() << " " << e.code << " " << sum << " " << trail << "\n";
	}
	long count = 0;
	Task a = bounce(count, 1000000), b = bounce(count, 1000000);
	a.handle.promise().other = b.handle;
	b.handle.promise().other = a.handle;
	a.handle.resume();
	a.handle.destroy();
	b.handle.destroy();
	std::cout << "bounced " << count << "\n";
}

// ---- backtraces ----

_Unwind_Reason_Code count_frame(_Unwind_Context *, void *count)
{
	++*static_cast<int *>(count);
	return _URC_NO_REASON;
}

__attribute__((noinline)) int depth_at(int more)
{
	int count = 0;
	if (!more) { _Unwind_Backtrace(count_frame, &count); return count; }
	volatile int result = depth_at(more - 1);
	return result;
}

volatile int depth_in_handler;
void measuring(int) { depth_in_handler = depth_at(0); }

int find_tables(dl_phdr_info *info, size_t, void *found)
{
	for (int i = 0; i < info->dlpi_phnum; i++) *static_cast<bool *>(found) |= info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME;
	return 0;
}

void backtraces()
{
	std::cout << "frames " << depth_at(12) - depth_at(2) << "\n";
	std::signal(SIGUSR1, measuring);
	std::raise(SIGUSR1);
	int here = depth_at(0);
	std::cout << "through a signal " << (depth_in_handler > here) << "\n";
	std::thread([] { std::cout << "in a thread " << (depth_at(0) > 1) << "\n"; }).join();
	bool found = false;
	dl_iterate_phdr(find_tables, &found);
	std::cout << "tables " << found << "\n";
}

// ---- long ----

void work()
{
	std::unordered_map<std::string, std::shared_ptr<std::vector<long>>> map;
	std::mt19937 random(7);
	long thrown = 0;
	for (int i = 0; i < 60000; i++) {
		std::string key = "key" + std::to_string(random() % 3000);
		auto &entry = map[key];
		try {
			if (!entry) throw std::out_of_range(key);
			entry->push_back(i);
			if (entry->size() > 12) throw entry->size();
		} catch (const std::out_of_range &e) {
			entry = std::make_shared<std::vector<long>>(1, static_cast<long>(std::string_view(e.what()).size()));
			thrown++;
		} catch (size_t n) {
			entry.reset();
			thrown += static_cast<long>(n);
		}
	}
	long sum = 0;
	for (const auto &[key, value] : map)
		if (value) sum += std::accumulate(value->begin(), value->end(), 0L);
	std::cout << "work " << thrown << " " << sum << "\n";
}

struct AtExit { ~AtExit() { std::cout << "static destructor" << std::endl; } } at_exit;

void gives_up() noexcept { descend(1, 1); }

} // namespace

int main()
{
	exceptions();
	callbacks();
	threads();
	streams();
	files();
	coroutines();
	backtraces();
	work();
	std::set_terminate([] {
		try { std::rethrow_exception(std::current_exception()); } catch (int i) { std::cout << "terminated by " << i << std::endl; }
		std::exit(0);
	});
	gives_up();
	return 1;
}
