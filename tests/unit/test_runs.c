/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_runs.c: runs by hand, each as the running kernel was seen to do it (tests/kernel measures that), and at random
 * against a model that keeps runs in a list; the list knows no way down a tree, so it is asked only where no run is met before
 * the one that is joined.
 */
#include "runs.h"

#include <inttypes.h>

#include "engine_run.h"

#define LOSES FOS_RANK_LOSES

struct step {
	uint64_t from, to, rank;
};

static void hold_to(const struct step *steps, size_t n, size_t runs)
{
	struct fos__runs r = { 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t rank;

		assert_int_equal(fos__runs_place(&r, steps[i].from, steps[i].to, &rank), 0);
		if (rank != steps[i].rank)
			fail_msg("segment %zu has rank %" PRIu64 ", not %" PRIu64, i, rank, steps[i].rank);
	}
	assert_int_equal(r.count, runs);
	fos__runs_clear(&r);
	assert_int_equal(fos__runs_bytes(&r), 0);
}

#define HOLD(runs, ...)                                                                                                \
	hold_to((const struct step[]){ __VA_ARGS__ }, sizeof((struct step[]){ __VA_ARGS__ }) / sizeof(struct step),    \
	        runs)

static void test_alone(void **state)
{
	(void)state;
	HOLD(1, { 10, 20, 10 });
	HOLD(2, { 10, 20, 10 }, { 30, 40, 30 });
	HOLD(2, { 30, 40, 30 }, { 10, 20, 10 });
	HOLD(2, { 10, 20, 10 }, { 15, 25, 15 });
	HOLD(2, { 20, 30, 20 }, { 10, 20, 10 }); /* what ends where a run begins does not join it */
}

static void test_one_over_another(void **state)
{
	(void)state;
	HOLD(1, { 10, 20, 10 }, { 12, 18, LOSES });
	HOLD(1, { 10, 20, 10 }, { 10, 20, LOSES });
	HOLD(1, { 10, 20, 10 }, { 10, 19, LOSES });
	HOLD(1, { 10, 20, 10 }, { 10, 25, 10 }); /* replaces it */
	HOLD(1, { 10, 20, 10 }, { 5, 20, 5 });   /* covers it */
	HOLD(1, { 10, 20, 10 }, { 30, 40, 30 }, { 50, 60, 50 }, { 5, 60, 5 });
	HOLD(2, { 10, 20, 10 }, { 30, 40, 30 }, { 10, 35, 10 });
}

static void test_joining(void **state)
{
	(void)state;
	HOLD(1, { 10, 20, 10 }, { 20, 30, 10 }, { 30, 40, 10 }, { 15, 40, LOSES });
	HOLD(2, { 10, 20, 10 }, { 40, 50, 40 }, { 20, 30, 10 }); /* not the last one */
	/* What lies over the place is met first, or not, as it came later, or earlier. */
	HOLD(2, { 10, 30, 10 }, { 20, 50, 20 }, { 30, 40, 10 });
	HOLD(2, { 20, 50, 20 }, { 10, 30, 10 }, { 30, 40, LOSES });
	HOLD(3, { 20, 50, 20 }, { 10, 30, 10 }, { 30, 60, 30 });
	/* With three the middle one is the root, whichever came first. */
	HOLD(3, { 10, 40, 10 }, { 20, 50, 20 }, { 30, 60, 30 }, { 40, 55, LOSES });
	HOLD(3, { 10, 40, 10 }, { 20, 50, 20 }, { 30, 60, 30 }, { 50, 70, 20 });
	/* A run that grows keeps those that it covers now. */
	HOLD(2, { 10, 20, 10 }, { 30, 40, 30 }, { 20, 60, 10 });
}

static void test_passing(void **state)
{
	(void)state;
	struct fos__runs r = { 0 };
	uint64_t rank;

	for (uint64_t at = 10; at <= 90; at += 20)
		assert_int_equal(fos__runs_place(&r, at, at + 10, &rank), 0);
	assert_int_equal(r.count, 5);
	assert_true(fos__runs_bytes(&r) >= 5 * sizeof(struct fos__run));
	fos__runs_pass(&r, 9);
	assert_int_equal(r.count, 5);
	fos__runs_pass(&r, 30);
	assert_int_equal(r.count, 3);
	assert_int_equal(fos__runs_place(&r, 40, 45, &rank), 0);
	assert_int_equal(rank, 40); /* the run that ended there is no more */
	assert_int_equal(fos__runs_place(&r, 100, 110, &rank), 0);
	assert_int_equal(rank, 90);
	fos__runs_pass(&r, UINT64_MAX);
	assert_int_equal(r.count, 0);
	assert_int_equal(fos__runs_place(&r, 110, 120, &rank), 0);
	assert_int_equal(rank, 110); /* the last one is forgotten as well */
	fos__runs_clear(&r);
}

