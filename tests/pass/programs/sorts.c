/* SPDX-License-Identifier: Apache-2.0 */
/* Ordinary code with many shapes of loops and stores: sorting, a tree, a hash table, matrices, bit-fields, unions,
 * structures by value, computed gotos, setjmp. Deterministic output. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;
static uint64_t next(void) { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; return seed; }

struct node { struct node *left, *right; uint64_t key; unsigned a : 3, b : 11, c : 18; };
struct big { uint64_t word[40]; };
static __thread uint64_t tls_sum[4];
static jmp_buf global_jump;

static struct node *insert(struct node *n, uint64_t key)
{
	if (!n) {
		n = calloc(1, sizeof *n);
		n->key = key;
		return n;
	}
	if (key < n->key) n->left = insert(n->left, key);
	else n->right = insert(n->right, key);
	n->a++;
	n->b += (unsigned)key & 7;
	n->c ^= (unsigned)key;
	return n;
}
static uint64_t walk(const struct node *n) { return n ? walk(n->left) * 31 + n->key + n->a + n->b + n->c + walk(n->right) * 17 : 0; }
static int by_value(const void *a, const void *b) { uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b; return x < y ? -1 : x > y; }
static struct big fill(uint64_t from) { struct big b; for (int i = 0; i < 40; i++) b.word[i] = from + (unsigned)i; return b; }
static uint64_t take(struct big b) { b.word[3] = 5; return b.word[0] + b.word[3] + b.word[39]; }

static uint64_t machine(const unsigned char *code, uint64_t *stack)
{
	static void *const table[] = {&&push, &&add, &&multiply, &&store, &&done};
	uint64_t *sp = stack;
	goto *table[*code++];
push: *sp++ = *code++; goto *table[*code++];
add: sp--; sp[-1] += sp[0]; goto *table[*code++];
multiply: sp--; sp[-1] *= sp[0]; goto *table[*code++];
store: stack[1000 + *code++] = sp[-1]; goto *table[*code++];
done: return sp[-1];
}

static void matrices(double *a, double *b, double *c, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			c[i * n + j] = 0;
			for (int k = 0; k < n; k++) c[i * n + j] += a[i * n + k] * b[k * n + j];
		}
}

static void jump(int depth) { if (depth) jump(depth - 1); else longjmp(global_jump, 42); }

int main(void)
{
	enum { N = 20000 };
	uint64_t *v = malloc(N * sizeof *v), hash = 0;
	struct node *root = NULL;
	for (int i = 0; i < N; i++) v[i] = next();
	for (int i = 0; i < N; i += 4) root = insert(root, v[i] >> 40);
	qsort(v, N, sizeof *v, by_value);
	for (int i = 0; i < N; i++) hash = hash * 131 + v[i];
	printf("sort %llx tree %llx\n", (unsigned long long)hash, (unsigned long long)walk(root));

	struct big *bigs = malloc(100 * sizeof *bigs);
	for (int i = 0; i < 100; i++) bigs[i] = fill((uint64_t)i * 7);
	for (int i = 99; i > 0; i--) bigs[i - 1] = bigs[(i * 37) % 100];
	hash = 0;
	for (int i = 0; i < 100; i++) hash = hash * 3 + take(bigs[i]);
	printf("structures %llx\n", (unsigned long long)hash);

	uint64_t *stack = calloc(2000, sizeof *stack);
	static const unsigned char code[] = {0, 6, 0, 7, 2, 3, 200, 0, 9, 1, 3, 201, 4};
	printf("machine %llu %llu %llu\n", (unsigned long long)machine(code, stack), (unsigned long long)stack[1200], (unsigned long long)stack[1201]);

	double *m = malloc(3 * 64 * 64 * sizeof *m), trace = 0;
	for (int i = 0; i < 2 * 64 * 64; i++) m[i] = (double)(i % 13);
	matrices(m, m + 64 * 64, m + 2 * 64 * 64, 64);
	for (int i = 0; i < 64; i++) trace += m[2 * 64 * 64 + i * 65];
	printf("matrices %.1f\n", trace);

	jmp_buf *on_heap = malloc(3 * sizeof(jmp_buf) + 4096);
	volatile int rounds = 0;
	int got = setjmp(on_heap[2]);
	if (!got) longjmp(on_heap[2], 3);
	if (!setjmp(global_jump)) jump(10);
	else rounds = 1;
	sigjmp_buf *with_mask = malloc(sizeof *with_mask + 8192);
	if (!sigsetjmp(*with_mask, 1)) siglongjmp(*with_mask, 1);
	printf("jumps %d %d\n", got, rounds);

	unsigned short *halves = malloc(1 << 20);
	for (int i = 0; i < 1 << 19; i++) halves[i] = (unsigned short)(i * 3);
	for (int i = 0; i < 1 << 18; i++) halves[(unsigned)next() % (1 << 19)] ^= (unsigned short)i;
	for (int i = 0; i < 1 << 19; i++) tls_sum[i & 3] += halves[i];
	printf("scatter %llx %llx\n", (unsigned long long)tls_sum[0], (unsigned long long)tls_sum[3]);
	return 0;
}
