/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_overlap.c: every policy on every way in which two segments can lie to each other, against a table by hand.
 */
#include <errno.h>

#include <flowos/overlap.h>

#include "engine_run.h"

/* The old segment is [20, 30). Rows: where the new one begins; columns: where it ends. A '+' where the new one wins,
 * in the order: before and shorter (15-25), before to the same end (15-30), around (15-35), same start but shorter
 * (20-25), the same (20-30), same start but longer (20-35), inside (22-28), inside to the end (25-30), beyond (25-35). */
static const uint64_t relation[9][2] = { { 15, 25 }, { 15, 30 }, { 15, 35 }, { 20, 25 }, { 20, 30 },
	                                 { 20, 35 }, { 22, 28 }, { 25, 30 }, { 25, 35 } };

static const struct {
	enum fos_overlap policy;
	const char *name, *wins;
} table[] = {
	{ FOS_OVERLAP_FIRST, "first", "--- --- ---" },
	{ FOS_OVERLAP_LAST, "last", "+++ +++ +++" },
	{ FOS_OVERLAP_BSD, "bsd", "+++ --- ---" },
	{ FOS_OVERLAP_WINDOWS, "windows", "+++ --- ---" },
	{ FOS_OVERLAP_MACOS, "macos", "+++ --- ---" },
	{ FOS_OVERLAP_IRIX, "irix", "+++ --- ---" },
	{ FOS_OVERLAP_HPUX10, "hpux10", "+++ --- ---" },
	{ FOS_OVERLAP_LINUX, "linux", "+++ --+ ---" },
	{ FOS_OVERLAP_OLD_LINUX, "old-linux", "+++ -++ ---" },
	{ FOS_OVERLAP_SOLARIS, "solaris", "-++ -++ --+" },
	{ FOS_OVERLAP_HPUX11, "hpux11", "-++ -++ --+" },
};

static void test_relations(void **state)
{
	(void)state;
	assert_int_equal(sizeof(table) / sizeof(table[0]), FOS_OVERLAPS);
	for (size_t i = 0; i < FOS_OVERLAPS; i++) {
		for (size_t r = 0; r < 9; r++) {
			bool want = table[i].wins[r + r / 3] == '+';
			bool got = fos_overlap_new_wins(table[i].policy, 20, 30, relation[r][0], relation[r][1]);

			if (got != want)
				fail_msg("%s, relation %zu: new %s", table[i].name, r, got ? "wins" : "loses");
		}
	}
}

/* Only order counts, however far away the numbers are. */
static void test_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < FOS_OVERLAPS; i++) {
		for (size_t r = 0; r < 9; r++) {
			uint64_t far = UINT64_MAX - 100, from = relation[r][0], to = relation[r][1];

			assert_int_equal(
			    fos_overlap_new_wins(table[i].policy, 20, 30, from, to),
			    fos_overlap_new_wins(table[i].policy, far + 20, far + 30, far + from, far + to));
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < FOS_OVERLAPS; i++) {
		assert_string_equal(fos_overlap_name(table[i].policy), table[i].name);
		assert_int_equal(fos_overlap_by_name(table[i].name), table[i].policy);
	}
	assert_int_equal(fos_overlap_by_name(""), -EINVAL);
	assert_int_equal(fos_overlap_by_name("BSD"), -EINVAL);
	assert_int_equal(fos_overlap_by_name("bsd "), -EINVAL);
	assert_string_equal(fos_overlap_name(FOS_OVERLAPS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_relations), cmocka_unit_test(test_anywhere),
		                            cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
