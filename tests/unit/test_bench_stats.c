/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_stats.c: medians, intervals, the noise rule, ratios and randomised blocks.
 */
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/rand.h>

#define near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void test_quantile(void **state)
{
	const double x[] = { 1, 2, 3, 4 };

	(void)state;
	near(bench_stats_quantile(x, 4, 0), 1);
	near(bench_stats_quantile(x, 4, 0.5), 2.5);
	near(bench_stats_quantile(x, 4, 1), 4);
	near(bench_stats_quantile(x, 1, 0.9), 1);
}

static void test_few_samples(void **state)
{
	struct bench_summary s;
	const double x[] = { 3, 1 };

	(void)state;
	assert_int_equal(bench_stats_summary(x, 2, 1, &s), 0);
	near(s.median, 2);
	near(s.ci95[0], 1);
	near(s.ci95[1], 3);
	assert_true(s.noisy);
	assert_int_equal(bench_stats_summary(x, 1, 1, &s), 0);
	near(s.ci95[0], 3);
	near(s.ci95[1], 3);
	assert_false(s.noisy);
}

static void test_refused(void **state)
{
	struct bench_summary s;
	const double bad[] = { 1, NAN }, zero[] = { 0 }, inf[] = { INFINITY };

	(void)state;
	assert_int_equal(bench_stats_summary(bad, 2, 1, &s), -EINVAL);
	assert_int_equal(bench_stats_summary(bad, 0, 1, &s), -EINVAL);
	assert_int_equal(bench_stats_summary(zero, 1, 1, &s), -EINVAL);
	assert_int_equal(bench_stats_summary(inf, 1, 1, &s), -EINVAL);
}

static void test_repeatable(void **state)
{
	const double x[] = { 1.00, 1.03, 0.98, 1.01, 1.02, 0.99, 1.05, 1.00, 0.97, 1.01 };
	struct bench_summary a, b, c;

	(void)state;
	assert_int_equal(bench_stats_summary(x, 10, 7, &a), 0);
	assert_int_equal(bench_stats_summary(x, 10, 7, &b), 0);
	assert_int_equal(bench_stats_summary(x, 10, 8, &c), 0);
	near(a.ci95[0], b.ci95[0]);
	near(a.ci95[1], b.ci95[1]);
	assert_true(fabs(a.ci95[0] - c.ci95[0]) < 0.01);
	near(a.median, 1.005);
	assert_true(a.ci95[0] >= 0.97 && a.ci95[0] <= a.median);
	assert_true(a.ci95[1] <= 1.05 && a.ci95[1] >= a.median);
	assert_false(a.noisy);
}

/* Of 95 % intervals about 95 % hold the true median. Uniform samples, whose median is known. */
static void test_coverage(void **state)
{
	int inside = 0;
	const int trials = 400;

	(void)state;
	for (int t = 0; t < trials; t++) {
		double x[15];
		struct bench_summary s;

		for (int i = 0; i < 15; i++)
			x[i] = 1 + fos_unit(fos_mix64_add(fos_mix64((uint64_t)t), (uint64_t)i));
		assert_int_equal(bench_stats_summary(x, 15, (uint64_t)t, &s), 0);
		inside += s.ci95[0] <= 1.5 && 1.5 <= s.ci95[1];
	}
	assert_in_range(inside, trials * 90 / 100, trials * 99 / 100);
}

static void test_noisy(void **state)
{
	const double drift[] = { 1, 1, 1, 1, 1, 1, 1, 1.2, 1.2, 1.2, 1.2, 1.2 };
	const double wide[] = { 1, 2, 1, 2, 1, 2, 1, 2 };
	const double tight[12] = { 1, 1.01, 1, 1.01, 1, 1.01, 1, 1.01, 1, 1.01, 1, 1.01 };
	struct bench_summary s;

	(void)state;
	assert_int_equal(bench_stats_summary(drift, 12, 1, &s), 0);
	assert_true(s.noisy);
	assert_int_equal(bench_stats_summary(wide, 8, 1, &s), 0);
	assert_true(s.noisy);
	assert_int_equal(bench_stats_summary(tight, 12, 1, &s), 0);
	assert_false(s.noisy);
}

static void test_ratio(void **state)
{
	const double a[] = { 1.00, 1.01, 0.99, 1.00, 1.02 }, b[] = { 1.10, 1.11, 1.09, 1.12, 1.10 };
	struct bench_ratio r;

	(void)state;
	assert_int_equal(bench_stats_ratio(a, 5, b, 5, 1, &r), 0);
	near(r.ratio, 1.1);
	assert_true(r.ci95[0] > 1.05 && r.ci95[0] <= 1.1 && r.ci95[1] >= 1.1 && r.ci95[1] < 1.15);
	assert_int_equal(bench_stats_ratio(a, 5, a, 5, 1, &r), 0);
	near(r.ratio, 1);
	assert_true(r.ci95[0] <= 1 && r.ci95[1] >= 1);
	assert_int_equal(bench_stats_ratio(a, 2, b, 1, 1, &r), 0);
	near(r.ci95[0], 1.10 / 1.01);
	near(r.ci95[1], 1.10 / 1.00);
	assert_int_equal(bench_stats_ratio(a, 5, b, 0, 1, &r), -EINVAL);
}

static void test_blocks(void **state)
{
	enum { POINTS = 7, REPEATS = 200 };
	uint32_t order[POINTS * REPEATS], again[POINTS * REPEATS], first[POINTS] = { 0 };

	(void)state;
	bench_blocks(3, POINTS, REPEATS, order);
	bench_blocks(3, POINTS, REPEATS, again);
	assert_memory_equal(order, again, sizeof(order));
	for (int block = 0; block < REPEATS; block++) {
		unsigned seen = 0;

		for (int i = 0; i < POINTS; i++)
			seen |= 1u << order[block * POINTS + i];
		assert_int_equal(seen, (1u << POINTS) - 1);
		first[order[block * POINTS]]++;
	}
	for (int i = 0; i < POINTS; i++)
		assert_in_range(first[i], 12, 50); /* 28.6 expected */
	bench_blocks(4, POINTS, REPEATS, again);
	assert_true(memcmp(order, again, sizeof(order)) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile),   cmocka_unit_test(test_few_samples), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_repeatable), cmocka_unit_test(test_coverage),    cmocka_unit_test(test_noisy),
		cmocka_unit_test(test_ratio),      cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests_name("bench_stats", tests, NULL, NULL);
}
