/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_hist.c: the histogram against sorted values.
 */
#include "stats_hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <flowos/rand.h>

static struct bench_hist hist, other;

static void test_index(void **state)
{
	uint32_t before = 0;

	(void)state;
	for (uint64_t v = 0; v < 100000; v++) {
		uint32_t i = bench_hist_index(v);

		assert_true(i == before || i == before + 1);
		before = i;
	}
	assert_int_equal(bench_hist_index(255), 255);
	assert_int_equal(bench_hist_index(UINT64_MAX), BENCH_HIST_BUCKETS - 1);
}

static void test_empty(void **state)
{
	(void)state;
	bench_hist_init(&hist);
	bench_hist_add_n(&hist, 5, 0);
	assert_int_equal(bench_hist_quantile(&hist, 0.5), 0);
	bench_hist_add(&hist, 77777);
	assert_int_equal(bench_hist_quantile(&hist, 0), 77777);
	assert_int_equal(bench_hist_quantile(&hist, 0.5), 77777);
	assert_int_equal(bench_hist_quantile(&hist, 1), 77777);
}

static void test_extremes(void **state)
{
	(void)state;
	bench_hist_init(&hist);
	bench_hist_add(&hist, 0);
	bench_hist_add(&hist, UINT64_MAX);
	assert_int_equal(bench_hist_quantile(&hist, 0.5), 0);
	assert_true(bench_hist_quantile(&hist, 0.999) == UINT64_MAX);
	assert_true(hist.max == UINT64_MAX);
}

static int u64_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void test_error(void **state)
{
	enum { N = 20000 };
	static uint64_t value[N];
	const double q[] = { 0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };

	(void)state;
	bench_hist_init(&hist);
	bench_hist_init(&other);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t h = fos_mix64(i);

		value[i] = fos_mix64(h) >> (h % 64); /* of all magnitudes */
		bench_hist_add(i % 3 ? &hist : &other, value[i]);
	}
	bench_hist_merge(&hist, &other);
	assert_int_equal(hist.count, N);
	qsort(value, N, sizeof(value[0]), u64_compare);
	assert_true(hist.min == value[0] && hist.max == value[N - 1]);
	for (size_t k = 0; k < sizeof(q) / sizeof(q[0]); k++) {
		size_t rank = (size_t)(q[k] * N);
		double exact = (double)value[rank - 1], got = (double)bench_hist_quantile(&hist, q[k]);

		assert_true(got >= exact * 0.99 && got <= exact * 1.01);
	}
}

static void test_merge(void **state)
{
	(void)state;
	bench_hist_init(&hist);
	bench_hist_init(&other);
	bench_hist_merge(&hist, &other);
	assert_int_equal(hist.count, 0);
	bench_hist_add_n(&other, 100, 3);
	bench_hist_merge(&hist, &other);
	bench_hist_add(&hist, 50);
	assert_int_equal(hist.count, 4);
	assert_int_equal(hist.min, 50);
	assert_int_equal(bench_hist_quantile(&hist, 0.25), 50);
	assert_int_equal(bench_hist_quantile(&hist, 0.26), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index), cmocka_unit_test(test_empty), cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_error), cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests_name("bench_hist", tests, NULL, NULL);
}
