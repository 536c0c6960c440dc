/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stats.h: what a handful of timings say. Everything is a function of the samples and a seed: the same numbers come
 * out every time. Pure functions, any thread; none blocks. They return 0 or a negative errno (-ENOMEM; -EINVAL for no
 * samples or one that is not a finite number above 0).
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_RESAMPLES = 4000 };

struct bench_summary {
	double median, min, max;
	double ci95[2]; /* of the median: percentile bootstrap; [min, max] when there are less than 3 samples */
	bool noisy;     /* see bench_stats_noisy() */
};

struct bench_ratio {
	double ratio;   /* median(b) / median(a) */
	double ci95[2]; /* both resampled independently; the extremes when either has less than 3 samples */
};

/* Quantile q in [0, 1] of sorted values, linear between neighbours; n > 0. */
double bench_stats_quantile(const double *sorted, size_t n, double q);

int bench_stats_summary(const double *samples, size_t n, uint64_t seed, struct bench_summary *out);
int bench_stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed, struct bench_ratio *out);

/* A measurement is noisy when half the width of its confidence interval is more than 5 % of the median, or, from 6
 * samples on, when the medians of the first and the second half of the samples (in the order in which they were taken)
 * are more than 5 % apart: the machine changed under it. One sample says nothing about noise and is not called noisy. */
int bench_stats_noisy(const double *samples, size_t n, const double ci95[2], double median, bool *noisy);

/* The order in which to measure: `repeats` blocks, each a random permutation of the numbers 0 … points - 1, so that a
 * drift of the machine hits all points alike. `order` has room for points * repeats. */
void bench_blocks(uint64_t seed, uint32_t points, uint32_t repeats, uint32_t *order);

#endif
