/* SPDX-License-Identifier: Apache-2.0 */
/* libc's own stores: memory and string functions at all small sizes and alignments, formatted output, streams. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <time.h>
#include <sys/mman.h>
#include <fenv.h>

static uint64_t hash(const void *at, size_t size)
{
	uint64_t h = 1469598103934665603u;
	for (size_t i = 0; i < size; i++) h = (h ^ ((const unsigned char *)at)[i]) * 1099511628211u;
	return h;
}

/* Reference by bytes; volatile, so that it stays one. */
static void copy_bytes(volatile unsigned char *to, const volatile unsigned char *from, size_t size, int backwards)
{
	for (size_t i = 0; i < size; i++) { size_t at = backwards ? size - 1 - i : i; to[at] = from[at]; }
}

static int check_memory(unsigned char *a, unsigned char *b, size_t room)
{
	static const size_t sizes[] = {0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 200, 511, 2047, 2048, 2049, 4095, 4096, 4097,
		8191, 36863, 36864, 36865, 100000};
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (size_t shift = 0; shift < 40; shift += 1 + (sizes[s] > 300) * 12) {
			size_t size = sizes[s];
			for (size_t i = 0; i < room; i += 97) a[i] = b[i] = (unsigned char)(i * 31 + size);
			memcpy(a + 4096 - 8, a + 150000 + shift, size);
			copy_bytes(b + 4096 - 8, b + 150000 + shift, size, 0);
			memmove(a + 5000 + shift, a + 5000, size);
			copy_bytes(b + 5000 + shift, b + 5000, size, 1);
			memmove(a + 130000, a + 130000 + shift, size);
			copy_bytes(b + 130000, b + 130000 + shift, size, 0);
			memset(a + 8190 - shift, (int)shift, size);
			for (size_t i = 0; i < size; i++) ((volatile unsigned char *)b)[8190 - shift + i] = (unsigned char)shift;
			if (memcmp(a, b, room)) { printf("differ at size %zu shift %zu\n", size, shift); return 1; }
		}
	return 0;
}

static int sign(int x) { return (x > 0) - (x < 0); }

/* Functions that only read, up to the last byte of a page that has nothing behind it. */
static int check_scans(void)
{
	unsigned char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), copy[600];
	if (pages == MAP_FAILED || mprotect(pages + 2 * 4096, 4096, PROT_NONE)) return 1;
	for (size_t length = 0; length < 90; length++)
		for (size_t back = 0; back < 70; back++) {
			char *s = (char *)pages + 2 * 4096 - 1 - length - back;
			memset(s - 40, 'x', 40);
			for (size_t i = 0; i < length; i++) s[i] = (char)('a' + i % 25);
			memset(s + length, 0, back + 1);
			memcpy(copy + back, s, length + 1);
			if (strlen(s) != length || strnlen(s, SIZE_MAX / 2) != length || strnlen(s, length / 2) != length / 2) return 2;
			char *q = strchr(s, 'q');
			if (q != (length > 16 ? s + 16 : NULL) || strchr(s, 0) != s + length || strchr(s, 'Z')) return 3;
			if (memchr(s, 'c', length) != (length > 2 ? s + 2 : NULL) || memchr(s, 'c', length < 2 ? length : 2) || memchr(s, 'x', 0)) return 4;
			if (strcmp(s, (char *)copy + back) || memcmp(s, copy + back, length + 1)) return 5;
			if (!length) continue;
			size_t at = (length * 7 + back) % length;
			copy[back + at] ^= 0x81;
			int expected = s[at] < copy[back + at] ? -1 : 1;
			if (sign(strcmp(s, (char *)copy + back)) != expected || sign(memcmp(s, copy + back, length)) != expected) return 6;
			if (memcmp(s, copy + back, at)) return 7;
		}
	return 0;
}

int main(void)
{
	enum { ROOM = 300000 };
	unsigned char *a = aligned_alloc(4096, 303104), *b = malloc(ROOM);
	if (check_memory(a, b, ROOM)) return 1;
	printf("scans %d\n", check_scans());
	printf("memory %llx\n", (unsigned long long)hash(a, ROOM));
	unsigned char *large = malloc(30 << 20);
	memset(large, 9, 30 << 20);
	memmove(large + 1000, large, (30 << 20) - 1000);
	printf("large %llx\n", (unsigned long long)hash(large + (29 << 20), 4096));

	char *text = malloc(100000), *other = malloc(100000);
	text[0] = 0;
	for (int i = 0; i < 900; i++) snprintf(text + strlen(text), 64, "%d:%x:%.3f;", i, i * 77, i / 7.0);
	strcpy(other, text);
	strcat(other, text);
	for (char *rest = text, *word; (word = strtok_r(rest, ";", &rest));) if (strlen(word) > 14) strncpy(other + 4090, word, 12);
	printf("strings %llx %d %s\n", (unsigned long long)hash(other, strlen(other)), strcmp(text, other), strchr(other, ';') ? "found" : "none");

	double sum = 0;
	for (int i = 1; i < 300; i++) {
		int exponent, quotient;
		double whole;
		sum += sin(i) * cos(i / 3.0) + log(i) + pow(i, 0.3) + frexp(i, &exponent) + modf(i / 7.0, &whole) + remquo(i, 3.7, &quotient);
		sum += exponent + whole + (quotient & 7);
	}
	printf("math %.6f\n", sum);
	fesetround(FE_UPWARD);
	printf("rounding %d", fegetround() == FE_UPWARD);
	fesetround(FE_TONEAREST);
	feclearexcept(FE_ALL_EXCEPT);
	feraiseexcept(FE_DIVBYZERO);
	fenv_t *environment = malloc(sizeof *environment + 64);
	fegetenv(environment);
	feclearexcept(FE_ALL_EXCEPT);
	printf(" %d", fetestexcept(FE_ALL_EXCEPT));
	fesetenv(environment);
	printf(" %d %d\n", !!fetestexcept(FE_DIVBYZERO), !!fetestexcept(FE_OVERFLOW));

	struct tm broken;
	time_t when = 1234567890;
	gmtime_r(&when, &broken);
	strftime(text, 100, "%Y-%m-%d %H:%M:%S", &broken);
	printf("%s\n", text);
	FILE *f = tmpfile();
	if (f) {
		for (int i = 0; i < 5000; i++) fprintf(f, "line %d\n", i);
		rewind(f);
		int last = 0;
		while (fscanf(f, "line %d\n", &last) == 1);
		printf("file %d\n", last);
		fclose(f);
	}
	return 0;
}
