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

struct fos__bucket;

struct fos__array {
	struct fos__bucket *bucket;
	uint32_t mask; /* buckets - 1 */
	size_t used;   /* entries */
};

struct fos__table {
	struct fos__array now, old; /* old.bucket is NULL when nothing is being moved */
	uint32_t moved;             /* buckets of `old` that are empty for good */
};

/* Where a look-up stands; for walking over entries with the same hash. */
struct fos__probe {
	const struct fos__array *array;
	uint32_t bucket, slot;
};

int fos__table_init(struct fos__table *t);
void fos__table_free(struct fos__table *t);

/* Loads the cache line that a look-up of `hash` begins with. */
void fos__table_prefetch(const struct fos__table *t, uint32_t hash);

/* The first number, then each further one, that stands under `hash`; 0 when there is none left. */
uint32_t fos__table_first(const struct fos__table *t, uint32_t hash, struct fos__probe *p);
uint32_t fos__table_next(const struct fos__table *t, uint32_t hash, struct fos__probe *p);

/* Adds number (not 0) under hash; 0 or -ENOMEM. */
int fos__table_add(struct fos__table *t, uint32_t hash, uint32_t number);

/* Puts `to` in the place of `from` under hash; with to = 0 takes the entry out. Returns 0 or -ENOENT. */
int fos__table_replace(struct fos__table *t, uint32_t hash, uint32_t from, uint32_t to);

#endif
