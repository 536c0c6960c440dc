/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_value.c: counts, times and numbers as options write them.
 */
#include "value.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_counts(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, want;
		int rc;
	} c[] = {
		{ "0", 10, 0, 0 },
		{ "7", 10, 7, 0 },
		{ "10", 10, 10, 0 },
		{ "11", 10, 0, -ERANGE },
		{ "10k", 10000, 10000, 0 },
		{ "10k", 9999, 0, -ERANGE },
		{ "2M", 5000000, 2000000, 0 },
		{ "0M", 5, 0, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, -ERANGE },
		{ "18446744073709551616", UINT64_MAX, 0, -ERANGE },
		{ "99999999999999999999999999", UINT64_MAX, 0, -ERANGE },
		{ "18446744073709551k", UINT64_MAX, UINT64_C(18446744073709551000), 0 },
		{ "", 10, 0, -EINVAL },
		{ "k", 10, 0, -EINVAL },
		{ "-1", 10, 0, -EINVAL },
		{ "+1", 10, 0, -EINVAL },
		{ " 1", 10, 0, -EINVAL },
		{ "1 ", 10, 0, -EINVAL },
		{ "1.5", 10, 0, -EINVAL },
		{ "1e3", 10000, 0, -EINVAL },
		{ "0x10", 100, 0, -EINVAL },
		{ "1K", 10000, 0, -EINVAL },
		{ "1kk", 10000000, 0, -EINVAL },
		{ "1m", 10000000, 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint64_t v = 4711;
		int rc = bench_value_count(c[i].text, c[i].max, &v);

		if (rc != c[i].rc || v != (rc ? 4711 : c[i].want))
			fail_msg("\"%s\": %d %llu", c[i].text, rc, (unsigned long long)v);
	}
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
		int rc;
	} c[] = {
		{ "5ns", 5, 0 },
		{ "5us", 5000, 0 },
		{ "1.5ms", 1500000, 0 },
		{ ".5s", 500000000, 0 },
		{ "2s", UINT64_C(2000000000), 0 },
		{ "0.1us", 100, 0 },
		{ "86400s", UINT64_C(86400000000000), 0 },
		{ "86401s", 0, -ERANGE },
		{ "5", 0, -EINVAL },
		{ "0", 0, -EINVAL },
		{ "", 0, -EINVAL },
		{ "ms", 0, -EINVAL },
		{ ".ms", 0, -EINVAL },
		{ "-1ms", 0, -EINVAL },
		{ "1 ms", 0, -EINVAL },
		{ "1m", 0, -EINVAL },
		{ "1h", 0, -EINVAL },
		{ "1e3ms", 0, -EINVAL },
		{ "nans", 0, -EINVAL },
		{ "1.2.3s", 0, -EINVAL },
		{ "10000000000000000000s", 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint64_t v = 4711;
		int rc = bench_value_time(c[i].text, &v);

		if (rc != c[i].rc || v != (rc ? 4711 : c[i].want))
			fail_msg("\"%s\": %d %llu", c[i].text, rc, (unsigned long long)v);
	}
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", "0", "0.0", "-1", "x", "1x", "1e5", "nan", "inf", "1,5", " 1", "0x1" };
	double v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bench_value_number(bad[i], &v), -EINVAL);
	assert_int_equal(bench_value_number("2.25", &v), 0);
	assert_true(fabs(v - 2.25) < 1e-12);
	assert_int_equal(bench_value_number("1000000", &v), 0);
	assert_true(fabs(v - 1e6) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
