/* SPDX-License-Identifier: Apache-2.0 */
// What came to C++ after cxx.cpp's part of it, and the corners: prints what it prints outside with the same library over another libc.
#include <algorithm>
#include <any>
#include <atomic>
#include <bit>
#include <bitset>
#include <charconv>
#include <chrono>
#include <climits>
#include <codecvt>
#include <concepts>
#include <condition_variable>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <expected>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <latch>
#include <list>
#include <locale>
#include <map>
#include <memory_resource>
#include <mutex>
#include <numbers>
#include <numeric>
#include <optional>
#include <print>
#include <ranges>
#include <semaphore>
#include <set>
#include <source_location>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>
#include <cxxabi.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <search.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

namespace {

namespace fs = std::filesystem;
namespace rv = std::views;

// ---- C++20 and 23 ----

struct Point { int x, y; auto operator<=>(const Point &) const = default; };

std::expected<int, std::string> parsed(std::string_view text)
{
	int value;
	auto [end, error] = std::from_chars(text.begin(), text.end(), value);
	if (error != std::errc() || end != text.end()) return std::unexpected("not a number: " + std::string(text));
	return value;
}

void formats()
{
	std::cout << std::format("{:>8}|{:<8}|{:^8}|{:#x}|{:08.3f}|{:e}|{:+d}|{:c}|{}\n", "right", "left", "mid", 48879, 3.14159265, 12345.678, 5, 'x', true);
	std::cout << std::format("{0:{1}}|{0:.{2}}|{3:?}|{4}\n", "abcdef", 10, 3, "a\tb\"", std::vector{1, 2, 3});
	std::cout << std::format("{:%F %T}|{:%H:%M}\n", std::chrono::sys_seconds(std::chrono::seconds(1700000000)), std::chrono::minutes(125));
	std::println("{} {}", std::numbers::pi, std::pair(1, "two"));
	std::fflush(stdout);
	try { (void)std::vformat("{:d}", std::make_format_args("text")); } catch (const std::format_error &) { std::cout << "format error\n"; }
	wchar_t wide[8] = L"w";
	std::cout << std::format(L"{}{:5}", wide, 7).size() << "\n";
}

void ranges()
{
	auto squares = rv::iota(1) | rv::transform([](int i) { return i * i; }) | rv::filter([](int i) { return i % 3 == 1; }) | rv::take(6);
	int sum = 0;
	for (int i : squares) sum += i;
	std::cout << sum << " ";
	std::string text = "one,two,,three";
	for (auto word : text | rv::split(',')) std::cout << "[" << std::string_view(word) << "]";
	std::vector<Point> points{{3, 1}, {1, 2}, {2, 0}, {1, 1}};
	std::ranges::sort(points, {}, &Point::y);
	std::cout << " " << points[0].x << points[3].x << std::ranges::max(points).x << " " << (Point{1, 2} < Point{1, 3}) << "\n";
	auto table = rv::zip(rv::iota(0, 4), std::string("abcd")) | std::ranges::to<std::vector<std::pair<int, char>>>();
	std::cout << table.size() << table[2].second << " " << std::ranges::contains(points, Point{2, 0}) << " " << std::popcount(255u) << std::bit_ceil(33u) << "\n";
}

void values()
{
	std::cout << parsed("42").and_then([](int i) { return parsed(std::to_string(i * 2)); }).value() << " " << parsed("4x").error() << " ";
	try { (void)parsed("?").value(); } catch (const std::bad_expected_access<std::string> &e) { std::cout << e.error() << "\n"; }
	std::variant<int, std::string, std::vector<int>> v = std::vector{1, 2};
	std::cout << std::visit([](const auto &x) { if constexpr (requires { x.size(); }) return x.size(); else return size_t(x); }, v) << " ";
	try { (void)std::get<int>(v); } catch (const std::bad_variant_access &) { std::cout << "variant "; }
	std::any any = std::string("any");
	try { (void)std::any_cast<int>(any); } catch (const std::bad_any_cast &) { std::cout << std::any_cast<std::string>(any) << " "; }
	try { std::function<void()>()(); } catch (const std::bad_function_call &) { std::cout << "function "; }
	try { (void)std::optional<int>().value(); } catch (const std::bad_optional_access &) { std::cout << "optional "; }
	try { volatile int n = -1; int *volatile p = new int[static_cast<size_t>(n)]; delete[] p; } catch (const std::bad_alloc &) { std::cout << "length "; }
	try { (void)std::stoi("99999999999"); } catch (const std::out_of_range &) { std::cout << "range "; }
	try { (void)std::bitset<4>("0102"); } catch (const std::invalid_argument &) { std::cout << "bits\n"; }
	std::byte room[4096];
	std::pmr::monotonic_buffer_resource pool(room, sizeof room, std::pmr::null_memory_resource());
	std::pmr::vector<std::pmr::string> strings(&pool);
	try { for (;;) strings.emplace_back(100, 'x'); } catch (const std::bad_alloc &) { std::cout << "pool " << (strings.size() > 5) << "\n"; }
	std::cout << std::source_location::current().function_name() << "\n";
}

// ---- threads ----

struct Joined : std::thread { // std::jthread is unfinished in libc++ 19
	using std::thread::thread;
	Joined(Joined &&) = default;
	~Joined() { if (joinable()) join(); }
};

std::mutex order_lock;
std::string order;
void say(const char *what) { std::lock_guard l(order_lock); order += what; order += ' '; }

struct OnExit {
	const char *name;
	~OnExit() { say(name); }
};
struct Late { // makes another thread_local while those of its thread end
	~Late() { thread_local OnExit last{"last"}; (void)last.name; say("late"); }
};
void with_locals()
{
	thread_local OnExit first{"first"};
	thread_local Late late;
	thread_local OnExit second{"second"};
	(void)first.name; (void)&late; (void)second.name;
}

std::atomic<int> inits;
std::atomic<bool> inside;
int contested(bool fails)
{
	static int value = [&] {
		inside = true;
		inits++;
		std::this_thread::sleep_for(std::chrono::milliseconds(3));
		if (fails && inits < 4) throw std::runtime_error("not yet");
		return 17;
	}();
	return value;
}
template <int N> int chained() { static int value = chained<N - 1>() + 1; return value; }
template <> int chained<0>() { static int value = (std::this_thread::yield(), 0); return value; }

void threads()
{
	std::thread(with_locals).join();
	std::cout << order << "\n";
	order.clear();
	pthread_t thread; // ends by pthread_exit, which must run them too
	pthread_create(&thread, nullptr, [](void *) -> void * { with_locals(); pthread_exit(nullptr); }, nullptr);
	pthread_join(thread, nullptr);
	std::cout << order << "\n";

	std::atomic<int> failed, got, sum;
	std::latch start(9);
	std::vector<Joined> all;
	for (int i = 0; i < 8; i++)
		all.emplace_back([&] {
			start.arrive_and_wait();
			for (;;) {
				try { got += contested(true); break; } catch (const std::runtime_error &) { failed++; }
			}
			sum += chained<40>();
		});
	start.arrive_and_wait();
	all.clear();
	std::cout << "guards " << inits << " " << failed << " " << got << " " << sum << "\n";

	std::counting_semaphore<4> slots(0);
	std::atomic<int> stage = 0;
	Joined waits([&] {
		slots.acquire();
		stage = 1;
		stage.notify_all();
		std::timed_mutex m;
		std::unique_lock l(m);
		std::cout << "timed " << m.try_lock_for(std::chrono::milliseconds(5)) << "\n";
	});
	slots.release();
	stage.wait(0);
	waits.join();

	std::promise<void> broken;
	auto future = broken.get_future();
	{ std::promise<void> gone = std::move(broken); }
	try { future.get(); } catch (const std::future_error &e) { std::cout << (e.code() == std::future_errc::broken_promise) << " "; }
	std::packaged_task<int(int)> task([](int i) -> int { if (i) throw i; return 0; });
	auto result = task.get_future().share();
	Joined(std::move(task), 5).join();
	for (int i = 0; i < 2; i++)
		try { (void)result.get(); } catch (int n) { std::cout << n << " "; }
	std::cout << (result.wait_for(std::chrono::seconds(0)) == std::future_status::ready) << "\n";
}

// ---- exceptions ----

struct Part { // the fourth of an array fails
	static inline int alive, made;
	Part() { if (++made == 4) throw made; alive++; }
	~Part() { alive--; }
};
struct Whole {
	OnExit before{"member"};
	std::unique_ptr<Part[]> parts;
	int code = 0;
	Whole() try : parts(new Part[6]) {} catch (int n) { say("constructor"); throw n + 1; }
};
struct alignas(128) Wide { char room[256]; ~Wide() { say(reinterpret_cast<uintptr_t>(this) % 128 ? "crooked" : "straight"); } };

__attribute__((noinline)) void frames(int kind, size_t n)
{
	Wide wide;
	char *variable = static_cast<char *>(__builtin_alloca(n));
	std::memset(variable, kind, n);
	volatile char large[100000];
	large[n] = variable[n - 1];
	if (kind) frames(kind - 1, n * 2);
	else throw std::string(3, static_cast<char>('a' + large[n]));
}

struct Grand { virtual ~Grand() = default; int g = 1; };
struct Mother : virtual Grand { int m = 2; };
struct Father : virtual Grand { int f = 3; };
struct Child : Mother, Father { int c = 4; };

_Unwind_Reason_Code cleaned;
void foreign_cleanup(_Unwind_Reason_Code code, _Unwind_Exception *) { cleaned = code; }
_Unwind_Exception foreign = {};

void unwinding()
{
	order.clear();
	try { Whole whole; } catch (int n) { std::cout << n << " " << Part::alive << " " << order << "\n"; }
	order.clear();
	try { frames(3, 64); } catch (const std::string &s) { std::cout << s << " " << order << "\n"; }
	try { throw Child(); } catch (const Father &f) { std::cout << f.f << f.g << " "; }
	try { throw new Child; } catch (Grand *g) { std::cout << g->g << " "; delete g; }
	try { throw nullptr; } catch (void *p) { std::cout << (p == nullptr) << " "; }
	try { throw &Part::made; } catch (const int *p) { std::cout << *p << " "; }
	try { throw &Child::c; } catch (int Child::*p) { std::cout << (p == &Child::c) << "\n"; }

	std::exception_ptr kept;
	try { throw std::range_error("kept"); } catch (...) { kept = std::current_exception(); }
	std::atomic<int> caught;
	std::vector<Joined> all;
	for (int i = 0; i < 4; i++)
		all.emplace_back([&] { for (int n = 0; n < 200; n++) try { std::rethrow_exception(kept); } catch (const std::exception &e) { caught += *e.what() == 'k'; } });
	all.clear();
	std::cout << "rethrown " << caught << "\n";

	foreign.exception_class = 0x4f70744d69674321;
	foreign.exception_cleanup = foreign_cleanup;
	cleaned = _URC_NO_REASON;
	order.clear();
	try { OnExit passed{"passed"}; _Unwind_RaiseException(&foreign); } catch (const std::exception &) { std::cout << "wrong\n"; } catch (...) { say("foreign"); }
	std::cout << order << (cleaned == _URC_FOREIGN_EXCEPTION_CAUGHT) << "\n";

	int tries = 0;
	static int *handled = &tries;
	auto old = std::set_new_handler([] { if (++*handled == 3) throw std::bad_alloc(); });
	volatile size_t huge = size_t(1) << 60;
	try { ::operator delete(::operator new(huge)); } catch (const std::bad_alloc &) { std::cout << "new handler " << tries << " "; }
	std::set_new_handler(old);
	std::cout << (::operator new(huge, std::nothrow) == nullptr) << "\n";
	int status = 1;
	std::unique_ptr<char, void (*)(void *)> name(abi::__cxa_demangle(typeid(std::map<int, Child *>::iterator).name(), nullptr, nullptr, &status), std::free);
	std::cout << status << (std::strstr(name.get(), "Child") != nullptr) << "\n";
}

// ---- through C's callbacks ----

template <class F> bool leaves(F call)
{
	try { OnExit passed{"x"}; call(); } catch (const std::domain_error &) { return true; }
	return false;
}
[[noreturn]] void out() { throw std::domain_error("out"); }

void callbacks()
{
	static const fs::path top = fs::temp_directory_path() / ("optmig-cxx23-" + std::to_string(getpid()));
	fs::create_directories(top / "d");
	std::ofstream(top / "f") << "text";
	std::vector<int> v{3, 1, 2};
	size_t n = v.size();
	void *root = nullptr;
	auto compare = [](const void *, const void *) -> int { out(); };
	order.clear();
	std::cout << leaves([&] { std::qsort(v.data(), n, sizeof(int), compare); }) << leaves([&] { (void)std::bsearch(&v[0], v.data(), n, sizeof(int), compare); })
		  << leaves([&] { (void)lfind(&v[0], v.data(), &n, sizeof(int), compare); })
		  << leaves([&] { tsearch(&v[0], &root, compare); tsearch(&v[1], &root, compare); })
		  << leaves([&] { nftw(top.c_str(), [](const char *, const struct stat *, int, FTW *) -> int { out(); }, 5, 0); })
		  << leaves([&] { dirent **list; (void)scandir(top.c_str(), &list, [](const dirent *) -> int { out(); }, nullptr); })
		  << leaves([&] { static pthread_once_t once = PTHREAD_ONCE_INIT; pthread_once(&once, out); })
		  << leaves([&] { static std::once_flag flag; std::call_once(flag, out); }) << " " << order << "\n";
	// In the thread that a signal stopped in a call of libc.
	static volatile std::sig_atomic_t fired;
	struct sigaction action = {};
	action.sa_handler = [](int) { fired = fired + 1; out(); };
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &action, nullptr);
	int (*volatile send)(int) = raise;
	int left = 0;
	for (int i = 0; i < 100; i++) left += leaves([&] { send(SIGUSR1); });
	std::cout << "signals " << fired << " " << left << "\n";
	fs::remove_all(top);
}

