/* SPDX-License-Identifier: Apache-2.0 */
/* libsvm at gigabytes: a store of many small data sets, each with the model trained on it; without end, one is taken at
 * random, some of its rows change, and its model is trained anew. A tick is one training. The result is a sum over all
 * models, so a page that was lost on the way shows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "svm.h"

#define ROWS 40
#define FEATURES 32

struct set {
	struct svm_node nodes[ROWS][FEATURES + 1];
	struct svm_node *rows[ROWS];
	double labels[ROWS];
	struct svm_model *model;
};

static struct set *sets;
static uint64_t set_count;

static void quiet(const char *text) { (void)text; }

static void make_row(struct set *s, int row, uint64_t seed)
{
	double sum = 0;
	for (int f = 0; f < FEATURES; f++) {
		double value = (double)(mix(seed * FEATURES + (uint64_t)f) >> 40) * 0x1p-24;
		s->nodes[row][f] = (struct svm_node){ f + 1, value };
		sum += f % 2 ? value : -value;
	}
	s->nodes[row][FEATURES].index = -1;
	s->rows[row] = s->nodes[row];
	/* The first two rows keep both classes alive, whatever the others become. */
	s->labels[row] = row == 0 ? 1 : row == 1 ? -1 : sum > 0 ? 1 : -1;
}

static void train(struct set *s)
{
	struct svm_problem problem = { ROWS, s->labels, s->rows };
	struct svm_parameter p = { .svm_type = C_SVC, .kernel_type = RBF, .gamma = 1.0 / FEATURES, .cache_size = 1, .C = 1, .eps = 1e-2, .shrinking = 1 };
	if (s->model)
		svm_free_and_destroy_model(&s->model);
	s->model = svm_train(&problem, &p);
}

static void setup(struct bench *b)
{
	svm_set_print_string_function(quiet);
	set_count = b->size_bytes / sizeof *sets;
	sets = bench_alloc(set_count * sizeof *sets);
	for (uint64_t i = 0; i < set_count; i++)
		for (int row = 0; row < ROWS; row++)
			make_row(&sets[i], row, i * ROWS + (uint64_t)row);
}

static void run(struct bench *b, int thread)
{
	uint64_t share = set_count / (uint64_t)b->threads, first = share * (uint64_t)thread;
	uint64_t state = mix(21 + (uint64_t)thread), work = b->work ? b->work : 2000;
	do {
		for (uint64_t n = 0; n < work; n++) {
			uint64_t x = next_random(&state);
			struct set *s = &sets[first + (x >> 16) % share];
			make_row(s, 2 + (int)(x % (ROWS - 2)), x);
			train(s);
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
}

static uint64_t result(struct bench *b)
{
	uint64_t sum = 0;
	(void)b;
	for (uint64_t i = 0; i < set_count; i++) {
		for (int row = 0; row < ROWS; row++)
			for (int f = 0; f < FEATURES; f++)
				sum += (uint64_t)(sets[i].nodes[row][f].value * 0x1p24) * (i + (uint64_t)f + 1);
		/* exp() of two libraries may differ in the last bit, so the model counts with what is robust. */
		if (sets[i].model)
			sum += mix(i) ^ (uint64_t)svm_get_nr_class(sets[i].model);
	}
	return sum;
}

const struct kernel kernel = { "svmfarm", "libsvm; no options; --work is the number of trainings per thread", setup, run, result };
