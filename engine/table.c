/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table.c: see table.h. Each bucket counts the entries that passed over it because it was full; a look-up goes on to
 * the next bucket only while that count is not zero, so taking entries out leaves nothing behind.
 */
#include "table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = FOS_TABLE_SLOTS, FIRST_BUCKETS = 1024, MOVE_BUCKETS = 8 };

static int array_init(struct fos__array *a, uint32_t buckets)
{
	size_t bytes = (size_t)buckets * sizeof(struct fos__bucket);
	void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		return -ENOMEM;
	if (bytes >= (size_t)4 << 20)
		madvise(m, bytes, MADV_HUGEPAGE);
	a->bucket = m;
	a->mask = buckets - 1;
	a->used = 0;
	return 0;
}

static void array_free(struct fos__array *a)
{
	if (a->bucket)
		munmap(a->bucket, ((size_t)a->mask + 1) * sizeof(struct fos__bucket));
	a->bucket = NULL;
}

static void array_add(struct fos__array *a, uint32_t hash, uint32_t number)
{
	for (uint32_t i = hash & a->mask;; i = (i + 1) & a->mask) {
		struct fos__bucket *b = &a->bucket[i];

		for (unsigned s = 0; s < SLOTS; s++) {
			if (b->number[s] == 0) {
				b->number[s] = number;
				b->hash[s] = hash;
				a->used++;
				return;
			}
		}
		b->passed++;
	}
}

/* Goes on from *p (its slot not yet looked at); returns the number found, with *p at it. */
static uint32_t array_seek(const struct fos__array *a, uint32_t hash, struct fos__probe *p)
{
	for (;;) {
		const struct fos__bucket *b = &a->bucket[p->bucket];

		for (; p->slot < SLOTS; p->slot++)
			if (b->hash[p->slot] == hash && b->number[p->slot])
				return b->number[p->slot];
		if (b->passed == 0)
			return 0;
		p->bucket = (p->bucket + 1) & a->mask;
		p->slot = 0;
		if (p->bucket == (hash & a->mask))
			return 0;
	}
}

static void array_remove_at(struct fos__array *a, uint32_t hash, uint32_t bucket, uint32_t slot)
{
	a->bucket[bucket].number[slot] = 0;
	for (uint32_t i = hash & a->mask; i != bucket; i = (i + 1) & a->mask)
		a->bucket[i].passed--;
	a->used--;
}

int fos__table_init(struct fos__table *t)
{
	memset(t, 0, sizeof(*t));
	return array_init(&t->now, FIRST_BUCKETS);
}

void fos__table_free(struct fos__table *t)
{
	array_free(&t->now);
	array_free(&t->old);
}

void fos__table_clear(struct fos__table *t)
{
	struct fos__array small;

	array_free(&t->old);
	if (array_init(&small, FIRST_BUCKETS) == 0) {
		array_free(&t->now);
		t->now = small;
		return;
	}
	memset(t->now.bucket, 0, ((size_t)t->now.mask + 1) * sizeof(struct fos__bucket));
	t->now.used = 0;
}

static void probe_start(struct fos__probe *p, const struct fos__array *a, uint32_t hash)
{
	p->array = a;
	p->bucket = hash & a->mask;
	p->slot = 0;
}

static uint32_t seek(const struct fos__table *t, uint32_t hash, struct fos__probe *p)
{
	uint32_t n = array_seek(p->array, hash, p);

	if (n == 0 && p->array == &t->now && t->old.bucket) {
		probe_start(p, &t->old, hash);
		n = array_seek(p->array, hash, p);
	}
	return n;
}

uint32_t fos__table_first(const struct fos__table *t, uint32_t hash, struct fos__probe *p)
{
	probe_start(p, &t->now, hash);
	return seek(t, hash, p);
}

uint32_t fos__table_next(const struct fos__table *t, uint32_t hash, struct fos__probe *p)
{
	p->slot++;
	return seek(t, hash, p);
}

/* Empties one bucket of the old array into the new one. Entries that passed over it stay where they are: their own
 * buckets' turn comes, and `passed` keeps the way to them open. */
static void move_bucket(struct fos__table *t, uint32_t i)
{
	struct fos__bucket *b = &t->old.bucket[i];

	for (unsigned s = 0; s < SLOTS; s++) {
		if (b->number[s] == 0)
			continue;
		uint32_t hash = b->hash[s], number = b->number[s];

		array_remove_at(&t->old, hash, i, s);
		array_add(&t->now, hash, number);
	}
}

static void move_some(struct fos__table *t)
{
	for (unsigned n = 0; n < MOVE_BUCKETS && t->old.bucket; n++) {
		move_bucket(t, t->moved);
		if (t->moved++ == t->old.mask)
			array_free(&t->old);
	}
}

int fos__table_add(struct fos__table *t, uint32_t hash, uint32_t number)
{
	if (t->old.bucket) {
		move_some(t);
	} else if (t->now.used >= fos__array_most(&t->now)) {
		struct fos__array bigger;
		int err = array_init(&bigger, (t->now.mask + 1) * 2);

		if (err && t->now.used >= ((size_t)t->now.mask + 1) * SLOTS - 1)
			return err;
		if (!err) {
			t->old = t->now;
			t->now = bigger;
			t->moved = 0;
		}
	}
	array_add(&t->now, hash, number);
	return 0;
}

int fos__table_replace(struct fos__table *t, uint32_t hash, uint32_t from, uint32_t to)
{
	struct fos__probe p;

	for (uint32_t n = fos__table_first(t, hash, &p); n; n = fos__table_next(t, hash, &p)) {
		if (n != from)
			continue;
		struct fos__array *a = p.array == &t->now ? &t->now : &t->old;

		if (to)
			a->bucket[p.bucket].number[p.slot] = to;
		else
			array_remove_at(a, hash, p.bucket, p.slot);
		return 0;
	}
	return -ENOENT;
}