// ---- files ----

void files()
{
	std::error_code e;
	const fs::path top = fs::temp_directory_path() / ("optmig-files-" + std::to_string(getpid()));
	fs::create_directories(top / "a/b/c");
	std::ofstream(top / "a/one") << std::string(5000, '1');
	fs::create_symlink("one", top / "a/link");
	fs::create_hard_link(top / "a/one", top / "a/hard");
	fs::create_directory_symlink("a", top / "dir");
	std::cout << fs::read_symlink(top / "a/link") << fs::hard_link_count(top / "a/one") << fs::is_symlink(top / "a/link") << fs::equivalent(top / "a/link", top / "a/hard")
		  << fs::is_directory(top / "dir") << " " << (fs::canonical(top / "dir/../a/./link") == fs::canonical(top / "a/one")) << fs::weakly_canonical(top / "none/x").filename()
		  << "\n";
	fs::permissions(top / "a/one", fs::perms::owner_write | fs::perms::group_read, fs::perm_options::remove);
	std::cout << std::oct << static_cast<int>(fs::status(top / "a/one").permissions()) << std::dec << " ";
	fs::copy(top / "a", top / "copy", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
	std::cout << std::distance(fs::recursive_directory_iterator(top / "copy"), {}) << fs::is_symlink(top / "copy/link") << " ";
	const auto then = fs::file_time_type::clock::now() - std::chrono::hours(1000);
	fs::last_write_time(top / "a/hard", then);
	std::cout << (std::chrono::abs(fs::last_write_time(top / "a/one") - then) < std::chrono::seconds(1)) << " ";
	fs::resize_file(top / "copy/one", 7, e);
	std::cout << fs::file_size(top / "copy/one") << (fs::space(top).capacity > 0) << "\n";
	fs::rename(top / "nothing", top / "x", e);
	std::cout << (e == std::errc::no_such_file_or_directory) << fs::create_directory(top / "a") << (fs::remove(top / "a", e), e.default_error_condition() == std::errc::directory_not_empty);
	try { fs::copy_file(top / "a/one", top / "a/hard"); } catch (const fs::filesystem_error &x) { std::cout << (x.code() == std::errc::file_exists) << x.path1().filename(); }
	std::cout << " " << (fs::path("/x/../y/./z.tar.gz").lexically_normal() / "q").string() << " " << fs::path("z.tar.gz").stem() << fs::path("/a/b").lexically_relative("/a/c") << "\n";
	const fs::path before = fs::current_path();
	fs::current_path(top);
	std::cout << fs::exists("a/b/c") << (fs::absolute("a") == fs::current_path() / "a");
	fs::current_path(before);
	std::cout << " " << fs::remove_all(top) << "\n";
}

// ---- streams and locales ----

struct Doubled : std::streambuf { // writes each character twice
	std::string out;
	int overflow(int c) override { if (out.size() > 60) throw std::length_error("full"); return out += std::string(2, static_cast<char>(c)), c; }
};
struct Yes : std::numpunct<char> {
	std::string do_truename() const override { return "yes"; }
	char do_decimal_point() const override { return ','; }
};

void streams()
{
	Doubled doubled;
	std::ostream o(&doubled);
	o << "ab" << 12;
	std::cout << doubled.out << " ";
	o << std::string(100, 'x');
	std::cout << o.bad() << " ";
	o.clear();
	o.exceptions(std::ios::badbit);
	try { o << "more"; } catch (const std::length_error &e) { std::cout << e.what() << "\n"; }
	const std::locale own(std::locale::classic(), new Yes);
	std::ostringstream text;
	text.imbue(own);
	text << std::boolalpha << true << " " << 2.5 << " " << std::hexfloat << 1.0 << std::defaultfloat << " " << std::put_money("12345") << " " << std::setprecision(17) << 0.1;
	std::istringstream in("yes 3,25 0x1p4");
	in.imbue(own);
	bool b;
	double d;
	in >> std::boolalpha >> b >> d;
	std::cout << text.str() << " " << b << d << "\n";
	std::cout << std::locale("C").name() << std::isalpha('x', own) << std::use_facet<std::collate<char>>(own).transform(std::begin("ab"), std::begin("ab") + 2) << " ";
	std::wstring_convert<std::codecvt_utf8<wchar_t>> convert;
	std::cout << convert.from_bytes("gr\xc3\xbc\xc3\x9f").size() << convert.to_bytes(L"\u20ac") << " ";
	try { (void)convert.from_bytes("\xff"); } catch (const std::range_error &) { std::cout << "not UTF-8 "; }
	std::tm tm = {};
	std::istringstream("2024-02-29 13:14:15") >> std::get_time(&tm, "%Y-%m-%d %H:%M:%S");
	std::cout << tm.tm_yday << tm.tm_hour << std::put_time(&tm, " %A %B %j") << "\n";
	std::stringstream both;
	both << "line one\nline two\n";
	std::string line;
	while (std::getline(both, line)) std::cout << line.size() << (both.tellg() == std::streampos(9));
	std::wostringstream wide;
	wide << std::setfill(L'\u2026') << std::setw(6) << 42;
	std::ofstream none("/nonexistent/file");
	std::cout << " " << wide.str().size() << none.is_open() << none.fail() << "\n";
}

// ---- frames, seen from inside ----

struct Walk { int frames = 0, regions = 0; bool main = false; };
int main_marker();
_Unwind_Reason_Code look(_Unwind_Context *context, void *at)
{
	auto &walk = *static_cast<Walk *>(at);
	walk.frames++;
	walk.regions += _Unwind_GetRegionStart(context) != 0;
	walk.main |= _Unwind_FindEnclosingFunction(reinterpret_cast<void *>(_Unwind_GetIP(context))) == reinterpret_cast<void *>(main_marker);
	return walk.frames < 500 ? _URC_NO_REASON : _URC_END_OF_STACK;
}
Walk walked;
int compare_and_walk(const void *a, const void *b)
{
	if (!walked.frames) _Unwind_Backtrace(look, &walked);
	return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}
__attribute__((noinline)) int main_marker()
{
	int v[] = {3, 1, 2};
	std::qsort(v, 3, sizeof(int), compare_and_walk); // through libc's frames and back to here
	volatile int first = v[0];
	return first;
}
void backtraces()
{
	std::cout << main_marker() << walked.main << (walked.frames > 4 && walked.frames < 60) << " ";
	Walk deep;
	auto at = [&](auto self, int n) -> int { volatile int r = n ? self(self, n - 1) : (int)_Unwind_Backtrace(look, &deep); return r; };
	Joined([&] { at(at, 100); }).join();
	std::cout << (deep.frames >= 50 && deep.frames < 140) << "\n";
}

struct Last { ~Last() { std::cout << "the end " << order << std::endl; } } last;

} // namespace

int main()
{
	formats();
	ranges();
	values();
	threads();
	unwinding();
	callbacks();
	files();
	streams();
	backtraces();
	order.clear();
	std::atexit([] { say("atexit"); });
	static OnExit local{"local"};
	std::at_quick_exit([] {});
	Joined([] { thread_local OnExit of_thread{"thread"}; (void)of_thread.name; }).join();
	thread_local OnExit of_main{"main"};
	(void)of_main.name;
	return 0;
}
