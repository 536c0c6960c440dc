/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_slab.c: numbers are given once, memory is zero when taken and stays where it is, what was given back is reused.
 */
#include <stdlib.h>
#include <string.h>

#include <flowos/ahead.h>

#include "slab.h"

#include "engine_run.h"

static bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void test_random(void **state)
{
	enum { MOST = 5 << (FOS_SLAB_SHIFT - 1), SIZE = 72 };
	uint32_t *taken = calloc((size_t)MOST, sizeof(*taken));
	void **where = calloc((size_t)MOST * 2, sizeof(*where));
	uint64_t rnd = er_seed();
	uint32_t n = 0, greatest = 0;
	struct fos__slab s;

	(void)state;
	fos__slab_init(&s, SIZE, NULL);
	for (int step = 0; step < 5 * MOST; step++) {
		bool up = (step / MOST) % 2 == 0;

		if (n == 0 || (n < MOST && er_draw(&rnd, 10) < (up ? 9u : 2u))) {
			uint32_t number = 0;
			uint8_t *p = fos__slab_take(&s, &number);

			assert_non_null(p);
			assert_true(number > 0);
			assert_ptr_equal(p, fos__slab_at(&s, number));
			assert_true(all_bytes(p, SIZE, 0));
			memset(p, (int)(number % 255 + 1), SIZE);
			assert_true(number <= greatest + 1); /* a number that was given back comes before a new one */
			greatest = number > greatest ? number : greatest;
			assert_true(!where[number] || where[number] == p);
			where[number] = p;
			taken[n++] = number;
		} else {
			uint32_t at = (uint32_t)er_draw(&rnd, n), number = taken[at];

			assert_true(all_bytes(fos__slab_at(&s, number), SIZE, (uint8_t)(number % 255 + 1)));
			fos__slab_give(&s, number);
			taken[at] = taken[--n];
		}
	}
	assert_true(greatest <= MOST);
	assert_true(greatest > 1u << FOS_SLAB_SHIFT);
	for (uint32_t i = 0; i < n; i++)
		assert_true(all_bytes(fos__slab_at(&s, taken[i]), SIZE, (uint8_t)(taken[i] % 255 + 1)));
	fos__slab_free(&s);
	assert_int_equal(s.chunks, 0);
	free(taken);
	free(where);
}

/* What was given back is taken before anything new: memory grows with the peak only. */
static void test_reuse(void **state)
{
	enum { MANY = 5 << (FOS_SLAB_SHIFT - 2) };
	struct fos__slab s;
	uint32_t number;

	(void)state;
	fos__slab_init(&s, 64, NULL);
	for (int round = 0; round < 5; round++) {
		for (uint32_t i = 1; i <= MANY; i++)
			assert_non_null(fos__slab_take(&s, &number));
		for (uint32_t i = 1; i <= MANY; i++)
			fos__slab_give(&s, i);
	}
	assert_int_equal(s.next, MANY + 1);
	assert_int_equal(s.chunks, 2);
	fos__slab_free(&s);
}

enum { STEP = 4096, AHEAD = 2 * STEP }; /* as slab.c has it */

/* What is told of: the step that comes two steps behind the one that begins, which has memory then. */
struct told {
	struct fos__slab s;
	uint32_t last; /* number taken last */
	size_t told;   /* elements */
	unsigned calls, settled;
	bool refuse;
};

static bool hear(void *arg, const void *at, size_t len, enum fos_ahead_use use)
{
	struct told *t = arg;

	assert_int_equal(use, FOS_AHEAD_WRITE);
	assert_int_equal(len % t->s.size, 0);
	size_t n = len / t->s.size;
	uint32_t number = t->last + 1 + AHEAD;

	assert_int_equal(number % STEP, 0);
	assert_int_equal(n, STEP);
	assert_true(number >> FOS_SLAB_SHIFT < t->s.chunks);
	assert_ptr_equal(at, fos__slab_at(&t->s, number));
	memset((void *)(uintptr_t)at, 0, len); /* it can be written */
	t->calls++;
	t->told += n;
	return !t->refuse;
}

static void settle(void *arg)
{
	struct told *t = arg;

	assert_true(t->s.chunks > 0 && fos__slab_at(&t->s, 0));
	t->settled++;
}

static void test_ahead(void **state)
{
	enum { MANY = 5 << (FOS_SLAB_SHIFT - 1) };

	(void)state;
	for (int refuse = 0; refuse < 2; refuse++) {
		struct told t = { .refuse = refuse };
		const struct fos_ahead ahead = { hear, settle, &t };
		uint32_t number;

		fos__slab_init(&t.s, 192, &ahead);
		for (uint32_t i = 1; i <= MANY; i++) {
			t.last = i - 1;
			assert_true(all_bytes(fos__slab_take(&t.s, &number), 192, 0));
			assert_int_equal(number, i);
			memset(fos__slab_at(&t.s, number), 0xff, 192);
			if (i % 3 == 0) { /* no part of it is told of again */
				fos__slab_give(&t.s, number);
				assert_non_null(fos__slab_take(&t.s, &number));
			}
		}
		assert_int_equal(t.told, MANY / STEP * STEP);
		assert_int_equal(t.calls, MANY / STEP);
		fos__slab_free(&t.s);
		assert_int_equal(t.settled, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_reuse),
		                            cmocka_unit_test(test_ahead) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
