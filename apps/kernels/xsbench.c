/* SPDX-License-Identifier: Apache-2.0 */
/* Monte Carlo neutron transport's hot loop: macroscopic cross-section look-ups in a unionised energy grid, random and
 * read-mostly, with a tally that is written. A tick is 64 look-ups. */
#include "bench.h"

#define NUCLIDES 68
#define CHANNELS 5
struct point { double energy, xs[CHANNELS]; };
static struct point *nuclides;      /* NUCLIDES grids of points_each */
static double *grid;
static uint32_t *grid_index;        /* for each grid energy, the position in each nuclide's grid */
static uint64_t points_each, grid_count, *tally;

static double unit(uint64_t x) { return (double)(x >> 11) * 0x1p-53; }

static void setup(struct bench *b)
{
	points_each = b->size_bytes / 2 / (NUCLIDES * sizeof *nuclides) + 2;
	grid_count = b->size_bytes / 2 / (NUCLIDES * sizeof *grid_index + sizeof *grid) + 2;
	nuclides = bench_alloc(points_each * NUCLIDES * sizeof *nuclides);
	grid = bench_alloc(grid_count * sizeof *grid);
	grid_index = bench_alloc(grid_count * NUCLIDES * sizeof *grid_index);
	tally = bench_alloc(grid_count * 8 * (uint64_t)b->threads);
	for (uint64_t n = 0; n < NUCLIDES; n++)
		for (uint64_t i = 0; i < points_each; i++) {
			struct point *p = &nuclides[n * points_each + i];
			p->energy = ((double)i + unit(mix(n << 40 | i))) / (double)points_each;
			for (int c = 0; c < CHANNELS; c++)
				p->xs[c] = unit(mix((n << 40 | i) * CHANNELS + (uint64_t)c));
		}
	for (uint64_t g = 0; g < grid_count; g++) {
		grid[g] = (double)g / (double)grid_count;
		for (uint64_t n = 0; n < NUCLIDES; n++) {
			uint64_t i = (uint64_t)(grid[g] * (double)points_each);
			grid_index[g * NUCLIDES + n] = (uint32_t)(i + 1 < points_each ? i : points_each - 2);
		}
	}
}

static void run(struct bench *b, int thread)
{
	uint64_t state = mix(3 + (uint64_t)thread), sum = 0, *mine = tally + grid_count * (uint64_t)thread;
	uint64_t work = b->work ? b->work : 20000;
	do {
		for (uint64_t w = 0; w < work; w++) {
			for (int k = 0; k < 64; k++) {
				double energy = unit(next_random(&state)), macro[CHANNELS] = { 0 };
				uint64_t low = 0, high = grid_count - 1;
				while (high - low > 1) {
					uint64_t middle = (low + high) / 2;
					if (grid[middle] > energy)
						high = middle;
					else
						low = middle;
				}
				int material = (int)(next_random(&state) % 12) + 1;
				for (int j = 0; j < material * 2; j++) {
					uint64_t n = (uint64_t)(j * 7 + material) % NUCLIDES;
					const struct point *p = &nuclides[n * points_each + grid_index[low * NUCLIDES + n]];
					double width = p[1].energy - p[0].energy, f = width > 0 ? (p[1].energy - energy) / width : 0;
					for (int c = 0; c < CHANNELS; c++)
						macro[c] += p[1].xs[c] - f * (p[1].xs[c] - p[0].xs[c]);
				}
				int best = 0;
				for (int c = 1; c < CHANNELS; c++)
					if (macro[c] > macro[best])
						best = c;
				sum += (uint64_t)best + 1;
				mine[low] += (uint64_t)best + 1;
			}
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	for (uint64_t g = 0; g < grid_count; g++)
		sum += mine[g] * (g | 1);
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "xsbench", "no options", setup, run, NULL };
