/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_frag_pair.c: pairs of hosts and what they have waiting, against an array, at random.
 */
#include <stdlib.h>
#include <string.h>

#include "frag_pair.h"

#include "engine_run.h"

enum { N = 400, PAIRS = 12, STEPS = 30000 };

static struct {
	struct fos__frag_link link;
	unsigned pair;
	uint64_t since; /* 0: it does not wait */
} d[N];

static struct fos__frag_hosts hosts(unsigned pair)
{
	struct fos__frag_hosts h = { .version = pair % 2 ? 6 : 4 };

	h.src[3] = (uint8_t)pair;
	h.dst[15] = (uint8_t)(pair / 3);
	return h;
}

/* What fos__frag_pairs_most() gives is the oldest of a pair whose number is in the line of the greatest. */
static void check(const struct fos__frag_pairs *p)
{
	const struct fos__frag_link *most = fos__frag_pairs_most(p);
	unsigned count[PAIRS] = { 0 }, greatest = 0, got = N;

	for (unsigned i = 0; i < N; i++) {
		if (!d[i].since)
			continue;
		if (++count[d[i].pair] > greatest)
			greatest = count[d[i].pair];
		if (&d[i].link == most)
			got = i;
	}
	if (greatest < 1u << FOS__FRAG_MANY) {
		assert_null(most);
		return;
	}
	assert_in_range(got, 0, N - 1);
	assert_int_equal(__builtin_clz(count[d[got].pair]), __builtin_clz(greatest));
	for (unsigned i = 0; i < N; i++)
		assert_false(d[i].since && d[i].pair == d[got].pair && d[i].since < d[got].since);
}

static void test_random(void **state)
{
	struct fos__frag_pairs p;
	uint64_t rnd = er_seed();

	(void)state;
	assert_int_equal(fos__frag_pairs_init(&p, 4, rnd), 0);
	memset(d, 0, sizeof(d));
	for (uint64_t step = 1; step < STEPS; step++) {
		unsigned i = (unsigned)er_draw(&rnd, N), most = (unsigned)(step / 1000) % 10;

		if (d[i].since) {
			fos__frag_pairs_leave(&p, &d[i].link);
			d[i].since = 0;
		} else if (er_draw(&rnd, 10) < most) {
			struct fos__frag_hosts h;

			d[i].pair = (unsigned)er_draw(&rnd, er_draw(&rnd, PAIRS) + 1);
			h = hosts(d[i].pair);
			assert_int_equal(fos__frag_pairs_join(&p, &h, &d[i].link), 0);
			d[i].since = step;
		}
		if (step % 7 == 0)
			check(&p);
	}
	for (unsigned i = 0; i < N; i++)
		if (d[i].since)
			fos__frag_pairs_leave(&p, &d[i].link);
	assert_int_equal(p.used, 0);
	fos__frag_pairs_free(&p);
}

/* Pairs that have as many as each other take turns. */
static void test_turns(void **state)
{
	struct fos__frag_pairs p;
	unsigned left[PAIRS];

	(void)state;
	assert_int_equal(fos__frag_pairs_init(&p, 16, 1), 0);
	for (unsigned i = 0; i < 32 * PAIRS; i++) {
		struct fos__frag_hosts h = hosts(i % PAIRS);

		d[i].pair = i % PAIRS;
		left[i % PAIRS] = 32;
		assert_int_equal(fos__frag_pairs_join(&p, &h, &d[i].link), 0);
	}
	for (struct fos__frag_link *l; (l = fos__frag_pairs_most(&p));) {
		unsigned i = 0, least = 32, most = 0;

		while (&d[i].link != l)
			i++;
		fos__frag_pairs_leave(&p, l);
		left[d[i].pair]--;
		for (unsigned k = 0; k < PAIRS; k++) {
			least = left[k] < least ? left[k] : least;
			most = left[k] > most ? left[k] : most;
		}
		assert_true(most - least <= 1);
	}
	for (unsigned i = 0; i < 32 * PAIRS; i++)
		if (i / PAIRS >= 32 - left[i % PAIRS])
			fos__frag_pairs_leave(&p, &d[i].link);
	assert_int_equal(p.used, 0);
	fos__frag_pairs_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_turns) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
