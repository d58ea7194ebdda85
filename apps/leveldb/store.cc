// SPDX-License-Identifier: Apache-2.0
// LevelDB under threads that write, delete and read back, with compactions behind them. Prints "beat" lines, and at the end a sum over
// all that a scan finds, which does not depend on who was faster.
//     store DIRECTORY ROUNDS
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include "leveldb/cache.h"
#include "leveldb/db.h"
#include "leveldb/filter_policy.h"
#include "leveldb/write_batch.h"

namespace {

uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	return x ^ (x >> 29);
}

void need(const leveldb::Status &s)
{
	if (!s.ok()) throw std::runtime_error(s.ToString());
}

std::string key(unsigned thread, uint64_t n) { return "t" + std::to_string(thread) + "/" + std::to_string(n % 5000); }

std::string value(unsigned thread, uint64_t n)
{
	std::string v(100 + mix(n) % 900, static_cast<char>('a' + n % 26));
	return v + std::to_string(mix(n ^ thread));
}

std::mutex printing;
std::atomic<long> beats;

void work(leveldb::DB &db, unsigned thread, uint64_t rounds)
{
	std::string found;
	for (uint64_t n = 0; n < rounds; n++) {
		leveldb::WriteBatch batch;
		uint64_t at = mix(n * 7 + thread);
		batch.Put(key(thread, at), value(thread, n));
		batch.Put(key(thread, at + 1), value(thread, n + 1));
		if (n % 5 == 0) batch.Delete(key(thread, at + 1));
		need(db.Write({}, &batch));
		need(db.Get({}, key(thread, at), &found));
		if (found != value(thread, n)) throw std::logic_error("read back something else: " + found.substr(0, 40));
		if (n % 500) continue;
		std::lock_guard lock(printing);
		std::cout << "beat " << beats++ << std::endl;
	}
}

uint64_t sum(leveldb::DB &db)
{
	uint64_t hash = 0;
	std::unique_ptr<leveldb::Iterator> it(db.NewIterator({}));
	for (it->SeekToFirst(); it->Valid(); it->Next()) {
		for (char c : it->key().ToString()) hash = mix(hash + static_cast<unsigned char>(c));
		for (char c : it->value().ToString()) hash = mix(hash + static_cast<unsigned char>(c));
	}
	need(it->status());
	return hash;
}

int run(const std::string &directory, uint64_t rounds)
{
	leveldb::Options options;
	std::unique_ptr<const leveldb::FilterPolicy> filter(leveldb::NewBloomFilterPolicy(10));
	std::unique_ptr<leveldb::Cache> cache(leveldb::NewLRUCache(8 << 20));
	options.create_if_missing = true;
	options.write_buffer_size = 1 << 20;
	options.filter_policy = filter.get();
	options.block_cache = cache.get();
	leveldb::DB *opened;
	need(leveldb::DB::Open(options, directory, &opened));
	std::unique_ptr<leveldb::DB> db(opened);
	std::vector<std::thread> threads;
	std::exception_ptr failed;
	for (unsigned t = 0; t < 3; t++)
		threads.emplace_back([&, t] {
			try { work(*db, t, rounds); } catch (...) { failed = std::current_exception(); }
		});
	for (auto &t : threads) t.join();
	if (failed) std::rethrow_exception(failed);
	std::cout << "result " << std::hex << sum(*db) << std::endl;
	return 0;
}

} // namespace

int main(int argc, char **argv)
try {
	return run(argc > 1 ? argv[1] : "store.db", argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000);
} catch (const std::exception &e) {
	std::cerr << "store: " << e.what() << std::endl;
	return 1;
}
