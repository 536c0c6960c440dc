/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_draw.h: chance for the metamorphic oracle: a row of draws from a seed. A change has a row of its own, so that what one
 * change draws never shifts another's.
 *
 * A row belongs to one thread at a time; the same seed gives the same draws on every machine.
 */
#ifndef BENCH_META_DRAW_H
#define BENCH_META_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/rand.h>

struct meta_draw {
	uint64_t seed, n; /* n: draws so far */
};

static inline uint64_t meta_next(struct meta_draw *d)
{
	return fos_mix64_add(d->seed, ++d->n);
}

/* [0, n); 0 where n is 0 */
static inline uint64_t meta_below(struct meta_draw *d, uint64_t n)
{
	return n ? fos_below(meta_next(d), n) : 0;
}

/* [lo, hi] */
static inline uint64_t meta_range(struct meta_draw *d, uint64_t lo, uint64_t hi)
{
	return hi > lo ? lo + meta_below(d, hi - lo + 1) : lo;
}

static inline bool meta_chance(struct meta_draw *d, unsigned percent)
{
	return meta_below(d, 100) < percent;
}

/* [lo, hi], lo at least 1, each power of two as likely as the next one: mostly small. */
static inline uint64_t meta_log(struct meta_draw *d, uint64_t lo, uint64_t hi)
{
	uint64_t top = lo;
	unsigned steps = 0;

	while (top < hi / 2) {
		top *= 2;
		steps++;
	}
	top = lo << meta_below(d, steps + 1);
	return meta_range(d, top, 2 * top > hi || 2 * top < top ? hi : 2 * top);
}

#endif
