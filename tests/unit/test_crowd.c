/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_crowd.c: the two lines of sessions against arrays in the same order, at random; and who goes first.
 */
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

#include "engine_run.h"

enum { N = 200, STEPS = 20000 };

/* A line as it should be. */
struct model {
	struct fos_session *at[N];
	size_t n;
};

static void model_take(struct model *m, const struct fos_session *s)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->at[i] != s)
			continue;
		memmove(&m->at[i], &m->at[i + 1], (m->n - i - 1) * sizeof(m->at[0]));
		m->n--;
		return;
	}
	fail_msg("it was not there");
}

static void check(const struct fos__slab *slab, const struct fos__line *l, const struct model *m)
{
	uint32_t before = 0, number = l->first;

	for (size_t i = 0; i < m->n; i++) {
		assert_ptr_equal(fos__slab_at(slab, number), m->at[i]);
		assert_int_equal(m->at[i]->line_before, before);
		before = number;
		number = m->at[i]->line_after;
	}
	assert_int_equal(number, 0);
	assert_int_equal(l->last, before);
	assert_int_equal(l->count, m->n);
}

static void step(struct fos__crowd *c, struct fos__slab *slab, struct model m[2], uint64_t *rnd)
{
	size_t n = m[0].n + m[1].n, pick = n ? er_draw(rnd, n) : 0;
	struct model *from = pick < m[0].n ? &m[0] : &m[1];
	struct fos_session *s = n ? from->at[from == &m[0] ? pick : pick - m[0].n] : NULL;
	uint64_t what = er_draw(rnd, 5);

	if (what < 2 && n < N) {
		uint32_t number;
		int open = (int)er_draw(rnd, 2);

		s = fos__slab_take(slab, &number);
		assert_non_null(s);
		s->number = number;
		s->flags = open ? 0 : FOS_SESSION_HALF_OPEN;
		fos__crowd_join(c, slab, s);
		m[open].at[m[open].n++] = s;
	} else if (what < 4 && s) {
		bool open = er_draw(rnd, 2);

		fos__crowd_seen(c, slab, s, open);
		model_take(from, s);
		from = open ? &m[1] : from;
		from->at[from->n++] = s;
		assert_int_equal(!(s->flags & FOS_SESSION_HALF_OPEN), from == &m[1]);
	} else if (s) {
		fos__crowd_leave(c, slab, s);
		model_take(from, s);
		fos__slab_give(slab, s->number);
	}
}

static void test_random(void **state)
{
	struct fos__crowd c = { { 0, 0, 0 }, { 0, 0, 0 } };
	struct fos__slab slab;
	struct model m[2] = { 0 };
	uint64_t rnd = er_seed();

	(void)state;
	fos__slab_init(&slab, sizeof(struct fos_session), NULL);
	assert_null(fos__crowd_first(&c, &slab, 0));
	for (int i = 0; i < STEPS; i++) {
		struct fos_session *first;

		step(&c, &slab, m, &rnd);
		for (size_t share = 0; share < 100; share += 33) {
			first = m[0].n > share ? m[0].at[0] : m[1].n ? m[1].at[0] : m[0].n ? m[0].at[0] : NULL;
			assert_ptr_equal(fos__crowd_first(&c, &slab, share), first);
		}
		check(&slab, &c.half_open, &m[0]);
		check(&slab, &c.open, &m[1]);
	}
	fos__slab_free(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
