// SPDX-License-Identifier: Apache-2.0
// Packs and unpacks texts of many kinds and lengths in two threads. Prints "beat" lines, and at the end a sum over all that was packed.
//     pack ROUNDS
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include "snappy-sinksource.h"
#include "snappy.h"

namespace {

uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	return x ^ (x >> 29);
}

// Words of a small language, with stretches that nothing packs.
std::string text(uint64_t seed)
{
	std::string t;
	const size_t length = mix(seed) % 200000;
	for (uint64_t n = seed; t.size() < length; n = mix(n + 1)) {
		if (n % 50) t += "word" + std::to_string(n % (1 + seed % 300)) + " ";
		else for (int i = 0; i < 500; i++) t += static_cast<char>(mix(n + static_cast<uint64_t>(i)));
	}
	return t;
}

std::mutex printing;
long beats;

uint64_t work(uint64_t thread, uint64_t rounds)
{
	uint64_t hash = thread;
	for (uint64_t n = 0; n < rounds; n++) {
		const std::string plain = text(mix(n) ^ thread);
		std::string packed, again;
		snappy::Compress(plain.data(), plain.size(), &packed);
		if (!snappy::IsValidCompressedBuffer(packed.data(), packed.size())) throw std::logic_error("not valid");
		if (!snappy::Uncompress(packed.data(), packed.size(), &again) || again != plain) throw std::logic_error("unpacked to something else");
		snappy::ByteArraySource source(packed.data(), packed.size());
		std::vector<char> room(plain.size() + 1);
		snappy::UncheckedByteArraySink sink(room.data());
		if (!snappy::Uncompress(&source, &sink) || plain.compare(0, plain.size(), room.data(), plain.size())) throw std::logic_error("by a source");
		for (unsigned char c : packed) hash = mix(hash + c);
		if (n % 20) continue;
		std::lock_guard lock(printing);
		std::cout << "beat " << beats++ << std::endl;
	}
	return hash;
}

} // namespace

int main(int argc, char **argv)
{
	const uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100;
	uint64_t sums[2];
	std::thread other([&] { sums[1] = work(1, rounds); });
	sums[0] = work(0, rounds);
	other.join();
	std::cout << "result " << std::hex << sums[0] << " " << sums[1] << std::endl;
}
