/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stats.c: medians, bootstrapped confidence intervals, noise, randomised blocks.
 *
 * A resample's median needs no sorting: the samples are sorted once, a resample is how often each was drawn, and the
 * median is found by walking these counts. Draw i of resample k is a function of (seed, k, i).
 */
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

static const double noise_limit = 0.05;

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A sorted copy; NULL with *rc set. */
static double *sorted_copy(const double *samples, size_t n, int *rc)
{
	double *copy;

	*rc = -EINVAL;
	if (n == 0 || n > UINT32_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(samples[i]) || samples[i] <= 0)
			return NULL;
	}
	copy = malloc(n * sizeof(*copy));
	*rc = copy ? 0 : -ENOMEM;
	if (copy) {
		memcpy(copy, samples, n * sizeof(*copy));
		qsort(copy, n, sizeof(*copy), double_compare);
	}
	return copy;
}

double bench_stats_quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* The value of rank `rank` (from 0) in a resample given by counts. */
static double counted_rank(const double *sorted, const uint32_t *count, size_t rank)
{
	size_t i = 0, seen = count[0];

	while (seen <= rank)
		seen += count[++i];
	return sorted[i];
}

static double resampled_median(const double *sorted, uint32_t *count, size_t n, uint64_t h)
{
	memset(count, 0, n * sizeof(*count));
	for (size_t i = 0; i < n; i++)
		count[fos_below(fos_mix64_add(h, i), n)]++;
	if (n % 2)
		return counted_rank(sorted, count, n / 2);
	return (counted_rank(sorted, count, n / 2 - 1) + counted_rank(sorted, count, n / 2)) / 2;
}

/* BENCH_RESAMPLES medians, unsorted, into out. */
static int resample(const double *sorted, size_t n, uint64_t seed, double *out)
{
	uint32_t *count = malloc(n * sizeof(*count));

	if (!count)
		return -ENOMEM;
	for (uint64_t k = 0; k < BENCH_RESAMPLES; k++)
		out[k] = resampled_median(sorted, count, n, fos_mix64_add(fos_mix64(seed), k));
	free(count);
	return 0;
}

static void interval(double *values, double ci95[2])
{
	qsort(values, BENCH_RESAMPLES, sizeof(*values), double_compare);
	ci95[0] = bench_stats_quantile(values, BENCH_RESAMPLES, 0.025);
	ci95[1] = bench_stats_quantile(values, BENCH_RESAMPLES, 0.975);
}

static int median_of(const double *samples, size_t n, double *median)
{
	int rc;
	double *sorted = sorted_copy(samples, n, &rc);

	if (!sorted)
		return rc;
	*median = bench_stats_quantile(sorted, n, 0.5);
	free(sorted);
	return 0;
}

int bench_stats_noisy(const double *samples, size_t n, const double ci95[2], double median, bool *noisy)
{
	double first = 0, second = 0;
	int rc;

	*noisy = n > 1 && (ci95[1] - ci95[0]) / 2 > noise_limit * median;
	if (*noisy || n < 6)
		return 0;
	rc = median_of(samples, n / 2, &first);
	if (rc == 0)
		rc = median_of(samples + (n - n / 2), n / 2, &second);
	if (rc)
		return rc;
	*noisy = fabs(first - second) > noise_limit * median;
	return 0;
}

int bench_stats_summary(const double *samples, size_t n, uint64_t seed, struct bench_summary *out)
{
	int rc;
	double *sorted = sorted_copy(samples, n, &rc), *medians = NULL;

	if (!sorted)
		return rc;
	out->min = sorted[0];
	out->max = sorted[n - 1];
	out->median = bench_stats_quantile(sorted, n, 0.5);
	out->ci95[0] = out->min;
	out->ci95[1] = out->max;
	if (n >= 3) {
		medians = malloc(BENCH_RESAMPLES * sizeof(*medians));
		rc = medians ? resample(sorted, n, seed, medians) : -ENOMEM;
		if (rc)
			goto out;
		interval(medians, out->ci95);
	}
	rc = bench_stats_noisy(samples, n, out->ci95, out->median, &out->noisy);
out:
	free(medians);
	free(sorted);
	return rc;
}

int bench_stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed, struct bench_ratio *out)
{
	int rc;
	double *sa = sorted_copy(a, na, &rc), *sb = NULL, *ma = NULL, *mb = NULL;

	if (!sa)
		return rc;
	sb = sorted_copy(b, nb, &rc);
	if (!sb)
		goto out;
	out->ratio = bench_stats_quantile(sb, nb, 0.5) / bench_stats_quantile(sa, na, 0.5);
	out->ci95[0] = sb[0] / sa[na - 1];
	out->ci95[1] = sb[nb - 1] / sa[0];
	if (na < 3 || nb < 3)
		goto out;
	ma = malloc(BENCH_RESAMPLES * sizeof(*ma));
	mb = malloc(BENCH_RESAMPLES * sizeof(*mb));
	rc = ma && mb ? resample(sa, na, fos_mix64_add(seed, 1), ma) : -ENOMEM;
	if (rc == 0)
		rc = resample(sb, nb, fos_mix64_add(seed, 2), mb);
	if (rc)
		goto out;
	for (size_t k = 0; k < BENCH_RESAMPLES; k++)
		ma[k] = mb[k] / ma[k];
	interval(ma, out->ci95);
out:
	free(ma);
	free(mb);
	free(sa);
	free(sb);
	return rc;
}

void bench_blocks(uint64_t seed, uint32_t points, uint32_t repeats, uint32_t *order)
{
	for (uint32_t block = 0; block < repeats; block++, order += points) {
		uint64_t h = fos_mix64_add(fos_mix64(seed), block);

		for (uint32_t i = 0; i < points; i++) {
			uint32_t j = (uint32_t)fos_below(fos_mix64_add(h, i), (uint64_t)i + 1);

			if (j != i)
				order[i] = order[j];
			order[j] = i;
		}
	}
}
