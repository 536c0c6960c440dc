/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stats_hist.c: merging and reading histograms.
 *
 * Bucket i < 256 holds the value i. Above, with shift = (i >> 7) - 1, bucket i holds the values v with
 * v >> shift == (i & 127) + 128: 2^shift values of at least 128 * 2^shift, so its middle is within 0.4 % of each.
 */
#include "stats_hist.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { SUB = 1 << BENCH_HIST_BITS };

static_assert(BENCH_HIST_BUCKETS == (63 - BENCH_HIST_BITS) * SUB + 2 * SUB, "the greatest value has the last bucket");

void bench_hist_init(struct bench_hist *h)
{
	memset(h, 0, sizeof(*h));
}

void bench_hist_merge(struct bench_hist *into, const struct bench_hist *from)
{
	if (from->count == 0)
		return;
	if (into->count == 0 || from->min < into->min)
		into->min = from->min;
	if (into->count == 0 || from->max > into->max)
		into->max = from->max;
	into->count += from->count;
	for (uint32_t i = 0; i < BENCH_HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

static uint64_t bucket_middle(uint32_t i)
{
	uint32_t shift;

	if (i < 2 * SUB)
		return i;
	shift = (i >> BENCH_HIST_BITS) - 1;
	return ((uint64_t)((i & (SUB - 1)) + SUB) << shift) + (UINT64_C(1) << shift >> 1);
}

uint64_t bench_hist_quantile(const struct bench_hist *h, double q)
{
	double want = ceil(q * (double)h->count);
	uint64_t rank = want >= 1 ? (uint64_t)want : 1, seen = 0, value;
	uint32_t i = 0;

	if (h->count == 0)
		return 0;
	if (rank >= h->count)
		return h->max;
	while ((seen += h->bucket[i]) < rank)
		i++;
	value = bucket_middle(i);
	if (value < h->min)
		value = h->min;
	return value < h->max ? value : h->max;
}
