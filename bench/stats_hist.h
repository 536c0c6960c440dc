/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stats_hist.h: a histogram of durations in fixed memory: buckets grow with the value, so that every quantile is within
 * 1 % (values below 256 exactly) from 0 up to 2^64 - 1. Adding is a few instructions and never fails.
 *
 * One thread at a time per histogram; threads keep their own, bench_hist_merge() adds them up. What comes out depends
 * only on what was added, not on its order.
 */
#ifndef BENCH_STATS_HIST_H
#define BENCH_STATS_HIST_H

#include <stdint.h>

enum {
	BENCH_HIST_BITS = 7, /* 128 buckets per power of two */
	BENCH_HIST_BUCKETS = (64 - BENCH_HIST_BITS + 1) << BENCH_HIST_BITS,
};

struct bench_hist {
	uint64_t count, min, max; /* min and max exactly; meaningless while count is 0 */
	uint64_t bucket[BENCH_HIST_BUCKETS];
};

/* All zero bytes are an empty histogram too. */
void bench_hist_init(struct bench_hist *h);
void bench_hist_merge(struct bench_hist *into, const struct bench_hist *from);
/* The least bucket that has at least share q of all values at or below it, q in [0, 1]: its middle. 0 when empty. */
uint64_t bench_hist_quantile(const struct bench_hist *h, double q);

static inline uint32_t bench_hist_index(uint64_t value)
{
	if (value < (UINT64_C(2) << BENCH_HIST_BITS))
		return (uint32_t)value;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - BENCH_HIST_BITS;
	return (shift << BENCH_HIST_BITS) + (uint32_t)(value >> shift);
}

/* `times` values at once: the bytes of a packet that waited equally long. */
static inline void bench_hist_add_n(struct bench_hist *h, uint64_t value, uint64_t times)
{
	if (times == 0)
		return;
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (h->count == 0 || value > h->max)
		h->max = value;
	h->count += times;
	h->bucket[bench_hist_index(value)] += times;
}

static inline void bench_hist_add(struct bench_hist *h, uint64_t value)
{
	bench_hist_add_n(h, value, 1);
}

#endif
