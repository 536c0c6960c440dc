/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_wheel.c: a session comes out no earlier than a turn before its time and no later than it must: at the first look
 * after the second of its time, or a turn after it was put in. Chance against a list, with leaps and removals.
 */
#include "wheel.h"

#include "engine_run.h"

static const uint64_t S = ER_SECOND;

struct entry {
	struct fos_session s;
	uint64_t at, put; /* ns */
	bool in;
};

static struct fos__slab slab; /* of entries: what the wheel's links mean */

/* n entries, numbered. */
static struct entry *entries(size_t n)
{
	struct entry *first = NULL;

	fos__slab_init(&slab, sizeof(struct entry), NULL);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		struct entry *e = fos__slab_take(&slab, &number);

		assert_non_null(e);
		e->s.number = number;
		first = first ? first : e;
	}
	return first;
}

static void put(struct fos__wheel *w, struct entry *e, uint64_t at, uint64_t now)
{
	fos__wheel_add(w, &slab, &e->s, at);
	e->at = at;
	e->put = now;
	e->in = true;
}

/* After all that is due was taken out: nothing that had to come is left. */
static void check_left(const struct entry *e, size_t n, uint64_t now)
{
	for (size_t i = 0; i < n; i++) {
		if (!e[i].in)
			continue;
		uint64_t latest = e[i].at / S + 1, turn = e[i].put / S + FOS_WHEEL_SLOTS;

		assert_true(now / S < (latest < turn ? turn : latest));
		if (latest > e[i].put / S && latest < turn)
			assert_true(now / S < latest);
	}
}

static void test_random(void **state)
{
	enum { N = 300 };
	struct entry *e = entries(N);
	struct fos__wheel w = { 0 };
	uint64_t rnd = er_seed(), now = 1600000000 * S;
	struct fos_session *s;

	(void)state;
	assert_null(fos__wheel_due(&w, &slab, now));
	for (int step = 0; step < 5000; step++) {
		for (int k = 0; k < 5; k++) {
			struct entry *x = &e[er_draw(&rnd, N)];

			if (!x->in)
				put(&w, x, now + er_draw(&rnd, er_draw(&rnd, 2) ? 200 * S : 8 * S), now);
			else if (er_draw(&rnd, 4) == 0)
				fos__wheel_remove(&w, &slab, &x->s), x->in = false;
		}
		uint64_t leap = er_draw(&rnd, 100);

		now += er_draw(&rnd, leap == 0 ? 86400 * 3 * S : leap < 10 ? 100 * S : 2 * S);
		while ((s = fos__wheel_due(&w, &slab, now))) {
			struct entry *x = (struct entry *)s;

			assert_true(x->in);
			x->in = false;
			assert_int_equal(s->wheel_link, 0);
			if (x->at > now) /* a look before its time: put back, as the worker does */
				put(&w, x, x->at, now);
		}
		check_left(e, N, now);
	}
	fos__slab_free(&slab);
}

/* Within a turn they come out in order of their seconds, none before its own. */
static void test_order(void **state)
{
	struct entry *e = entries(60);
	struct fos__wheel w = { 0 };
	uint64_t now = 1000 * S;
	struct fos_session *s;
	unsigned seen = 0;

	(void)state;
	assert_null(fos__wheel_due(&w, &slab, now));
	for (unsigned i = 0; i < 60; i++)
		put(&w, &e[i * 7 % 60], now + (i * 7 % 60) * S, now);
	for (uint64_t t = now; t < now + 70 * S; t += S / 2) {
		while ((s = fos__wheel_due(&w, &slab, t))) {
			struct entry *x = (struct entry *)s;

			assert_ptr_equal(x, &e[seen]);
			assert_true(t >= x->at && t <= x->at + S);
			seen++;
		}
	}
	assert_int_equal(seen, 60);
	fos__slab_free(&slab);
}

static void test_edges(void **state)
{
	struct entry *e = entries(3);
	struct fos__wheel w = { 0 };

	(void)state;
	fos__wheel_remove(&w, &slab, &e[0].s); /* in no wheel */
	put(&w, &e[0], 7440 * S, 0);           /* before the wheel was first looked at */
	put(&w, &e[1], 5 * S, 0);
	put(&w, &e[2], 5 * S, 0);
	fos__wheel_remove(&w, &slab, &e[2].s);
	fos__wheel_remove(&w, &slab, &e[2].s);
	assert_null(fos__wheel_due(&w, &slab, S));
	assert_ptr_equal(fos__wheel_due(&w, &slab, 6 * S), &e[1].s);
	assert_null(fos__wheel_due(&w, &slab, 6 * S));
	assert_ptr_equal(fos__wheel_due(&w, &slab, 86400 * S), &e[0].s); /* a leap of a day */
	assert_null(fos__wheel_due(&w, &slab, 86400 * S));
	put(&w, &e[0], 3 * S, 86400 * S); /* long past: at the next second */
	assert_ptr_equal(fos__wheel_due(&w, &slab, 86401 * S), &e[0].s);
	put(&w, &e[0], 86500 * S, 86401 * S);
	assert_null(fos__wheel_due(&w, &slab, 86000 * S)); /* time never goes back, but nothing breaks */
	fos__wheel_remove(&w, &slab, &e[0].s);
	for (unsigned i = 0; i < FOS_WHEEL_SLOTS; i++)
		assert_int_equal(w.slot[i], 0);
	fos__slab_free(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_order),
		                            cmocka_unit_test(test_edges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
