/* SPDX-License-Identifier: Apache-2.0 */
/* Sequential fill, then quicksort of 64-bit numbers, per thread. A tick is a partition of 4,096 numbers or more. */
#include "bench.h"

static uint64_t *numbers, count_each;

static void setup(struct bench *b)
{
	count_each = b->size_bytes / 8 / (uint64_t)b->threads;
	numbers = bench_alloc(count_each * 8 * (uint64_t)b->threads);
}

static void sort(struct bench *b, int thread, uint64_t *a, uint64_t n)
{
	while (n > 16) {
		uint64_t x = a[0], y = a[n / 2], z = a[n - 1], pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);
		uint64_t i = 0, j = n - 1;
		for (;; i++, j--) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i >= j)
				break;
			uint64_t t = a[i];
			a[i] = a[j];
			a[j] = t;
		}
		uint64_t left = j + 1;
		if (n >= 4096)
			bench_tick(b, thread);
		if (left < n - left) {
			sort(b, thread, a, left);
			a += left;
			n -= left;
		} else {
			sort(b, thread, a + left, n - left);
			n = left;
		}
	}
	for (uint64_t i = 1; i < n; i++)
		for (uint64_t j = i; j > 0 && a[j - 1] > a[j]; j--) {
			uint64_t t = a[j];
			a[j] = a[j - 1];
			a[j - 1] = t;
		}
}

static void run(struct bench *b, int thread)
{
	uint64_t *a = numbers + count_each * (uint64_t)thread, sum = 0, work = b->work ? b->work : 1, seed = 0;
	do {
		for (uint64_t n = 0; n < work; n++) {
			seed++;
			for (uint64_t i = 0; i < count_each; i++) {
				a[i] = mix(i + seed * 0x123456789u + (uint64_t)thread);
				if (i % 65536 == 0)
					bench_tick(b, thread);
			}
			sort(b, thread, a, count_each);
			for (uint64_t i = 1; i < count_each; i++)
				sum += a[i - 1] <= a[i] ? a[i] * i : 0;
		}
	} while (bench_again(b, thread));
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "sort", "no options; --work is the number of rounds", setup, run, NULL };
