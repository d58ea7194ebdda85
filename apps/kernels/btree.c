/* SPDX-License-Identifier: Apache-2.0 */
/* A B-tree of order 32 per thread: inserts and look-ups of random keys. A tick is 32 operations. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include "bench.h"

#define ORDER 32
struct node {
	uint16_t count, leaf;
	uint32_t pad;
	uint64_t keys[ORDER - 1];
	uint64_t values[ORDER - 1];
	struct node *children[ORDER];
};

struct tree { struct node *root; char *arena, *arena_end; uint64_t entries; };
static struct tree *trees;

static struct node *node_new(struct tree *t, int leaf)
{
	struct node *n = (struct node *)(void *)t->arena;
	if (t->arena + sizeof *n > t->arena_end)
		return NULL;
	t->arena += sizeof *n;
	n->leaf = (uint16_t)leaf;
	n->count = 0;
	return n;
}

static void split_child(struct tree *t, struct node *parent, int i)
{
	struct node *left = parent->children[i], *right = node_new(t, left->leaf);
	int half = ORDER / 2;
	if (!right)
		abort(); /* the caller keeps room for a whole path */
	right->count = (uint16_t)(ORDER - 1 - half);
	memcpy(right->keys, left->keys + half, right->count * sizeof right->keys[0]);
	memcpy(right->values, left->values + half, right->count * sizeof right->values[0]);
	if (!left->leaf)
		memcpy(right->children, left->children + half, (right->count + 1u) * sizeof right->children[0]);
	left->count = (uint16_t)(half - 1);
	memmove(parent->keys + i + 1, parent->keys + i, (size_t)(parent->count - i) * sizeof parent->keys[0]);
	memmove(parent->values + i + 1, parent->values + i, (size_t)(parent->count - i) * sizeof parent->values[0]);
	memmove(parent->children + i + 2, parent->children + i + 1, (size_t)(parent->count - i) * sizeof parent->children[0]);
	parent->keys[i] = left->keys[half - 1];
	parent->values[i] = left->values[half - 1];
	parent->children[i + 1] = right;
	parent->count++;
}

static int position(const struct node *n, uint64_t key)
{
	int low = 0, high = n->count;
	while (low < high) {
		int middle = (low + high) / 2;
		if (n->keys[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool insert(struct tree *t, uint64_t key, uint64_t value)
{
	if (t->arena + 16 * sizeof(struct node) > t->arena_end)
		return false; /* full: the work goes on with look-ups and updates */
	if (t->root->count == ORDER - 1) {
		struct node *root = node_new(t, 0);
		root->children[0] = t->root;
		t->root = root;
		split_child(t, root, 0);
	}
	struct node *n = t->root;
	for (;;) {
		int i = position(n, key);
		if (i < n->count && n->keys[i] == key) {
			n->values[i] += value;
			return true;
		}
		if (n->leaf) {
			memmove(n->keys + i + 1, n->keys + i, (size_t)(n->count - i) * sizeof n->keys[0]);
			memmove(n->values + i + 1, n->values + i, (size_t)(n->count - i) * sizeof n->values[0]);
			n->keys[i] = key;
			n->values[i] = value;
			n->count++;
			t->entries++;
			return true;
		}
		if (n->children[i]->count == ORDER - 1) {
			split_child(t, n, i);
			if (n->keys[i] == key) {
				n->values[i] += value;
				return true;
			}
			if (n->keys[i] < key)
				i++;
		}
		n = n->children[i];
	}
}

static uint64_t *lookup(struct tree *t, uint64_t key)
{
	for (struct node *n = t->root;;) {
		int i = position(n, key);
		if (i < n->count && n->keys[i] == key)
			return &n->values[i];
		if (n->leaf)
			return NULL;
		n = n->children[i];
	}
}

/* Ascending in i, so that gigabytes are loaded in seconds; the work then goes to random places. */
static uint64_t key_of(uint64_t i)
{
	return i << 20 | mix(i) >> 44;
}

static void setup(struct bench *b)
{
	uint64_t share = b->size_bytes / (uint64_t)b->threads;
	trees = bench_alloc((uint64_t)b->threads * sizeof *trees);
	for (int t = 0; t < b->threads; t++) {
		trees[t].arena = bench_alloc(share);
		trees[t].arena_end = trees[t].arena + share;
		trees[t].root = node_new(&trees[t], 1);
		for (uint64_t i = 0; trees[t].arena + share / 8 < trees[t].arena_end && insert(&trees[t], key_of(i), i); i++)
			;
	}
}

static void run(struct bench *b, int thread)
{
	struct tree *t = &trees[thread];
	uint64_t state = mix(5 + (uint64_t)thread), sum = 0, range = t->entries, work = b->work ? b->work : t->entries / 64 + 1;
	do {
		for (uint64_t n = 0; n < work; n++) {
			for (int k = 0; k < 32; k++) {
				uint64_t x = next_random(&state), *found;
				if (x % 8 == 0)
					insert(t, ((x >> 20) % range) << 20 | mix(x) >> 44, 1);
				else if ((found = lookup(t, key_of((x >> 20) % range))) != NULL)
					sum += x % 4 ? *found : ++*found;
			}
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	atomic_fetch_add(&b->result, mix(sum + t->entries));
}

const struct kernel kernel = { "btree", "no options", setup, run, NULL };
