/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_table.c: the session table against a naive map, under a good hash, an identity hash and a constant one, through
 * growth, with look-ups and removals while buckets are being moved; and that no single add moves many buckets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#include "engine_run.h"

enum kind { GOOD, IDENTITY, CONSTANT, FEW, KINDS };

static uint32_t hash_of(enum kind k, uint32_t number)
{
	switch (k) {
	case GOOD:
		return (uint32_t)fos_mix64(number);
	case IDENTITY:
		return number;
	case CONSTANT:
		return 0x12345678;
	default:
		return (number % 97) << 20 | 0x3ff; /* all in the last bucket at first, so that look-ups wrap round */
	}
}

/* Is `number` there under its hash, exactly once? */
static bool there(const struct fos__table *t, uint32_t hash, uint32_t number)
{
	struct fos__probe p;
	unsigned times = 0;

	for (uint32_t n = fos__table_first(t, hash, &p); n; n = fos__table_next(t, hash, &p))
		times += n == number;
	assert_true(times <= 1);
	return times == 1;
}

/* The model: the numbers that are in, each with its hash, in no order. */
struct model {
	uint32_t *number, *hash;
	size_t n;
};

static void add(struct fos__table *t, struct model *m, enum kind k, uint32_t number)
{
	uint32_t hash = hash_of(k, number), moved = t->old.bucket ? t->moved : 0;
	size_t had = t->old.bucket ? t->old.used : t->now.used;
	bool moving = t->old.bucket != NULL;

	assert_int_equal(fos__table_add(t, hash, number), 0);
	if (moving && t->old.bucket)
		assert_in_range(t->moved - moved, 1, 16);
	if (moving)
		assert_true(had - (t->old.bucket ? t->old.used : 0) <= 16 * 7);
	m->number[m->n] = number;
	m->hash[m->n++] = hash;
}

static void change(struct fos__table *t, struct model *m, size_t at, uint32_t to)
{
	assert_int_equal(fos__table_replace(t, m->hash[at], m->number[at], to), 0);
	assert_false(m->number[at] % 8 == 0 && there(t, m->hash[at], m->number[at]));
	if (to) {
		assert_true(to % 8 || there(t, m->hash[at], to));
		m->number[at] = to;
		return;
	}
	m->n--;
	m->number[at] = m->number[m->n];
	m->hash[at] = m->hash[m->n];
}

static void check_all(const struct fos__table *t, const struct model *m, enum kind k)
{
	uint64_t rnd = m->n;

	assert_int_equal(t->now.used + (t->old.bucket ? t->old.used : 0), m->n);
	for (size_t i = 0; i < m->n; i += 1 + er_draw(&rnd, k >= CONSTANT ? 100 : 3))
		assert_true(there(t, m->hash[i], m->number[i]));
}

/* Adds prevail until `most` entries are in, then removals until few are left. */
static void run(enum kind k, size_t most, uint64_t *rnd)
{
	struct model m = { .number = calloc(most * 2, 4), .hash = calloc(most * 2, 4) };
	uint32_t fresh = 1;
	struct fos__table t;
	unsigned growths = 0;

	assert_int_equal(fos__table_init(&t), 0);
	for (int phase = 0; phase < (k >= CONSTANT ? 2 : 3); phase++) {
		bool up = phase != 1;

		while (up ? m.n < most : m.n > most / (k >= CONSTANT ? 2 : 50)) {
			uint64_t what = er_draw(rnd, 10);
			uint32_t mask = t.now.mask;

			if (m.n == 0 || what < (up ? 6u : 2u))
				add(&t, &m, k, fresh++);
			else if (what < (up ? 8u : 9u))
				change(&t, &m, er_draw(rnd, m.n), 0);
			else
				change(&t, &m, er_draw(rnd, m.n), fresh++);
			growths += t.now.mask != mask;
			if (k >= CONSTANT && er_draw(rnd, 16)) /* look-ups are long */
				continue;
			assert_false(there(&t, hash_of(k, fresh), fresh));
			if (m.n)
				assert_int_equal(fos__table_replace(&t, m.hash[0], fresh, 1), -ENOENT);
		}
		check_all(&t, &m, k);
	}
	assert_true(growths >= 1);
	while (m.n)
		change(&t, &m, k >= CONSTANT ? m.n - 1 : 0, 0);
	assert_int_equal(t.now.used, 0);
	fos__table_free(&t);
	free(m.number);
	free(m.hash);
}

static void test_good(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	run(GOOD, 30000, &rnd);
}

static void test_identity(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	run(IDENTITY, 30000, &rnd);
}

static void test_bad(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	run(CONSTANT, 5500, &rnd);
	run(FEW, 5500, &rnd);
}

/* Growing from nothing to many: at every moment everything is found, and moving ends before the next growth. */
static void test_no_pause(void **state)
{
	struct fos__table t;
	uint32_t last = 0, mask;
	unsigned growths = 0;

	(void)state;
	assert_int_equal(fos__table_init(&t), 0);
	mask = t.now.mask;
	for (uint32_t i = 1; i <= 100000; i++) {
		bool was_moving = t.old.bucket != NULL;

		assert_int_equal(fos__table_add(&t, hash_of(GOOD, i), i), 0);
		if (t.now.mask != mask) {
			assert_false(was_moving);
			assert_int_equal(t.now.mask, mask * 2 + 1);
			mask = t.now.mask;
			growths++;
		}
		if (i % 100 == 0 || was_moving != (t.old.bucket != NULL)) {
			uint64_t rnd = i;

			assert_true(there(&t, hash_of(GOOD, i), i));
			for (int n = 0; n < 20; n++) {
				last = (uint32_t)er_draw(&rnd, i) + 1;
				fos__table_prefetch(&t, hash_of(GOOD, last));
				assert_true(there(&t, hash_of(GOOD, last), last));
			}
		}
	}
	assert_true(growths >= 4);
	fos__table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_identity),
		                            cmocka_unit_test(test_bad), cmocka_unit_test(test_no_pause) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
