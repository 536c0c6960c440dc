/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_reorder_metrics.c: RFC 4737 on its own examples (section 7), against a naive count, and on what an impairment
 * did.
 */
#include "test_impair.h"

#include <flowos/reorder_metrics.h>

static struct fos_reorder_metrics read_meter(struct fos_reorder_meter *m)
{
	struct fos_reorder_metrics x;

	fos_reorder_meter_read(m, &x);
	return x;
}

struct example {
	unsigned n, reordered;
	uint64_t arrival[12];
	int64_t extent[12];
};

static void test_examples(void **state)
{
	static const struct example examples[] = {
		{ 10, 0, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, { 0 } },
		/* packet 4 reordered */
		{ 10, 1, { 1, 2, 3, 5, 6, 7, 8, 4, 9, 10 }, { 0, 0, 0, 0, 0, 0, 0, 4, 0, 0 } },
		/* packets 5 and 6 reordered: 7 came early */
		{ 10, 2, { 1, 2, 3, 4, 7, 5, 6, 8, 9, 10 }, { 0, 0, 0, 0, 0, 1, 2, 0, 0, 0 } },
		/* packets 4, 5 and 6 reordered: a block came late */
		{ 11, 3, { 1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11 }, { 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 0 } },
		/* all the other way round: the first greater one is always the first */
		{ 5, 4, { 5, 4, 3, 2, 1 }, { 0, 1, 2, 3, 4 } },
		/* losses are no reordering */
		{ 5, 0, { 2, 4, 6, 8, 10 }, { 0 } },
		/* 3 is late by the first of 5, 9; 7 only by 9 */
		{ 6, 2, { 1, 5, 9, 7, 3, 10 }, { 0, 0, 0, 1, 3, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		const struct example *e = &examples[i];
		struct fos_reorder_meter *m;
		struct fos_reorder_metrics x;

		assert_int_equal(fos_reorder_meter_create(&m), 0);
		for (unsigned k = 0; k < e->n; k++)
			assert_int_equal(fos_reorder_meter_add(m, 7, e->arrival[k]), e->extent[k]);
		x = read_meter(m);
		assert_int_equal(x.packets, e->n);
		assert_int_equal(x.reordered, e->reordered);
		assert_true(x.reordered_ratio == (double)e->reordered / e->n);
		assert_int_equal(x.clipped, 0);
		assert_int_equal(x.directions, 1);
		fos_reorder_meter_destroy(m);
	}
}

/* Many directions, any order, against the definition taken literally. */
static void test_naive(void **state)
{
	enum { DIRS = 700, EACH = 120 };
	static uint64_t seq[DIRS][EACH];
	struct fos_reorder_meter *m;
	struct fos_reorder_metrics x;
	uint64_t reordered = 0;
	int64_t most = 0;

	(void)state;
	assert_int_equal(fos_reorder_meter_create(&m), 0);
	for (unsigned k = 0; k < EACH; k++) {
		for (unsigned d = 0; d < DIRS; d++) {
			uint64_t s = (uint64_t)k * 1000 + fos_below(fos_mix64(k * DIRS + d), 1 + 100 * (d % 300));
			int64_t want = 0;

			for (unsigned j = 0; j < k && want == 0; j++) {
				if (seq[d][j] > s)
					want = k - j;
			}
			seq[d][k] = s;
			reordered += want != 0;
			most = want > most ? want : most;
			assert_int_equal(fos_reorder_meter_add(m, d, s), want);
		}
	}
	x = read_meter(m);
	assert_int_equal(x.reordered, reordered);
	assert_int_equal(x.max_extent, most);
	assert_int_equal(x.directions, DIRS);
	fos_reorder_meter_destroy(m);
}

/* Displaced by more than the window: counted, and the extent is a lower bound. */
static void test_window(void **state)
{
	struct fos_reorder_meter *m;
	struct fos_reorder_metrics x;
	int64_t e;

	(void)state;
	assert_int_equal(fos_reorder_meter_create(&m), 0);
	fos_reorder_meter_add(m, 1, 10);
	for (uint64_t i = 0; i < FOS_REORDER_WINDOW + 100; i++)
		fos_reorder_meter_add(m, 2, 100 + i);
	assert_int_equal(fos_reorder_meter_add(m, 1, 5), 1); /* the record itself is gone, its place is known */
	e = fos_reorder_meter_add(m, 2, 50);
	assert_true(e > FOS_REORDER_WINDOW - 10 && e <= FOS_REORDER_WINDOW + 100);
	assert_int_equal(fos_reorder_meter_add(m, 2, 100 + FOS_REORDER_WINDOW), 100);
	x = read_meter(m);
	assert_int_equal(x.reordered, 3);
	assert_int_equal(x.clipped, 2);
	fos_reorder_meter_destroy(m);
}

/* What the impairment does is what the meter finds; copies and retransmissions do not count. */
static void test_impaired(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=5%,depth=20", "dup=10%", "loss=2%,retransmit=1ms");
	struct frames fs = { 0 };
	struct fos_reorder_meter *m;
	struct fos_reorder_metrics x;
	struct fos_impair_stats st;
	struct fos_batch *b = malloc(sizeof *b);
	struct fos_port *p;

	(void)state;
	frames_mixed(&fs, 50, 400, 1000, 20);
	assert_int_equal(fos_reorder_meter_create(&m), 0);
	p = impair(array_open(&fs, 64), &spec);
	while (fos_port_rx(p, b) > 0) {
		for (unsigned i = 0; i < b->n; i++)
			assert_true(fos_reorder_meter_frame(m, &b->pkt[i].f) >= 0);
	}
	fos_impair_stats(p, &st);
	x = read_meter(m);
	assert_int_equal(x.packets, st.packets - st.lost);
	assert_int_equal(x.directions, 100);
	assert_true(x.reordered > st.selected * 8 / 10 && x.reordered <= st.selected);
	assert_true(x.max_extent >= 15 && x.max_extent <= fos_impair_spec_depth(&spec));
	fos_port_close(p);
	fos_reorder_meter_destroy(m);
	free(b);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_naive),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_impaired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
