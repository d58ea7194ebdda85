/* SPDX-License-Identifier: Apache-2.0 */
/* libc's vector string functions against the system's, with every buffer ending at a page that cannot be read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define memcmp ours_memcmp
#define memchr ours_memchr
#define strlen ours_strlen
#define strcspn ours_strcspn
#define __strchrnul ours_strchrnul
#define strchrnul ours_strchrnul_weak
#define alias(name) alias("ours_strchrnul")
#include "../../libc/overlay/src/string/x86_64_optmig/memcmp.c"
#include "../../libc/overlay/src/string/x86_64_optmig/memchr.c"
#include "../../libc/overlay/src/string/x86_64_optmig/strlen.c"
#include "../../libc/overlay/src/string/x86_64_optmig/strchrnul.c"
#include "../../libc/overlay/src/string/x86_64_optmig/strcspn.c"
#undef memcmp
#undef memchr
#undef strlen
#undef strcspn
int memcmp(const void *, const void *, size_t);
void *memchr(const void *, int, size_t);
size_t strlen(const char *);
size_t strcspn(const char *, const char *);

static int sign(int x) { return x < 0 ? -1 : x > 0; }

static unsigned char *guarded(void)
{
	unsigned char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p + 8192, 4096, PROT_NONE) != 0)
		exit(77);
	return p + 8192;
}

int main(void)
{
	unsigned char *a_end = guarded(), *b_end = guarded();
	long wrong = 0;

	srand(1);
	for (int i = 0; i < 1000000; i++) {
		size_t n = (size_t)rand() % 200;
		unsigned char *a = a_end - n - (rand() % 3 ? 0 : rand() % 64), *b = b_end - n - (rand() % 3 ? 0 : rand() % 64);
		int c = rand() % 4;

		if (rand() % 50 == 0)
			for (size_t k = 0; k < n; k++)
				a[k] = (unsigned char)(rand() % 3);
		for (size_t k = 0; k < n; k++)
			b[k] = a[k];
		if (n && rand() % 2)
			b[(size_t)rand() % n] = (unsigned char)(rand() % 256);
		wrong += sign(ours_memcmp(a, b, n)) != sign(memcmp(a, b, n));
		wrong += ours_memchr(a, c, n) != memchr(a, c, n);
		if (!n)
			continue;
		unsigned char kept = a[n - 1];
		a[n - 1] = 0;
		char *at = (char *)a;
		while (*at && *at != (char)c)
			at++;
		wrong += ours_strlen((char *)a) != strlen((char *)a);
		wrong += ours_strchrnul((char *)a, c) != at;
		char set[6] = {0};
		for (int k = rand() % 6; k > 0; k--)
			set[k - 1] = (char)(rand() % (rand() % 2 ? 256 : 3) + 1);
		wrong += ours_strcspn((char *)a, set) != strcspn((char *)a, set);
		a[n - 1] = kept;
	}
	printf("%ld wrong answers\n", wrong);
	return wrong != 0;
}