/* The model: owners of places. Where no more than one run lies over a place, all ways down meet it. */
enum { PLACES = 400, ROUNDS = 300, SEGMENTS = 40 };

static void test_at_random(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct fos__runs r = { 0 };
		uint64_t start_of[PLACES] = { 0 }; /* of the run that holds the place; 0: none */

		for (int i = 0; i < SEGMENTS; i++) {
			uint64_t from = 1 + er_draw(&rnd, PLACES - 20), to = from + 1 + er_draw(&rnd, 8), rank;
			bool clear = start_of[from] == 0;
			uint64_t want = from;

			for (uint64_t at = from; at < to; at++)
				clear = clear && start_of[at] == 0;
			if (!clear)
				continue;
			if (start_of[from - 1])
				want = start_of[from - 1];
			assert_int_equal(fos__runs_place(&r, from, to, &rank), 0);
			assert_int_equal(rank, want);
			for (uint64_t at = from; at < to; at++)
				start_of[at] = want;
		}
		fos__runs_clear(&r);
	}
}

/* In any order, cost does not grow with the number of runs but for its logarithm: a hundred thousand are placed at once. */
static void test_many(void **state)
{
	enum { MANY = 100000 };
	struct fos__runs r = { 0 };
	uint64_t rank;

	(void)state;
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t at = 10 + (i * 48271 % 99991) * 20 + i / 99991 * 10;

		assert_int_equal(fos__runs_place(&r, at, at + 5, &rank), 0);
		assert_int_equal(rank, at);
	}
	assert_int_equal(r.count, MANY);
	assert_int_equal(fos__runs_place(&r, 1, UINT64_MAX / 2, &rank), 0);
	assert_int_equal(r.count, 1);
	fos__runs_clear(&r);
}

/* Red nodes have black children, every way down the same number of black nodes, and keys are in order. Returns that
 * number. */
static unsigned check_tree(const struct fos__run *r, const struct fos__run *parent, uint64_t from, uint64_t to)
{
	if (!r)
		return 1;
	assert_ptr_equal(r->parent, parent);
	assert_true(r->from >= from && r->from < to);
	assert_false(r->red && parent && parent->red);
	unsigned black = check_tree(r->child[FOS_LEFT], r, from, r->from);

	assert_int_equal(check_tree(r->child[FOS_RIGHT], r, r->from + 1, to), black);
	return black + !r->red;
}

/* The outermost run on a side; NULL: there is none. */
static struct fos__run *end_of(const struct fos__runs_tree *t, int side)
{
	struct fos__run *r = t->root;

	while (r && r->child[side])
		r = r->child[side];
	return r;
}

static void put_in(struct fos__runs_tree *t, struct fos__run *run)
{
	struct fos__run *parent = NULL;

	for (struct fos__run *r = t->root; r; r = r->child[run->from > r->from])
		parent = r;
	fos__runs_tree_insert(t, run, parent);
}

/* The tree alone: in and out at random, and both ways through it. */
static void test_tree(void **state)
{
	enum { NODES = 64, STEPS = 20000 };
	static struct fos__run nodes[NODES];
	bool in[NODES] = { false };
	struct fos__runs_tree t = { NULL };
	uint64_t rnd = er_seed();

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		size_t i = er_draw(&rnd, step / 1000 % 2 ? NODES : NODES / 4), n = 0;

		nodes[i].from = i + 1;
		if (in[i])
			fos__runs_tree_remove(&t, &nodes[i]);
		else
			put_in(&t, &nodes[i]);
		in[i] = !in[i];
		check_tree(t.root, NULL, 0, UINT64_MAX);
		assert_true(!t.root || !t.root->red);
		struct fos__run *r = end_of(&t, FOS_LEFT);

		for (; n < NODES; n++) {
			if (!in[n])
				continue;
			assert_ptr_equal(r, &nodes[n]);
			r = fos__runs_tree_beside(r, FOS_RIGHT);
		}
		assert_null(r);
		for (r = end_of(&t, FOS_RIGHT); n-- > 0;) {
			if (!in[n])
				continue;
			assert_ptr_equal(r, &nodes[n]);
			r = fos__runs_tree_beside(r, FOS_LEFT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_alone),     cmocka_unit_test(test_one_over_another),
		                            cmocka_unit_test(test_joining),   cmocka_unit_test(test_passing),
		                            cmocka_unit_test(test_at_random), cmocka_unit_test(test_many),
		                            cmocka_unit_test(test_tree) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
