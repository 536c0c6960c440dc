/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table.h: from a session's hash to where it is. Open addressing in buckets of one cache line; grows a few buckets at
 * a time, so that no packet waits for a resize. Holds 32-bit hashes and numbers, knows nothing of sessions: who looks
 * up compares keys himself.
 *
 * One thread. Memory comes in maps that the kernel fills with zeroes as they are touched.
 */
#ifndef FOS_TABLE_H
#define FOS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fetch.h"

enum { FOS_TABLE_SLOTS = 7 };

struct fos__bucket {
	uint32_t hash[FOS_TABLE_SLOTS];
	uint32_t number[FOS_TABLE_SLOTS]; /* 0: the slot is free */
	uint32_t passed;                  /* entries that would be here or before, had there been room */
	uint32_t pad;
};

_Static_assert(sizeof(struct fos__bucket) == 64, "a bucket is a cache line");

struct fos__array {
	struct fos__bucket *bucket;
	uint32_t mask; /* buckets - 1 */
	size_t used;   /* entries */
};

struct fos__table {
	struct fos__array now, old; /* old.bucket is NULL when nothing is being moved */
	uint32_t moved;             /* buckets of `old` that are empty for good */
};

/* With so many entries it is to grow. */
static inline size_t fos__array_most(const struct fos__array *a)
{
	return ((size_t)a->mask + 1) * FOS_TABLE_SLOTS * 3 / 4;
}

/* Where a look-up stands; for walking over entries with the same hash. */
struct fos__probe {
	const struct fos__array *array;
	uint32_t bucket, slot;
};

int fos__table_init(struct fos__table *t);
void fos__table_free(struct fos__table *t);
void fos__table_clear(struct fos__table *t); /* takes everything out */

/* Loads the cache line that a look-up of `hash` begins with. */
static FOS__FETCHES void fos__table_prefetch(const struct fos__table *t, uint32_t hash)
{
	fos__fetch(&t->now.bucket[hash & t->now.mask]);
	if (__builtin_expect(t->old.bucket != NULL, 0))
		fos__fetch(&t->old.bucket[hash & t->old.mask]);
}

/* Which of a bucket's hashes, or numbers, are `value`, a bit each. */
static inline unsigned fos__slots_match(const uint32_t of[FOS_TABLE_SLOTS], uint32_t value)
{
#ifdef __SSE2__
	__m128i want = _mm_set1_epi32((int)value);
	__m128i low = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)&of[0]), want);
	__m128i high = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)&of[3]), want);

	return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(low)) | (unsigned)_mm_movemask_ps(_mm_castsi128_ps(high))
	                                                              << 3;
#else
	unsigned bits = 0;

	for (unsigned s = 0; s < FOS_TABLE_SLOTS; s++)
		bits |= (unsigned)(of[s] == value) << s;
	return bits;
#endif
}

/* The first number, then each further one, that stands under `hash`; 0 when there is none left. */
uint32_t fos__table_first(const struct fos__table *t, uint32_t hash, struct fos__probe *p);
uint32_t fos__table_next(const struct fos__table *t, uint32_t hash, struct fos__probe *p);

/* A number that stands under `hash`, nearly always the only one and in the bucket that its look-up begins with; 0: there is none. */
static inline uint32_t fos__table_home(const struct fos__table *t, uint32_t hash)
{
	const struct fos__bucket *b = &t->now.bucket[hash & t->now.mask];
	struct fos__probe p;

	for (unsigned bits = fos__slots_match(b->hash, hash); bits; bits &= bits - 1) {
		uint32_t number = b->number[(unsigned)__builtin_ctz(bits)];

		if (number)
			return number;
	}
	return __builtin_expect(b->passed || t->old.bucket, 0) ? fos__table_first(t, hash, &p) : 0;
}

/* Adds number (not 0) under hash; 0 or -ENOMEM. */
int fos__table_add(struct fos__table *t, uint32_t hash, uint32_t number);

/* Puts `to` in the place of `from` under hash; with to = 0 takes the entry out. Returns 0 or -ENOENT. */
int fos__table_replace(struct fos__table *t, uint32_t hash, uint32_t from, uint32_t to);

/* Adds number (not 0) under hash; the same as fos__table_add(), inline where nothing is to be moved and there is room. */
static inline int fos__table_put(struct fos__table *t, uint32_t hash, uint32_t number)
{
	struct fos__bucket *b = &t->now.bucket[hash & t->now.mask];
	unsigned empty = fos__slots_match(b->number, 0);

	if (t->old.bucket || !empty || t->now.used >= fos__array_most(&t->now))
		return fos__table_add(t, hash, number);
	b->number[__builtin_ctz(empty)] = number;
	b->hash[__builtin_ctz(empty)] = hash;
	t->now.used++;
	return 0;
}

#endif
